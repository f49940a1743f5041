"""One run of the poller: leases, fetches, parses and records, between its queues; :mod:`ingest.poll` draws it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from ingest.db import polls
from ingest.db.engine import Engine
from ingest.db.quarantine import QuarantineItem
from ingest.fetch_resources import FetchResources
from ingest.parse_pool import Document, ParsedDocument
from ingest.poll.hub_policy import HubPolicy
from ingest.poll.outage import Blame, OutageDetector
from ingest.poll.recorder import FinishedPoll, FinishedQueue, Recorder
from ingest.runtime import failpoint
from ingest.schedule import (
    Policy,
    body_hash,
    decide_outcome,
    is_conditional,
    needs_reparse,
    without_validators,
)
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.user_agents import user_agent_for
from ingest.types import Failed, FailureKind, Fetched, FetchResult, Lease, PollOutcome
from ingest.urls import is_loopback

logger = logging.getLogger(__name__)

LEASE_BATCH: Final = 500
LEASES_AHEAD: Final = 3
"""Leases that wait per concurrent fetch: enough to lease in batches, few enough not to expire in the queue."""
FETCHED_WAITING: Final = 32
"""The maximum number of bodies that wait for a parser."""
PARSES_PER_WORKER: Final = 2
"""Documents sent to the pool per parser process, so that each process finds its next document waiting."""
IDLE_SECONDS: Final = 1.0
"""Between two queries for due feeds while there are none."""
EVIDENCE_STEP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """Settings of a poller."""

    policy: Policy
    host_limits: HostLimits
    """Limits per host that all pollers share."""
    lease: timedelta
    """The maximum duration of a poll; after it the feed is leased to another poller."""
    concurrency: int
    """Feeds fetched at once."""
    grace: timedelta = timedelta(seconds=10)
    """The time that polls in flight may take once a stop is requested."""
    evidence: timedelta = timedelta(seconds=5)
    """The time that a failure to reach a host waits for other polls to show whether our own network is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FetchedBody:
    """A fetched body on its way to a parser."""

    lease: Lease
    fetched: Fetched
    hashed: bytes


class PollRun:
    """Poll until a stop is requested; or (``until_idle``) poll every feed that is due at the start, once."""

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        resources: FetchResources,
        settings: PollSettings,
        *,
        hubs: HubPolicy,
        outage: OutageDetector,
        clock: Callable[[], datetime],
        stopping: asyncio.Event,
        until_idle: bool,
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._counts = recorder.counts
        self._resources = resources
        self._fetcher, self._parsers = resources.fetcher, resources.parsers
        self._settings = settings
        self._hubs = hubs
        self._outage = outage
        self._clock = clock
        self._stopping = stopping
        self._until_idle = until_idle
        self._in_flight: dict[int, Lease] = {}
        """Leased polls that are neither recorded nor released, by their ids."""
        self._idle = asyncio.Event()
        """No poll is in flight."""
        self._idle.set()
        self._leases_wanted = asyncio.Event()
        """The queue of leases is short."""
        self._leases_wanted.set()
        self._leased: asyncio.Queue[Lease] = asyncio.Queue()
        self._fetched: asyncio.Queue[_FetchedBody] = asyncio.Queue(FETCHED_WAITING)
        self._finished = FinishedQueue()

    async def run(self) -> None:
        """Run once.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then expire.
        """
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(self._record_finished())
            workers = [group.create_task(self._fetch_feeds()) for _ in range(self._settings.concurrency)]
            parses = PARSES_PER_WORKER * self._resources.parse_workers
            workers += [group.create_task(self._parse_bodies()) for _ in range(parses)]
            await self._lease_feeds()
            released = await self._drain()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._finished.close()
            await recording
            released += self._in_flight.values()
            if released:
                await self._release(released)

    async def _lease_feeds(self) -> None:
        """Lease until a stop is requested, or until no feed is left that was due at the start."""
        due_by = self._clock() if self._until_idle else None
        queue_size = LEASES_AHEAD * self._settings.concurrency
        while not self._stopping.is_set():
            await self._first_of(self._leases_wanted)
            limit = min(queue_size - self._leased.qsize(), LEASE_BATCH)
            if self._stopping.is_set():
                return
            leases = await self._resources.in_thread(
                polls.lease_due,
                self._engine,
                now=self._clock(),
                limit=limit,
                lease=self._settings.lease,
                host_limits=self._settings.host_limits,
                due_by=due_by,
            )
            if leases:
                failpoint("poll.leased")
                await self._hubs.load_subscriptions(leases)
                self._counts.leased += len(leases)
                self._idle.clear()
                for lease in leases:
                    self._in_flight[lease.poll_id] = lease
                    self._leased.put_nowait(lease)
                if self._leased.qsize() > self._settings.concurrency:
                    self._leases_wanted.clear()
            if len(leases) < limit:
                if self._until_idle:
                    return
                await self._first_of(seconds=IDLE_SECONDS)

    async def _drain(self) -> list[Lease]:
        """Wait for the polls in flight, after a stop at most for the grace. Return the leases that were not begun."""
        await self._first_of(self._idle)
        not_begun: list[Lease] = []
        if self._stopping.is_set():
            while not self._leased.empty():
                lease = self._leased.get_nowait()
                not_begun.append(lease)
                self._remove(lease)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.grace.total_seconds()):
                    await self._idle.wait()
        return not_begun

    async def _release(self, leases: list[Lease]) -> None:
        await self._resources.in_thread(polls.release, self._engine, leases, now=self._clock())
        failpoint("poll.released")
        self._counts.released += len(leases)
        logger.info("released %d polls that were not finished", len(leases))

    async def _fetch_feeds(self) -> None:
        while True:
            await self._finished.has_capacity.wait()
            lease = await self._leased.get()
            if self._leased.qsize() <= self._settings.concurrency:
                self._leases_wanted.set()
            if self._clock() >= lease.until:
                # The lease expired in the queue. The poller that has the feed now records how this poll ended.
                self._remove(lease)
                continue
            result: FetchResult = await self._fetcher.fetch(self._request(lease), now=lease.leased_at)
            if isinstance(result, Failed) and result.unreachable:
                result = await self._attribute(lease, result)
            elif not isinstance(result, Failed) or result.kind is not FailureKind.ADDRESS:
                self._outage.host_reachable(now=self._clock())
            failpoint("poll.fetched")
            now = self._clock()
            if not isinstance(result, Fetched):
                policy = self._policy(lease)
                self._finished.put(
                    FinishedPoll(outcome=decide_outcome(lease, result, None, now=now, policy=policy))
                )
                continue
            hashed = body_hash(result.body, result.content_type)
            if hashed == lease.memory.body.hash and not needs_reparse(lease):
                policy = self._policy(lease)
                outcome = decide_outcome(lease, result, None, now=now, policy=policy, hashed=hashed)
                self._finished.put(FinishedPoll(outcome=outcome))
            else:
                await self._fetched.put(_FetchedBody(lease=lease, fetched=result, hashed=hashed))

    def _request(self, lease: Lease) -> Lease:
        """Return ``lease`` with the validators and the user agent that this request sends."""
        request = lease
        if not is_conditional(lease, now=lease.leased_at):
            request = without_validators(lease)
        agent = user_agent_for(lease, fallback=self._settings.policy.fallback_user_agent, now=lease.leased_at)
        if agent is not None:
            request = replace(request, request_options=replace(lease.request_options, user_agent=agent))
        return request

    def _policy(self, lease: Lease) -> Policy:
        return self._hubs.policy(lease, self._settings.policy, now=self._clock())

    async def _attribute(self, lease: Lease, failed: Failed) -> Failed:
        """Return ``failed``, or an outage of our own where the evidence shows that our network is down."""
        host = urlsplit(lease.url).hostname or ""
        if is_loopback(host):
            return failed
        self._outage.host_unreachable(host, now=self._clock())
        waited = 0.0
        while (blame := self._outage.blame(failed, now=self._clock())) is Blame.UNCLEAR:
            if waited >= self._settings.evidence.total_seconds():
                return failed
            await asyncio.sleep(EVIDENCE_STEP)
            waited += EVIDENCE_STEP
        if blame is Blame.THEIRS:
            return failed
        self._outage.begin(failed)
        detail = f"our own network seems to be down: {failed.detail}"
        return replace(failed, kind=FailureKind.OUTAGE, detail=detail)

    async def _parse_bodies(self) -> None:
        while True:
            await self._finished.has_capacity.wait()
            body = await self._fetched.get()
            lease, fetched = body.lease, body.fetched
            identity = lease.memory.entry_identity
            parsed = await self._parsers.parse(
                Document(
                    feed_id=lease.feed_id,
                    feed_url=lease.url,
                    poll_id=lease.poll_id,
                    seen_at=lease.leased_at,
                    url=fetched.url,
                    content_type=fetched.content_type,
                    language=fetched.headers.get("content-language"),
                    body=fetched.body,
                    identity=lease.identity,
                    rotates=identity is not None and identity.rotates,
                    first=lease.first,
                )
            )
            failpoint("poll.parsed")
            self._finished.put(self._decide(body, parsed))

    def _decide(self, body: _FetchedBody, parsed: ParsedDocument | Failed) -> FinishedPoll:
        lease, fetched, now = body.lease, body.fetched, self._clock()
        if isinstance(parsed, Failed):
            failed = replace(parsed, status=fetched.status)
            policy, size = self._settings.policy, len(fetched.body)
            return FinishedPoll(
                outcome=decide_outcome(lease, failed, None, now=now, policy=policy, body_bytes=size)
            )
        policy = self._policy(lease)
        outcome = decide_outcome(lease, fetched, parsed.summary, now=now, policy=policy, hashed=body.hashed)
        rejected = tuple(
            QuarantineItem(
                stage="normalise",
                topic=f"feed:{lease.feed_id}",
                key=entry.key,
                value=entry.value,
                content_key=entry.value,
                error=entry.error,
                detail=entry.detail,
                headers={"feed_url": lease.url, "poll_id": str(lease.poll_id)},
            )
            for entry in parsed.rejected
        )
        return FinishedPoll(
            outcome=outcome,
            messages=parsed.messages,
            quarantine=rejected,
            hub_signals=self._hubs.signals(lease, fetched, parsed.summary),
        )

    async def _record_finished(self) -> None:
        """Append and record finished polls, a batch at a time, until the queue is closed and empty."""
        while batch := await self._finished.next_batch():
            await self._resources.in_thread(self._recorder.write, batch)
            signals = [poll.hub_signals for poll in batch if poll.hub_signals is not None]
            if signals:
                await self._hubs.record_signals(signals)
            self._finished.batch_recorded()
            for poll in batch:
                self._remove(poll.outcome)

    def _remove(self, poll: PollOutcome | Lease) -> None:
        """Remove a poll that is recorded or will be released from those in flight."""
        del self._in_flight[poll.poll_id]
        self._hubs.discard_subscription(poll.feed_id)
        if not self._in_flight:
            self._idle.set()

    async def _first_of(self, *events: asyncio.Event, seconds: float | None = None) -> None:
        """Wait for one of ``events``, for a stop, or for this many seconds."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (*events, self._stopping)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
