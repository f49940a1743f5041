"""SQL statements over ``log_topics``, ``log_records`` and ``log_groups``, on a psycopg connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from ingest.errors import Unusable
from ingest.log.api import ALERTS, STREAM_PREFIX
from ingest.types import Message, Record

CHANNEL: Final = "ingest_log"
"""Channel of NOTIFY; the payload is the log topic's name."""
READ_BYTES: Final = 32 * 1024**2
"""Maximum bytes of one read, plus one record: memory stays bounded for any record limit."""
MAX_VALUE_BYTES: Final = 256 * 1024**2
"""PostgreSQL's own limit is 1 GB for a row on the wire."""

_ALLOCATE: Final = """
    UPDATE log_topics SET next_offset = next_offset + %(count)s WHERE name = %(topic)s
    RETURNING id, next_offset - %(count)s, pg_notify(%(channel)s, name)"""
_COPY: Final = """
    COPY log_records (topic_id, "offset", key, value, headers, appended_at) FROM STDIN (FORMAT BINARY)"""
# The running total uses sizes only, so values beyond the limit are never fetched from TOAST.
_READ: Final = """
    SELECT "offset", key, value, headers, appended_at FROM (
        SELECT r.*, sum(octet_length(value)) OVER (ORDER BY "offset") - octet_length(value) AS bytes_before
        FROM (SELECT * FROM log_records WHERE topic_id = %(topic)s AND "offset" > %(after)s
              ORDER BY "offset" LIMIT %(limit)s) AS r
    ) AS s WHERE bytes_before <= %(bytes)s ORDER BY "offset" """

Driver = psycopg.Connection[Any]


def check_message(message: Message) -> None:
    """Check that PostgreSQL can store ``message``.

    Raises:
        Unusable: the value is larger than ``MAX_VALUE_BYTES``, or key or headers are not valid ``text``.
    """
    if len(message.value) > MAX_VALUE_BYTES:
        size = f"{len(message.value)} bytes, the limit is {MAX_VALUE_BYTES}"
        raise Unusable(f"message {message.key!r}", f"too large for the log: {size}")
    for field in (message.key, *message.headers, *message.headers.values()):
        if "\0" in field:
            raise Unusable(f"message {message.key!r}", "the key or a header contains a NUL character")
        if not field.isascii():
            try:
                field.encode()
            except UnicodeEncodeError as error:
                raise Unusable(
                    f"message {message.key!r}", f"the key or a header is not valid text: {error}"
                ) from None


def append(driver: Driver, topic: str, messages: Sequence[Message], at: datetime) -> range:
    """Append in the open transaction and return the offsets."""
    with driver.cursor() as cursor:
        topic_id, first = _allocate_offsets(cursor, topic, len(messages))
        with cursor.copy(_COPY) as copy:
            copy.set_types(["int4", "int8", "text", "bytea", "jsonb", "timestamptz"])
            for offset, message in enumerate(messages, first):
                copy.write_row(
                    (topic_id, offset, message.key, message.value, Jsonb(dict(message.headers)), at)
                )
    return range(first, first + len(messages))


def _allocate_offsets(cursor: psycopg.Cursor[Any], topic: str, count: int) -> tuple[int, int]:
    """Allocate ``count`` offsets of ``topic``, which is created if missing; return its id and the first offset."""
    values = {"count": count, "topic": topic, "channel": CHANNEL}
    row = cursor.execute(_ALLOCATE, values).fetchone()
    while row is None:
        cursor.execute("INSERT INTO log_topics (name) VALUES (%s) ON CONFLICT DO NOTHING", (topic,))
        row = cursor.execute(_ALLOCATE, values).fetchone()
    return row[0], row[1]


def find_topic(driver: Driver, topic: str) -> int | None:
    """Return the id of ``topic``; None if the log topic does not exist."""
    row = driver.execute("SELECT id FROM log_topics WHERE name = %s", (topic,)).fetchone()
    return None if row is None else int(row[0])


def ensure_topic(driver: Driver, topic: str) -> int:
    """Return the id of ``topic``, which is created if missing."""
    while (topic_id := find_topic(driver, topic)) is None:
        driver.execute("INSERT INTO log_topics (name) VALUES (%s) ON CONFLICT DO NOTHING", (topic,))
    return topic_id


def stream_bounds(driver: Driver) -> dict[str, tuple[int, int]]:
    """Return the first retained and the next free offset of every stream, by the name of its log topic."""
    rows = driver.execute(
        "SELECT name, first_offset, next_offset FROM log_topics WHERE starts_with(name, %s) OR name = %s",
        (STREAM_PREFIX, ALERTS),
    )
    return {name: (first, next_offset) for name, first, next_offset in rows}


def read(driver: Driver, topic: str, topic_id: int, *, after: int, limit: int) -> list[Record]:
    """Return up to ``limit`` records behind ``after``, fewer if they are large."""
    with driver.cursor(binary=True) as cursor:
        cursor.execute(_READ, {"topic": topic_id, "after": after, "limit": limit, "bytes": READ_BYTES})
        return [_record(topic, *row) for row in cursor]


def _record(
    topic: str, offset: int, key: str, value: bytes, headers: Mapping[str, str], at: datetime
) -> Record:
    return Record(
        topic=topic, partition=0, offset=offset, key=key, value=value, headers=headers, appended_at=at
    )


def group_position(driver: Driver, topic_id: int, group: str) -> int:
    """Return the next offset that ``group`` reads; a new group starts at the beginning."""
    values = (topic_id, group)
    while True:
        row = driver.execute(
            "SELECT next_offset FROM log_groups WHERE topic_id = %s AND name = %s", values
        ).fetchone()
        if row is not None:
            return int(row[0])
        driver.execute(
            "INSERT INTO log_groups (topic_id, name, next_offset) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING",
            values,
        )


def advance_groups(driver: Driver, group: str, next_offsets: Mapping[str, int]) -> None:
    """Set the next offsets that ``group`` reads, by log topic; an offset never moves backwards."""
    driver.execute(
        """INSERT INTO log_groups (topic_id, name, next_offset)
            SELECT t.id, %s, n.next_offset FROM unnest(%b::text[], %b::bigint[]) AS n (topic, next_offset)
            JOIN log_topics t ON t.name = n.topic
        ON CONFLICT (topic_id, name) DO UPDATE SET next_offset = excluded.next_offset
            WHERE log_groups.next_offset < excluded.next_offset""",
        (group, list(next_offsets.keys()), list(next_offsets.values())),
    )
