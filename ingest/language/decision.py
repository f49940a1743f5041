"""The language of an article, decided from the declared language and the detected one.

=====================================================  =========================================
evidence                                               language
=====================================================  =========================================
nothing declared                                       the detected one
nothing detected                                       the declared one, if it has the text's script
both are one language, or easily confused              the declared one: it may have a region
the detected one has too small a share of the text     the declared one, if it has the text's script
otherwise                                              the detected one
=====================================================  =========================================

A declared language belongs to a feed and is often the default of its software. The text decides against it where it is
long enough and in one language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingest.language.detector import (
    LEAST_CHARACTERS,
    SAMPLE_CHARACTERS,
    DetectedLanguage,
    detect_language,
)
from ingest.language.scripts import main_script, writes
from ingest.language.tags import primary

LEAST_CONFIDENCE: Final = 0.8
"""Least share of the text in the detected language that decides against the declared one."""

_CONFUSED: Final = tuple(
    frozenset(group.split())
    for group in (
        "da nb nn no",
        "bs hr sh sr",
        "bg mk",
        "cs sk",
        "id ms",
        "es gl",
        "gl pt",
        "bh hi mr ne",
        "af nl",
        "az tr",
    )
)
"""Languages so close that a detector confuses them in a short text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The language of an article, and the evidence. Tags are in lower case."""

    tag: str | None
    declared: str | None
    detected: str | None
    confidence: float | None
    """The share of the text in the detected language, from 0 to 1."""


def decide_language(title: str, text: str, *, declared: str | None) -> Language:
    """Return the language of an article whose feed or entry declares ``declared``: a tag of ``tags.declared_tag``."""
    sample = f"{title}\n{text[:SAMPLE_CHARACTERS]}".strip()
    detected = detect_language(sample)
    return Language(
        tag=_effective(sample, declared, detected),
        declared=declared,
        detected=None if detected is None else detected.tag,
        confidence=None if detected is None else detected.confidence,
    )


def _effective(text: str, declared: str | None, detected: DetectedLanguage | None) -> str | None:
    if declared is None:
        return None if detected is None else detected.tag
    language = primary(declared)
    if detected is not None:
        other_language = primary(detected.tag)
        if language == other_language or _are_confused(language, other_language):
            return declared
        if detected.confidence >= LEAST_CONFIDENCE and not _is_short_han(text, language):
            return detected.tag
    script = main_script(text)
    if script is None or writes(language, script.name):
        return declared
    return None if detected is None else detected.tag


def _is_short_han(text: str, declared: str) -> bool:
    """Return whether ``text`` may be a Japanese headline without kana, or the like."""
    script = main_script(text)
    is_han = script is not None and script.name == "han"
    return is_han and len(text) < LEAST_CHARACTERS and writes(declared, "han")


def _are_confused(first: str, second: str) -> bool:
    return any(first in group and second in group for group in _CONFUSED)
