"""How much a feed publishes, and how often it is worth a poll. Pure.

::

    dates of a first document ─┐
    entries new since the last ┴▶ Cadence: entries and hours, the old ones fading ─▶ entries an hour ─▶ interval

The interval falls with the square root of the rate: for a given number of polls in all, that share of them makes
the delay between publishing and seeing smallest on average (Cho and Garcia-Molina, "Effective page refresh
policies for Web crawlers", 2003, for the case of a delay that counts for every entry). Twice as often for four
times as much. A poll that runs late makes no difference: what counts is the time that really passed
(docs/polling.md, case 28).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from ingest.types import PublishRate

HALF_LIFE: Final = timedelta(days=3)
"""What a feed did that long ago counts half: a weekend shows, a burst does not stay."""
UNKNOWN: Final = PublishRate(entries=4.0, hours=4.0)
"""Of a feed that gave no hint yet: one entry an hour, in what a few hours of looking will outweigh."""
LEAST_HOURS: Final = 1.0
"""A document whose entries are all younger says little about the day."""
HOUR: Final = timedelta(hours=1)


def initial_rate(dates: Sequence[datetime], *, now: datetime) -> PublishRate:
    """What the dates of a feed's first document tell; :data:`UNKNOWN` where it has fewer than two in the past."""
    past = sorted(date for date in dates if date <= now)
    if len(past) < 2:
        return UNKNOWN
    hours = max((now - past[0]) / HOUR, LEAST_HOURS)
    # It weighs no more than what we could have seen ourselves and not have forgotten.
    weight = min(hours, HALF_LIFE / HOUR)
    return PublishRate(entries=len(past) / hours * weight, hours=weight)


def update_rate(cadence: PublishRate, *, created: int, since: timedelta) -> PublishRate:
    """``cadence`` after ``created`` entries were new in a poll ``since`` after the one before."""
    kept = 0.5 ** (since / HALF_LIFE)
    return PublishRate(entries=cadence.entries * kept + created, hours=cadence.hours * kept + since / HOUR)


def entries_an_hour(cadence: PublishRate) -> float:
    return cadence.entries / max(cadence.hours, 1e-6)


def interval_for(cadence: PublishRate, *, interval: timedelta, longest: timedelta) -> timedelta:
    """How often a feed is worth a poll: every ``interval`` where it has an entry an hour; ``longest`` at most."""
    rate = entries_an_hour(cadence)
    if rate * (longest / interval) ** 2 <= 1:
        return longest
    return interval / sqrt(rate)


def window_turnover(cadence: PublishRate, *, entries: int) -> timedelta | None:
    """How long it takes until a document of so many entries has none of today's; None: as good as never."""
    rate = entries_an_hour(cadence)
    hours = entries / rate if rate > 0 else float("inf")
    return timedelta(hours=hours) if 0 < hours < 24 * 366 else None


def format_rate(cadence: PublishRate) -> str:
    """In words: ``12 entries an hour``, ``3.5 entries a day``."""
    rate = entries_an_hour(cadence)
    for unit, hours in (("an hour", 1), ("a day", 24), ("a week", 7 * 24), ("a year", 365 * 24)):
        count = rate * hours
        if count >= 1:
            said = f"{count:,.0f}" if count >= 10 else f"{count:.2g}"
            return f"{said} {'entry' if said == '1' else 'entries'} {unit}"
    return "less than one entry a year"
