"""Copies every stream from the Postgres log to Kafka, exactly once.

::

    be the only relay     source.acquire        others stand by until this one's session ends
    fence                 target.fence          what a predecessor left open is aborted; it can commit no more
    resume                target.last_cursor    for each stream, the last event that is there
    repeat                source.read           what came after it, of all streams that have news
                          target.transaction    all of it appears at once, or none
                          source.mark           shows the lag, and helps when retention emptied the target
                          target.prove          now and then: what was committed can be read

The cursor of an event is its offset in the source, and travels as the header ``cursor``. Nothing but the
target says what it has: a relay that was killed at any point goes on behind the last event found there.

A transaction costs tens of milliseconds, most of it waiting; while it does, news gathers for the next one. So
under load the batches grow by themselves, and ``gather`` bounds how many small ones a trickle may cause.
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
"""Of an event too large for the target: its size in bytes. Its value is empty; the API has it in full."""
STANDBY_SECONDS: Final = 0.5
IDLE_SECONDS: Final = 0.5
"""Between two looks when nothing was announced; also how fast a stop is noticed."""
BATCH: Final = 1000
"""Events in one transaction."""
PROVE_SECONDS: Final = 10.0
"""Between two looks whether what was committed can be read, of which the second tells."""
BATCH_BYTES: Final = 32 * 1024**2


class Source(Protocol):
    def acquire(self) -> bool:
        """Try to become the only relay; True if this one is."""

    def streams(self) -> Mapping[str, tuple[int, int]]:
        """By log topic: the first cursor still held, and the next to be given."""

    def read(self, topic: str, *, after: int, limit: int) -> Sequence[Record]:
        """Up to ``limit`` events behind the cursor ``after``, in order; fewer where they are large."""

    def relayed(self, topic: str) -> int:
        """The last cursor that was marked; 0 if none."""

    def mark(self, cursors: Mapping[str, int]) -> None:
        """Note the last cursor whose commit the target answered, by log topic."""

    def wait(self, seconds: float) -> None:
        """Return when there may be news, at the latest after ``seconds``."""


class Transaction(Protocol):
    def send(self, topic: str, messages: Sequence[Message], *, at: Sequence[datetime]) -> None:
        """Send ``messages``, each with its own time, in order."""


class Target(Protocol):
    def fence(self) -> None:
        """Become the only writer: others under the same name can commit nothing from now on."""

    def last_cursor(self, topic: str) -> int | None:
        """Of the last committed event; 0 if there never was one, None if they have gone with retention."""

    def takes(self, topic: str, message: Message) -> bool:
        """Whether ``message`` is small enough for ``topic``, which was asked for its last cursor before."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All that is sent inside appears at the end of the block, or never."""

    def verify_visible(self) -> None:
        """See that what was committed before the last call can be read.

        Raises:
            Unavailable: it cannot, or the target does not tell; begin again with :meth:`fence`.
        """


def run(
    source: Source,
    target: Target,
    stop: Stop,
    *,
    batch: int = BATCH,
    gather: timedelta = timedelta(milliseconds=20),
    prove_every: timedelta = timedelta(seconds=PROVE_SECONDS),
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Relay until ``stop`` is requested; ``alive`` is called before everything that may wait.

    Raises:
        Refused: the target is ahead of the source: the database was set back, or the target is another's.
        Unavailable: database or Kafka failed, what was committed cannot be read, or another relay fenced this one:
            start again.
    """
    while not source.acquire():
        alive()
        if stop.wait(STANDBY_SECONDS):
            return
    failpoint("relay.acquired")
    alive()
    target.fence()
    failpoint("relay.fenced")
    relay = Relay(source, target, batch=batch, alive=alive)
    looked = time.monotonic()
    while not stop.requested:
        if relay.copy() == 0:
            source.wait(IDLE_SECONDS)
            stop.wait(gather.total_seconds())
        if time.monotonic() - looked >= prove_every.total_seconds():
            alive()
            target.verify_visible()
            looked = time.monotonic()


class Relay:
    """The only relay, while it is: knows for each stream what the target has."""

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        batch: int = BATCH,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._target = target
        self._batch = batch
        self._alive = alive
        self._cursors: dict[str, int] = {}  # the last one in the target; the stream served last stands last

    def copy(self) -> int:
        """Copy what is new, as far as one transaction takes it; how many events that was."""
        self._alive()
        events = self._read()
        if not events:
            return 0
        failpoint("relay.read")
        self._alive()
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
        """What is new, a fair share of each stream, those first that waited longest."""
        bounds = self._source.streams()
        for topic in bounds.keys() - self._cursors.keys():
            self._cursors[topic] = self._resume(topic, bounds[topic][1])
        behind = [topic for topic, cursor in self._cursors.items() if cursor + 1 < bounds[topic][1]]
        share = max(1, self._batch // max(1, len(behind)))
        events: dict[str, Sequence[Record]] = {}
        room = BATCH_BYTES
        for topic in behind[: self._batch]:
            records = self._source.read(topic, after=self._cursors[topic], limit=share)
            if not records:
                continue
            if (gap := records[0].offset - self._cursors[topic] - 1) > 0:
                logger.error("%s: retention took %d events before they were relayed", topic, gap)
            events[topic] = records
            room -= sum(len(record.value) for record in records)
            if room <= 0:
                break
        return events

    def _resume(self, topic: str, following: int) -> int:
        """The cursor behind which to go on."""
        self._alive()
        cursor, relayed = self._target.last_cursor(topic), self._source.relayed(topic)
        if cursor is None:
            cursor = relayed
            logger.warning(
                "%s: the target has lost its events to retention; going on after %d", topic, cursor
            )
        if cursor >= following:
            raise Refused(
                f"the last cursor of {topic} in Kafka",
                cursor,
                f"one before {following}, the database's next; was it set back, or is this another's broker?",
            )
        if cursor < relayed:
            logger.warning(
                "%s: Kafka has lost or never shown the events %d–%d; sending them again",
                topic,
                cursor + 1,
                relayed,
            )
        logger.info("%s: going on after cursor %d", topic, cursor)
        return cursor

    def _message(self, record: Record) -> Message:
        """``record`` as the target gets it: without its value where that is too large for it."""
        headers = {**record.headers, CURSOR_HEADER: str(record.offset)}
        message = Message(key=record.key, value=record.value, headers=headers)
        if self._target.takes(record.topic, message):
            return message
        size = len(record.value)
        logger.error("%s: event %d is too large to relay: %d bytes", record.topic, record.offset, size)
        return Message(key=record.key, value=b"", headers={**headers, OMITTED_HEADER: str(size)})
