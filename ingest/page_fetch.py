"""Fetch the pages of articles, and append the articles with their pages' texts to the log.

::

    lease_pages ─▶ leased ─▶ robots.txt loaded? ─no──▶ fetch it: the page waits for another slot
                                │ yes
                                ├─ disallowed ────────────────────────────▶ given up
                                └─ fetch ─┬─ a redirect ──────────────────▶ waiting: that URL, under its own host
                                          ├─ failed ──────────────────────▶ waiting, or given up
                                          └─ page ─read_page × parsers─┬──▶ no better than the feed's text
                                                                       └──▶ append, then taken

Page fetching runs beside the polls, within the same limits per host. Nothing waits for a page. Its article is stored
and on its streams with the feed's text before the page is fetched, and stays so where the page cannot be had.

The text is appended before the outcome is recorded. After a crash between the two the text is appended again, under the
same id, and ``persist`` takes it for a repeat.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingest import runtime
from ingest.append import Appender
from ingest.db import page_fetch
from ingest.db.engine import Engine
from ingest.db.page_fetch import PageLease
from ingest.db.robots import load_robots, save_robots
from ingest.errors import Refused, Unusable
from ingest.fetch import Limits
from ingest.fetch_resources import FetchResources
from ingest.log.api import ARTICLES
from ingest.parse_pool import PageBody
from ingest.robots import MAX_BYTES, Robots, judge, product_tokens
from ingest.runtime import failpoint
from ingest.schedule.page_fetch import PageOutcome, after_failure, after_redirect, after_robots_fetch, taken
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Failed, FailureKind, Message
from ingest.urls import feed_url, origin_of

logger = logging.getLogger(__name__)

ACCEPT: Final = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
ACCEPT_ROBOTS: Final = "text/plain, */*;q=0.1"
CONCURRENCY: Final = 16
"""Pages in flight at once."""
CONCURRENT_READS: Final = 2
"""Pages that wait for a parser at once, so that feeds go first."""
MAX_PAGE_BYTES: Final = 8 * 1024**2
ROBOTS_LIMITS: Final = Limits(deadline=timedelta(seconds=20), max_bytes=8 * MAX_BYTES, max_redirects=5)
LINGER_SECONDS: Final = 0.02
"""A finished page waits this long for others to share its transaction."""
IDLE_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 0.5
"""The time that pages in flight may take once a stop is requested. Pages that take longer are fetched again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FinishedPage:
    """An outcome, and the message that must be durable before the outcome is recorded."""

    lease: PageLease
    outcome: PageOutcome
    message: Message | None = None


class PageFetchStage:
    """Fetch the pages of articles on the event loop of ``resources``.

    Args:
        engine, log: those of the poller.
        resources: the fetcher, the parsers and the threads.
        user_agent: the fetcher's; robots.txt may address us by the product tokens in it.
        host_limits: limits per host that all pollers share, for feeds and pages.
        lease: the maximum time for a page; after it the page is leased to another poller.
        limits: bounds of one fetch; a page may have at most ``MAX_PAGE_BYTES``.
        outage: whether our own network is down.
        clock: returns the current time.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        resources: FetchResources,
        *,
        user_agent: str,
        host_limits: HostLimits,
        lease: timedelta,
        limits: Limits,
        outage: Callable[[], bool],
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._log = log
        self._resources = resources
        self._product_tokens = product_tokens(user_agent)
        self._host_limits = host_limits
        self._lease = lease
        self._limits = replace(limits, max_bytes=min(limits.max_bytes, MAX_PAGE_BYTES), max_redirects=0)
        self._outage = outage
        self._clock = clock
        self._reads = asyncio.Semaphore(CONCURRENT_READS)
        self._robots_locks: dict[str, asyncio.Lock] = {}
        """One lock per origin whose robots.txt is being loaded."""
        self.counts: Counter[str] = Counter()
        """Outcomes of pages: states, and the failures of those that failed."""

    async def run(self, stopping: asyncio.Event, *, until_idle: bool) -> None:
        """Fetch pages until a stop is requested; or (``until_idle``) until none is left that is due.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then expire.
        """
        await _PageFetchRun(self, stopping, until_idle=until_idle).run()

    async def lease_pages(self, limit: int) -> list[PageLease]:
        """Lease up to ``limit`` pages that are due."""
        leases = await self._resources.in_thread(
            page_fetch.lease_pages,
            self._engine,
            now=self._clock(),
            limit=limit,
            lease=self._lease,
            host_limits=self._host_limits,
        )
        if leases:
            failpoint("poll.page-leased")
        return leases

    async def release(self, leases: list[PageLease]) -> None:
        """Give back leases on pages that were not fetched to the end."""
        await self._resources.in_thread(page_fetch.release, self._engine, leases)
        failpoint("poll.page-released")

    async def fetch(self, lease: PageLease) -> _FinishedPage:
        """Fetch and read one page, or load the robots.txt of its host."""
        origin = origin_of(lease.url)
        robots, fetched_now = await self._load_robots(origin)
        if robots is None:
            failed = Failed(kind=FailureKind.OUTAGE, detail=f"{origin} cannot be reached", unreachable=True)
            return self._failed(lease, failed)
        if fetched_now:
            return _FinishedPage(lease=lease, outcome=after_robots_fetch(now=self._clock()))
        if not robots.allows(lease.url):
            return self._failed(lease, self._disallowed(origin, robots))
        page = await self._resources.fetcher.get(
            lease.url, accept=ACCEPT, now=lease.leased_at, limits=self._limits
        )
        failpoint("poll.page-fetched")
        if isinstance(page, Failed):
            return self._failed(lease, page)
        body = PageBody(
            article=lease.article,
            page_id=lease.id,
            seen_at=self._clock(),
            url=page.url,
            content_type=page.content_type,
            body=page.body,
        )
        async with self._reads:
            message = await self._resources.parsers.read_page(body)
        failpoint("poll.page-read")
        if isinstance(message, Failed):
            return self._failed(lease, replace(message, status=page.status))
        return _FinishedPage(lease=lease, outcome=taken(status=page.status), message=message)

    def _failed(self, lease: PageLease, failed: Failed) -> _FinishedPage:
        return _FinishedPage(lease=lease, outcome=self._failed_outcome(lease, failed))

    def _failed_outcome(self, lease: PageLease, failed: Failed) -> PageOutcome:
        now = self._clock()
        if failed.location is not None:
            with suppress(Refused):
                url = feed_url(failed.location)
                return after_redirect(url, status=failed.status, hops=lease.hops, now=now)
        return after_failure(lease.url, failed, tries=lease.tries, outage=self._outage(), now=now)

    def _disallowed(self, origin: str, robots: Robots) -> Failed:
        if robots.reachable:
            return Failed(kind=FailureKind.ROBOTS, detail=f"{origin}/robots.txt disallows this page")
        result = "did not respond" if robots.status is None else f"responded with {robots.status}"
        return Failed(
            kind=FailureKind.ROBOTS,
            detail=f"{origin}/robots.txt {result}, so no page is fetched from there for now",
            retry_after=robots.expires_at - self._clock(),
        )

    async def _load_robots(self, origin: str) -> tuple[Robots | None, bool]:
        """Return the rules of ``origin``, and whether any task fetched them just now; None: our own network is down.

        Rules fetched just now may name a crawl delay that was unknown when the page was given its slot.
        """
        lock = self._robots_locks.setdefault(origin, asyncio.Lock())
        in_progress = lock.locked()
        try:
            async with lock:
                stored = await self._resources.in_thread(load_robots, self._engine, origin, now=self._clock())
                if stored is not None:
                    return stored, in_progress
                response = await self._resources.fetcher.get(
                    f"{origin}/robots.txt", accept=ACCEPT_ROBOTS, now=self._clock(), limits=ROBOTS_LIMITS
                )
                failpoint("poll.robots-fetched")
                if isinstance(response, Failed) and response.unreachable and self._outage():
                    return None, False
                now = self._clock()
                robots = judge(response, names=self._product_tokens, now=now)
                await self._resources.in_thread(save_robots, self._engine, origin, robots, now=now)
                failpoint("poll.robots-recorded")
                return robots, True
        finally:
            if not lock.locked():
                self._robots_locks.pop(origin, None)

    async def record(self, batch: list[_FinishedPage]) -> None:
        """Append the texts, then record the outcomes."""
        await self._resources.in_thread(self._record, batch)
        for page in batch:
            self.counts[page.outcome.failure or page.outcome.state] += 1

    def _record(self, batch: list[_FinishedPage]) -> None:
        if not self._append_all(batch):
            batch = [self._append(page) for page in batch]
        page_fetch.finish(self._engine, [(page.lease, page.outcome) for page in batch], now=self._clock())
        failpoint("poll.page-recorded")

    def _append_all(self, batch: list[_FinishedPage]) -> bool:
        messages = [page.message for page in batch if page.message is not None]
        if not messages:
            return True
        try:
            self._log.append(ARTICLES, messages)
        except Unusable:
            return False
        failpoint("poll.page-appended")
        return True

    def _append(self, page: _FinishedPage) -> _FinishedPage:
        """Append one text. Where the log refuses it as too large, its article keeps the feed's text.

        Texts that were appended with the refused batch may be appended twice.
        """
        if page.message is None:
            return page
        try:
            self._log.append(ARTICLES, [page.message])
        except Unusable as error:
            failed = Failed(kind=FailureKind.TOO_LARGE, detail=str(error), status=page.outcome.status)
            return self._failed(page.lease, failed)
        return page


class _PageFetchRun:
    """One run of the stage: leases pages, fetches them in tasks and records them in batches."""

    def __init__(self, stage: PageFetchStage, stopping: asyncio.Event, *, until_idle: bool) -> None:
        self._stage = stage
        self._stopping = stopping
        self._until_idle = until_idle
        self._in_flight: dict[int, PageLease] = {}
        """Leased pages that are not recorded yet, by their ids."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: asyncio.Queue[_FinishedPage | None] = asyncio.Queue()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(self._record_finished())
            await self._lease_pages(group)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
            for task in tuple(self._tasks):
                task.cancel()
            self._finished.put_nowait(None)
            await recording
            if self._in_flight:
                await self._stage.release(list(self._in_flight.values()))

    async def _lease_pages(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping.is_set():
            # Read before the query: a page that finishes during the query may be due again.
            idle = not self._in_flight
            capacity = CONCURRENCY - len(self._tasks)
            leases = await self._stage.lease_pages(capacity) if capacity else []
            for lease in leases:
                self._in_flight[lease.id] = lease
                task = group.create_task(self._fetch(lease))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if capacity and len(leases) == capacity:
                continue
            if self._until_idle and not leases and idle:
                return
            await self._pause()

    async def _pause(self) -> None:
        """Wait until a page is fetched, a stop is requested, or the next query is due."""
        stop = asyncio.ensure_future(self._stopping.wait())
        seconds = LINGER_SECONDS if self._until_idle else IDLE_SECONDS
        try:
            await asyncio.wait({*self._tasks, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()

    async def _fetch(self, lease: PageLease) -> None:
        self._finished.put_nowait(await self._stage.fetch(lease))

    async def _record_finished(self) -> None:
        """Record finished pages, as many at once as there are, until None is in the queue."""
        while (first := await self._finished.get()) is not None:
            await asyncio.sleep(LINGER_SECONDS)
            batch, last = [first], False
            while not self._finished.empty():
                page = self._finished.get_nowait()
                if page is None:
                    last = True
                else:
                    batch.append(page)
            await self._stage.record(batch)
            for page in batch:
                self._in_flight.pop(page.lease.id, None)
            if last:
                return
