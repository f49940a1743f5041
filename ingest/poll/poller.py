"""The loop of the poller; :mod:`ingest.poll` draws it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Engine

from ingest import runtime
from ingest.alerts import Outbox
from ingest.append import Appender
from ingest.db import polls, seen
from ingest.db.quarantine import QuarantineItem
from ingest.fetch import Fetcher, Limits, Resolver
from ingest.page_fetch import PageFetchStage
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.poll.outage import Blame, Outage
from ingest.poll.recorder import FinishedPoll, PollCounts, Recorder
from ingest.runtime import Stop, failpoint
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
from ingest.types import Failed, FailureKind, Fetched, FetchResult, Lease, PollOutcome, Seen
from ingest.urls import is_loopback
from ingest.websub import WebSubStage

logger = logging.getLogger(__name__)

LEASE_BATCH: Final = 500
LEASES_AHEAD: Final = 3
"""Leases waiting to be fetched, per fetch at once: enough to lease in batches, few enough not to run out."""
FETCHED_WAITING: Final = 32
"""Bodies that may wait for a parser."""
WRITE_POLLS: Final = 500
WRITE_BYTES: Final = 16 * 1024**2
"""Of messages in one append, and at least one poll's."""
ENDED_POLLS: Final = 2 * WRITE_POLLS
ENDED_BYTES: Final = 4 * WRITE_BYTES
"""While more than this waits to be written nothing is fetched or parsed: the log is slow, or away."""
LINGER_SECONDS: Final = 0.02
"""An ended poll waits this long for others to share its transaction."""
IDLE_SECONDS: Final = 1.0
"""Between two looks for due feeds when there are none."""
NAME_LOOKUPS: Final = 32
"""Threads for getaddrinfo, which has no timeout of its own; a dead resolver holds them all."""
EVIDENCE_STEP: Final = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """A fetched body on its way to a parser."""

    lease: Lease
    fetched: Fetched
    hashed: bytes


class Poller:
    """Polls feeds; a context manager that keeps its parsers and connections between two calls of :meth:`run`.

    Args:
        engine: the database that has the registry.
        log: where articles go.
        outbox: where alerts go, in the database's own log.
        user_agent: how we identify ourselves to servers.
        policy: how often a feed is polled.
        budget: what one host may be asked by all pollers together.
        lease: how long a poll may take until its feed is given to another poller.
        concurrency: feeds fetched at once.
        limits: of one fetch.
        allow_private_addresses: fetch from loopback, private and link-local addresses too.
        parse_workers, parse_deadline, parse_memory: as :class:`ingest.parse_pool.ParserPool` takes them.
        grace: how long polls under way may take once a stop is requested.
        public_url: where hubs reach our API; None: no hub is asked, and none is relied on.
        backup: between two polls of a feed whose hub is trusted.
        evidence: how long a failure to reach a host waits for others to tell whether it is our network's.
        resolver: of names, as :class:`ingest.fetch.Fetcher` takes it.
        clock: the present.
    """

    def __init__(
        self,
        engine: Engine,
        log: Appender,
        outbox: Outbox,
        *,
        user_agent: str,
        policy: Policy,
        budget: HostLimits,
        lease: timedelta,
        concurrency: int,
        limits: Limits,
        allow_private_addresses: bool,
        parse_workers: int,
        parse_deadline: timedelta,
        parse_memory: int,
        grace: timedelta = timedelta(seconds=10),
        public_url: str | None = None,
        backup: timedelta = timedelta(days=1),
        evidence: timedelta = timedelta(seconds=5),
        resolver: Resolver | None = None,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._writer = Recorder(engine, log, outbox, clock=clock)
        self._engine = engine
        self._policy = policy
        self._budget = budget
        self._lease = lease
        self._concurrency = concurrency
        self._grace = grace.total_seconds()
        self._clock = clock
        self._evidence = evidence.total_seconds()
        self._outage = Outage()
        self.outage = False
        """No host can be reached, by all we know because of us."""
        self._fetcher = Fetcher(
            user_agent=user_agent,
            limits=limits,
            allow_private_addresses=allow_private_addresses,
            connections=2 * concurrency,
            resolver=resolver,
        )
        self._parsers = ParserPool(
            workers=parse_workers, deadline=parse_deadline, memory=parse_memory, lookup=self._seen_of
        )
        self._parse_workers = parse_workers
        self.websub: WebSubStage | None = None
        """The hubs' side of it, where there is one."""
        if public_url is not None:
            self.websub = WebSubStage(
                engine,
                log,
                public_url=public_url,
                fetcher=self._fetcher,
                parsers=self._parsers,
                in_thread=self._in_thread,
                budget=budget,
                backup=backup,
                lease=lease,
                clock=clock,
            )
        self._pages = PageFetchStage(
            engine,
            log,
            fetcher=self._fetcher,
            parsers=self._parsers,
            user_agent=user_agent,
            budget=budget,
            lease=lease,
            limits=limits,
            outage=lambda: self.outage,
            in_thread=self._in_thread,
            clock=clock,
        )
        self._runner = asyncio.Runner()
        self._threads: ThreadPoolExecutor | None = None
        self._stop: Stop | None = None
        self._stopping = asyncio.Event()

    @property
    def counts(self) -> PollCounts:
        """Of everything since it was made."""
        return self._writer.counts

    @property
    def pages(self) -> PageFetchStage:
        """What fetches articles' pages beside its polls."""
        return self._pages

    @property
    def parsers(self) -> ParserPool:
        """The processes that read documents for it."""
        return self._parsers

    def __enter__(self) -> Self:
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="poll")
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
            ThreadPoolExecutor(NAME_LOOKUPS, thread_name_prefix="dns")
        )
        await self._fetcher.__aenter__()
        await self._parsers.__aenter__()

    def _close(self) -> None:
        async def close() -> None:
            await self._parsers.__aexit__(None, None, None)
            await self._fetcher.__aexit__(None, None, None)

        self._runner.run(close())
        self._runner.close()
        if self._threads is not None:
            self._threads.shutdown()

    def run(self, stop: Stop, *, until_idle: bool = False) -> PollCounts:
        """Poll until a stop is requested; or (``until_idle``) every feed that is due now, once.

        Returns what was counted since the poller was made.

        Raises:
            Unavailable: the database, the log, or no parser can be started. Leases then run out.
        """
        if stop is not self._stop:
            self._stop = stop
            self._stopping.clear()
            stop.on_request(self._wake)
        self._runner.run(self._run(until_idle=until_idle))
        return self.counts

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nothing of ours is running
            self._runner.get_loop().call_soon_threadsafe(self._stopping.set)

    async def _run(self, *, until_idle: bool) -> None:
        try:
            await self._until_done(until_idle=until_idle)
        except BaseExceptionGroup as group:
            raise _first(group) from group

    async def _until_done(self, *, until_idle: bool) -> None:
        self._leased = asyncio.Queue[Lease]()
        self._fetched = asyncio.Queue[_Body](FETCHED_WAITING)
        self._ended: deque[FinishedPoll] = deque()
        self._ended_bytes = 0
        self._under_way: dict[int, Lease] = {}
        self._hungry, self._ending, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._hungry.set()
        self._empty.set()
        self._no_more = False
        if self.websub is not None and until_idle:
            await self.websub.once()
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(self._push(until_idle=until_idle))
            writer = group.create_task(self._write_ended())
            workers = [group.create_task(self._fetch_leased()) for _ in range(self._concurrency)]
            # Twice as many as there are parsers, so that each finds its next document waiting.
            workers += [group.create_task(self._parse_fetched()) for _ in range(2 * self._parse_workers)]
            group.create_task(self._pages.run(self._stopping, until_idle=until_idle))
            await self._lease_feeds(until_idle=until_idle)
            given_back = await self._finish()
            await asyncio.wait([pushing], timeout=self._grace)
            pushing.cancel()
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._no_more = True
            self._ending.set()
            await writer
            given_back += self._under_way.values()
            if given_back:
                await self._in_thread(polls.release, self._engine, given_back, now=self._clock())
                failpoint("poll.released")
                self.counts.released += len(given_back)
                logger.info("%d polls were given back", len(given_back))

    async def _push(self, *, until_idle: bool) -> None:
        """Ask hubs and read what they sent, until a stop is requested; what was begun then ends within the grace."""
        if self.websub is not None and not until_idle:
            await self.websub.run(self._stopping)

    async def _lease_feeds(self, *, until_idle: bool) -> None:
        """Lease until a stop is requested, or until no feed is left that was due at the start."""
        began = self._clock()
        due_by = began if until_idle else None
        room = LEASES_AHEAD * self._concurrency
        while not self._stopping.is_set():
            await self._first_of(self._hungry)
            limit = min(room - self._leased.qsize(), LEASE_BATCH)
            if self._stopping.is_set():
                return
            leases = await self._in_thread(
                polls.lease_due,
                self._engine,
                now=self._clock(),
                limit=limit,
                lease=self._lease,
                budget=self._budget,
                due_by=due_by,
            )
            if leases:
                failpoint("poll.leased")
                if self.websub is not None:
                    await self.websub.look_up(leases)
                self.counts.leased += len(leases)
                self._empty.clear()
                for lease in leases:
                    self._under_way[lease.poll_id] = lease
                    self._leased.put_nowait(lease)
                if self._leased.qsize() > self._concurrency:
                    self._hungry.clear()
            if len(leases) < limit:
                if until_idle:
                    return
                await self._first_of(seconds=IDLE_SECONDS)

    async def _finish(self) -> list[Lease]:
        """Wait for the polls under way; on a stop not for ever. Returns those that were not begun."""
        await self._first_of(self._empty)
        given_back: list[Lease] = []
        if self._stopping.is_set():
            while not self._leased.empty():
                lease = self._leased.get_nowait()
                given_back.append(lease)
                self._gone(lease)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._empty.wait()
        return given_back

    async def _fetch_leased(self) -> None:
        while True:
            await self._room.wait()
            lease = await self._leased.get()
            if self._leased.qsize() <= self._concurrency:
                self._hungry.set()
            if (
                self._clock() >= lease.until
            ):  # it waited too long; whoever has the feed now says how this poll ended
                self._gone(lease)
                continue
            asking = lease
            if not is_conditional(lease, now=lease.leased_at):
                asking = without_validators(lease)
            agent = user_agent_for(lease, fallback=self._policy.fallback_user_agent, now=lease.leased_at)
            if agent is not None:
                asking = replace(asking, request_options=replace(lease.request_options, user_agent=agent))
            result = await self._blamed(lease, await self._fetcher.fetch(asking, now=lease.leased_at))
            failpoint("poll.fetched")
            now = self._clock()
            if not isinstance(result, Fetched):
                self._end(
                    FinishedPoll(
                        outcome=decide_outcome(lease, result, None, now=now, policy=self._policy_of(lease))
                    )
                )
                continue
            hashed = body_hash(result.body, result.content_type)
            if hashed == lease.memory.body.hash and not needs_reparse(lease):
                policy = self._policy_of(lease)
                ended = decide_outcome(lease, result, None, now=now, policy=policy, hashed=hashed)
                self._end(FinishedPoll(outcome=ended))
            else:
                await self._fetched.put(_Body(lease=lease, fetched=result, hashed=hashed))

    def _policy_of(self, lease: Lease) -> Policy:
        if self.websub is None:
            return self._policy
        return self.websub.policy(lease, self._policy, now=self._clock())

    async def _blamed(self, lease: Lease, result: FetchResult) -> FetchResult:
        """``result``; where nobody could be reached because of our own network, a failure that says so."""
        if not isinstance(result, Failed) or not result.unreachable:
            if not (isinstance(result, Failed) and result.kind is FailureKind.ADDRESS):
                self._answered()
            return result
        host = urlsplit(lease.url).hostname or ""
        if is_loopback(host):
            return result
        self._outage.host_unreachable(host, now=self._clock())
        waited = 0.0
        while (blame := self._outage.blame(result, now=self._clock())) is Blame.UNCLEAR:
            if waited >= self._evidence:
                return result
            await asyncio.sleep(EVIDENCE_STEP)
            waited += EVIDENCE_STEP
        if blame is Blame.THEIRS:
            return result
        if not self.outage:
            logger.warning("no host can be reached: our own network seems to be down (%s)", result.detail)
            self.outage = True
        detail = f"our own network seems to be down: {result.detail}"
        return replace(result, kind=FailureKind.OUTAGE, detail=detail)

    def _answered(self) -> None:
        self._outage.host_reachable(now=self._clock())
        if self.outage:
            logger.warning("hosts can be reached again")
            self.outage = False

    async def _seen_of(
        self, feed_id: int, keys: Sequence[bytes], articles: Sequence[UUID]
    ) -> Mapping[bytes, Seen]:
        found = await self._in_thread(seen.seen_of, self._engine, feed_id, keys, articles)
        failpoint("poll.seen-loaded")
        return found

    async def _parse_fetched(self) -> None:
        while True:
            await self._room.wait()
            body = await self._fetched.get()
            lease, fetched = body.lease, body.fetched
            answer = await self._parsers.parse(
                Document(
                    feed_id=lease.feed_id,
                    feed_url=lease.url,
                    poll_id=lease.poll_id,
                    seen_at=lease.leased_at,
                    url=fetched.url,
                    content_type=fetched.content_type,
                    language=fetched.headers.get("content-language"),
                    body=fetched.body,
                    first=lease.first,
                )
            )
            failpoint("poll.parsed")
            self._end(self._judged(body, answer))

    def _judged(self, body: _Body, answer: ParsedDocument | Failed) -> FinishedPoll:
        lease, fetched, now = body.lease, body.fetched, self._clock()
        if isinstance(answer, Failed):
            failed = replace(answer, status=fetched.status)
            size = len(fetched.body)
            return FinishedPoll(
                outcome=decide_outcome(lease, failed, None, now=now, policy=self._policy, body_bytes=size)
            )
        policy = self._policy_of(lease)
        ended = decide_outcome(lease, fetched, answer.reading, now=now, policy=policy, hashed=body.hashed)
        heard = None if self.websub is None else self.websub.heard(lease, fetched, answer.reading)
        unpolled = tuple(
            QuarantineItem(
                stage="normalise",
                topic=f"feed:{lease.feed_id}",
                key=each.key,
                value=each.value,
                content_key=each.value,
                error=each.error,
                detail=each.detail,
                headers={"feed_url": lease.url, "poll_id": str(lease.poll_id)},
            )
            for each in answer.rejected
        )
        return FinishedPoll(outcome=ended, messages=answer.messages, quarantine=unpolled, hub_signals=heard)

    def _end(self, ended: FinishedPoll) -> None:
        self._ended.append(ended)
        self._ended_bytes += ended.size
        if self._ended_bytes > ENDED_BYTES or len(self._ended) > ENDED_POLLS:
            self._room.clear()
        self._ending.set()

    async def _write_ended(self) -> None:
        """Append and record ended polls, a batch at a time, until there are no more."""
        while True:
            await self._ending.wait()
            if not self._no_more:
                await asyncio.sleep(LINGER_SECONDS)
            if not self._ended:
                if self._no_more:
                    return
                self._ending.clear()
                continue
            batch: list[FinishedPoll] = []
            size = 0
            while self._ended and len(batch) < WRITE_POLLS and size < WRITE_BYTES:
                batch.append(self._ended.popleft())
                size += batch[-1].size
            await self._in_thread(self._writer.write, batch)
            if self.websub is not None:
                heard = [ended.hub_signals for ended in batch if ended.hub_signals is not None]
                await self._in_thread(self.websub.learn, heard)
            self._ended_bytes -= size
            if self._ended_bytes <= ENDED_BYTES and len(self._ended) <= ENDED_POLLS:
                self._room.set()
            for ended in batch:
                self._gone(ended.outcome)

    def _gone(self, poll: PollOutcome | Lease) -> None:
        del self._under_way[poll.poll_id]
        if self.websub is not None:
            self.websub.forget(poll.feed_id)
        if not self._under_way:
            self._empty.set()

    async def _first_of(self, *events: asyncio.Event, seconds: float | None = None) -> None:
        """Until one of these, or a stop, or so many seconds."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (*events, self._stopping)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def _in_thread(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(call, *args, **kwargs))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; what its cancellations led to is of no interest."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
