"""Simulate one host with the policies of other products, as their documents and default settings describe them.

================  ==========================================================================================
fixed             every so often, whatever happens; no budget, no back-off, no validators: the best it can be
polite            the same, but not more often than ``ttl`` or ``max-age`` ask for
round robin       Miniflux 2.3, ``POLLING_SCHEDULER=round_robin``: every 60 minutes, or as long as ``ttl`` or
                  ``max-age`` ask for, at most a day; after 3 errors in a row never again
entry frequency   Miniflux 2.3, ``entry_frequency``: a week over the entries of the last week, between 5 minutes
                  and a day, or as long as asked for; after 3 errors in a row never again
rss-fetcher       Media Cloud's: 6 hours at first (or what ``sy:`` asks for, if longer); on time and less than 33 %
                  known: an hour less, down to 10 minutes; more than 67 % known: 10 minutes more (an hour, where
                  nothing was new for 31 days), up to a day; failures (0.5 for 404, 429, 5xx and connections, 0.25
                  for our resolver, 1 for others) multiply from 1 on, up to a day
================  ==========================================================================================

Each is given what it needs to look its best: looks at any second, any number of requests at once, no batches.
Miniflux sends validators and believes every 304, so a feed whose validators stand still is lost to it;
rss-fetcher sends none by default.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

import numpy as np

from tests.simulate.tally import Tally
from tests.simulate.world import (
    DAY,
    HICCUPS,
    HOUR,
    MINUTE,
    OUR_OUTAGE,
    FeedWorld,
    HostWorld,
    trouble_at,
)

ERROR_LIMIT: Final = 3
SOFT: Final = frozenset({"status", "timeout", "connect", "busy", "dns", "missing", "over", "hiccup"})
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a poll, as a peer sees it."""

    at: float
    trouble: str | None
    """None: the poll succeeded."""
    created: int = 0
    window: int = 0
    """Entries of the document."""


class Schedule(Protocol):
    """A peer's policy for one feed."""

    def next(self, answer: Answer) -> float:
        """When it polls again; :data:`NEVER`."""


@dataclass(slots=True)
class RoundRobin:
    """Miniflux with its default settings."""

    feed: FeedWorld
    errors: int = 0

    def next(self, answer: Answer) -> float:
        self.errors = 0 if answer.trouble is None else self.errors + 1
        if self.errors >= ERROR_LIMIT:
            return NEVER
        return answer.at + min(max(HOUR, asked(self.feed)), DAY)


@dataclass(slots=True)
class EntryFrequency:
    """Miniflux, by the entries of the last seven days that it has."""

    feed: FeedWorld
    errors: int = 0

    def next(self, answer: Answer) -> float:
        self.errors = 0 if answer.trouble is None else self.errors + 1
        if self.errors >= ERROR_LIMIT:
            return NEVER
        week = float(np.searchsorted(self.feed.published, answer.at))
        week -= float(np.searchsorted(self.feed.published, answer.at - 7 * DAY))
        interval = DAY if week == 0 else min(max(7 * DAY / week, 5 * MINUTE), DAY)
        return answer.at + min(max(interval, asked(self.feed)), DAY)


@dataclass(slots=True)
class RssFetcher:
    """Media Cloud's rss-fetcher."""

    feed: FeedWorld
    minutes: float | None = None
    """Once it was adjusted."""
    failures: float = 0.0
    succeeded: float | None = None
    news: float = 0.0

    def next(self, answer: Answer) -> float:
        wish = None if self.feed.asked.interval is None else self.feed.asked.interval.total_seconds() / 60
        minutes = self.minutes or max(wish or 360.0, 360.0)
        if answer.trouble is not None:
            weight = 0.25 if answer.trouble == "ours" else 0.5 if answer.trouble in SOFT else 1.0
            self.failures += weight
            if self.failures >= 1:
                minutes = min(minutes * self.failures, 1440.0)
            return answer.at + minutes * 60
        before, self.succeeded, self.failures = self.succeeded, answer.at, 0.0
        if answer.created:
            self.news = answer.at
        known = 100.0 * (1 - answer.created / answer.window) if answer.window else 100.0
        if before is not None and abs((answer.at - before) / 60 - minutes) < 20:
            if known > 67:
                minutes = min(minutes + (60 if answer.at - self.news > 31 * DAY else 10), 1440.0)
                self.minutes = minutes
            elif known < 33:
                minutes = 360.0 if minutes > 360 else max(minutes - 60, wish or 0.0, 10.0)
                self.minutes = minutes
        return answer.at + minutes * 60


def asked(feed: FeedWorld) -> float:
    """Return the interval that a feed or its server requests, in seconds."""
    control = feed.headers.get("cache-control", "max-age=0")
    every = 0.0 if feed.asked.interval is None else feed.asked.interval.total_seconds()
    return max(float(control.partition("=")[2]), every)


PEERS: Final[dict[str, tuple[Callable[[FeedWorld], Schedule], bool]]] = {
    "miniflux_round_robin": (RoundRobin, True),
    "miniflux_entry_frequency": (EntryFrequency, True),
    "rss_fetcher": (RssFetcher, False),
}
"""Each with whether it believes every 304."""


def simulate_peer(host: HostWorld, name: str, *, days: float, seed: int) -> Tally:
    """Simulate one host for this many days with a peer's policy, poll by poll."""
    make, believes = PEERS[name]
    random = Random(f"{seed}/{host.number}/{name}")
    tally, end = Tally(days=days), days * DAY
    for feed in host.feeds:
        schedule = make(feed)
        published = feed.published.tolist()
        at, seen, first = random.uniform(0, HOUR), 0, True
        polled: list[float] = []
        looked: list[float] = []
        while at < end:
            polled.append(at)
            trouble = _trouble(host, feed, at, random=random)
            if trouble is None:
                stuck = believes and at >= feed.stuck_from
                known = seen if stuck and not first else bisect_right(published, at)
                window = min(known, feed.window)
                created = min(known - seen, window)
                if not stuck:
                    looked.append(at)
                seen, first = known, False
                answer = Answer(at=at, trouble=None, created=created, window=window)
            else:
                answer = Answer(at=at, trouble=trouble)
            at = schedule.next(answer)
        tally.count_polls(np.array(polled), weight=host.weight)
        tally.count_seen(host, feed, np.array(looked))
        if not feed.dead and (at == NEVER or (believes and feed.stuck_from < end)):
            tally.lost += host.weight
    return tally


def simulate_fixed(
    host: HostWorld, interval: float, *, days: float, seed: int, polite: bool = False
) -> Tally:
    """One host for so many days, all its feeds polled each ``interval`` seconds.

    ``polite``: those that ask for less, as often as they ask, at least once a day.
    """
    random = np.random.default_rng((seed, host.number, 7))
    tally, end = Tally(days=days), days * DAY
    for feed in host.feeds:
        every = max(interval, min(asked(feed), DAY)) if polite else interval
        polled = np.arange(float(random.uniform(0, min(interval, HOUR))), end, every)
        well = (random.random(len(polled)) >= HICCUPS) & ~(
            (polled >= OUR_OUTAGE[0]) & (polled < OUR_OUTAGE[1])
        )
        for away in (*feed.away, *host.outages):
            well &= (polled < away.begin) | (polled >= away.end)
        tally.count_polls(polled, weight=host.weight)
        tally.count_seen(host, feed, polled[well])
    return tally


def _trouble(host: HostWorld, feed: FeedWorld, at: float, *, random: Random) -> str | None:
    if OUR_OUTAGE[0] <= at < OUR_OUTAGE[1]:
        return "ours"
    found = trouble_at(host, feed, at)
    if found is None and random.random() < HICCUPS:
        return "hiccup"
    return found
