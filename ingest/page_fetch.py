"""Articles' pages that are due in, their texts in the log out; beside the polls, and out of the same budgets.

::

    lease_pages ─▶ leased ─▶ robots.txt known? ─no──▶ ask for it: the page waits for another turn
                                │ yes
                                ├─ it says no ────────────────────────────▶ given up
                                └─ fetch ─┬─ a redirect ──────────────────▶ waiting: that page, under its own host
                                          ├─ failed ──────────────────────▶ waiting, or given up
                                          └─ page ─read_page × parsers─┬──▶ no better than the feed's text
                                                                       └──▶ append, then taken

Nothing waits for a page: its article is stored and on its streams with its feed's text before the page is asked for,
and stays so where the page cannot be had. The text is appended before the outcome is recorded: after a crash between
the two it is appended again, under the same id, which ``persist`` takes for a repeat.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from ingest.append import Appender
from ingest.db import page_fetch
from ingest.db.engine import Engine
from ingest.db.page_fetch import PageLease
from ingest.db.robots import load_robots, save_robots
from ingest.errors import Refused, Unusable
from ingest.fetch import Fetcher, Limits
from ingest.log.api import ARTICLES
from ingest.parse_pool import PageBody, ParserPool
from ingest.robots import MAX_BYTES, Robots, judge, product_tokens
from ingest.runtime import failpoint
from ingest.schedule.page_fetch import PageOutcome, asked_robots, failed_page, moved, taken
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Failed, FailureKind, Message
from ingest.urls import feed_url, origin_of

logger = logging.getLogger(__name__)

ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
ACCEPT_ROBOTS: Final = "text/plain, */*;q=0.1"
CONCURRENCY: Final = 16
"""Pages under way at once."""
READ_AT_ONCE: Final = 2
"""Pages that wait for a parser at once: feeds go before them."""
MAX_PAGE_BYTES: Final = 8 * 1024**2
ROBOTS_LIMITS: Final = Limits(deadline=timedelta(seconds=20), max_bytes=8 * MAX_BYTES, max_redirects=5)
LINGER_SECONDS: Final = 0.02
"""A page that ended waits this long for others to share its transaction."""
IDLE_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 0.5
"""A page under way may take this long once a stop is requested: it is nothing to wait for, and is asked for again."""


class InThread(Protocol):
    """Runs what blocks in a thread."""

    def __call__(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    lease: PageLease
    outcome: PageOutcome
    message: Message | None = None


class PageFetchStage:
    """Fetches articles' pages on the poller's event loop.

    Args:
        engine, log: as the poller's.
        fetcher, parsers: the poller's own.
        user_agent: what the fetcher calls us: robots.txt may name us by how it begins.
        budget: what one host may be asked by all pollers together, for feeds and pages.
        lease: how long a page may take until it is given to another poller.
        limits: of one fetch; a page may have at most ``MAX_PAGE_BYTES``.
        outage: whether our own network is down.
        in_thread: runs what blocks.
        clock: the present.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        *,
        fetcher: Fetcher,
        parsers: ParserPool,
        user_agent: str,
        budget: HostLimits,
        lease: timedelta,
        limits: Limits,
        outage: Callable[[], bool],
        in_thread: InThread,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._log = log
        self._fetcher = fetcher
        self._parsers = parsers
        self._names = product_tokens(user_agent)
        self._budget = budget
        self._lease = lease
        self._limits = replace(limits, max_bytes=min(limits.max_bytes, MAX_PAGE_BYTES), max_redirects=0)
        self._outage = outage
        self._in_thread = in_thread
        self._clock = clock
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._asking: dict[str, asyncio.Lock] = {}
        self.counts: Counter[str] = Counter()
        """What pages came to since it was made: states, and the failures of those that failed."""

    async def run(self, stopping: asyncio.Event, *, until_idle: bool) -> None:
        """Fetch pages until a stop is requested; or (``until_idle``) until none is left that is due.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then run out.
        """
        self._under_way: dict[int, PageLease] = {}
        ended: asyncio.Queue[_Ended | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write_ended(ended))
            tasks: set[asyncio.Task[None]] = set()
            while not stopping.is_set():
                # Asked before the lease: what ends meanwhile may be due again.
                idle = not self._under_way
                leases: list[PageLease] = []
                if room := CONCURRENCY - len(tasks):
                    leases = await self._in_thread(
                        page_fetch.lease_pages,
                        self._engine,
                        now=self._clock(),
                        limit=room,
                        lease=self._lease,
                        budget=self._budget,
                    )
                if leases:
                    failpoint("poll.page-leased")
                for lease in leases:
                    self._under_way[lease.id] = lease
                    task = group.create_task(self._handle(lease, ended))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                if len(leases) == room and room:
                    continue
                if until_idle and not leases and idle:
                    break
                await self._pause(stopping, tasks, until_idle=until_idle)
            if tasks:
                await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in tuple(tasks):
                task.cancel()
            ended.put_nowait(None)
            await writer
            if self._under_way:
                await self._in_thread(page_fetch.release, self._engine, list(self._under_way.values()))
                failpoint("poll.page-released")

    async def _pause(
        self, stopping: asyncio.Event, tasks: set[asyncio.Task[None]], *, until_idle: bool
    ) -> None:
        """Until a page has ended, a stop is requested, or it is time to look again."""
        stop = asyncio.ensure_future(stopping.wait())
        seconds = LINGER_SECONDS if until_idle else IDLE_SECONDS
        try:
            await asyncio.wait({*tasks, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()

    async def _handle(self, lease: PageLease, ended: asyncio.Queue[_Ended | None]) -> None:
        origin = origin_of(lease.url)
        robots, fresh = await self._robots(origin)
        if robots is None:
            failed = Failed(kind=FailureKind.OUTAGE, detail=f"{origin} cannot be reached", unreachable=True)
            ended.put_nowait(_Ended(lease=lease, outcome=self._failed(lease, failed)))
            return
        if fresh:
            ended.put_nowait(_Ended(lease=lease, outcome=asked_robots(now=self._clock())))
            return
        if not robots.allows(lease.url):
            ended.put_nowait(
                _Ended(lease=lease, outcome=self._failed(lease, self._disallowed(origin, robots)))
            )
            return
        page = await self._fetcher.get(lease.url, accept=ACCEPT, now=lease.leased_at, limits=self._limits)
        failpoint("poll.page-fetched")
        now = self._clock()
        if isinstance(page, Failed):
            ended.put_nowait(_Ended(lease=lease, outcome=self._failed(lease, page)))
            return
        body = PageBody(
            article=lease.article,
            page_id=lease.id,
            seen_at=now,
            url=page.url,
            content_type=page.content_type,
            body=page.body,
        )
        async with self._reading:
            answer = await self._parsers.read_page(body)
        failpoint("poll.page-read")
        if isinstance(answer, Failed):
            failed = replace(answer, status=page.status)
            ended.put_nowait(_Ended(lease=lease, outcome=self._failed(lease, failed)))
        else:
            ended.put_nowait(_Ended(lease=lease, outcome=taken(status=page.status), message=answer))

    def _failed(self, lease: PageLease, failed: Failed) -> PageOutcome:
        now = self._clock()
        if failed.location is not None:
            with suppress(Refused):
                return moved(feed_url(failed.location), status=failed.status, hops=lease.hops, now=now)
        return failed_page(lease.url, failed, tries=lease.tries, outage=self._outage(), now=now)

    def _disallowed(self, origin: str, robots: Robots) -> Failed:
        if robots.reachable:
            return Failed(kind=FailureKind.ROBOTS, detail=f"{origin}/robots.txt asks that it is not fetched")
        said = "did not answer" if robots.status is None else f"answered {robots.status}"
        return Failed(
            kind=FailureKind.ROBOTS,
            detail=f"{origin}/robots.txt {said}, so nothing is fetched from there for now",
            retry_after=robots.expires_at - self._clock(),
        )

    async def _robots(self, origin: str) -> tuple[Robots | None, bool]:
        """What ``origin`` asks of robots, and whether it was asked for that just now, by whomever: it may have named a
        pace that the turn of this page knew nothing of. None: our own network is down."""
        lock = self._asking.setdefault(origin, asyncio.Lock())
        asked = lock.locked()
        try:
            async with lock:
                known = await self._in_thread(load_robots, self._engine, origin, now=self._clock())
                if known is not None:
                    return known, asked
                answer = await self._fetcher.get(
                    f"{origin}/robots.txt", accept=ACCEPT_ROBOTS, now=self._clock(), limits=ROBOTS_LIMITS
                )
                failpoint("poll.robots-fetched")
                if isinstance(answer, Failed) and answer.unreachable and self._outage():
                    return None, False
                now = self._clock()
                found = judge(answer, names=self._names, now=now)
                await self._in_thread(save_robots, self._engine, origin, found, now=now)
                failpoint("poll.robots-recorded")
                return found, True
        finally:
            if not lock.locked():
                self._asking.pop(origin, None)

    async def _write_ended(self, ended: asyncio.Queue[_Ended | None]) -> None:
        """Append texts and record outcomes, as many at once as there are, until None comes."""
        while (first := await ended.get()) is not None:
            await asyncio.sleep(LINGER_SECONDS)
            batch, last = [first], False
            while not ended.empty():
                each = ended.get_nowait()
                if each is None:
                    last = True
                else:
                    batch.append(each)
            await self._in_thread(self._write, batch)
            for one in batch:
                self._under_way.pop(one.lease.id, None)
                self.counts[one.outcome.failure or one.outcome.state] += 1
            if last:
                return

    def _write(self, batch: list[_Ended]) -> None:
        batch = [self._appended(each) for each in batch] if not self._append_all(batch) else batch
        page_fetch.finish(self._engine, [(each.lease, each.outcome) for each in batch], now=self._clock())
        failpoint("poll.page-recorded")

    def _append_all(self, batch: list[_Ended]) -> bool:
        messages = [each.message for each in batch if each.message is not None]
        if not messages:
            return True
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return False
        failpoint("poll.page-appended")
        return True

    def _appended(self, ended: _Ended) -> _Ended:
        """One text of the batch is more than the log takes: that article keeps its feed's. Others may travel twice."""
        if ended.message is None:
            return ended
        try:
            self._log.append(ARTICLES, [ended.message])
        except Unusable as error:
            failed = Failed(kind=FailureKind.TOO_LARGE, detail=str(error), status=ended.outcome.status)
            return replace(ended, outcome=self._failed(ended.lease, failed), message=None)
        return ended
