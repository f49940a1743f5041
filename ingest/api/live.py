"""Live streams: one listener per process, one reader per stream, any number of subscribers.

::

    database ─NOTIFY─▶ listener thread ─grew(topic)─▶ Tail of that stream: reads once, buffers the last
                                                        │
                                                        ▼
                             Subscriber: has its own cursor; reads from the tail, or older events from the log

Nothing is queued for a subscriber. It has a cursor, and reads the next events when its client has received the last.
A slow subscriber falls behind the tail and reads from the log at its own pace, so memory is bounded.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from ingest.errors import IngestError, Unavailable
from ingest.log.api import stream_topic
from ingest.runtime import failpoint
from ingest.streams import Gap, StreamReader, event_line, find_gap
from ingest.types import Record

logger = logging.getLogger(__name__)

BATCH: Final = 200
"""Number of events per read."""
TAIL_EVENTS: Final = 1000
TAIL_BYTES: Final = 4 * 1024**2
"""Size of the buffer of a tail, for subscribers that are almost up to date."""
RETRY_SECONDS: Final = 1.0
"""Time between two tries to read a log that is not available."""

_Result = TypeVar("_Result")


class Listen(Protocol):
    """Notifications of a log: the callbacks are called from another thread while the context is open."""

    def __call__(
        self, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
    ) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An event in the form that is sent."""

    cursor: int
    kind: str
    body: bytes
    """One line of JSON."""


class Tail:
    """The last events of one stream, gapless up to ``cursor``, while the stream has subscribers."""

    def __init__(self, slug: str, *, cursor: int) -> None:
        self.slug = slug
        self.cursor = cursor
        self.subscribers = 0
        self.grown = False
        """True where the log may have further events."""
        self.reading = False
        self._events: deque[Served] = deque()
        self._bytes = 0
        self._growth = asyncio.Event()

    def extend(self, events: list[Served]) -> None:
        """Append the events that were read after ``cursor``, and wake the waiting subscribers."""
        if events[0].cursor != self.cursor + 1:  # retention deleted events: the buffer must stay gapless
            self._events.clear()
            self._bytes = 0
        for event in events:
            self._events.append(event)
            self._bytes += len(event.body)
        self.cursor = events[-1].cursor
        while len(self._events) > TAIL_EVENTS or self._bytes > TAIL_BYTES:
            self._bytes -= len(self._events.popleft().body)
        self.wake()

    def wake(self) -> None:
        """Wake the waiting subscribers."""
        growth, self._growth = self._growth, asyncio.Event()
        growth.set()

    def after(self, cursor: int) -> list[Served] | None:
        """Return up to ``BATCH`` events after ``cursor``; None: the buffer begins later."""
        if cursor >= self.cursor:
            return []
        if not self._events or cursor + 1 < self._events[0].cursor:
            return None
        skip = cursor + 1 - self._events[0].cursor
        return [self._events[n] for n in range(skip, min(len(self._events), skip + BATCH))]

    async def wait(self, seconds: float) -> None:
        """Wait for new events, at most ``seconds``."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._growth.wait(), seconds)


class LiveStreams:
    """All live streams of one API process: opened, used and closed on one event loop."""

    def __init__(self, reader: StreamReader, listen: Listen) -> None:
        self._reader = reader
        self._listen = listen
        self._tails: dict[str, Tail] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: Executor | None = None
        self._listener: threading.Thread | None = None
        self._wake_listener = threading.Event()
        self._readers: set[asyncio.Task[None]] = set()
        self.closing = False

    @property
    def subscribers(self) -> int:
        """Current number of subscribers."""
        return sum(tail.subscribers for tail in self._tails.values())

    async def open(self) -> None:
        """Start to listen, and wait for the database while it is not available."""
        self._loop = asyncio.get_running_loop()
        # Separate threads, because a long query of a request must not delay the streams.
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ingest-streams")
        self._listener = threading.Thread(target=self._keep_listening, name="ingest-live", daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """End every stream after the event that it is sending. Call it on the event loop."""
        self.closing = True
        for tail in self._tails.values():
            tail.wake()

    async def close(self) -> None:
        """Stop, and release threads and connections."""
        self.stop()
        self._wake_listener.set()
        for reader in tuple(self._readers):
            reader.cancel()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.join)
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown)

    async def in_thread(self, call: Callable[[], _Result]) -> _Result:
        """Return the result of ``call``, run in a thread because it may wait for the log."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def subscribe(self, slug: str, *, cursor: int) -> Subscriber:
        """Return a subscriber that resumes after ``cursor``, a cursor of the stream."""
        tail = self._tails.get(slug)
        if tail is None:
            first, following = await self.in_thread(lambda: self._reader.bounds(stream_topic(slug)))
            # Another subscriber may have created the tail meanwhile.
            tail = self._tails.setdefault(slug, Tail(slug, cursor=max(following, first) - 1))
        tail.subscribers += 1
        self._advance(tail)  # events appended before the tail existed were not notified to it
        return Subscriber(self, tail, cursor=cursor)

    def leave(self, tail: Tail) -> None:
        """Remove a subscriber; a tail without subscribers is dropped."""
        tail.subscribers -= 1
        if tail.subscribers == 0 and self._tails.get(tail.slug) is tail:
            del self._tails[tail.slug]

    async def read(self, slug: str, *, after: int) -> tuple[Gap | None, list[Served]]:
        """Read events after a cursor from the log, with the gap before them."""
        records = await self.in_thread(
            lambda: self._reader.read(stream_topic(slug), after=after, limit=BATCH)
        )
        failpoint("serve.read")
        return find_gap(slug, records, after=after), [_ready(record) for record in records]

    def _keep_listening(self) -> None:
        """Listen in the listener thread, again after each failure, until closed."""
        while True:
            self._wake_listener.clear()
            if self.closing:  # checked after clearing, because close() sets both in the opposite order
                return
            try:
                with self._listen(on_growth=self._on_growth, on_failure=self._on_failure):
                    self._wake_listener.wait()
            except Unavailable as error:
                logger.warning("live streams: %s", error)
            self._wake_listener.clear()
            if not self.closing:
                self._wake_listener.wait(RETRY_SECONDS)

    def _on_failure(self, error: Unavailable) -> None:
        logger.warning("live streams: %s", error)
        self._wake_listener.set()

    def _on_growth(self, topic: str | None) -> None:
        """Forward a notification to the event loop: ``topic`` grew, or (None) any log topic may have."""
        loop = self._loop
        if loop is None or self.closing:
            return
        with suppress(RuntimeError):  # the event loop was closed meanwhile
            loop.call_soon_threadsafe(self._grew, topic)

    def _grew(self, topic: str | None) -> None:
        for tail in tuple(self._tails.values()):
            if topic is None or topic == stream_topic(tail.slug):
                self._advance(tail)

    def _advance(self, tail: Tail) -> None:
        tail.grown = True
        if not tail.reading:
            tail.reading = True
            reader = asyncio.get_running_loop().create_task(self._catch_up(tail))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)

    async def _catch_up(self, tail: Tail) -> None:
        """Read the events after the tail, once for all its subscribers."""
        try:
            while tail.grown and tail.subscribers and not self.closing:
                tail.grown = False  # a later notification may be about events that this read does not see
                try:
                    _, events = await self.read(tail.slug, after=tail.cursor)
                except IngestError as error:
                    logger.warning("stream %s: %s", tail.slug, error)
                    tail.grown = True
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if events:
                    tail.extend(events)
                    tail.grown = True  # the log may have more events than one read returns
        finally:
            tail.reading = False


class Subscriber:
    """One reader of one stream, at its own pace."""

    def __init__(self, live: LiveStreams, tail: Tail, *, cursor: int) -> None:
        self._live = live
        self._tail = tail
        self._cursor = cursor

    async def next(self, *, seconds: float) -> tuple[Gap | None, list[Served]]:
        """Return the next events in order, and the gap before them; none after ``seconds`` or while closing.

        Raises:
            Unavailable: the log; call it again.
        """
        gap: Gap | None = None
        events = self._tail.after(self._cursor)
        if events == [] and not self._live.closing:
            await self._tail.wait(seconds)
            events = self._tail.after(self._cursor)
        if events is None:
            gap, events = await self._live.read(self._tail.slug, after=self._cursor)
        if events:
            self._cursor = events[-1].cursor
        return gap, events

    def close(self) -> None:
        """Unsubscribe."""
        self._live.leave(self._tail)


def _ready(record: Record) -> Served:
    return Served(cursor=record.offset, kind=record.headers.get("kind", "event"), body=event_line(record))
