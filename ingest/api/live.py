"""Live streams: one listener a process, one reader a stream, any number of subscribers.

::

    database ─NOTIFY─▶ listener thread ─grew(topic)─▶ Tail of that stream: reads once, keeps the last
                                                        │
                                                        ▼
                             Subscriber: its own cursor; takes from the tail, or from the log what is older

Nothing is queued for a subscriber: it has a cursor and comes for more when its client took what it had. A slow
one falls behind the tail and reads from the log at its own pace, so memory is bounded whatever they do.
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
"""Events read at once."""
TAIL_EVENTS: Final = 1000
TAIL_BYTES: Final = 4 * 1024**2
"""A tail keeps at most this much for subscribers that are almost up to date."""
RETRY_SECONDS: Final = 1.0
"""After this a log that could not be read is tried again."""

_Found = TypeVar("_Found")


class Listen(Protocol):
    """``ingest.log.postgres.listen`` over an engine: calls from its own thread while the block runs."""

    def __call__(
        self, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
    ) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An event ready to be sent."""

    cursor: int
    kind: str
    body: bytes
    """One line of JSON."""


class Tail:
    """The last events of one stream, gapless up to ``cursor``, for as long as somebody subscribes to it."""

    def __init__(self, slug: str, *, cursor: int) -> None:
        self.slug = slug
        self.cursor = cursor
        self.subscribers = 0
        self.grown = False
        """The log may have more."""
        self.reading = False
        self._events: deque[Served] = deque()
        self._bytes = 0
        self._grown = asyncio.Event()

    def extend(self, events: list[Served]) -> None:
        """Add what was read behind ``cursor``, and wake whoever waits."""
        if events[0].cursor != self.cursor + 1:  # retention was faster: what is kept must have no hole
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
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def after(self, cursor: int) -> list[Served] | None:
        """Up to a batch of events behind ``cursor``; None: the tail does not reach back that far."""
        if cursor >= self.cursor:
            return []
        if not self._events or cursor + 1 < self._events[0].cursor:
            return None
        skip = cursor + 1 - self._events[0].cursor
        return [self._events[n] for n in range(skip, min(len(self._events), skip + BATCH))]

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._grown.wait(), seconds)


class LiveStreams:
    """All live streams of one API process. Made anywhere; opened, used and closed on one event loop."""

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
        """How many there are now."""
        return sum(tail.subscribers for tail in self._tails.values())

    async def open(self) -> None:
        """Start to listen; a database that is away is waited for."""
        self._loop = asyncio.get_running_loop()
        # Its own threads: a long query must not hold up the streams.
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ingest-streams")
        self._listener = threading.Thread(target=self._keep_listening, name="ingest-live", daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """End every subscription after what it is sending now. To be called on the event loop."""
        self.closing = True
        for tail in self._tails.values():
            tail.wake()

    async def close(self) -> None:
        """Stop, and let go of threads and connections."""
        self.stop()
        self._wake_listener.set()
        for reader in tuple(self._readers):
            reader.cancel()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.join)
        if self._executor is not None:
            await asyncio.to_thread(self._executor.shutdown)

    async def in_thread(self, call: Callable[[], _Found]) -> _Found:
        """The result of ``call``, which may wait for the log."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def subscribe(self, slug: str, *, cursor: int) -> Subscriber:
        """A subscriber that goes on behind ``cursor``, which the stream must have given."""
        tail = self._tails.get(slug)
        if tail is None:
            first, following = await self.in_thread(lambda: self._reader.bounds(stream_topic(slug)))
            # Another subscriber may have come while we asked.
            tail = self._tails.setdefault(slug, Tail(slug, cursor=max(following, first) - 1))
        tail.subscribers += 1
        self._advance(tail)  # what came before this tail was known was told to nobody
        return Subscriber(self, tail, cursor=cursor)

    def leave(self, tail: Tail) -> None:
        tail.subscribers -= 1
        if tail.subscribers == 0 and self._tails.get(tail.slug) is tail:
            del self._tails[tail.slug]

    async def read(self, slug: str, *, after: int) -> tuple[Gap | None, list[Served]]:
        """A batch behind ``after`` from the log itself."""
        records = await self.in_thread(
            lambda: self._reader.read(stream_topic(slug), after=after, limit=BATCH)
        )
        failpoint("serve.read")
        return find_gap(slug, records, after=after), [_ready(record) for record in records]

    def _keep_listening(self) -> None:
        """In the listener thread: listen, and after a failure listen again, until closed."""
        while True:
            self._wake_listener.clear()
            if self.closing:  # asked after clearing: close() sets both in the other order
                return
            try:
                with self._listen(on_growth=self._tell, on_failure=self._lost):
                    self._wake_listener.wait()
            except Unavailable as error:
                logger.warning("live streams: %s", error)
            self._wake_listener.clear()
            if not self.closing:
                self._wake_listener.wait(RETRY_SECONDS)

    def _lost(self, error: Unavailable) -> None:
        logger.warning("live streams: %s", error)
        self._wake_listener.set()

    def _tell(self, topic: str | None) -> None:
        """From the listener thread: ``topic`` grew, or (None) any may have."""
        loop = self._loop
        if loop is None or self.closing:
            return
        with suppress(RuntimeError):  # the loop was closed meanwhile
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
        """Read what the stream has behind the tail, once for all its subscribers."""
        try:
            while tail.grown and tail.subscribers and not self.closing:
                tail.grown = False  # from here on a notification may mean something this read does not see
                try:
                    _, events = await self.read(tail.slug, after=tail.cursor)
                except IngestError as error:
                    logger.warning("stream %s: %s", tail.slug, error)
                    tail.grown = True
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if events:
                    tail.extend(events)
                    tail.grown = True  # there may be more than one read brings
        finally:
            tail.reading = False


class Subscriber:
    """One reader of one stream, at its own pace."""

    def __init__(self, live: LiveStreams, tail: Tail, *, cursor: int) -> None:
        self._live = live
        self._tail = tail
        self._cursor = cursor

    async def next(self, *, seconds: float) -> tuple[Gap | None, list[Served]]:
        """The next events, in order and without a hole that is not told; none after ``seconds`` or at the end
        (``LiveStreams.closing``).

        Raises:
            Unavailable: the log; ask again.
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
        self._live.leave(self._tail)


def _ready(record: Record) -> Served:
    return Served(cursor=record.offset, kind=record.headers.get("kind", "event"), body=event_line(record))
