"""What servers and feeds ask for: how long an answer stays good, and when not to come. Pure.

Everything here is a number that somebody else wrote. What cannot be read, or can only be a slip, is no wish at
all; what is larger than :data:`LONGEST` is as good as that (docs/polling.md, cases 10-12, 24, 25).
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
"""RSS 1.0 syndication module. Its default, daily, is not taken for a wish: most who leave it out mean nothing."""
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""As ``datetime.weekday`` counts them."""

_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_MAX_AGE: Final = re.compile(r"""(?:^|[\s,])max-age\s*=\s*"?(\d{1,12})""", re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|[\s,])no-(?:cache|store)\b", re.IGNORECASE)


def hints_of(hints: FeedHints) -> PollHints:
    """What a document says of when to come back, read."""
    hours = frozenset(hour for hour in map(_hour, hints.skip_hours) if hour is not None)
    days = frozenset(DAYS.index(day) for day in map(_folded, hints.skip_days) if day in DAYS)
    return PollHints(
        interval=max((wish for wish in (_ttl(hints.ttl), _period(hints)) if wish is not None), default=None),
        # All of them would mean never, which nobody means.
        skip_hours=frozenset() if len(hours) == 24 else hours,
        skip_days=frozenset() if len(days) == 7 else days,
    )


def freshness_lifetime(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """How long the server says its answer stays good (RFC 9111 §4.2.1); None where it says nothing of use.

    ``max-age`` beats ``Expires``, which counts from the server's own ``Date``, and both lose what the answer
    spent in caches already (``Age``).
    """
    control = headers.get("cache-control", "")
    if _NOT_KEPT.search(control):
        return None
    found = _MAX_AGE.search(control)
    if found:
        good = _seconds(found[1])
    else:
        until = http_date(headers.get("expires", ""))
        if until is None:
            return None
        good = until - (http_date(headers.get("date", "")) or now)
    age = headers.get("age", "").strip()
    if age.isascii() and age.isdecimal():
        good -= _seconds(age[:12])
    return min(good, LONGEST) if good > timedelta(0) else None


def retry_after(value: str, *, sent: str, now: datetime) -> timedelta | None:
    """``Retry-After`` (RFC 9110 §10.2.3): seconds, or a date, which counts from ``sent``, the answer's ``Date``.

    Garbage and the past are no answer.
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
    """The moment a header names, in any form that ``email.utils`` reads; None for what is no date."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def after_skipped(moment: datetime, asked: PollHints) -> datetime:
    """``moment``, or the first hour after it in which the feed does not ask us to stay away (hours are GMT's)."""
    if not asked.skip_hours and not asked.skip_days:
        return moment
    for _ in range(8 * 24):
        if moment.hour not in asked.skip_hours and moment.weekday() not in asked.skip_days:
            break
        moment = (moment + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    return moment


def _ttl(raw: str | None) -> timedelta | None:
    """Minutes (RSS 2.0)."""
    number = _positive(raw)
    return None if number is None else _seconds_of(number * 60)


def _period(hints: FeedHints) -> timedelta | None:
    """A period over how often in it; one or the other alone says too little, but a period alone means once."""
    period = PERIODS.get(_folded(hints.update_period))
    if period is None:
        return None
    often = 1.0 if hints.update_frequency is None else _positive(hints.update_frequency)
    # "0.1 times an hour" is what people write who mean every six minutes, or anything else: no wish.
    return None if often is None or often < 1 else period / often


def _positive(raw: str | None) -> float | None:
    found = _NUMBER.fullmatch((raw or "").strip())
    number = float(found[0]) if found else 0.0
    return number if number > 0 else None


def _hour(raw: str) -> int | None:
    folded = raw.strip()
    if not (folded.isascii() and folded.isdecimal() and len(folded) <= 2 and int(folded) <= 24):
        return None
    return int(folded) % 24  # RSS 0.91 counts to 24, which is midnight


def _folded(raw: str | None) -> str:
    return (raw or "").strip().lower()


def _seconds(digits: str) -> timedelta:
    return _seconds_of(float(digits))


def _seconds_of(number: float) -> timedelta:
    return timedelta(seconds=min(number, LONGEST.total_seconds()))
