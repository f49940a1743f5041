"""``python -m tests.tables.date_names``: write ``ingest/dates/names.json`` from CLDR, as babel ships it.

The service loads the table in 10 ms. Reading babel's own files for all locales takes 1.9 s and 160 MB.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import babel
from babel.localedata import locale_identifiers

from ingest.dates.words import split_words, without_accents

PATH: Final = Path(__file__).parents[2] / "ingest" / "dates" / "names.json"
# Languages with modern coverage in CLDR. Their names win over those of rarer languages, where no language is declared.
_MODERN_LANGUAGES: Final = """
af am ar as az be bg bn bs ca chr cs cy da de el en es et eu fa fi fil fr ga gl gu he hi hr hsb hu hy id ig is it ja jv
ka kk km kn ko kok ky lo lt lv mk ml mn mr ms my nb ne nl nn no or pa pcm pl ps pt ro ru sd si sk sl so sq sr sv sw ta
te th tk tr uk ur uz vi yo yue zh zu
"""
MODERN: Final = frozenset(_MODERN_LANGUAGES.split())
_LITERAL: Final = re.compile(r"'([^']*)'")
_FIELDS: Final = re.compile(r"[A-Za-z]+")
# Suffixes and words that CLDR's patterns do not have, but feeds.
_MORE_FILLERS: Final = """
st nd rd th er ère o a t the of de del à at um kl klo в г год le den il el em on ที่ วัน เวลา ngày năm lúc น
"""
_MORE_WEEKDAYS: Final = {
    "mo": 1,
    "tues": 2,
    "weds": 3,
    "thur": 4,
    "thurs": 4,
    "星期天": 7,
    **{f"{week}{day}": number for week in "周週" for number, day in enumerate("一二三四五六日", 1)},
}
_MORE_MONTHS: Final = {"sept": 9, "mrz": 3, "gennaio": 1, "febr": 2}
_MORE_AM: Final = "am a.m. 上午 午前 오전"
_MORE_PM: Final = "pm p.m. 下午 午後 오후"


def main() -> None:
    PATH.write_text(
        json.dumps(table(), ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8"
    )


def table() -> dict[str, Any]:
    """Return the table: names of months, weekdays and halves of the day, words without meaning, orders of numbers."""
    months: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    weekdays: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    halves: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    fillers: set[str] = {key for word in _MORE_FILLERS.split() for key in split_words(word)}
    orders: dict[str, set[str]] = defaultdict(set)
    for identifier in sorted(locale_identifiers()):
        locale = babel.Locale.parse(identifier)
        language = locale.language
        for number, name in _names(locale.months, ("wide", "abbreviated")):
            months[_key(name)][language].add(number)
            if language == "he":  # dates have the month with the preposition
                months[_key(f"ב{name}")][language].add(number)
        for number, name in _names(locale.days, ("wide", "abbreviated", "short")):
            weekdays[_key(name)][language].add(number + 1)
        orders[language].add(_order(locale))
        if locale.territory:
            orders[f"{language}-{locale.territory.lower()}"].add(_order(locale))
        for half, name in _halves(locale):
            halves[_key(name)][language].add(half)
        if language in MODERN:
            fillers.update(_fillers(locale))
    for name, number in _MORE_MONTHS.items():
        months[_key(name)]["en"].add(number)
    for name, number in _MORE_WEEKDAYS.items():
        weekdays[_key(name)]["en"].add(number)
    for half, names in (("am", _MORE_AM), ("pm", _MORE_PM)):
        for name in names.split():
            halves[_key(name)]["en"].add(half)
    common_months, common_weekdays = (
        {key for key, by_language in table.items() if not MODERN.isdisjoint(by_language)}
        for table in (months, weekdays)
    )
    words = fillers | {key for key, by_language in halves.items() if not MODERN.isdisjoint(by_language)}
    return {
        "source": f"CLDR, as of babel {babel.__version__} (https://cldr.unicode.org)",
        "months": _resolved(months, (words | common_weekdays) - common_months),
        "weekdays": _resolved(weekdays, (words | common_months) - common_weekdays),
        "halves": _resolved_halves(halves, common_months | common_weekdays | fillers),
        "fillers": sorted(filler for filler in fillers if filler and not filler.isdigit()),
        "orders": {
            place: sorted(values)
            for place, values in orders.items()
            # A region counts where its language has several orders.
            if "-" not in place or len(orders[place.partition("-")[0]]) > 1
        },
    }


def _key(name: str) -> str:
    return " ".join(split_words(name))


def _names(contexts: Any, widths: Iterable[str]) -> Iterator[tuple[int, str]]:
    for context in ("format", "stand-alone"):
        for width in widths:
            for number, name in contexts.get(context, {}).get(width, {}).items():
                words = split_words(name)
                # "M12" and "12" are placeholders of locales without names.
                if any(not word.isdigit() for word in words) and words[0] != "m":
                    yield number, name


def _halves(locale: babel.Locale) -> Iterator[tuple[str, str]]:
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for half, name in locale.day_periods.get(context, {}).get(width, {}).items():
                if half in ("am", "pm"):
                    yield half, name


def _order(locale: babel.Locale) -> str:
    """Return the order of day, month and year in the locale's short form."""
    pattern = _LITERAL.sub("", locale.date_formats["short"].pattern)
    letters = dict.fromkeys(field[0].lower() for field in _FIELDS.findall(pattern))
    return "".join(letter for letter in letters if letter in "dmy")


def _fillers(locale: babel.Locale) -> Iterator[str]:
    """Yield the words of the locale's patterns that are no fields, and the names of the present era."""
    patterns = [str(each.pattern) for each in (*locale.date_formats.values(), *locale.time_formats.values())]
    patterns += [str(each) for each in locale.datetime_formats.values()]
    for pattern in patterns:
        for literal in _LITERAL.findall(pattern):
            yield from split_words(literal)
        yield from split_words(re.sub(r"'[^']*'|[A-Za-z]+", " ", pattern))
    for width in ("wide", "abbreviated"):
        name = locale.eras.get(width, {}).get(1)
        if name:
            yield from split_words(name)


def _resolved(names: dict[str, dict[str, set[int]]], taken: set[str]) -> dict[str, Any]:
    """Return each name with its number, or with the numbers by language where these differ.

    Names of rarer languages are left out where they are short, or where ``taken`` has them: words of a common language
    with another meaning.
    """
    plain: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for key, by_language in names.items():
        bare = without_accents(key)
        for language, numbers in by_language.items():
            is_modern = language in MODERN
            if is_modern or (len(key) > 2 and key not in taken):
                plain[key][language] |= numbers
            if bare != key and bare not in names and bare not in taken and is_modern:
                plain[bare][language] |= numbers
    resolved: dict[str, Any] = {}
    for key, by_language in plain.items():
        single = {language: min(numbers) for language, numbers in by_language.items() if len(numbers) == 1}
        modern = {number for language, number in single.items() if language in MODERN}
        if len(set(single.values())) == 1:
            resolved[key] = next(iter(single.values()))
        elif single:
            resolved[key] = dict(sorted(single.items())) | ({"": modern.pop()} if len(modern) == 1 else {})
    return resolved


def _resolved_halves(halves: dict[str, dict[str, set[str]]], taken: set[str]) -> dict[str, str]:
    """Return each name with its half of the day; ``?`` where it is a word of a common language with another meaning."""
    resolved: dict[str, str] = {}
    for key, by_language in halves.items():
        meanings = set().union(*by_language.values())
        is_rare = MODERN.isdisjoint(by_language)
        if len(meanings) > 1 or (key in taken and (is_rare or key.isascii())):
            resolved[key] = "?"
        elif len(key) > 1 or not key.isascii():
            resolved[key] = meanings.pop()
    return resolved


if __name__ == "__main__":
    main()
