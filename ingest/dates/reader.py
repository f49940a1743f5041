"""Read a date of a feed whole, in any language, or not at all.

::

    text ─fold─▶ ─┬─ ISO 8601 ──────────────────────────────┐
                  └─ time ─▶ zone ─▶ numbers, else names ───┴─▶ date in UTC

Every word and number must have a meaning. A word without one, a zone that is not known, and numbers with two possible
orders make the date unknown.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from ingest.dates.days import plausible_year, read_day
from ingest.dates.names import load_names
from ingest.dates.parts import NO_EVIDENCE, Evidence, Parts, Unknown
from ingest.dates.words import split_words
from ingest.dates.zones import read_zone, to_utc

LONGEST: Final = 100
"""Longest text that is read as a date, in characters."""
_CACHED: Final = 4_096

_HANGUL: Final = re.compile("[가-힣]")
_COMMENT: Final = re.compile(r"\s*[(\[]([^()\[\]]{1,60})[)\]]\s*$")
_CLOCK: Final = (
    re.compile(r"(?<![\d:.,+-])(\d{1,2}) ?: ?(\d{1,2})(?: ?: ?(\d{1,2})(?:[.,]\d{1,9})?)?(?![\d:])"),
    re.compile(
        r"(?<!\d)(\d{1,2}) ?(?:時|时|시|点|點|h|ч|นาฬิกา|ໂມງ) ?"
        r"(?:(\d{1,2})(?!\d) ?(?:分|분|min|мин|m|นาที|ນາທີ)?\.? ?)?"
        r"(?:(\d{1,2}) ?(?:秒|초|s|с|วินาที|ວິນາທີ)\.?)?(?!\w)"
    ),
    re.compile(r"(?<![\d.,/-])(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?![\d.])"),
    re.compile(r"(?<![\d.,/-])(\d{1,2})()()(?= ?[ap]\.?m\b)"),
)
_EPOCH: Final = re.compile(r"(\d{9,10})(?:\.\d{1,9})?|(\d{10})\d{3}")
"""Seconds or milliseconds since 1970."""
_ISO: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:(?: ?t ?| +)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d{1,9})?)? ?(.*))?"
)
_COMPACT: Final = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:(?:t| )(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)? ?(.*))?"
)
_MONTH_ALONE: Final = re.compile(r"(\d{4})-(\d{2})")
_ZONE: Final = re.compile(
    r" ?((?:(?:gmt|utc?|z) ?)?[+-] ?\d{1,2}(?::?\d{2})?(?![\d:.,/])|[a-z][a-z_]*(?:/[a-z0-9_+-]+)+|[a-z]{1,5}(?![a-z]))"
)
_UTC_BEFORE: Final = re.compile(r"\b(?:utc|gmt) ?$")
_OCLOCK: Final = re.compile(r"^ ?(?:h|uhr|ч|น|hodź)\b\.? ?")
_LONGEST_HALF: Final = 30
_PUNCTUATION: Final = str.maketrans({"−": "-", "‐": "-", "‑": "-", "–": "-", "：": ":", "\u200b": None})


@lru_cache(maxsize=_CACHED)
def read_date(text: str, evidence: Evidence = NO_EVIDENCE) -> datetime | None:
    """Return a date in UTC; None unless all of ``text`` is understood. A date without a zone is taken for UTC.

    A date in Korean without a zone is in Korean time: both countries of the language share it.
    """
    folded = _fold(text)
    if not folded or len(text) > LONGEST:
        return None
    try:
        return _read(folded, evidence)
    except (Unknown, ValueError, OverflowError):
        return None


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text[: LONGEST + 1].lower().split())
    folded = unicodedata.normalize("NFKC", text[: LONGEST + 1]).casefold().translate(_PUNCTUATION)
    characters = [
        str(unicodedata.decimal(each))
        if each.isdecimal()
        else ""
        if unicodedata.category(each) == "Cf"
        else each
        for each in folded
    ]
    return " ".join("".join(characters).split())


def _read(folded: str, evidence: Evidence) -> datetime:
    epoch = _EPOCH.fullmatch(folded)
    if epoch is not None:
        return datetime.fromtimestamp(int(epoch[1] or epoch[2]), UTC)
    iso = _ISO.fullmatch(folded) or _COMPACT.fullmatch(folded)
    if iso is not None:
        year, month, day, hour, minute, second, rest = iso.groups()
        parts = Parts(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
        parts.has_time = hour is not None
        _read_behind_iso(rest or "", parts, evidence)
        return _combine(date(plausible_year(int(year)), int(month), int(day)), parts, folded)
    alone = _MONTH_ALONE.fullmatch(folded)
    if alone is not None:
        return datetime(plausible_year(int(alone[1])), int(alone[2]), 1, tzinfo=UTC)
    comment = _COMMENT.search(folded)
    if comment is not None:
        folded = folded[: comment.start()]
    for clock in _CLOCK:
        matches = list(clock.finditer(folded))
        if len(matches) != 1:
            if matches and clock is _CLOCK[0]:
                raise Unknown
            continue
        try:
            return _read_around(folded, matches[0], comment[1] if comment else None, evidence)
        except (Unknown, ValueError):
            if clock is _CLOCK[0]:
                raise
    if comment is not None:
        raise Unknown
    parts = Parts()
    return _combine(read_day(folded, parts, evidence), parts, folded)


def _read_around(folded: str, clock: re.Match[str], comment: str | None, evidence: Evidence) -> datetime:
    parts = Parts(hour=int(clock[1]), minute=int(clock[2] or 0), second=int(clock[3] or 0), has_time=True)
    before, after = folded[: clock.start()], folded[clock.end() :]
    after = _take_half(after, parts)
    after = _take_zone(after, parts, evidence)
    if parts.zone is None and _UTC_BEFORE.search(before):
        before, parts.zone = _UTC_BEFORE.sub("", before), UTC
    if comment is not None and parts.zone is None:
        parts.zone = _zone_of(comment, evidence)
    return _combine(read_day(f"{before} | {after}", parts, evidence), parts, folded)


def _read_behind_iso(rest: str, parts: Parts, evidence: Evidence) -> None:
    comment = _COMMENT.search(rest)
    rest = _take_half(rest[: comment.start()] if comment is not None else rest, parts)
    if _take_zone(rest, parts, evidence).strip():
        raise Unknown
    if comment is not None and parts.zone is None:
        parts.zone = _zone_of(comment[1], evidence)


def _zone_of(text: str, evidence: Evidence) -> tzinfo:
    zone = read_zone(text.strip(), places=evidence.places)
    if zone is None:
        raise Unknown
    return zone


def _take_half(after: str, parts: Parts) -> str:
    """Read the half of the day behind a time: "PM", "μ.μ.", "م"."""
    halves = load_names().halves
    for end in range(min(len(after), _LONGEST_HALF), 0, -1):
        if end < len(after) and after[end].isalnum() and after[end - 1].isalnum():
            continue
        half = halves.get(" ".join(split_words(after[:end])))
        if half == "?":
            if read_zone(after[:end].strip()) is not None:
                return after
            raise Unknown
        if half is not None:
            parts.half = half
            return after[end:]
    return after


def _take_zone(after: str, parts: Parts, evidence: Evidence) -> str:
    """Read the zone behind a time. Two zones must have the same offset."""
    after = _OCLOCK.sub(" ", after, count=1)
    for _ in range(2):
        match = _ZONE.match(after)
        if match is None:
            break
        name = match[1].replace(" ", "")
        zone = read_zone(name, places=evidence.places)
        rest = after[match.end() :]
        if zone is None:
            if len(name) == 1 or not name.isalpha() or load_names().roles([name]) is None:
                raise Unknown
            break
        if parts.zone is not None and parts.zone != zone:
            raise Unknown
        parts.zone = zone
        after = rest
    return after


def _combine(day: date, parts: Parts, folded: str) -> datetime:
    hour = parts.hour
    if parts.half == "pm" and hour < 12:
        hour += 12
    elif parts.half == "am":
        if hour > 12:
            raise Unknown
        hour %= 12
    extra = timedelta()
    if (hour, parts.minute, parts.second) == (24, 0, 0):
        hour, extra = 0, timedelta(days=1)
    second = parts.second
    if second == 60:  # a leap second
        second, extra = 59, extra + timedelta(seconds=1)
    local = (
        datetime(  # noqa: DTZ001 - the zone follows
            day.year, day.month, day.day, hour, parts.minute, second
        )
        + extra
    )
    zone = parts.zone
    if zone is None and parts.has_time and _HANGUL.search(folded):
        zone = read_zone("kst")
    return local.replace(tzinfo=UTC) if zone is None else to_utc(local, zone)
