"""From polls that have ended to what is durable: messages first, then outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Engine

from ingest.alerts import Outbox, append_alerts
from ingest.append import Appender, append_singly
from ingest.db import polls
from ingest.db.quarantine import QuarantineItem
from ingest.errors import Unusable
from ingest.log.api import ARTICLES
from ingest.runtime import failpoint
from ingest.schedule.websub import HubSignals
from ingest.types import Message, PollOutcome, PollResult


@dataclass(slots=True)
class PollCounts:
    """What a poller did."""

    leased: int = 0
    fetched: int = 0
    not_modified: int = 0
    unchanged: int = 0
    failed: int = 0
    recorded: int = 0
    late: int = 0
    """Outcomes that came after their lease had been given away."""
    released: int = 0
    batches: int = 0
    entries: int = 0
    appended: int = 0
    quarantined: int = 0
    body_bytes: int = 0

    def add(self, outcomes: Sequence[PollOutcome], *, held: int, quarantined: int) -> None:
        self.batches += 1
        self.recorded += len(outcomes)
        self.late += len(outcomes) - held
        self.quarantined += quarantined
        for each in outcomes:
            name = _COUNTED[each.result]
            setattr(self, name, getattr(self, name) + 1)
            self.entries += each.entries
            self.appended += each.appended
            self.body_bytes += each.body_bytes

    def __str__(self) -> str:
        return ", ".join(f"{each.name} {getattr(self, each.name)}" for each in fields(self))


_COUNTED: Final = {
    PollResult.FETCHED: "fetched",
    PollResult.NOT_MODIFIED: "not_modified",
    PollResult.UNCHANGED: "unchanged",
    PollResult.FAILED: "failed",
}


@dataclass(slots=True, kw_only=True)
class FinishedPoll:
    """A poll that has its outcome, and what has to be durable before it is recorded."""

    outcome: PollOutcome
    messages: tuple[Message, ...] = ()
    quarantine: tuple[QuarantineItem, ...] = ()
    hub_signals: HubSignals | None = None
    """What it means for the feed's hub."""

    @property
    def size(self) -> int:
        """Bytes of its messages."""
        return sum([len(message.value) for message in self.messages])


class Recorder:
    """Makes batches of ended polls durable; one at a time."""

    def __init__(
        self, engine: Engine, log: Appender, outbox: Outbox, *, clock: Callable[[], datetime]
    ) -> None:
        self.counts = PollCounts()
        self._engine = engine
        self._log = log
        self._tell = partial(append_alerts, outbox)
        self._clock = clock

    def write(self, batch: Sequence[FinishedPoll]) -> None:
        """First the messages, then the outcomes: the other way round a crash in between loses articles.

        Raises:
            Unavailable: the log or the database. None of the batch, or all of it, is recorded.
        """
        failpoint("poll.before-append")
        outcomes, refused = self._append(batch)
        failpoint("poll.before-record")
        unpolled = [each for ended in batch for each in ended.quarantine] + refused
        held = polls.record(
            self._engine, outcomes, quarantined=unpolled, now=self._clock(), append_alerts=self._tell
        )
        failpoint("poll.recorded")
        self.counts.add(outcomes, held=held, quarantined=len(unpolled))

    def _append(self, batch: Sequence[FinishedPoll]) -> tuple[list[PollOutcome], list[QuarantineItem]]:
        """Make the messages durable; the outcomes that may then be recorded, and what the log refused."""
        messages = [message for ended in batch for message in ended.messages]
        outcomes = [ended.outcome for ended in batch]
        if not messages:
            return outcomes, []
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return self._append_singly(batch)
        failpoint("poll.appended")
        return outcomes, []

    def _append_singly(self, batch: Sequence[FinishedPoll]) -> tuple[list[PollOutcome], list[QuarantineItem]]:
        """One message of the batch is more than the log takes: find it. The others may travel twice."""
        outcomes: list[PollOutcome] = []
        refused: list[QuarantineItem] = []
        for ended in batch:
            appended, unpolled = append_singly(self._log, ended.messages)
            refused += unpolled
            failpoint("poll.appended-singly")
            outcomes.append(replace(ended.outcome, appended=appended))
        return outcomes, refused
