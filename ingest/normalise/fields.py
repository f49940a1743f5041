"""Texts, names and language tags of articles, within their limits."""

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
MAX_LANGUAGE_CHARACTERS: Final = 35  # RFC 5646, §4.4.1
TRUNCATION_MARK: Final = " […]"
"""Stands at the end of a text that was longer than its limit."""

CACHED_CHARACTERS: Final = 200
"""Longest name or language tag whose reading is cached."""


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


# All entries of one feed have the same few names and languages.
_cached_name = lru_cache(maxsize=4096)(_clean_name)


def language_tag(tag: str | None) -> str | None:
    """A language tag in lower case; None if it is invalid (RFC 5646)."""
    if not tag:
        return None
    return _language_tag(tag) if len(tag) > CACHED_CHARACTERS else _cached_language(tag)


def _language_tag(tag: str) -> str | None:
    folded = tag.strip().replace("_", "-").lower()
    parts = folded.split("-")
    fits = 2 <= len(parts[0]) <= 3 and parts[0].isalpha() and folded.isascii()
    if not fits or len(folded) > MAX_LANGUAGE_CHARACTERS or not all(part.isalnum() for part in parts):
        return None
    return folded


_cached_language = lru_cache(maxsize=4096)(_language_tag)
