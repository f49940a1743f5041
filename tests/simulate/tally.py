"""Results of a policy that add up: polls, delays of entries, missed entries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tests.simulate.world import DAY, HOUR, FeedWorld, Floats, HostWorld

EDGES: Final = np.concatenate([[0.0], np.geomspace(1.0, 60 * DAY, 1800)])
"""Edges of the histogram of delays, in seconds. Steps of 0.9 % bound the error of percentiles."""
WARM_UP: Final = 1 * DAY
"""Seconds at the start whose entries do not count, because all feeds are new then."""
COOL_DOWN: Final = 2 * DAY
"""Seconds at the end whose entries do not count, because a policy needs time to see them."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Sums over feeds, weighted by host."""

    days: float
    feeds: float = 0.0
    polls: float = 0.0
    simulated: int = 0
    """Simulated polls, unweighted."""
    bytes_saved: float = 0.0
    """Polls that ended in 304."""
    entries: float = 0.0
    """Entries that were published and available for a while."""
    out_of_reach: float = 0.0
    """Entries that appeared and disappeared while their feed or host was down."""
    missed: float = 0.0
    """Entries that left their document before any poll saw them."""
    unseen: float = 0.0
    """Entries that were available and not seen before the end."""
    lost: float = 0.0
    """Feeds that exist at the end and that this policy never polls again."""
    delays: Floats = field(default_factory=lambda: np.zeros(len(EDGES)))
    seconds: float = 0.0
    """Sum of all delays."""
    feed_delays: Floats = field(default_factory=lambda: np.zeros(len(EDGES)))
    """Histogram of the mean delay of each feed."""
    asked: Counter[float] = field(default_factory=Counter)
    """Feeds by the interval that they request, in seconds."""
    by_hour: Floats = field(default_factory=lambda: np.zeros(0))
    """Polls in each hour."""

    def add(self, other: Tally) -> Self:
        """Add another tally to this one."""
        for name in (
            "feeds",
            "polls",
            "simulated",
            "bytes_saved",
            "entries",
            "out_of_reach",
            "missed",
            "unseen",
            "lost",
            "seconds",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.asked.update(other.asked)
        self.delays = self.delays + other.delays
        self.feed_delays = self.feed_delays + other.feed_delays
        self.by_hour = other.by_hour if not len(self.by_hour) else self.by_hour + other.by_hour
        return self

    def count_polls(self, at: Floats, *, weight: float) -> None:
        hours = int(np.ceil(self.days * DAY / HOUR))
        if not len(self.by_hour):
            self.by_hour = np.zeros(hours)
        self.polls += weight * len(at)
        self.by_hour += weight * np.bincount(
            np.minimum(at / HOUR, hours - 1).astype(np.int64), minlength=hours
        )

    def count_seen(self, host: HostWorld, feed: FeedWorld, looked: Floats) -> None:
        """Count the entries of a feed whose document was fetched at the times ``looked``, in order."""
        self.feeds += host.weight
        if feed.dead:
            return
        published = feed.published
        measured = (published >= WARM_UP) & (published < self.days * DAY - COOL_DOWN)
        first = np.flatnonzero(measured)
        # Entries that left their document during an outage are out of reach.
        there = available(host, feed, published[first])
        could = first >= np.searchsorted(published, there, side="right") - feed.window
        self.out_of_reach += host.weight * int((~could).sum())
        first, there = first[could], there[could]
        if not len(first):
            return
        known = np.searchsorted(published, looked, side="right")
        by = np.searchsorted(known, first, side="right")
        found = by < len(looked)
        by, entries, there = by[found], first[found], there[found]
        gone = entries < known[by] - feed.window
        delays = np.maximum(looked[by[~gone]] - there[~gone], 0.0)
        self.entries += host.weight * len(first)
        self.missed += host.weight * int(gone.sum())
        self.unseen += host.weight * (len(first) - len(entries))
        self.seconds += host.weight * float(delays.sum())
        self.delays += host.weight * _histogram(delays)
        if len(delays):
            self.feed_delays += host.weight * _histogram(np.array([delays.mean()]))

    def percentile(self, share: float, *, of_feeds: bool = False) -> float:
        """Return the seconds within which this share of entries was seen (``of_feeds``: of feeds, by their mean)."""
        summed = np.cumsum(self.feed_delays if of_feeds else self.delays)
        if summed[-1] == 0:
            return float("nan")
        return float(EDGES[min(int(np.searchsorted(summed, share * summed[-1])), len(EDGES) - 1)])

    @property
    def mean(self) -> float:
        """Return the mean delay of all entries that were seen, in seconds."""
        seen = self.entries - self.missed - self.unseen
        return self.seconds / seen if seen else float("nan")

    @property
    def polls_a_day(self) -> float:
        """Return the polls of one feed on one day."""
        return self.polls / self.days / self.feeds if self.feeds else 0.0


def available(host: HostWorld, feed: FeedWorld, published: Floats) -> Floats:
    """Return when each entry became available: at its publication, or after an outage of its feed or host."""
    there = published.copy()
    for away in (*feed.away, *host.outages):
        there = np.where((there >= away.begin) & (there < away.end), away.end, there)
    return there


def _histogram(delays: Floats) -> NDArray[np.float64]:
    at = np.minimum(np.searchsorted(EDGES, delays), len(EDGES) - 1)
    return np.bincount(at, minlength=len(EDGES)).astype(np.float64)
