"""Records in quarantine: look them up and append them to the log again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.db import quarantine
from ingest.db.engine import Engine
from ingest.db.quarantine import QuarantinedRecord
from ingest.errors import Refused
from ingest.log.api import ARTICLES, Log
from ingest.runtime import failpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One number of a replay; ``topic`` is None where the record was dropped meanwhile."""

    number: int
    topic: str | None


def require_record(engine: Engine, number: int) -> QuarantinedRecord:
    """Return the record with this number.

    Raises:
        Refused: there is no such record.
    """
    record = quarantine.find_record(engine, number)
    if record is None:
        raise Refused("number", number, "the number of a record in `ingest quarantine list --replayed`")
    return record


def choose_records(engine: Engine, numbers: Sequence[int] | None) -> tuple[int, ...]:
    """Return the numbers of the records to replay; None: all that were not replayed, oldest first.

    All numbers are checked before any record is replayed, so that a mistyped number changes nothing.

    Raises:
        Refused: a number is not in quarantine, or names a feed entry that was never on the log.
    """
    if numbers is None:
        return quarantine.replayable_ids(engine)
    chosen = tuple(dict.fromkeys(numbers))
    for number in chosen:
        record = require_record(engine, number)
        if not record.replayable:
            accepted = f"a record of {ARTICLES}; this is an entry of {record.topic}, which the next poll brings again"
            raise Refused("number", record.id, accepted)
    return chosen


def replay_records(
    engine: Engine, log: Log, numbers: Sequence[int], *, clock: Callable[[], datetime]
) -> Iterator[Replayed]:
    """Append the original bytes of each record to its log topic again, and yield it once it is marked as replayed.

    A crash between append and mark repeats the record, which the store accepts without effect.
    """
    for number in numbers:
        record = quarantine.find_record(engine, number)
        if record is None:
            yield Replayed(number=number, topic=None)
            continue
        log.append(record.topic, [record.message()])
        failpoint("quarantine.appended")
        quarantine.mark_replayed(engine, number, now=clock())
        failpoint("quarantine.marked")
        yield Replayed(number=number, topic=record.topic)
