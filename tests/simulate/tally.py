"""What a policy came to: how many polls, how late entries were seen, what was missed; all of it adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tests.simulate.world import DAY, HOUR, FeedWorld, Floats, HostWorld

EDGES: Final = np.concatenate([[0.0], np.geomspace(1.0, 60 * DAY, 1800)])
"""Of the delays' histogram, seconds: steps of 0.9 %, so that a percentile is right to that."""
WARM_UP: Final = 1 * DAY
"""Entries of the first day are not counted: all feeds are new then."""
COOL_DOWN: Final = 2 * DAY
"""Nor those of the last two: a policy must have had time to see them."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Sums over feeds, each times the weight of its host."""

    days: float
    feeds: float = 0.0
    polls: float = 0.0
    simulated: int = 0
    """Polls that were gone through one by one, unweighted."""
    bytes_saved: float = 0.0
    """Polls that ended in 304."""
    entries: float = 0.0
    """That were published, and to be had for a while."""
    out_of_reach: float = 0.0
    """Came and went while their feed or host was down."""
    missed: float = 0.0
    """Left their document before any poll saw them."""
    unseen: float = 0.0
    """Were to be had, and no poll saw them until the end."""
    lost: float = 0.0
    """Feeds that were there at the end, and that this policy will never poll again."""
    delays: Floats = field(default_factory=lambda: np.zeros(len(EDGES)))
    seconds: float = 0.0
    """Of all delays together."""
    feed_delays: Floats = field(default_factory=lambda: np.zeros(len(EDGES)))
    """Of feeds: the mean delay of each."""
    asked: Counter[float] = field(default_factory=Counter)
    """Feeds by the seconds that they ask to be left alone."""
    by_hour: Floats = field(default_factory=lambda: np.zeros(0))
    """Polls in each hour."""

    def add(self, other: Tally) -> Self:
        """Both together."""
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
        """What became of a feed's entries, given when polls brought its document, in order."""
        self.feeds += host.weight
        if feed.dead:
            return
        published = feed.published
        measured = (published >= WARM_UP) & (published < self.days * DAY - COOL_DOWN)
        first = np.flatnonzero(measured)
        # What had left its document before its host or feed was back, nobody could have seen.
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
        """Seconds within which this share of entries was seen (``of_feeds``: of feeds, on average)."""
        summed = np.cumsum(self.feed_delays if of_feeds else self.delays)
        if summed[-1] == 0:
            return float("nan")
        return float(EDGES[min(int(np.searchsorted(summed, share * summed[-1])), len(EDGES) - 1)])

    @property
    def mean(self) -> float:
        """Seconds, of all entries that were seen."""
        seen = self.entries - self.missed - self.unseen
        return self.seconds / seen if seen else float("nan")

    @property
    def polls_a_day(self) -> float:
        """Of one feed."""
        return self.polls / self.days / self.feeds if self.feeds else 0.0


def available(host: HostWorld, feed: FeedWorld, published: Floats) -> Floats:
    """When each entry could be had first: as it was published, or when its feed or host was back."""
    there = published.copy()
    for away in (*feed.away, *host.outages):
        there = np.where((there >= away.begin) & (there < away.end), away.end, there)
    return there


def _histogram(delays: Floats) -> NDArray[np.float64]:
    at = np.minimum(np.searchsorted(EDGES, delays), len(EDGES) - 1)
    return np.bincount(at, minlength=len(EDGES)).astype(np.float64)
