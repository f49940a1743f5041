"""Names of months, weekdays and halves of the day in all languages of CLDR.

``names.json`` is made by ``python -m tests.tables.date_names``. It is loaded for the first date that needs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ingest.dates.words import without_accents


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The tables, with names in the form of :func:`~ingest.dates.words.split_words`, joined by spaces."""

    months: Mapping[str, Any]
    """Number of the month, or numbers by language; the key ``""`` has the meaning in common languages."""
    weekdays: Mapping[str, Any]
    """Number of the weekday from 1, which is Monday, or numbers by language."""
    halves: Mapping[str, str]
    """``am`` or ``pm``; ``?`` for a word that means this in one language, and something else in another."""
    fillers: frozenset[str]
    """Words without meaning, such as "de" and "год"."""
    orders: Mapping[str, Sequence[str]]
    """Orders of day, month and year in numeric dates, by language, and by language and country."""
    longest: Mapping[str, int]
    """Words of the longest name that begins with this word, where it has several."""

    def longest_from(self, word: str) -> int:
        key = word.lstrip("0") if word.isdigit() else word
        return max(
            self.longest.get(key, 1), 1 if key.isascii() else self.longest.get(without_accents(key), 1)
        )

    def roles(self, words: Sequence[str]) -> Roles | None:
        """Return the meanings of a name; None where it has none."""
        key = " ".join([word.lstrip("0") or word if word.isdigit() else word for word in words])
        bare = key if key.isascii() else without_accents(key)
        month, weekday, half = (
            table.get(key, table.get(bare)) for table in (self.months, self.weekdays, self.halves)
        )
        half = None if half == "?" else half
        is_filler = key in self.fillers
        if month is None and weekday is None and half is None and not is_filler:
            return None
        return Roles(month=month, weekday=weekday, half=half, is_filler=is_filler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The meanings that one name may have in a date."""

    month: Any = None
    weekday: Any = None
    half: str | None = None
    is_filler: bool = False


@lru_cache(maxsize=1)
def load_names() -> Names:
    table = json.loads((files("ingest.dates") / "names.json").read_text(encoding="utf-8"))
    longest: dict[str, int] = {}
    for kind in ("months", "weekdays", "halves"):
        for name in table[kind]:
            first, *others = name.split(" ")
            if others:
                longest[first] = max(longest.get(first, 1), len(others) + 1)
    return Names(
        months=table["months"],
        weekdays=table["weekdays"],
        halves=table["halves"],
        fillers=frozenset(table["fillers"]),
        orders=table["orders"],
        longest=longest,
    )


def values_in(meaning: Any, languages: Sequence[str]) -> tuple[int, ...]:
    """Return the numbers that a name may mean where the document is in one of ``languages``."""
    if meaning is None:
        return ()
    if isinstance(meaning, int):
        return (meaning,)
    declared = {meaning[language] for language in languages if language in meaning}
    if declared:
        return tuple(sorted(declared))
    return (meaning[""],) if "" in meaning else tuple(sorted(set(meaning.values())))
