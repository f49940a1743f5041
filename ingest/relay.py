"""The relay: copies every stream from the PostgreSQL log to Kafka, exactly once.

::

    become active         source.acquire          other relays stand by until this one's session ends
    fence                 target.fence            a predecessor's open transaction is aborted; it can commit no more
    resume                target.last_cursor      for each stream, the last event in the target
    repeat                source.read             new events of all streams that have some
                          target.transaction      all of them become visible at once, or none
                          source.mark             shows the lag, and helps when retention emptied the target
                          target.verify_visible   periodically: committed events can be read

The cursor of an event is its offset in the source; it is sent as the header ``cursor``. Only the target knows which
events it has: a relay that was killed at any point resumes behind the last event found there.

A transaction takes tens of milliseconds, most of it waiting, while events for the next one accumulate. Under load the
batches therefore grow by themselves; ``linger`` bounds the number of small transactions under light load.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, Protocol

from ingest.errors import Refused
from ingest.runtime import Stop, failpoint
from ingest.types import Message, Record

logger = logging.getLogger(__name__)

CURSOR_HEADER: Final = "cursor"
OMITTED_HEADER: Final = "omitted"
"""Header of an event too large for the target: its size in bytes. Its value is empty; the API has the full event."""
STANDBY_SECONDS: Final = 0.5
IDLE_SECONDS: Final = 0.5
"""Polling interval without notifications; also the delay until a stop is noticed."""
BATCH: Final = 1000
"""Maximum number of events in one transaction."""
VERIFY_SECONDS: Final = 10.0
"""Interval between two visibility checks; each checks the commits before the previous one."""
BATCH_BYTES: Final = 32 * 1024**2


class Source(Protocol):
    def acquire(self) -> bool:
        """Try to become the active relay; return whether this process is."""

    def streams(self) -> Mapping[str, tuple[int, int]]:
        """Return the first retained and the next free cursor of every stream, by log topic."""

    def read(self, topic: str, *, after: int, limit: int) -> Sequence[Record]:
        """Return up to ``limit`` events behind the cursor ``after``, in order; fewer if they are large."""

    def relayed(self, topic: str) -> int:
        """Return the last marked cursor, 0 if none."""

    def mark(self, cursors: Mapping[str, int]) -> None:
        """Record, by log topic, the last cursor whose commit the target acknowledged."""

    def wait(self, seconds: float) -> None:
        """Wait until there may be new events, for at most ``seconds``."""


class Transaction(Protocol):
    def send(self, topic: str, messages: Sequence[Message], *, at: Sequence[datetime]) -> None:
        """Send ``messages`` in order, each with its own timestamp."""


class Target(Protocol):
    def fence(self) -> None:
        """Become the only writer: other producers with the same id can commit nothing from now on."""

    def last_cursor(self, topic: str) -> int | None:
        """Return the cursor of the last committed event; 0 if none was written, None if retention deleted all."""

    def accepts(self, topic: str, message: Message) -> bool:
        """Return whether ``message`` fits into ``topic``. Call :meth:`last_cursor` for the log topic first."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Send events that become visible together at the end of the block, or never."""

    def verify_visible(self) -> None:
        """Check that events committed before the previous call are visible.

        Raises:
            Unavailable: they are not, or the target does not respond; start again with :meth:`fence`.
        """


def run(
    source: Source,
    target: Target,
    stop: Stop,
    *,
    batch: int = BATCH,
    linger: timedelta = timedelta(milliseconds=20),
    verify_interval: timedelta = timedelta(seconds=VERIFY_SECONDS),
    heartbeat: Callable[[], None] = lambda: None,
) -> None:
    """Relay until ``stop`` is requested; ``heartbeat`` is called before every call that may wait.

    Raises:
        Refused: the target is ahead of the source: the database was restored from a backup, or the target belongs to
            another installation.
        Unavailable: the database or Kafka failed, committed events are not visible, or another relay fenced this one;
            a restart resumes.
    """
    while not source.acquire():
        heartbeat()
        if stop.wait(STANDBY_SECONDS):
            return
    failpoint("relay.acquired")
    heartbeat()
    target.fence()
    failpoint("relay.fenced")
    relay = Relay(source, target, batch=batch, heartbeat=heartbeat)
    verified_at = time.monotonic()
    while not stop.requested:
        if relay.copy() == 0:
            source.wait(IDLE_SECONDS)
            stop.wait(linger.total_seconds())
        if time.monotonic() - verified_at >= verify_interval.total_seconds():
            heartbeat()
            target.verify_visible()
            verified_at = time.monotonic()


class Relay:
    """The active relay; knows the last cursor of each stream in the target."""

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        batch: int = BATCH,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._target = target
        self._batch = batch
        self._heartbeat = heartbeat
        self._cursors: dict[str, int] = {}  # the last cursor in the target; the stream copied last comes last

    def copy(self) -> int:
        """Copy new events in one transaction and return their number."""
        self._heartbeat()
        events = self._read()
        if not events:
            return 0
        failpoint("relay.read")
        self._heartbeat()
        with self._target.transaction() as transaction:
            failpoint("relay.begun")
            for topic, records in events.items():
                messages = [self._message(record) for record in records]
                transaction.send(topic, messages, at=[record.appended_at for record in records])
            failpoint("relay.sent")
        failpoint("relay.committed")
        for topic, records in events.items():
            del self._cursors[topic]
            self._cursors[topic] = records[-1].offset
        self._source.mark({topic: self._cursors[topic] for topic in events})
        failpoint("relay.marked")
        return sum(map(len, events.values()))

    def _read(self) -> dict[str, Sequence[Record]]:
        """Return new events: a fair share of each stream, the longest waiting stream first."""
        bounds = self._source.streams()
        for topic in bounds.keys() - self._cursors.keys():
            self._cursors[topic] = self._resume_cursor(topic, bounds[topic][1])
        behind = [topic for topic, cursor in self._cursors.items() if cursor + 1 < bounds[topic][1]]
        share = max(1, self._batch // max(1, len(behind)))
        events: dict[str, Sequence[Record]] = {}
        room = BATCH_BYTES
        for topic in behind[: self._batch]:
            records = self._source.read(topic, after=self._cursors[topic], limit=share)
            if not records:
                continue
            if (gap := records[0].offset - self._cursors[topic] - 1) > 0:
                logger.error("%s: retention deleted %d events before they were relayed", topic, gap)
            events[topic] = records
            room -= sum(len(record.value) for record in records)
            if room <= 0:
                break
        return events

    def _resume_cursor(self, topic: str, next_cursor: int) -> int:
        """Return the cursor behind which to continue."""
        self._heartbeat()
        cursor, relayed = self._target.last_cursor(topic), self._source.relayed(topic)
        if cursor is None:
            cursor = relayed
            logger.warning("%s: retention deleted all events of the target; resuming after %d", topic, cursor)
        if cursor >= next_cursor:
            raise Refused(
                f"the last cursor of {topic} in Kafka",
                cursor,
                f"a cursor before {next_cursor}, the database's next one; "
                "was the database restored, or is this another broker?",
            )
        if cursor < relayed:
            logger.warning(
                "%s: Kafka lost the events %d–%d or never made them visible; sending them again",
                topic,
                cursor + 1,
                relayed,
            )
        logger.info("%s: resuming after cursor %d", topic, cursor)
        return cursor

    def _message(self, record: Record) -> Message:
        """Convert a record to a message, without its value if that is too large for the target."""
        headers = {**record.headers, CURSOR_HEADER: str(record.offset)}
        message = Message(key=record.key, value=record.value, headers=headers)
        if self._target.accepts(record.topic, message):
            return message
        size = len(record.value)
        logger.error("%s: event %d is too large to relay: %d bytes", record.topic, record.offset, size)
        return Message(key=record.key, value=b"", headers={**headers, OMITTED_HEADER: str(size)})
