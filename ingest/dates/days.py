"""Read the day of a date, without its time: three numbers, or names of a month and its weekday among numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from ingest.dates.names import Names, Roles, load_names, values_in
from ingest.dates.parts import Evidence, Parts, Unknown
from ingest.dates.words import split_words

YEARS: Final = range(1990, 2070)
"""Years of the Gregorian calendar that are believed: 2083 is one of Nepal's calendar, 1405 one of Iran's."""
BUDDHIST: Final = range(2533, 2613)

_THAI: Final = re.compile("[\u0e00-\u0e7f]")
_NUMERIC: Final = re.compile(r"(?<!\d)(\d{1,4}) ?([./-]) ?(\d{1,2}) ?\2 ?(\d{1,4})(?!\d)")
_ENGLISH_MONTHS: Final = """
jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september october
november december
"""
_ENGLISH: Final = frozenset(_ENGLISH_MONTHS.split())
_ERA_WORDS: Final = {"พ": 2}
_ERAS: Final = {"令和": 2018, "平成": 1988, "民國": 1911, "民国": 1911, "พ ศ": -543, "พุทธศักราช": -543}


def read_day(text: str, parts: Parts, evidence: Evidence) -> date:
    """Read the date around a time.

    Raises:
        Unknown: a word or number has no meaning, or several.
    """
    if "+" in text:
        raise Unknown
    names = load_names()
    numeric = list(_NUMERIC.finditer(text))
    if len(numeric) > 1:
        raise Unknown
    if numeric:
        match = numeric[0]
        rest = f"{text[: match.start()]} {text[match.end() :]}"
        items = _read_words(split_words(rest), names)
        if any(isinstance(item, str) for item in items):
            raise Unknown
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
        longest = max(names.longest_from(words[at]), _ERA_WORDS.get(words[at], 1))
        for length in range(min(longest, len(words) - at), 0, -1):
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
        Unknown: a part of the word has no meaning.
    """
    if word.isascii() or not any(_is_unspaced(character) for character in word):
        raise Unknown
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
            raise Unknown
        word = word[length:]
    return items


def _is_unspaced(character: str) -> bool:
    return "\u0e00" <= character <= "\u0fff" or "\u1000" <= character <= "\u109f" or character >= "\u1780"


def _take_roles(roles: Sequence[Roles], parts: Parts, evidence: Evidence, *, has_month: bool) -> list[Roles]:
    """Store halves of the day and weekdays in ``parts``, and return the name of the month, if there is one."""
    months = [each for each in roles if each.month is not None]
    others = [each for each in months if each.weekday is None and not each.is_filler and each.half is None]
    if has_month:
        if others:
            raise Unknown
        months = []
    elif len(months) > 1:
        months = others or months[:1] if len({str(each.month) for each in months}) == 1 or others else months
        if len(months) > 1:
            raise Unknown
    for each in roles:
        if any(each is month for month in months):
            continue
        if each.half is not None and (parts.has_time or (each.weekday is None and not each.is_filler)):
            if parts.half not in (None, each.half) or not parts.has_time or each.is_filler:
                raise Unknown
            parts.half = each.half
        elif each.weekday is not None:
            parts.weekdays.update(values_in(each.weekday, evidence.bases))
    return months


def _from_numbers(match: re.Match[str], parts: Parts, evidence: Evidence, names: Names, text: str) -> date:
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
        raise Unknown
    return dates.pop()


def _orders(evidence: Evidence, names: Names) -> set[str]:
    """Return the orders of numeric dates in the feed's languages, as far as the languages tell."""
    languages = [language for language in evidence.languages if language in names.orders]
    return {order for place in languages or evidence.bases for order in names.orders.get(place, ())}


def _in_order(numbers: tuple[str, str, str], order: str, text: str) -> date | None:
    by_letter = dict(zip(order, numbers, strict=True))
    try:
        return date(_year(by_letter["y"], text), int(by_letter["m"]), int(by_letter["d"]))
    except (ValueError, Unknown):
        return None


def _from_names(
    items: Sequence[Roles | str | int],
    months: Sequence[Roles],
    parts: Parts,
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
        raise Unknown
    if len(numbers) != 2 or len(eras) > 1:
        raise Unknown
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
        raise Unknown
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
        return int(day), plausible_year(int(year) + eras[0])
    if len(first) > 2 or int(first) > 31:
        return int(second), _year(first, text)
    if len(second) > 2 or int(second) > 31:
        return int(first), _year(second, text)
    # Two numbers below 32: in a date of RFC 822 the year comes last.
    if len(second) == 2 and (is_english or _orders(evidence, names) == {"dmy"}):
        return int(first), _year(second, text)
    raise Unknown


def _year(number: str, text: str) -> int:
    """Return the year that a number of two or four digits means."""
    if len(number) == 2:
        return int(number) + (2000 if int(number) < 90 else 1900)
    if len(number) != 4:
        raise Unknown
    year = int(number)
    if year in BUDDHIST and _THAI.search(text):
        return year - 543
    return plausible_year(year)


def plausible_year(year: int) -> int:
    if year not in YEARS:
        raise Unknown
    return year
