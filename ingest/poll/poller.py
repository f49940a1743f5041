"""The poller: starts runs and keeps counts and evidence between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from ingest import runtime
from ingest.alerts import Outbox
from ingest.append import Appender
from ingest.db.engine import Engine
from ingest.fetch_resources import FetchResources
from ingest.poll.hub_policy import HubPolicy, NoHubs
from ingest.poll.outage import OutageDetector
from ingest.poll.recorder import PollCounts, Recorder
from ingest.poll.run import PollRun, PollSettings


class Poller:
    """Poll feeds on the event loop of ``resources``.

    Args:
        engine: the database with the registry.
        log: receives the articles.
        outbox: receives the alerts, in the database's own log.
        resources: the fetcher, the parsers and the threads.
        settings: intervals, limits and durations.
        hubs: the feeds' WebSub subscriptions; None: no hub can reach us, and none is relied on.
        clock: returns the current time.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        outbox: Outbox,
        resources: FetchResources,
        settings: PollSettings,
        *,
        hubs: HubPolicy | None = None,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._recorder = Recorder(engine, log, outbox, clock=clock)
        self._resources = resources
        self._settings = settings
        self._hubs: HubPolicy = hubs or NoHubs()
        self._outage = OutageDetector()
        self._clock = clock

    @property
    def counts(self) -> PollCounts:
        """Counts of all runs of this poller."""
        return self._recorder.counts

    @property
    def outage(self) -> bool:
        """No host can be reached, and the evidence points to our own network."""
        return self._outage.active

    async def run(self, stopping: asyncio.Event, *, until_idle: bool) -> None:
        """Poll until ``stopping`` is set; or (``until_idle``) poll every feed that is due now, once.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then expire.
        """
        run = PollRun(
            self._engine,
            self._recorder,
            self._resources,
            self._settings,
            hubs=self._hubs,
            outage=self._outage,
            clock=self._clock,
            stopping=stopping,
            until_idle=until_idle,
        )
        await run.run()
