"""The publishing rate of a feed, and the interval that it justifies. Pure.

::

    dates of a first document ──────────┐
    new entries since the last document ┴▶ PublishRate: entries and hours, fading ─▶ entries an hour ─▶ interval

The interval falls with the square root of the rate: four times the rate doubles the polls. For a given total number of
polls this minimises the mean delay between publishing and seeing (Cho and Garcia-Molina, "Effective page refresh
policies for Web crawlers", 2003, for a delay that counts for every entry). The rate is measured over the time that
really passed, so a late poll does not distort it (docs/polling.md, case 28).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from ingest.types import PublishRate

HALF_LIFE: Final = timedelta(days=3)
"""The age at which an observation counts half: weekends show, bursts fade."""
UNKNOWN: Final = PublishRate(entries=4.0, hours=4.0)
"""The assumed rate of a feed without observations: one entry an hour, outweighed by a few hours of polls."""
LEAST_HOURS: Final = 1.0
"""The shortest observation of a first document. Younger entries alone do not predict the day."""
HOUR: Final = timedelta(hours=1)
MAX_HOURS: Final = 2 * HALF_LIFE / HOUR
"""The largest weight of all observations. Polls that are at most a half-life apart stay below it."""
MAX_TURNOVER_HOURS: Final = 24 * 366


def initial_rate(dates: Sequence[datetime], *, now: datetime) -> PublishRate:
    """Return the rate of a feed's first document; :data:`UNKNOWN` where it has fewer than two dates in the past."""
    past = sorted(date for date in dates if date <= now)
    if len(past) < 2:
        return UNKNOWN
    hours = max((now - past[0]) / HOUR, LEAST_HOURS)
    # The weight is limited to the observations that would not have faded yet.
    weight = min(hours, HALF_LIFE / HOUR)
    return PublishRate(entries=len(past) / hours * weight, hours=weight)


def update_rate(rate: PublishRate, *, created: int, since: timedelta) -> PublishRate:
    """Return ``rate`` after a poll with ``created`` new entries, ``since`` after the poll before it."""
    kept = 0.5 ** (since / HALF_LIFE)
    entries, hours = rate.entries * kept + created, rate.hours * kept + since / HOUR
    # One long gap, or a clock that was wrong, must not outweigh the polls of the following months.
    weight = min(1.0, MAX_HOURS / max(hours, 1e-6))
    return PublishRate(entries=entries * weight, hours=hours * weight)


def entries_an_hour(rate: PublishRate) -> float:
    """Return the rate as a number."""
    return rate.entries / max(rate.hours, 1e-6)


def interval_for(rate: PublishRate, *, interval: timedelta, longest: timedelta) -> timedelta:
    """Return the interval that a rate justifies: ``interval`` at one entry an hour, and ``longest`` at most."""
    hourly = entries_an_hour(rate)
    if hourly * (longest / interval) ** 2 <= 1:
        return longest
    return interval / sqrt(hourly)


def window_turnover(rate: PublishRate, *, entries: int) -> timedelta | None:
    """Return the time in which a document with this many entries replaces them all; None: practically never."""
    hourly = entries_an_hour(rate)
    hours = entries / hourly if hourly > 0 else float("inf")
    return timedelta(hours=hours) if 0 < hours < MAX_TURNOVER_HOURS else None


def format_rate(rate: PublishRate) -> str:
    """Format a rate for people: ``12 entries an hour``, ``3.5 entries a day``."""
    hourly = entries_an_hour(rate)
    for unit, hours in (("an hour", 1), ("a day", 24), ("a week", 7 * 24), ("a year", 365 * 24)):
        count = hourly * hours
        if count >= 1:
            number = f"{count:,.0f}" if count >= 10 else f"{count:.2g}"
            return f"{number} {'entry' if number == '1' else 'entries'} {unit}"
    return "less than one entry a year"
