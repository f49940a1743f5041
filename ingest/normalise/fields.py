"""Texts and names of articles, within their limits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ingest.normalise import markup

MAX_TEXT_CHARACTERS: Final = 1_000_000
MAX_SUMMARY_CHARACTERS: Final = 10_000
MAX_TITLE_CHARACTERS: Final = 1_000
MAX_NAME_CHARACTERS: Final = 500
MAX_GUID_CHARACTERS: Final = 4_000
MAX_NAMES: Final = 100
"""Authors, or categories, of one article."""
TRUNCATION_MARK: Final = " […]"
"""Stands at the end of a text that was longer than its limit."""

CACHED_CHARACTERS: Final = 200
"""Longest name whose reading is cached."""


def truncate(text: str, limit: int, *, mark: str = TRUNCATION_MARK) -> str:
    """``text``; its beginning with ``mark`` where it is longer than ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - len(mark)].rstrip() + mark


def clean_names(names: Iterable[str]) -> tuple[str, ...]:
    cleaned = (clean_name(name) for name in names)
    return tuple(dict.fromkeys([name for name in cleaned if name is not None]))[:MAX_NAMES]


def clean_name(text: str | None) -> str | None:
    """A name as one line of plain text; None if nothing is left."""
    if not text:
        return None
    return _clean_name(text) if len(text) > CACHED_CHARACTERS else _cached_name(text)


def _clean_name(text: str) -> str | None:
    return truncate(markup.single_line(text), MAX_NAME_CHARACTERS) or None


# All entries of one feed have the same few names.
_cached_name = lru_cache(maxsize=4096)(_clean_name)
