"""Intervals and pauses that servers and feeds request: freshness of a response, hours and days without polls. Pure.

All of it is remote input. A value that cannot be read, or that can only be a mistake, is no request. A value above
:data:`LONGEST` is limited to it (docs/polling.md, cases 10-12, 24, 25).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from ingest.types import FeedHints, PollHints

LONGEST: Final = timedelta(days=366)
PERIODS: Final[Mapping[str, timedelta]] = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
"""Periods of the RSS 1.0 syndication module. Its default, daily, is not applied: most feeds without a period request
nothing."""
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of ``datetime.weekday``."""

_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_MAX_AGE: Final = re.compile(r"""(?:^|[\s,])max-age\s*=\s*"?(\d{1,12})""", re.IGNORECASE)
_NOT_STORED: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.IGNORECASE)


def hints_of(hints: FeedHints) -> PollHints:
    """Return the poll times that a document requests."""
    hours = frozenset(hour for hour in map(_hour, hints.skip_hours) if hour is not None)
    days = frozenset(DAYS.index(day) for day in map(_folded, hints.skip_days) if day in DAYS)
    return PollHints(
        interval=max((each for each in (_ttl(hints.ttl), _period(hints)) if each is not None), default=None),
        # All hours, or all days, would mean never: a mistake.
        skip_hours=frozenset() if len(hours) == 24 else hours,
        skip_days=frozenset() if len(days) == 7 else days,
    )


def freshness_lifetime(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how long a response stays fresh (RFC 9111 §4.2.1); None without a usable declaration.

    ``max-age`` takes precedence over ``Expires``, which counts from the server's own ``Date``. The time that the
    response spent in caches (``Age``) is subtracted from both.
    """
    control = headers.get("cache-control", "")
    if _NOT_STORED.search(control):
        return None
    max_age = _MAX_AGE.search(control)
    if max_age:
        lifetime = _seconds(max_age[1])
    else:
        until = http_date(headers.get("expires", ""))
        if until is None:
            return None
        lifetime = until - (http_date(headers.get("date", "")) or now)
    age = headers.get("age", "").strip()
    if age.isascii() and age.isdecimal():
        lifetime -= _seconds(age[:12])
    return min(lifetime, LONGEST) if lifetime > timedelta(0) else None


def retry_after(value: str, *, sent: str, now: datetime) -> timedelta | None:
    """Parse ``Retry-After`` (RFC 9110 §10.2.3): seconds, or a date that counts from ``sent``, the response's ``Date``.

    Return None for an invalid value or a date in the past.
    """
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return _seconds(value[:12])
    at = http_date(value)
    if at is None:
        return None
    wait = at - (http_date(sent) or now)
    return min(wait, LONGEST) if wait > timedelta(0) else None


def http_date(value: str) -> datetime | None:
    """Parse the date of a header in any form that ``email.utils`` reads; None: it is not a date."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def after_skipped(moment: datetime, poll_hints: PollHints) -> datetime:
    """Return ``moment``, or the first hour after it outside ``skipHours`` and ``skipDays`` (in GMT)."""
    if not poll_hints.skip_hours and not poll_hints.skip_days:
        return moment
    for _ in range(8 * 24):
        if moment.hour not in poll_hints.skip_hours and moment.weekday() not in poll_hints.skip_days:
            break
        moment = (moment + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    return moment


def _ttl(raw: str | None) -> timedelta | None:
    """Parse ``ttl``, which is in minutes (RSS 2.0)."""
    number = _positive(raw)
    return None if number is None else _seconds_of(number * 60)


def _period(hints: FeedHints) -> timedelta | None:
    """Divide ``updatePeriod`` by ``updateFrequency``. A period without frequency means once; a frequency alone is
    ignored."""
    period = PERIODS.get(_folded(hints.update_period))
    if period is None:
        return None
    frequency = 1.0 if hints.update_frequency is None else _positive(hints.update_frequency)
    # A frequency such as 0.1 per hour is a mistake for every six minutes, or for anything else.
    return None if frequency is None or frequency < 1 else period / frequency


def _positive(raw: str | None) -> float | None:
    match = _NUMBER.fullmatch((raw or "").strip())
    number = float(match[0]) if match else 0.0
    return number if number > 0 else None


def _hour(raw: str) -> int | None:
    folded = raw.strip()
    if not (folded.isascii() and folded.isdecimal() and len(folded) <= 2 and int(folded) <= 24):
        return None
    return int(folded) % 24  # RSS 0.91 counts from 1 to 24, and 24 is midnight


def _folded(raw: str | None) -> str:
    return (raw or "").strip().lower()


def _seconds(digits: str) -> timedelta:
    return _seconds_of(float(digits))


def _seconds_of(number: float) -> timedelta:
    return timedelta(seconds=min(number, LONGEST.total_seconds()))
