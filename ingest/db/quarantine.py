"""Quarantine: the records and entries that could not be handled, with reason, position and original bytes.

An operator inspects them, replays them, or deletes them for good.
"""

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
from ingest.types import Message, Record

MAX_RECORDS: Final = 1000
MAX_DETAIL: Final = 4000
"""Characters of an error that are stored."""
REPLAYED_HEADER: Final = "replayed"
"""The header of a replayed record: its id in quarantine."""

_INSERT_RECORD: Final = """
    INSERT INTO quarantine
        (quarantined_at, stage, topic, partition, "offset", key, value, headers, error, detail)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (topic, partition, "offset", md5(value)) DO NOTHING"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRecord:
    """A record in quarantine with its original bytes."""

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
        """Whether the record belongs to the article log; otherwise it is a feed's entry (``topic`` is ``feed:ID``)."""
        return self.topic == ARTICLES

    def message(self) -> Message:
        """Return the message that replays the record: same key, same bytes, and its id in quarantine as a header."""
        return Message(
            key=self.key, value=self.value, headers={**self.headers, REPLAYED_HEADER: str(self.id)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """A record in quarantine as lists show it: its size instead of its bytes."""

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


def insert_record(
    connection: Connection, record: Record, *, stage: str, error: BaseException, now: datetime
) -> None:
    """Store a record that cannot be handled, whole; a repeat of the record changes nothing."""
    connection.exec_driver_sql(
        _INSERT_RECORD,
        (
            now,
            stage,
            record.topic,
            record.partition,
            record.offset,
            _storable(record.key),
            record.value,
            Jsonb({_storable(name): _storable(value) for name, value in record.headers.items()}),
            type(error).__name__,
            _storable(str(error)[:MAX_DETAIL]),
        ),
    )


def list_records(
    engine: Engine, *, replayed: bool = False, limit: int = 100, below: int | None = None
) -> tuple[QuarantineRow, ...]:
    """Return records newest first, with ids below ``below``; replayed ones only if ``replayed``."""
    columns = [quarantine.c[name] for name in QuarantineRow.__dataclass_fields__ if name != "size"]
    query = select(*columns, func.octet_length(quarantine.c.value).label("size"))
    if not replayed:
        query = query.where(quarantine.c.replayed_at.is_(None))
    if below is not None:
        query = query.where(quarantine.c.id < below)
    with read_transaction(engine) as connection:
        rows = connection.execute(
            query.order_by(quarantine.c.id.desc()).limit(min(limit, MAX_RECORDS))
        ).mappings()
        return tuple(QuarantineRow(**row) for row in rows)


def find_record(engine: Engine, quarantine_id: int) -> QuarantinedRecord | None:
    """Return the record with this id in quarantine, or None."""
    with read_transaction(engine) as connection:
        row = connection.execute(_RECORD.where(quarantine.c.id == quarantine_id)).mappings().one_or_none()
        return None if row is None else _record(row)


def replayable_ids(engine: Engine) -> tuple[int, ...]:
    """Return the ids of the records to replay, oldest first: those of the article log that were not replayed yet."""
    with read_transaction(engine) as connection:
        return tuple(
            connection.scalars(
                select(quarantine.c.id)
                .where(quarantine.c.replayed_at.is_(None), quarantine.c.topic == ARTICLES)
                .order_by(quarantine.c.id)
            )
        )


def mark_replayed(engine: Engine, quarantine_id: int, *, now: datetime) -> None:
    """Call once the record is durable in the log again: a crash before this call only repeats the record."""
    with transaction(engine) as connection:
        connection.execute(update(quarantine).where(quarantine.c.id == quarantine_id).values(replayed_at=now))


def delete_record(engine: Engine, quarantine_id: int) -> bool:
    """Delete the record for good; return False if there is none with this id."""
    with transaction(engine) as connection:
        return connection.execute(delete(quarantine).where(quarantine.c.id == quarantine_id)).rowcount == 1


_RECORD: Final[Select[Any]] = select(*(quarantine.c[name] for name in QuarantinedRecord.__dataclass_fields__))


def _record(row: Mapping[Any, Any]) -> QuarantinedRecord:
    return QuarantinedRecord(**{**row, "value": bytes(row["value"])})


def _storable(text: str) -> str:
    """Escape NUL and lone surrogates, which PostgreSQL does not store: a foreign producer may send them."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


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
