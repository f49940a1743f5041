"""The thread-safe part of the log: appending, reading without a group, and pruning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from ingest import runtime
from ingest.db.engine import transaction
from ingest.log.api import is_stream
from ingest.log.postgres import records
from ingest.log.postgres.members import PostgresSubscription
from ingest.log.postgres.records import Driver
from ingest.log.postgres.session import driver_of
from ingest.types import Message, Record

PRUNE_BATCH: Final = 10_000
"""Rows per deleting transaction."""


class PostgresLog:
    """:class:`ingest.log.api.Log` over ``log_topics``, ``log_records`` and ``log_groups``; shared by threads.

    Every log topic has one partition, 0, and offsets from 1. The first append creates the log topic.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = runtime.now) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Append messages; return when all are committed.

        An error means that none is committed, unless the connection was lost in the commit.

        Raises:
            Unusable: this log cannot store a message.
            Unavailable: the server is gone; the result of the commit is unknown.
        """
        if messages:
            with transaction(self._engine) as connection:
                self.append_in(connection, topic, messages)

    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> range:
        """Append in the caller's transaction and return the offsets. Readers see the records after its commit.

        Driver errors are not translated here; :func:`ingest.db.engine.transaction` does that.

        Raises:
            Unusable: this log cannot store a message; nothing was sent to the server.
        """
        if not connection.in_transaction():
            raise RuntimeError("append_in needs an open transaction")
        for message in messages:
            records.check_message(message)
        if not messages:
            return range(0)
        with driver_of(connection) as driver:
            return records.append(driver, topic, messages, self._clock())

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        """Return up to ``limit`` records behind offset ``after``, in order, without a consumer group.

        If the first record is not ``after + 1``, retention deleted the records between (:meth:`bounds`). Large records
        reduce the number of records returned (``READ_BYTES``), to no fewer than one.
        """
        with self._driver() as driver:
            topic_id = records.find_topic(driver, topic)
            return [] if topic_id is None else records.read(driver, topic, topic_id, after=after, limit=limit)

    def bounds(self, topic: str) -> tuple[int, int]:
        """Return the first retained offset and the next free one; ``(1, 1)`` for a new log topic."""
        with self._driver() as driver:
            row = driver.execute(
                "SELECT first_offset, next_offset FROM log_topics WHERE name = %s", (topic,)
            ).fetchone()
        return (1, 1) if row is None else (row[0], row[1])

    def position(self, topic: str, *, group: str) -> int:
        """Return the next offset of ``topic`` that ``group`` reads."""
        with self._driver() as driver:
            return records.group_position(driver, records.ensure_topic(driver, topic), group)

    def stream_bounds(self) -> dict[str, tuple[int, int]]:
        """Return the bounds of every stream, by the name of its log topic."""
        with self._driver() as driver:
            return records.stream_bounds(driver)

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[PostgresSubscription]:
        """Join ``group`` on ``topic``, with a dedicated session outside the engine's pool."""
        return PostgresSubscription(self._engine, topic, group)

    def prune(self, *, now: datetime, retention: timedelta, streams: timedelta) -> int:
        """Delete expired records, oldest first, and return their number.

        Records of a stream expire after ``streams``. Records of any other log topic expire after ``retention`` if every
        consumer group has read them; a log topic without a group keeps all records. ``first_offset`` advances before
        the records are deleted, so a reader that misses records sees the reason in :meth:`bounds`.
        """
        removed = 0
        with self._driver() as driver:
            topics = driver.execute("SELECT id, name FROM log_topics ORDER BY id").fetchall()
        for topic_id, name in topics:
            streamed = is_stream(name)
            oldest = now - (streams if streamed else retention)
            first = self._advance_first(topic_id, oldest, include_unread=streamed)
            runtime.failpoint("prune.first-moved")
            while count := self._delete(topic_id, first):
                removed += count
        return removed

    def _advance_first(self, topic_id: int, oldest: datetime, *, include_unread: bool) -> int:
        # The new bound is computed in one snapshot, before the row is locked. An UPDATE that waited for an appender
        # would see the new next_offset beside the old records, and treat the new records as expired.
        with self._driver() as driver:
            row = driver.execute(
                """SELECT greatest(t.first_offset, least(
                    coalesce((SELECT "offset" FROM log_records r WHERE r.topic_id = t.id AND appended_at >= %s
                              ORDER BY "offset" LIMIT 1), t.next_offset),
                    CASE WHEN %s THEN t.next_offset ELSE coalesce(
                        (SELECT min(next_offset) FROM log_groups g WHERE g.topic_id = t.id), t.first_offset)
                    END))
                FROM log_topics t WHERE t.id = %s""",
                (oldest, include_unread, topic_id),
            ).fetchone()
            first = 0 if row is None else int(row[0])
            driver.execute(
                "UPDATE log_topics SET first_offset = %s WHERE id = %s AND first_offset < %s",
                (first, topic_id, first),
            )
        return first

    def _delete(self, topic_id: int, first: int) -> int:
        with self._driver() as driver:
            return driver.execute(
                """DELETE FROM log_records WHERE topic_id = %(topic)s AND "offset" IN (
                    SELECT "offset" FROM log_records WHERE topic_id = %(topic)s AND "offset" < %(first)s
                    ORDER BY "offset" LIMIT %(batch)s)""",
                {"topic": topic_id, "first": first, "batch": PRUNE_BATCH},
            ).rowcount

    @contextmanager
    def _driver(self) -> Iterator[Driver]:
        """Yield a pooled connection in one transaction."""
        with transaction(self._engine) as connection, driver_of(connection) as driver:
            yield driver
