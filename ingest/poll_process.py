"""The process ``ingest poll``: polling, page fetching and WebSub on one event loop.

::

    PollProcess ─┬─ FetchResources     event loop, fetcher, parsers, threads
                 ├─ Poller             feeds that are due               ─▶ articles in the log, outcomes
                 ├─ PageFetchStage     pages of articles that are due   ─▶ the same articles with their pages' texts
                 └─ WebSubStage        subscriptions and pushes         ─▶ articles in the log, outcomes

The stages are independent but for two connections. The poller gets the intervals of feeds with a hub from WebSub and
passes it evidence about hubs. Page fetching reads from the poller whether our own network is down.

A requested stop reaches all stages at once. The process ends when each has ended: the poller in the order that
:mod:`ingest.poll` documents, page fetching within its own short grace, WebSub within the poller's grace after the
poller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from ingest import runtime
from ingest.alerts import Outbox
from ingest.append import Appender
from ingest.clock_guard import ClockGuard
from ingest.db.engine import Engine
from ingest.fetch import Limits, Resolver
from ingest.fetch_resources import FetchResources
from ingest.page_fetch import PageFetchStage
from ingest.poll import PollCounts, Poller, PollSettings
from ingest.runtime import Stop
from ingest.schedule.stored_times import TimeLimits
from ingest.websub import WebSubStage


class PollProcess:
    """Run the stages that fetch. A context manager that keeps parsers and connections between two calls of :meth:`run`.

    Args:
        engine: the database with the registry.
        log: receives the articles.
        outbox: receives the alerts, in the database's own log.
        settings: of the poller; page fetching and WebSub share its limits per host and its lease.
        user_agent: identifies us to servers.
        limits: bounds of one fetch.
        allow_private_addresses: fetch from loopback, private and link-local addresses too.
        parse_workers, parse_deadline, parse_memory: passed to :class:`ingest.parse_pool.ParserPool`.
        public_url: the URL of our API as hubs reach it; None: no WebSub.
        interval_with_hub: between two polls of a feed whose hub is trusted.
        resolver: passed to :class:`ingest.fetch.Fetcher`.
        clock: returns the current time.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        outbox: Outbox,
        settings: PollSettings,
        *,
        user_agent: str,
        limits: Limits,
        allow_private_addresses: bool,
        parse_workers: int,
        parse_deadline: timedelta,
        parse_memory: int,
        public_url: str | None = None,
        interval_with_hub: timedelta = timedelta(days=1),
        resolver: Resolver | None = None,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self.resources = FetchResources(
            engine,
            user_agent=user_agent,
            limits=limits,
            allow_private_addresses=allow_private_addresses,
            connections=2 * settings.concurrency,
            parse_workers=parse_workers,
            parse_deadline=parse_deadline,
            parse_memory=parse_memory,
            resolver=resolver,
        )
        self.websub: WebSubStage | None = None
        if public_url is not None:
            self.websub = WebSubStage(
                engine,
                log,
                self.resources,
                public_url=public_url,
                host_limits=settings.host_limits,
                interval_with_hub=interval_with_hub,
                lease=settings.lease,
                clock=clock,
            )
        self.poller = Poller(engine, log, outbox, self.resources, settings, hubs=self.websub, clock=clock)
        self.page_fetch = PageFetchStage(
            engine,
            log,
            self.resources,
            user_agent=user_agent,
            host_limits=settings.host_limits,
            lease=settings.lease,
            limits=limits,
            outage=lambda: self.poller.outage,
            clock=clock,
        )
        limits_of_times = _time_limits(settings, interval_with_hub=interval_with_hub)
        self._clock_guard = ClockGuard(engine, outbox, limits_of_times, clock=clock)
        self._grace = settings.grace
        self._stop: Stop | None = None
        self._stopping = asyncio.Event()

    @property
    def counts(self) -> PollCounts:
        """Counts of all polls of this process."""
        return self.poller.counts

    def __enter__(self) -> Self:
        self.resources.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resources.__exit__(kind, error, trace)

    def run(self, stop: Stop, *, until_idle: bool = False) -> PollCounts:
        """Run all stages until a stop is requested; or (``until_idle``) until nothing is left that is due now.

        Returns the counts of all runs of this process.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then expire.
        """
        if stop is not self._stop:
            self._stop = stop
            self._stopping.clear()
            stop.on_request(lambda: self.resources.call_threadsafe(self._stopping.set))
        self.resources.run(self._run(until_idle=until_idle))
        return self.counts

    async def _run(self, *, until_idle: bool) -> None:
        await self.resources.in_thread(self._clock_guard.start)
        if self.websub is not None and until_idle:
            await self.websub.run_once()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.page_fetch.run(self._stopping, until_idle=until_idle))
            websub_task = None
            if self.websub is not None and not until_idle:
                websub_task = group.create_task(self.websub.run(self._stopping))
            guard_task = group.create_task(self._clock_guard.run(self._stopping, self.resources))
            await self.poller.run(self._stopping, until_idle=until_idle)
            guard_task.cancel()
            if websub_task is not None:
                await asyncio.wait([websub_task], timeout=self._grace.total_seconds())
                websub_task.cancel()


def _time_limits(settings: PollSettings, *, interval_with_hub: timedelta) -> TimeLimits:
    return TimeLimits(
        policy=settings.policy,
        lease=settings.lease,
        interval_with_hub=interval_with_hub,
        spacing=settings.host_limits.spacing,
    )
