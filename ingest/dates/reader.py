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
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from ingest.dates.names import MAX_WORDS, Names, Roles, load_names, values_in
from ingest.dates.words import split_words
from ingest.dates.zones import read_zone, to_utc

LONGEST: Final = 100
"""Longest text that is read as a date, in characters."""
YEARS: Final = range(1990, 2070)
"""Years of the Gregorian calendar that are believed: 2083 is one of Nepal's calendar, 1405 one of Iran's."""
BUDDHIST: Final = range(2533, 2613)
_CACHED: Final = 4_096

_HANGUL: Final = re.compile("[가-힣]")
_THAI: Final = re.compile("[\u0e00-\u0e7f]")
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
_NUMERIC: Final = re.compile(r"(?<!\d)(\d{1,4}) ?([./-]) ?(\d{1,2}) ?\2 ?(\d{1,4})(?!\d)")
_ZONE: Final = re.compile(
    r" ?((?:(?:gmt|utc?|z) ?)?[+-] ?\d{1,2}(?::?\d{2})?(?![\d:.,/])|[a-z][a-z_]*(?:/[a-z0-9_+-]+)+|[a-z]{1,5}(?![a-z]))"
)
_UTC_BEFORE: Final = re.compile(r"\b(?:utc|gmt) ?$")
_OCLOCK: Final = re.compile(r"^ ?(?:h|uhr|ч|น|hodź)\b\.? ?")
_LONGEST_HALF: Final = 30
_ENGLISH_MONTHS: Final = """
jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september october
november december
"""
_ENGLISH: Final = frozenset(_ENGLISH_MONTHS.split())
_ERAS: Final = {"令和": 2018, "平成": 1988, "民國": 1911, "民国": 1911, "พ ศ": -543, "พุทธศักราช": -543}
_PUNCTUATION: Final = str.maketrans({"−": "-", "‐": "-", "‑": "-", "–": "-", "：": ":", "\u200b": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the feed tells about its dates beside their text."""

    languages: tuple[str, ...] = ()
    """Declared languages in lower case, such as ``en-us``."""
    country: str | None = None
    """Top-level domain of the feed's address."""

    @property
    def bases(self) -> tuple[str, ...]:
        """Languages without their regions."""
        return tuple([language.partition("-")[0] for language in self.languages])

    @property
    def places(self) -> frozenset[str]:
        """Countries and languages, which tell abbreviations of zones apart."""
        parts = {part for language in self.languages for part in language.split("-")}
        return frozenset(parts | {self.country} if self.country else parts)


NO_EVIDENCE: Final = Evidence()


@dataclass(slots=True, kw_only=True)
class _Parts:
    """The parts of a date that have been read."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    zone: tzinfo | None = None
    half: str | None = None
    has_time: bool = False
    weekdays: set[int] = field(default_factory=set)


class _Unknown(Exception):
    """A part of the text has no meaning, or two."""


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
    except (_Unknown, ValueError, OverflowError):
        return None


def _fold(text: str) -> str:
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
        parts = _Parts(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
        parts.has_time = hour is not None
        _read_behind_iso(rest or "", parts, evidence)
        return _combine(date(_plausible_year(int(year)), int(month), int(day)), parts, folded)
    alone = _MONTH_ALONE.fullmatch(folded)
    if alone is not None:
        return datetime(_plausible_year(int(alone[1])), int(alone[2]), 1, tzinfo=UTC)
    comment = _COMMENT.search(folded)
    if comment is not None:
        folded = folded[: comment.start()]
    for clock in _CLOCK:
        matches = list(clock.finditer(folded))
        if len(matches) != 1:
            if matches and clock is _CLOCK[0]:
                raise _Unknown
            continue
        try:
            return _read_around(folded, matches[0], comment[1] if comment else None, evidence)
        except (_Unknown, ValueError):
            if clock is _CLOCK[0]:
                raise
    if comment is not None:
        raise _Unknown
    parts = _Parts()
    return _combine(_read_day(folded, parts, evidence), parts, folded)


def _read_around(folded: str, clock: re.Match[str], comment: str | None, evidence: Evidence) -> datetime:
    parts = _Parts(hour=int(clock[1]), minute=int(clock[2] or 0), second=int(clock[3] or 0), has_time=True)
    before, after = folded[: clock.start()], folded[clock.end() :]
    after = _take_half(after, parts)
    after = _take_zone(after, parts, evidence)
    if parts.zone is None and _UTC_BEFORE.search(before):
        before, parts.zone = _UTC_BEFORE.sub("", before), UTC
    if comment is not None and parts.zone is None:
        parts.zone = _zone_of(comment, evidence)
    return _combine(_read_day(f"{before} | {after}", parts, evidence), parts, folded)


def _read_behind_iso(rest: str, parts: _Parts, evidence: Evidence) -> None:
    comment = _COMMENT.search(rest)
    rest = _take_half(rest[: comment.start()] if comment is not None else rest, parts)
    if _take_zone(rest, parts, evidence).strip():
        raise _Unknown
    if comment is not None and parts.zone is None:
        parts.zone = _zone_of(comment[1], evidence)


def _zone_of(text: str, evidence: Evidence) -> tzinfo:
    zone = read_zone(text.strip(), places=evidence.places)
    if zone is None:
        raise _Unknown
    return zone


def _take_half(after: str, parts: _Parts) -> str:
    """Read the half of the day behind a time: "PM", "μ.μ.", "م"."""
    halves = load_names().halves
    for end in range(min(len(after), _LONGEST_HALF), 0, -1):
        if end < len(after) and after[end].isalnum() and after[end - 1].isalnum():
            continue
        half = halves.get(" ".join(split_words(after[:end])))
        if half == "?":
            if read_zone(after[:end].strip()) is not None:
                return after
            raise _Unknown
        if half is not None:
            parts.half = half
            return after[end:]
    return after


def _take_zone(after: str, parts: _Parts, evidence: Evidence) -> str:
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
                raise _Unknown
            break
        if parts.zone is not None and parts.zone != zone:
            raise _Unknown
        parts.zone = zone
        after = rest
    return after


def _combine(day: date, parts: _Parts, folded: str) -> datetime:
    hour = parts.hour
    if parts.half == "pm" and hour < 12:
        hour += 12
    elif parts.half == "am":
        if hour > 12:
            raise _Unknown
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


def _read_day(text: str, parts: _Parts, evidence: Evidence) -> date:
    """Read the date around a time.

    Raises:
        _Unknown: a word or number has no meaning, or several.
    """
    if "+" in text:
        raise _Unknown
    names = load_names()
    numeric = list(_NUMERIC.finditer(text))
    if len(numeric) > 1:
        raise _Unknown
    if numeric:
        match = numeric[0]
        rest = f"{text[: match.start()]} {text[match.end() :]}"
        items = _read_words(split_words(rest), names)
        if any(isinstance(item, str) for item in items):
            raise _Unknown
        _take_roles([item for item in items if isinstance(item, Roles)], parts, evidence, has_month=True)
        return _from_numbers(match, parts, evidence, names, text)
    items = _read_words(split_words(text), names)
    months = _take_roles(
        [item for item in items if isinstance(item, Roles)], parts, evidence, has_month=False
    )
    return _from_names(items, months, parts, evidence, names, text)


def _read_words(words: Sequence[str], names: Names) -> list[Roles | str | int]:
    """Return the meanings of words, numbers as they are written, and eras as the number to add to a year."""
    items: list[Roles | str | int] = []
    at = 0
    while at < len(words):
        for length in range(min(MAX_WORDS, len(words) - at), 0, -1):
            part = words[at : at + length]
            if length == 1 and part[0].isdigit():
                items.append(part[0])
                break
            joined = " ".join(part)
            if joined in _ERAS:
                items.append(_ERAS[joined])
                break
            roles = names.roles(part)
            if roles is not None:
                items.append(roles)
                break
        else:
            items.extend(_segments(words[at], names))
            length = 1
        at += length
    return items


def _segments(word: str, names: Names) -> list[Roles | str | int]:
    """Divide a word of a script without spaces into names.

    Raises:
        _Unknown: a part of the word has no meaning.
    """
    if word.isascii() or not any(_is_unspaced(character) for character in word):
        raise _Unknown
    if word == "元":  # the first year of an era
        return ["1"]
    items: list[Roles | str | int] = []
    while word:
        for length in range(len(word), 0, -1):
            part = word[:length]
            if part in _ERAS:
                items.append(_ERAS[part])
                break
            roles = names.roles([part])
            if roles is not None:
                items.append(roles)
                break
        else:
            raise _Unknown
        word = word[length:]
    return items


def _is_unspaced(character: str) -> bool:
    return "\u0e00" <= character <= "\u0fff" or "\u1000" <= character <= "\u109f" or character >= "\u1780"


def _take_roles(roles: Sequence[Roles], parts: _Parts, evidence: Evidence, *, has_month: bool) -> list[Roles]:
    """Store halves of the day and weekdays in ``parts``, and return the name of the month, if there is one."""
    months = [each for each in roles if each.month is not None]
    others = [each for each in months if each.weekday is None and not each.is_filler and each.half is None]
    if has_month:
        if others:
            raise _Unknown
        months = []
    elif len(months) > 1:
        months = others or months[:1] if len({str(each.month) for each in months}) == 1 or others else months
        if len(months) > 1:
            raise _Unknown
    for each in roles:
        if any(each is month for month in months):
            continue
        if each.half is not None and (parts.has_time or (each.weekday is None and not each.is_filler)):
            if parts.half not in (None, each.half) or not parts.has_time or each.is_filler:
                raise _Unknown
            parts.half = each.half
        elif each.weekday is not None:
            parts.weekdays.update(values_in(each.weekday, evidence.bases))
    return months


def _from_numbers(match: re.Match[str], parts: _Parts, evidence: Evidence, names: Names, text: str) -> date:
    """Read three numbers. Their order must be certain: by their size, the feed's language or the weekday."""
    first, separator, second, third = match.groups()
    if len(first) > 2:
        return date(_year(first, text), int(second), int(third))
    orders = _orders(evidence, names)
    if len(third) > 2:
        candidates = {"dmy"} if separator == "." else {"dmy", "mdy"}
        if len(candidates) > 1 and orders & candidates:
            candidates &= orders
    else:
        candidates = orders
    dates = {day for order in candidates if (day := _in_order((first, second, third), order, text))}
    if len(dates) > 1 and parts.weekdays:
        dates = {day for day in dates if day.isoweekday() in parts.weekdays}
    if len(dates) != 1:
        raise _Unknown
    return dates.pop()


def _orders(evidence: Evidence, names: Names) -> set[str]:
    """Return the orders of numeric dates in the feed's languages, as far as the languages tell."""
    languages = [language for language in evidence.languages if language in names.orders]
    return {order for place in languages or evidence.bases for order in names.orders.get(place, ())}


def _in_order(numbers: tuple[str, str, str], order: str, text: str) -> date | None:
    by_letter = dict(zip(order, numbers, strict=True))
    try:
        return date(_year(by_letter["y"], text), int(by_letter["m"]), int(by_letter["d"]))
    except (ValueError, _Unknown):
        return None


def _from_names(
    items: Sequence[Roles | str | int],
    months: Sequence[Roles],
    parts: _Parts,
    evidence: Evidence,
    names: Names,
    text: str,
) -> date:
    """Read a day, the name of a month, and a year."""
    numbers = [item for item in items if isinstance(item, str)]
    eras = [item for item in items if isinstance(item, int)]
    if len(numbers) == 3 and not months and re.search("[年년]", text):
        month_values: tuple[int, ...] = (int(numbers.pop(1)),)
    elif len(months) == 1:
        month_values = values_in(months[0].month, evidence.bases)
    else:
        raise _Unknown
    if len(numbers) != 2 or len(eras) > 1:
        raise _Unknown
    is_english = any(word in _ENGLISH for word in split_words(text))
    day, year = _day_and_year(numbers, eras, evidence, names, text, is_english=is_english)
    dates = set()
    for month in set(month_values):
        try:
            dates.add(date(year, month, day))
        except ValueError:
            continue
    if len(dates) > 1 and parts.weekdays:
        dates = {each for each in dates if each.isoweekday() in parts.weekdays}
    if len(dates) != 1:
        raise _Unknown
    return dates.pop()


def _day_and_year(
    numbers: Sequence[str],
    eras: Sequence[int],
    evidence: Evidence,
    names: Names,
    text: str,
    *,
    is_english: bool,
) -> tuple[int, int]:
    first, second = numbers
    if eras:
        year, day = (second, first) if eras[0] < 0 else (first, second)
        return int(day), _plausible_year(int(year) + eras[0])
    if len(first) > 2 or int(first) > 31:
        return int(second), _year(first, text)
    if len(second) > 2 or int(second) > 31:
        return int(first), _year(second, text)
    # Two numbers below 32: in a date of RFC 822 the year comes last.
    if len(second) == 2 and (is_english or _orders(evidence, names) == {"dmy"}):
        return int(first), _year(second, text)
    raise _Unknown


def _year(number: str, text: str) -> int:
    """Return the year that a number of two or four digits means."""
    if len(number) == 2:
        return int(number) + (2000 if int(number) < 90 else 1900)
    if len(number) != 4:
        raise _Unknown
    year = int(number)
    if year in BUDDHIST and _THAI.search(text):
        return year - 543
    return _plausible_year(year)


def _plausible_year(year: int) -> int:
    if year not in YEARS:
        raise _Unknown
    return year
