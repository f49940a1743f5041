"""Records that could not be handled: to look at, to hand in again, to drop on an operator's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, Select, delete, func, select, update

from ingest.db.engine import pg_text, transaction
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import quarantine
from ingest.log.api import ARTICLES
from ingest.types import Message

MAX_LISTED: Final = 1000
REPLAYED_HEADER: Final = "replayed"
"""The header of a record that is handed in again: the number it had in quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One record in quarantine: who, where, why, and its original bytes."""

    id: int
    quarantined_at: datetime
    stage: str
    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    error: str
    detail: str
    replayed_at: datetime | None

    @property
    def replayable(self) -> bool:
        """Whether it was meant for the log; what is not is an entry of a feed (``topic`` is ``feed:ID``)."""
        return self.topic == ARTICLES

    def message(self) -> Message:
        """The record as it is to be appended again: same key, same bytes, and where it comes from."""
        return Message(
            key=self.key, value=self.value, headers={**self.headers, REPLAYED_HEADER: str(self.id)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedLine:
    """The same, as a list shows it: its size instead of its bytes."""

    id: int
    quarantined_at: datetime
    stage: str
    topic: str
    partition: int
    offset: int
    key: str
    size: int
    error: str
    detail: str
    replayed_at: datetime | None


def listed(
    engine: Engine, *, replayed: bool = False, limit: int = 100, behind: int | None = None
) -> tuple[QuarantinedLine, ...]:
    """Newest first, ids below ``behind``; without those that were replayed unless they are asked for."""
    columns = [quarantine.c[name] for name in QuarantinedLine.__dataclass_fields__ if name != "size"]
    wanted = select(*columns, func.octet_length(quarantine.c.value).label("size"))
    if not replayed:
        wanted = wanted.where(quarantine.c.replayed_at.is_(None))
    if behind is not None:
        wanted = wanted.where(quarantine.c.id < behind)
    with read_transaction(engine) as connection:
        rows = connection.execute(
            wanted.order_by(quarantine.c.id.desc()).limit(min(limit, MAX_LISTED))
        ).mappings()
        return tuple(QuarantinedLine(**row) for row in rows)


def one(engine: Engine, quarantine_id: int) -> Quarantined | None:
    """The record with this number; None: there is none."""
    with read_transaction(engine) as connection:
        row = connection.execute(_WHOLE.where(quarantine.c.id == quarantine_id)).mappings().one_or_none()
        return None if row is None else _whole(row)


def waiting(engine: Engine) -> tuple[int, ...]:
    """The numbers of all that can be replayed and were not, oldest first: in this order they are handed in."""
    with read_transaction(engine) as connection:
        return tuple(
            connection.scalars(
                select(quarantine.c.id)
                .where(quarantine.c.replayed_at.is_(None), quarantine.c.topic == ARTICLES)
                .order_by(quarantine.c.id)
            )
        )


def mark_replayed(engine: Engine, quarantine_id: int, *, now: datetime) -> None:
    """To be called when the record is durable in the log again: a crash before only repeats it."""
    with transaction(engine) as connection:
        connection.execute(update(quarantine).where(quarantine.c.id == quarantine_id).values(replayed_at=now))


def drop(engine: Engine, quarantine_id: int) -> bool:
    """Delete the record for good; False: there is none with this number."""
    with transaction(engine) as connection:
        return connection.execute(delete(quarantine).where(quarantine.c.id == quarantine_id)).rowcount == 1


_WHOLE: Final[Select[Any]] = select(*(quarantine.c[name] for name in Quarantined.__dataclass_fields__))


def _whole(row: Mapping[Any, Any]) -> Quarantined:
    return Quarantined(**{**row, "value": bytes(row["value"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """One entry or message that a poll or push could not handle."""

    stage: str
    topic: str
    """``feed:ID`` for an entry; the log topic for a message that was not appended."""
    key: str
    value: bytes
    error: str
    detail: str
    headers: Mapping[str, str]
    content_key: bytes
    """``value`` without poll id and timestamp: the deduplication key."""

    @property
    def log_position(self) -> int:
        """Return an offset in a partition (-1) that no log has, derived from the content.

        The same content has the same offset, so it is quarantined once, however many polls bring it.
        """
        digest = blake2b(self.key.encode() + b"\0" + self.content_key, digest_size=8)
        return int.from_bytes(digest.digest(), "big") >> 1


_INSERT_ITEMS: Final = """
    INSERT INTO quarantine
        (quarantined_at, stage, topic, partition, "offset", key, value, headers, error, detail)
    SELECT %s, s.stage, s.topic, -1, s."offset", s.key, s.value, s.headers, s.error, s.detail
    FROM unnest(%b::text[], %b::text[], %b::bigint[], %b::text[], %b::bytea[], %b::jsonb[], %b::text[],
        %b::text[]) AS s(stage, topic, "offset", key, value, headers, error, detail)
    ON CONFLICT DO NOTHING"""


def insert_items(connection: Connection, items: Sequence[QuarantineItem], *, now: datetime) -> None:
    """Quarantine these items, in the transaction that records their poll or push."""
    if items:
        connection.exec_driver_sql(
            _INSERT_ITEMS,
            (
                now,
                [each.stage for each in items],
                [each.topic for each in items],
                [each.log_position for each in items],
                [each.key for each in items],
                [each.value for each in items],
                [Jsonb(dict(each.headers)) for each in items],
                [pg_text(each.error) for each in items],
                [pg_text(each.detail) for each in items],
            ),
        )
