"""Exclusive readers with a dedicated session: a member of a consumer group, and the relay."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final, Self

from sqlalchemy import Engine

from ingest.log.postgres import records
from ingest.log.postgres.session import SAFETY_SECONDS, DedicatedSession
from ingest.types import Record

TAKEOVER_SECONDS: Final = 0.25
"""Interval at which a standby member tries to become the active one."""
RELAY_GROUP: Final = "relay"


class _SessionHolder:
    """Holds a dedicated session for the length of a ``with`` block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: DedicatedSession | None = None

    def __enter__(self) -> Self:
        self._session = DedicatedSession(self._engine)
        return self

    def __exit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> DedicatedSession:
        if self._session is None:
            raise RuntimeError(f"a {type(self).__name__} is used inside its with block")
        return self._session


class PostgresSubscription(_SessionHolder):
    """:class:`ingest.log.api.Subscription` that reads only while it is the active member of its consumer group.

    For one thread. When the ``with`` block or the process ends, another member can become active.
    """

    def __init__(self, engine: Engine, topic: str, group: str) -> None:
        super().__init__(engine)
        self._topic = topic
        self._group = group
        self._topic_id = 0
        self._next: int | None = None  # the next offset to read; None while this member is not active

    @property
    def active(self) -> bool:
        """Whether this member receives the group's records."""
        return self._next is not None

    def poll(self, *, timeout: float, limit: int) -> list[Record]:
        session = self._open()
        deadline = time.monotonic() + timeout
        while True:
            if self._next is None:
                self._try_to_become_active(session)
            if self._next is not None:
                with session.use() as driver:
                    batch = records.read(
                        driver, self._topic, self._topic_id, after=self._next - 1, limit=limit
                    )
                if batch:
                    self._next = batch[-1].offset + 1
                    return batch
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return []
            if self._next is None:
                time.sleep(min(remaining, TAKEOVER_SECONDS))
            else:
                self._wait(session, min(remaining, SAFETY_SECONDS))

    def commit(self, batch: Sequence[Record]) -> None:
        session = self._open()
        if not batch or self._next is None:
            return
        with session.use() as driver:
            next_offset = max(record.offset for record in batch) + 1
            records.advance_groups(driver, self._group, {self._topic: next_offset})

    def _wait(self, session: DedicatedSession, seconds: float) -> None:
        """Wait until this log topic grows or the time is over; ignore other log topics."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._topic not in session.wait(left):
            pass

    def _try_to_become_active(self, session: DedicatedSession) -> None:
        if session.try_lock(f"group {self._group} of {self._topic}"):
            with session.use() as driver:
                self._topic_id = records.ensure_topic(driver, self._topic)
                self._next = records.group_position(driver, self._topic_id, self._group)


class PostgresStreamSource(_SessionHolder):
    """The streams as ``relay`` reads them: one process at a time, through one session.

    A process that loses the session loses its lock, and can neither read nor mark.
    """

    def acquire(self) -> bool:
        """Try to become the active relay; return whether this process is."""
        return self._open().try_lock("relay")

    def streams(self) -> dict[str, tuple[int, int]]:
        """Return the first retained and the next free offset of every stream, by log topic."""
        with self._open().use() as driver:
            return records.stream_bounds(driver)

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        """Read records as :meth:`PostgresLog.read` does."""
        with self._open().use() as driver:
            return records.read(driver, topic, records.ensure_topic(driver, topic), after=after, limit=limit)

    def relayed(self, topic: str) -> int:
        """Return the last marked cursor, 0 if none. The target may be ahead of this cursor, or behind it."""
        with self._open().use() as driver:
            return records.group_position(driver, records.ensure_topic(driver, topic), RELAY_GROUP) - 1

    def mark(self, cursors: Mapping[str, int]) -> None:
        """Record, by log topic, the last cursor whose commit the target acknowledged."""
        with self._open().use() as driver:
            next_offsets = {topic: cursor + 1 for topic, cursor in cursors.items()}
            records.advance_groups(driver, RELAY_GROUP, next_offsets)

    def wait(self, seconds: float) -> None:
        """Wait until a log topic may have grown, for at most ``seconds``."""
        self._open().wait(seconds)
