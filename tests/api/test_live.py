"""The live streams without HTTP: what becomes of subscribers that are slower than the stream."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import Engine

from ingest.api import live
from ingest.api.live import LiveStreams, Served, Subscriber, Tail
from ingest.log.postgres import PostgresLog, listen
from ingest.streams import Gap
from ingest.types import Record
from tests.library import Library

pytestmark = pytest.mark.store

SLUG = "football"


@asynccontextmanager
async def opened(engine: Engine, library: Library) -> AsyncIterator[LiveStreams]:
    streams = LiveStreams(library.log, partial(listen, engine))
    await streams.open()
    try:
        yield streams
    finally:
        await streams.close()


async def take(subscriber: Subscriber, count: int) -> tuple[list[Gap], list[int]]:
    gaps: list[Gap] = []
    found: list[int] = []
    while len(found) < count:
        gap, events = await subscriber.next(seconds=20)
        assert events, "nothing came in time"
        if gap is not None:
            gaps.append(gap)
        found += [event.cursor for event in events]
    return gaps, found


def test_a_subscriber_that_fell_behind_the_tail_misses_nothing(
    database: Engine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TAIL_EVENTS", 10)

    async def scenario() -> None:
        async with opened(database, library) as streams:
            slow = await streams.subscribe(SLUG, cursor=0)
            fast = await streams.subscribe(SLUG, cursor=0)
            for _ in range(10):
                await asyncio.to_thread(library.events, SLUG, range(7))
                await take(fast, 7)
            assert await take(slow, 70) == ([], list(range(1, 71)))
            slow.close()
            fast.close()
            assert streams.subscribers == 0

    asyncio.run(scenario())


def test_a_subscriber_that_retention_overtook_is_told(
    database: Engine, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TAIL_EVENTS", 5)

    async def scenario() -> None:
        async with opened(database, library) as streams:
            slow = await streams.subscribe(SLUG, cursor=0)
            fast = await streams.subscribe(SLUG, cursor=0)
            await asyncio.to_thread(library.events, SLUG, range(20))
            await take(fast, 20)
            await asyncio.to_thread(partial(library.forget, SLUG, before=11))
            gaps, found = await take(slow, 10)
            assert gaps == [Gap(topic=SLUG, after=0, first_cursor=11)]
            assert found == list(range(11, 21))
            slow.close()
            fast.close()

    asyncio.run(scenario())


def served(*cursors: int, size: int = 10) -> list[Served]:
    return [Served(cursor=cursor, kind="created", body=b"x" * size) for cursor in cursors]


def test_a_tail_never_has_a_hole() -> None:
    async def scenario() -> None:
        tail = Tail(SLUG, cursor=3)
        tail.extend(served(4, 5))
        assert [event.cursor for event in tail.after(3) or ()] == [4, 5]
        assert tail.after(2) is None
        tail.extend(served(9, 10))
        assert tail.after(4) is None, "between 5 and 9 something is missing: the log has to be asked"
        assert [event.cursor for event in tail.after(8) or ()] == [9, 10]
        assert tail.after(10) == []

    asyncio.run(scenario())


def test_a_tail_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TAIL_BYTES", 1000)

    async def scenario() -> None:
        tail = Tail(SLUG, cursor=0)
        tail.extend(served(*range(1, 31), size=100))
        assert tail.after(19) is None
        assert [event.cursor for event in tail.after(20) or ()] == list(range(21, 31))

    asyncio.run(scenario())


class Watched:
    """The log, counting how many read it at once."""

    def __init__(self, log: PostgresLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._reading = 0
        self.most = 0

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        with self._lock:
            self._reading += 1
            self.most = max(self.most, self._reading)
        time.sleep(0.01)  # long enough for the next notification to come meanwhile
        found = self._log.read(topic, after=after, limit=limit)
        with self._lock:
            self._reading -= 1
        return found

    def bounds(self, topic: str) -> tuple[int, int]:
        return self._log.bounds(topic)


def test_one_reader_a_stream_serves_all_who_keep_up(database: Engine, library: Library) -> None:
    watched = Watched(library.log)

    async def scenario() -> None:
        streams = LiveStreams(watched, partial(listen, database))
        await streams.open()
        try:
            subscribers = [await streams.subscribe(SLUG, cursor=0) for _ in range(5)]
            takers = [asyncio.create_task(take(subscriber, 40)) for subscriber in subscribers]
            for n in range(40):
                await asyncio.to_thread(library.event, SLUG, n)
            for taker in takers:
                assert await taker == ([], list(range(1, 41)))
        finally:
            await streams.close()

    asyncio.run(scenario())
    assert watched.most == 1
