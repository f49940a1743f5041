"""The simulated world: hosts, feeds, publishing times and server responses.

All of it follows from a seed and the number of a host, so that every policy meets the same world, in whatever
process. Rates, hours of the day, document lengths, hints and hosts are measured in the corpus
(``python -m tests.simulate.measured``); how often servers fail is assumed, and said so in docs/simulation.md.
Times are seconds since the start, which is a Monday, 00:00 UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from ingest.types import PollHints
from tests.bench.figures import DEFAULT_CORPUS, CorpusAbsentError, corpus_dir, corpus_file, read_tar_zst

Floats = NDArray[np.float64]
START: Final = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

HOUR_OF_DAY: Final = (
    *(0.89, 0.78, 0.54, 0.49, 0.42, 0.29, 0.37, 0.41, 0.59, 1.15, 1.10, 1.02),
    *(0.97, 1.22, 1.43, 1.56, 1.62, 1.44, 1.34, 1.39, 1.31, 1.26, 1.43, 1.00),
)
"""Entries in each hour of the day relative to the mean, of 56 outlets (lede-stream)."""
WEEKEND: Final = 0.68
"""Entries of a day relative to a weekday (lede-stream)."""
ZONES: Final = ((-5, 0.30), (0, 0.35), (3, 0.15), (8, 0.20))
"""Hours by which a host's day is shifted, and the share of hosts."""
OLDEST: Final = 25 * 365 * DAY
"""The age of the oldest entry: RSS is as old."""
MOST_AN_HOUR: Final = 40.0
"""Above the busiest feed measured (8.7 an hour)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Feeds of one kind: entries an hour are log-normal."""

    name: str
    share: float
    mean: float
    """Deviation of the logarithm of entries an hour."""
    deviation: float
    together: float
    """Entries that come at once, on average."""
    windows: tuple[int, ...]
    """Entries of a document; one of these for a feed."""


KINDS: Final = (
    # 164 whole feeds of the wild: half of them publish less than once in ten days.
    Kind(
        name="wild",
        share=0.60,
        mean=-5.48,
        deviation=2.55,
        together=1.1,
        windows=(4, 10, 10, 10, 15, 20, 28, 66),
    ),
    # 55 outlets of lede-stream: half less than 2.7 a day.
    Kind(
        name="outlet",
        share=0.35,
        mean=-2.18,
        deviation=1.32,
        together=1.3,
        windows=(10, 15, 20, 20, 25, 30, 50, 100),
    ),
    # 20 feeds of large newsrooms in polls-2020, by polls at most six hours apart: half less than 1.3 an hour.
    Kind(
        name="newsroom",
        share=0.05,
        mean=0.26,
        deviation=1.16,
        together=2.0,
        windows=(10, 20, 20, 30, 50, 60, 100, 100),
    ),
)
HOST_SIZES: Final = (
    (1, 1.0),
    (2, 0.0604),
    (5, 0.02004),
    (10, 0.00982),
    (50, 4.22e-4),
    (100, 1.06e-4),
    (1069, 2.1e-5),
)
"""So many feeds or more, and the share of hosts that have them (64,256 feeds of 47,344 hosts in feed_urls.tsv)."""
EVERY: Final = ((None, 0.775), (60, 0.135), (120, 0.025), (60, 0.020), (15, 0.020), (30, 0.015), (300, 0.01))
"""Minutes that feeds ask for in ``ttl`` or ``sy:``, and their share (the wild feeds)."""
MAX_AGE: Final = ((None, 0.80), (300, 0.12), (3600, 0.07), (86400, 0.01))
"""Seconds of ``Cache-Control: max-age``, and the share of feeds; assumed."""

UNDATED: Final = 0.02
CONDITIONAL: Final = 0.70
"""Feeds whose server answers 304; of the others half send other bytes each time (a date, a counter)."""
STUCK: Final = 0.005
"""Share of feeds whose validators stop changing from some day on."""
DEAD: Final = 0.06
"""Share of feeds that never respond."""
AWAY: Final = 0.01
"""Feeds that are not found for one to three weeks and then come back."""
HICCUPS: Final = 0.003
"""Share of polls that fail by chance."""
OUTAGES_A_MONTH: Final = 1.0
"""Outages of a host: half are shorter than OUTAGE_MEDIAN, one in twenty is ten times as long."""
OUTAGE_MEDIAN: Final = 40 * MINUTE
OUTAGE_DEVIATION: Final = 1.4
OUR_OUTAGE: Final = (10 * DAY + 12 * HOUR, 10 * DAY + 12 * HOUR + 10 * MINUTE)
"""Our resolver is down for ten minutes."""
LIMITED: Final = 0.3
"""Hosts of LIMITED_FROM feeds or more that answer 429 beyond so many requests a minute."""
LIMITED_FROM: Final = 20
LIMITS: Final = (10, 30)

Trouble = Literal["status", "timeout", "connect", "busy", "dns", "html", "gone", "missing"]
OUTAGE_TROUBLES: Final[tuple[tuple[Trouble, float], ...]] = (
    ("status", 0.4),
    ("timeout", 0.3),
    ("connect", 0.2),
    ("busy", 0.1),
)
DEAD_TROUBLES: Final[tuple[tuple[Trouble, float], ...]] = (
    ("missing", 0.4),
    ("dns", 0.3),
    ("html", 0.2),
    ("gone", 0.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """An outage from ``begin`` to ``end``."""

    begin: float
    end: float
    trouble: Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedWorld:
    """One feed with its entries and responses."""

    id: int
    url: str
    kind: str
    published: Floats
    """Publishing times of the entries, in order; some are before the start."""
    window: int
    dated: bool
    conditional: bool
    churns: bool
    """Each response has other bytes."""
    stuck_from: float
    """The time from which the validators stop changing; infinity: never."""
    asked: PollHints
    headers: Mapping[str, str]
    away: tuple[Away, ...] = ()

    @property
    def dead(self) -> bool:
        """Whether the feed never responds."""
        return bool(self.away) and self.away[0].end == float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWorld:
    """One host; ``weight`` is how many hosts of its size it stands for."""

    number: int
    name: str
    weight: float
    feeds: tuple[FeedWorld, ...]
    outages: tuple[Away, ...]
    a_minute: int | None
    """Requests a minute beyond which it responds with 429."""
    seconds: float
    """Mean duration of a response."""
    _begins: tuple[float, ...] = field(default=())

    def outage_at(self, at: float) -> Away | None:
        """The outage of the host that ``at`` lies in."""
        found = bisect_right(self._begins, at) - 1
        return self.outages[found] if found >= 0 and at < self.outages[found].end else None


def trouble_at(host: HostWorld, feed: FeedWorld, at: float) -> Trouble | None:
    """Return the reason why a feed is unavailable at a time, apart from limits, chance and our own outage."""
    for away in feed.away:
        if away.begin <= at < away.end:
            return away.trouble
    outage = host.outage_at(at)
    return None if outage is None else outage.trouble


def host_sizes(feeds: int, corpus: str | Path | None) -> tuple[list[int], str]:
    """Return the number of feeds of each host, ``feeds`` in all, and the source of the distribution.

    The list of the corpus is stretched or thinned: each size stays as frequent as it is there.

    Raises:
        CorpusAbsentError: the one that was named is not there; without the default one the fit is taken.
    """
    try:
        known = np.sort(np.array(measured_sizes(corpus_dir(corpus)), dtype=np.int64))[::-1]
        source = "hosts of 64,256 feeds in the corpus"
    except CorpusAbsentError as absent:
        if absent.path != DEFAULT_CORPUS:
            raise
        known = _fitted_sizes()
        source = "hosts as fitted to the corpus, which is not here"
    count = max(1, round(feeds * len(known) / int(known.sum())))
    at = ((np.arange(count) + 0.5) / count * len(known)).astype(np.int64)
    sizes: list[int] = [int(size) for size in known[at]]
    left = feeds - sum(sizes)
    if left > 0:
        sizes += [1] * left
    while left < 0:  # hosts of one feed stand at the end
        left += sizes.pop()
    return [size for size in sizes if size > 0], source


@cache
def measured_sizes(corpus: Path) -> tuple[int, ...]:
    """Count the feeds of each host in the corpus' list of addresses."""
    archive = corpus_file(corpus, "urls-charsets.tar.zst")
    for name, body in read_tar_zst(archive):
        if name.endswith("feed_urls.tsv"):
            urls = [line.split("\t")[0] for line in body.decode("utf-8", "replace").splitlines()[1:]]
            return tuple(Counter(_host(url) for url in urls).values())
    raise CorpusAbsentError(archive, "an archive without feed_urls.tsv")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _fitted_sizes() -> NDArray[np.int64]:
    count = 47_344
    share = (np.arange(count) + 0.5) / count
    sizes, shares = zip(*HOST_SIZES, strict=True)
    found = np.interp(-np.log(share), -np.log(shares), np.log(sizes))
    return np.sort(np.floor(np.exp(found)).astype(np.int64))[::-1]


def draw_hosts(sizes: Sequence[int], *, share: float) -> list[tuple[int, float]]:
    """Numbers of hosts that stand for all, each with its weight.

    Among sizes between two powers of two, this share of the hosts, evenly, and one at least: the few large ones are
    what budgets are for.
    """
    strata: dict[int, list[int]] = {}
    for number, size in enumerate(sizes):
        strata.setdefault(size.bit_length(), []).append(number)
    drawn: list[tuple[int, float]] = []
    for numbers in strata.values():
        wanted = min(len(numbers), max(1, round(len(numbers) * share)))
        chosen = [numbers[int((k + 0.5) * len(numbers) / wanted)] for k in range(wanted)]
        # By feeds, not by hosts: they are what is counted.
        weight = sum(sizes[number] for number in numbers) / sum(sizes[number] for number in chosen)
        drawn += [(number, weight) for number in chosen]
    return sorted(drawn)


def make_host(number: int, size: int, *, weight: float, seed: int, days: float) -> HostWorld:
    """The host of this number, always the same for one seed and length."""
    random = np.random.default_rng((seed, number))
    zone = int(_one_of(random, ZONES) or 0)
    kinds = random.choice(len(KINDS), p=[kind.share for kind in KINDS], size=size)
    if size > 1 and random.random() < 0.7:  # the feeds of a host are mostly alike
        kinds[:] = kinds[0]
    name = f"host{number}.example"
    end = days * DAY
    feeds = tuple(
        _feed(random, KINDS[kind], number=number, place=place, host=name, zone=zone, end=end)
        for place, kind in enumerate(kinds)
    )
    outages = _outages(random, end=end)
    limited = size >= LIMITED_FROM and random.random() < LIMITED
    return HostWorld(
        number=number,
        name=name,
        weight=weight,
        feeds=feeds,
        outages=outages,
        a_minute=int(random.choice(LIMITS)) if limited else None,
        seconds=float(np.clip(random.lognormal(-1.2, 0.8), 0.02, 8.0)),
        _begins=tuple(outage.begin for outage in outages),
    )


def _feed(
    random: np.random.Generator, kind: Kind, *, number: int, place: int, host: str, zone: int, end: float
) -> FeedWorld:
    rate = float(min(np.exp(random.normal(kind.mean, kind.deviation)), MOST_AN_HOUR))
    window = int(random.choice(kind.windows))
    published = _published(random, rate=rate, window=window, together=kind.together, zone=zone, end=end)
    chance = random.random(6)
    conditional = bool(chance[0] < CONDITIONAL)
    every = _one_of(random, EVERY)
    max_age = _one_of(random, MAX_AGE)
    away: tuple[Away, ...] = ()
    if chance[1] < DEAD:
        away = (Away(begin=float("-inf"), end=float("inf"), trouble=_trouble(random, DEAD_TROUBLES)),)
    elif chance[1] < DEAD + AWAY:
        begin = float(random.uniform(0, end / 3))
        away = (Away(begin=begin, end=begin + float(random.uniform(end / 4, end / 2)), trouble="missing"),)
    stuck = conditional and chance[2] < STUCK / CONDITIONAL
    return FeedWorld(
        id=number * 100_000 + place,
        url=f"https://{host}/{place}.xml",
        kind=kind.name,
        published=published,
        window=window,
        dated=bool(chance[3] >= UNDATED),
        conditional=conditional,
        churns=not conditional and bool(chance[4] < 0.5),
        stuck_from=float(random.uniform(0, end / 2)) if stuck else float("inf"),
        asked=PollHints(interval=None if every is None else timedelta(minutes=every)),
        headers={} if max_age is None else {"cache-control": f"max-age={max_age:g}"},
        away=away,
    )


def _published(
    random: np.random.Generator, *, rate: float, window: int, together: float, zone: int, end: float
) -> Floats:
    """A Poisson process of groups whose intensity follows the hour and the day; before the start a full window,
    or as far as there were feeds."""
    worth, total = _rhythm(zone, int(np.ceil(end / HOUR)))
    groups = random.poisson(rate / together * total)
    begins = np.interp(random.random(groups) * total, worth, np.arange(len(worth)) * HOUR)
    # A group is a geometric number of entries, a minute and a half apart on average.
    sizes = random.geometric(1 / together, size=groups)
    times = np.repeat(begins, sizes)
    times = times + random.exponential(90.0, size=len(times)) * (np.arange(len(times)) % 7)
    before = -np.cumsum(random.exponential(HOUR / rate, size=window))
    before = np.where(np.arange(window) == 0, np.maximum(before, -OLDEST), before)
    before = before[before >= -OLDEST]  # a young feed that publishes seldom has fewer
    return np.sort(np.concatenate([before, times[times < end]]))


@cache
def _rhythm(zone: int, hours: int) -> tuple[Floats, float]:
    """Return the entries up to the start of each hour, and in all, of a feed with one entry an hour."""
    hour = np.arange(hours)
    worth = np.array(HOUR_OF_DAY)[(hour + zone) % 24]
    worth = np.where(((hour + zone) // 24) % 7 >= 5, worth * WEEKEND, worth)
    worth = worth / (np.mean(HOUR_OF_DAY) * (5 + 2 * WEEKEND) / 7)
    summed = np.concatenate([[0.0], np.cumsum(worth)])
    return summed, float(summed[-1])


def _outages(random: np.random.Generator, *, end: float) -> tuple[Away, ...]:
    begins = np.sort(random.uniform(0, end, size=random.poisson(OUTAGES_A_MONTH * end / (30 * DAY))))
    found: list[Away] = []
    for begin in begins:
        length = float(random.lognormal(np.log(OUTAGE_MEDIAN), OUTAGE_DEVIATION))
        if not found or begin > found[-1].end:
            trouble = _trouble(random, OUTAGE_TROUBLES)
            found.append(Away(begin=float(begin), end=float(begin) + length, trouble=trouble))
    return tuple(found)


def _trouble(random: np.random.Generator, among: Sequence[tuple[Trouble, float]]) -> Trouble:
    return among[int(random.choice(len(among), p=[share for _, share in among]))][0]


def _one_of(random: np.random.Generator, among: Sequence[tuple[float | None, float]]) -> float | None:
    shares = np.array([share for _, share in among])
    return among[int(random.choice(len(among), p=shares / shares.sum()))][0]
