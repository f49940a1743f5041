"""Simulate one host with our own policy: ``decide_outcome`` and ``admit`` of :mod:`ingest.schedule`.

::

    due ─▶ admit ─┬─▶ response of the world ─▶ outcome ─▶ due again
                  └─▶ a later slot

The steps between them are simulated as in the service: a poller looks for due feeds once a second, a poll is in
progress until its response is read, a pause holds from then on. The limit of parallel polls and the time for parsing
and writing are not simulated.

The simulation records everything that was promised to a host. :func:`broken_promises` checks it afterwards by other
means than the policy's.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from random import Random
from typing import Final

import numpy as np

from ingest.schedule import Policy, decide_outcome, is_conditional
from ingest.schedule.rate_limit import DueRequest, Host, HostLimits, admit
from ingest.types import (
    DocumentSummary,
    Failed,
    FailureKind,
    FeedMemory,
    Fetched,
    FetchResult,
    Lease,
    NotModified,
    PollOutcome,
)
from tests.simulate.peers import asked
from tests.simulate.tally import Tally
from tests.simulate.world import (
    DAY,
    HICCUPS,
    MINUTE,
    OUR_OUTAGE,
    START,
    FeedWorld,
    Floats,
    HostWorld,
    trouble_at,
)

LOOK: Final = 1.0
"""Seconds between two looks for due feeds without a result."""
DEADLINE: Final = 30.0
"""Seconds of a poll without a response."""
BUSY: Final = timedelta(minutes=10)
"""``Retry-After`` of an overloaded server."""
SLOW_DOWN: Final = timedelta(minutes=1)
"""``Retry-After`` with a 429."""
SLACK: Final = 1e-3
"""Seconds of tolerance: times are rounded to microseconds."""
MISSING: Final = 404
GONE: Final = 410


@dataclass(slots=True, kw_only=True)
class Promises:
    """Broken promises to hosts by kind. Each must be 0."""

    early: int = 0
    """Polls closer together than the spacing allows."""
    crowded: int = 0
    """Polls in progress beyond the concurrency."""
    paused: int = 0
    """Polls during a pause that the host requested."""
    unasked: int = 0
    """Polls of a feed before the end of its own ``Retry-After``."""
    hasty: int = 0
    """Polls of a feed sooner than the minimum interval after the last."""
    silent: int = 0
    """Feeds without a poll for longer than the maximum interval, a tenth more and the queue of their host."""
    waits: list[float] = field(default_factory=list)
    """Seconds from due to polled of the polls that waited for their host."""
    busiest: float = 0.0
    """The largest used share of a host's budget in any hour."""

    def add(self, other: Promises) -> None:
        for name in ("early", "crowded", "paused", "unasked", "hasty", "silent"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.waits += other.waits
        self.busiest = max(self.busiest, other.busiest)

    @property
    def broken(self) -> int:
        """The number of all broken promises."""
        return self.early + self.crowded + self.paused + self.unasked + self.hasty + self.silent


@dataclass(slots=True, kw_only=True)
class _Feed:
    """One feed with its row of the registry."""

    world: FeedWorld
    place: int
    """Its position among the feeds of its host."""
    published: list[float]
    dates: list[datetime]
    lease: Lease
    due: float
    first_due: float
    """The due time before the queue of its host."""
    seen: int = 0
    polled: list[float] = field(default_factory=list)
    queued: list[float] = field(default_factory=list)
    """Seconds that each poll waited for its host."""
    looked: list[float] = field(default_factory=list)
    not_before: float = float("-inf")
    """End of its own ``Retry-After``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnderWay:
    feed: _Feed
    result: FetchResult
    reading: DocumentSummary | None
    hashed: bytes | None
    known: int | None
    """Published entries that the response reflects; None: it reflects none."""


@dataclass(slots=True, kw_only=True)
class HostLog:
    """Requests to one host."""

    admitted: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    """In the order of ``admitted``."""
    pauses: list[tuple[float, float]] = field(default_factory=list)


def simulate(
    host: HostWorld,
    *,
    policy: Policy,
    host_limits: HostLimits,
    days: float,
    seed: int,
    granted: HostLimits | None = None,
    longest: timedelta | None = None,
) -> tuple[Tally, Promises]:
    """Simulate one host.

    The check afterwards uses ``granted``, the host's budget (None: ``budget``), and ``longest``, the longest time
    between two polls of a feed (None: the policy's maximum).
    """
    random = Random(f"{seed}/{host.number}/ours")
    feeds = [_begin(world, place, random, policy=policy) for place, world in enumerate(host.feeds)]
    log, tally, promises = HostLog(), Tally(days=days), Promises()
    _play(
        host,
        feeds,
        log,
        tally,
        promises,
        policy=policy,
        host_limits=host_limits,
        end=days * DAY,
        random=random,
    )
    tally.count_polls(np.array(log.admitted), weight=host.weight)
    tally.simulated = len(log.admitted)
    for feed in feeds:
        tally.count_seen(host, feed.world, np.array(feed.looked))
        tally.asked[asked(feed.world)] += host.weight  # type: ignore[assignment]
        if not feed.world.dead and feed.due > days * DAY + policy.maximum.total_seconds() * 1.1 + DAY:
            tally.lost += host.weight
    kept = policy if longest is None else replace(policy, maximum=longest)
    promises.add(broken_promises(log, feeds, host_limits=granted or host_limits, policy=kept, end=days * DAY))
    return tally, promises


def _begin(world: FeedWorld, place: int, random: Random, *, policy: Policy) -> _Feed:
    # Feeds are added over the first hour, as by an import and its queue.
    due = random.uniform(0, 3600.0)
    return _Feed(
        world=world,
        place=place,
        published=world.published.tolist(),
        dates=[START + timedelta(seconds=at) for at in world.published.tolist()],
        lease=Lease(
            feed_id=world.id,
            poll_id=0,
            url=world.url,
            leased_at=START,
            until=START,
            memory=FeedMemory(interval=policy.interval),
            first=True,
        ),
        due=due,
        first_due=due,
    )


def _play(
    host: HostWorld,
    feeds: list[_Feed],
    log: HostLog,
    tally: Tally,
    promises: Promises,
    *,
    policy: Policy,
    host_limits: HostLimits,
    end: float,
    random: Random,
) -> None:
    order = count()
    waiting = [(feed.due, next(order), place, False) for place, feed in enumerate(feeds)]
    heapq.heapify(waiting)
    under_way: list[tuple[float, int, _UnderWay]] = []
    known = Host(next_slot_at=START, queue_end=START)
    asked_in: dict[int, int] = {}
    while waiting or under_way:
        look = ceil(waiting[0][0] / LOOK) * LOOK if waiting else float("inf")
        if under_way and under_way[0][0] <= look:
            at, _, ended = heapq.heappop(under_way)
            poll = _end(ended, at, policy=policy)
            if poll.pause is not None:
                until = _seconds(poll.pause.until)
                log.pauses.append((at, until))
                if known.paused_until is None or known.paused_until < poll.pause.until:
                    known = replace(known, paused_until=poll.pause.until)
            if ended.known is not None:
                ended.feed.looked.append(at)
            heapq.heappush(waiting, (ended.feed.due, next(order), ended.feed.place, False))
            continue
        if look >= end:
            break
        due: list[tuple[_Feed, bool]] = []
        places: dict[int, int] = {}
        while waiting and waiting[0][0] <= look:
            _, _, place, turn_came = heapq.heappop(waiting)
            due.append((feeds[place], turn_came))
            places[feeds[place].world.id] = place
        now = START + timedelta(seconds=look)
        offered = [DueRequest(id=f.world.id, host=host.name, has_slot=turn) for f, turn in due]
        known = replace(known, in_flight=len(under_way))
        admission = admit(offered, {host.name: known}, now=now, host_limits=host_limits)
        known = admission.hosts.get(host.name, known)
        for feed_id, turn in admission.slots.items():
            feeds[places[feed_id]].due = _seconds(turn)
            heapq.heappush(waiting, (_seconds(turn), next(order), places[feed_id], True))
        for feed_id in admission.admitted:
            feed = feeds[places[feed_id]]
            minute = int(look // MINUTE)
            asked_in[minute] = asked_in.get(minute, 0) + 1
            over = host.a_minute is not None and asked_in[minute] > host.a_minute
            seconds, answered = _ask(host, feed, look, now, over=over, random=random)
            waited = look - feed.first_due
            if waited > 2 * LOOK:
                promises.waits.append(waited)
            if look < feed.not_before - SLACK:
                promises.unasked += 1
            feed.polled.append(look)
            feed.queued.append(waited)
            log.admitted.append(look)
            log.ended.append(look + seconds)
            tally.bytes_saved += host.weight * isinstance(answered.result, NotModified)
            heapq.heappush(under_way, (look + seconds, next(order), answered))


def _ask(
    host: HostWorld, feed: _Feed, at: float, now: datetime, *, over: bool, random: Random
) -> tuple[float, _UnderWay]:
    """Return the seconds until the server responds to a request at ``at``, and its response."""
    world, lease = feed.world, feed.lease
    seconds = host.seconds * (0.5 + random.random())
    failed, silent = _failure(host, world, at, over=over, random=random)
    if failed is not None:
        return (DEADLINE if silent else seconds), _UnderWay(
            feed=feed, result=failed, reading=None, hashed=None, known=None
        )
    known = bisect_right(feed.published, at)
    mark = known if at < world.stuck_from else bisect_right(feed.published, world.stuck_from)
    etag = f'"{mark}"' if world.conditional else None
    if is_conditional(lease, now=now) and etag is not None and lease.memory.validators.etag == etag:
        answer = NotModified(url=world.url, etag=etag, last_modified=None, headers=world.headers)
        return seconds, _UnderWay(
            feed=feed, result=answer, reading=None, hashed=None, known=known if known == mark else None
        )
    fetched = Fetched(
        url=world.url,
        status=200,
        body=b"",
        content_type="application/rss+xml",
        etag=etag,
        last_modified=None,
        headers=world.headers,
    )
    hashed = b"%d" % (lease.poll_id if world.churns else known)
    if hashed == lease.memory.body.hash:
        return seconds, _UnderWay(feed=feed, result=fetched, reading=None, hashed=hashed, known=known)
    oldest = max(known - world.window, 0)
    reading = DocumentSummary(
        title=None,
        entries=known - oldest,
        appended=0,
        duplicates=0,
        seen=(),
        complete=True,
        created=known - max(feed.seen, oldest),
        has_seen_entries=feed.seen > oldest,
        dates=tuple(feed.dates[oldest:known]) if world.dated else (),
        poll_hints=world.asked,
    )
    return seconds, _UnderWay(feed=feed, result=fetched, reading=reading, hashed=hashed, known=known)


def _failure(
    host: HostWorld, feed: FeedWorld, at: float, *, over: bool, random: Random
) -> tuple[Failed | None, bool]:
    """Return the failure of a request at ``at``, if any, and whether it takes until the deadline."""
    if OUR_OUTAGE[0] <= at < OUR_OUTAGE[1]:
        # tests/poll/test_outage.py shows that polls end as this when our resolver is down.
        return Failed(kind=FailureKind.OUTAGE, detail="", unreachable=True, is_local=True), False
    trouble = trouble_at(host, feed, at)
    match trouble:
        case "timeout":
            return Failed(kind=FailureKind.TIMEOUT, detail=""), True
        case "connect":
            return Failed(kind=FailureKind.CONNECT, detail="", unreachable=True), False
        case "dns":
            return Failed(kind=FailureKind.DNS, detail="", unreachable=True), False
        case "html":
            return Failed(kind=FailureKind.NOT_A_FEED, detail="", status=200, url=feed.url), False
        case "busy":
            return _status(feed, 503, retry_after=BUSY), False
        case "status":
            return _status(feed, 500), False
        case "missing":
            return _status(feed, MISSING), False
        case "gone":
            return _status(feed, GONE), False
        case None:
            pass
    if over:
        return _status(feed, 429, retry_after=SLOW_DOWN), False
    if random.random() < HICCUPS:
        return Failed(kind=FailureKind.TIMEOUT, detail=""), True
    return None, False


def _status(feed: FeedWorld, status: int, *, retry_after: timedelta | None = None) -> Failed:
    return Failed(kind=FailureKind.STATUS, detail="", status=status, retry_after=retry_after, url=feed.url)


def _end(ended: _UnderWay, at: float, *, policy: Policy) -> PollOutcome:
    """Return the outcome of a poll, and record it in the feed."""
    feed = ended.feed
    now = START + timedelta(seconds=at)
    poll = decide_outcome(
        feed.lease, ended.result, ended.reading, now=now, policy=policy, hashed=ended.hashed
    )
    # The next lease has the whole memory. Its own times decide nothing.
    feed.lease = Lease(
        feed_id=poll.feed_id,
        poll_id=poll.poll_id + 1,
        url=feed.world.url,
        leased_at=now,
        until=now,
        memory=poll.memory,
    )
    if ended.reading is not None and ended.known is not None:
        feed.seen = ended.known
    feed.due = feed.first_due = _seconds(poll.next_poll_at)
    if poll.retry_after_until is not None:
        feed.not_before = _seconds(poll.retry_after_until)
    return poll


def broken_promises(
    log: HostLog, feeds: list[_Feed], *, host_limits: HostLimits, policy: Policy, end: float
) -> Promises:
    """Count the requests that should not have been made."""
    broken = Promises()
    if not log.admitted:
        return broken
    spacing = host_limits.spacing.total_seconds()
    at = np.array(log.admitted)
    # As many polls as may be under way can come at once; beyond them each must have its spacing from the first of
    # any stretch: of no n polls may the last come sooner than (n - concurrency) spacings after the first.
    steps = at - spacing * np.arange(len(at))
    broken.early = int(
        (steps < np.maximum.accumulate(steps) - spacing * (host_limits.concurrency - 1) - SLACK).sum()
    )
    ended = np.sort(np.array(log.ended))
    under_way = np.arange(1, len(at) + 1) - np.searchsorted(ended, at, side="right")
    broken.crowded = int((under_way > host_limits.concurrency).sum())
    for begin, until in log.pauses:
        broken.paused += bisect_left(log.admitted, until - SLACK) - bisect_right(log.admitted, begin + SLACK)
    broken.busiest = float(np.bincount((at // 3600).astype(np.int64)).max() * spacing / 3600)
    least = policy.minimum.total_seconds()
    for feed in feeds:
        polled: Floats = np.array(feed.polled)
        broken.hasty += int((np.diff(polled) < least - SLACK).sum())
        # The feed's own wait at its host is not its schedule's doing.
        silence = np.diff(np.append(polled, end)) - np.append(np.array(feed.queued[1:]), 0.0)
        longest = policy.maximum.total_seconds() * 1.1 + DEADLINE + 2 * LOOK
        if not len(polled) or bool((silence > longest).any()):
            broken.silent += 1
    return broken


def _seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()
