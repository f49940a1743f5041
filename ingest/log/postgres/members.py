"""Those who read through a session of their own, one at a time: a group's member, and the relay."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final, Self

from sqlalchemy import Engine

from ingest.log.postgres import records
from ingest.log.postgres.session import SAFETY_SECONDS, DedicatedSession
from ingest.types import Record

TAKEOVER_SECONDS: Final = 0.25
"""A member in waiting tries to become the active one this often."""
RELAY_GROUP: Final = "relay"


class _Member:
    """Holds a session for the length of a ``with`` block."""

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


class PostgresSubscription(_Member):
    """:class:`ingest.log.api.Subscription`; reads only while it is the active member of its group.

    For one thread. Leaving the ``with`` block, or the end of the process, makes room for another member.
    """

    def __init__(self, engine: Engine, topic: str, group: str) -> None:
        super().__init__(engine)
        self._topic = topic
        self._group = group
        self._topic_id = 0
        self._next: int | None = None  # the next offset to read; None while we are not the active member

    @property
    def active(self) -> bool:
        """Whether this is the member that the group's records go to."""
        return self._next is not None

    def poll(self, *, timeout: float, limit: int) -> list[Record]:
        session = self._open()
        deadline = time.monotonic() + timeout
        while True:
            if self._next is None:
                self._try_to_become_active(session)
            if self._next is not None:
                with session.use() as driver:
                    found = records.read(
                        driver, self._topic, self._topic_id, after=self._next - 1, limit=limit
                    )
                if found:
                    self._next = found[-1].offset + 1
                    return found
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return []
            if self._next is None:
                time.sleep(min(remaining, TAKEOVER_SECONDS))
            else:
                self._wait(session, min(remaining, SAFETY_SECONDS))

    def commit(self, done: Sequence[Record]) -> None:
        session = self._open()
        if not done or self._next is None:
            return
        with session.use() as driver:
            following = max(record.offset for record in done) + 1
            records.move_groups(driver, self._group, {self._topic: following})

    def _wait(self, session: DedicatedSession, seconds: float) -> None:
        """Until our log topic grew; the growth of others is no reason to look."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._topic not in session.wait(left):
            pass

    def _try_to_become_active(self, session: DedicatedSession) -> None:
        if session.try_lock(f"group {self._group} of {self._topic}"):
            with session.use() as driver:
                self._topic_id = records.ensure_topic(driver, self._topic)
                self._next = records.group_position(driver, self._topic_id, self._group)


class PostgresStreamSource(_Member):
    """The streams as ``relay`` reads them: by one process at a time, through one session.

    Whoever loses the session has lost the right to relay, and can neither read nor mark.
    """

    def acquire(self) -> bool:
        """Try to become the only relay; True if this one is."""
        return self._open().try_lock("relay")

    def streams(self) -> dict[str, tuple[int, int]]:
        """For every stream by its log topic: the first offset still held, and the next to be given."""
        with self._open().use() as driver:
            return records.stream_bounds(driver)

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        """As :meth:`PostgresLog.read`."""
        with self._open().use() as driver:
            return records.read(driver, topic, records.ensure_topic(driver, topic), after=after, limit=limit)

    def relayed(self, topic: str) -> int:
        """The last cursor that was marked; 0 where none was. What the target shows may be ahead of it, or behind."""
        with self._open().use() as driver:
            return records.group_position(driver, records.ensure_topic(driver, topic), RELAY_GROUP) - 1

    def mark(self, cursors: Mapping[str, int]) -> None:
        """Note, by log topic, the last cursor whose commit the target answered."""
        with self._open().use() as driver:
            following = {topic: cursor + 1 for topic, cursor in cursors.items()}
            records.move_groups(driver, RELAY_GROUP, following)

    def wait(self, seconds: float) -> None:
        """Return when a log topic may have grown, at the latest after ``seconds``."""
        self._open().wait(seconds)
