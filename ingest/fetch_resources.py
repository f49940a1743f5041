"""The event loop, HTTP client, parser processes and threads that the stages of one process share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from ingest.db import seen
from ingest.db.engine import Engine
from ingest.fetch import Fetcher, Limits, Resolver
from ingest.parse_pool import ParserPool, SeenLookup
from ingest.runtime import failpoint
from ingest.types import Seen

BLOCKING_THREADS: Final = 4
"""Threads for calls to the database and the log."""
RESOLVER_THREADS: Final = 32
"""Threads for getaddrinfo, which has no timeout of its own: a dead resolver occupies all of them."""
T = TypeVar("T")


class FetchResources:
    """Own what polling, page fetching and WebSub share. A context manager.

    Args:
        engine: the database with the seen-sets that the parsers look up.
        user_agent: identifies us to servers.
        limits: bounds of one fetch.
        allow_private_addresses: fetch from loopback, private and link-local addresses too.
        connections: the maximum number of open connections.
        parse_workers, parse_deadline, parse_memory: passed to :class:`ingest.parse_pool.ParserPool`.
        resolver: passed to :class:`ingest.fetch.Fetcher`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        user_agent: str,
        limits: Limits,
        allow_private_addresses: bool,
        connections: int,
        parse_workers: int,
        parse_deadline: timedelta,
        parse_memory: int,
        resolver: Resolver | None = None,
    ) -> None:
        self._engine = engine
        self.fetcher = Fetcher(
            user_agent=user_agent,
            limits=limits,
            allow_private_addresses=allow_private_addresses,
            connections=connections,
            resolver=resolver,
        )
        self.parsers = ParserPool(
            workers=parse_workers, deadline=parse_deadline, memory=parse_memory, lookup=self._load_seen
        )
        self.parse_workers = parse_workers
        self._runner = asyncio.Runner()
        self._threads = ThreadPoolExecutor(BLOCKING_THREADS, thread_name_prefix="blocking")

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._open())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    async def _open(self) -> None:
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="dns")
        )
        await self.fetcher.__aenter__()
        await self.parsers.__aenter__()

    def _close(self) -> None:
        async def close() -> None:
            await self.parsers.__aexit__(None, None, None)
            await self.fetcher.__aexit__(None, None, None)

        self._runner.run(close())
        self._runner.close()
        self._threads.shutdown()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` on the event loop. Where tasks failed together, raise the first failure."""
        try:
            return self._runner.run(main)
        except BaseExceptionGroup as group:
            raise _first_leaf(group) from group

    def call_threadsafe(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` on the event loop, from any thread or signal handler."""
        with suppress(RuntimeError):  # a closed loop runs nothing that a callback could concern
            self._runner.get_loop().call_soon_threadsafe(callback)

    async def in_thread(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Run a call that blocks on the database or the log in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(call, *args, **kwargs))

    async def _load_seen(self, feed_id: int, lookup: SeenLookup) -> Mapping[bytes, Seen]:
        rows = await self.in_thread(
            seen.seen_of, self._engine, feed_id, lookup.keys, lookup.article_ids, lookup.marks
        )
        failpoint("poll.seen-loaded")
        return rows


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception in ``group``: the others follow from its cancellations."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
