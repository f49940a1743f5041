"""Detection of a text's language by its script, else by CLD2.

A script that one language of news has decides alone. CLD2 was Chromium's detector; its tables are part of the library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import pycld2

from ingest.language.cyrillic import cyrillic_language, has_letters_of
from ingest.language.names import CODES
from ingest.language.scripts import has_kana, main_script, only_language

SAMPLE_CHARACTERS: Final = 300
"""Characters of an article that are read: more of them change no result and cost time."""
LEAST_CHARACTERS: Final = 40
"""CLD2 does not read shorter texts: names and loan words would decide. Their script may decide."""
LEAST_HAN_CHARACTERS: Final = 12
"""The same for a text in Han, whose characters are words."""

_CODES: Final = {"zh-Hant": "zh-hant", "iw": "he", "jw": "jv"}
_NONCHARACTERS: Final = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_REFUSED: Final = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]"
)
"""Characters that CLD2 refuses in plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedLanguage:
    """A language, and the share of the text that is in it, from 0 to 1."""

    tag: str
    confidence: float


def detect_language(text: str) -> DetectedLanguage | None:
    """Return the language of a text; None if it is too short or too mixed to tell."""
    sample = text[:SAMPLE_CHARACTERS]
    script = main_script(sample)
    if script is None:
        return _detect(sample) if len(sample) >= LEAST_CHARACTERS else None
    language = _language_by_letters(sample, script.name)
    is_han = script.name == "han"
    if language is None and len(sample) >= (LEAST_HAN_CHARACTERS if is_han else LEAST_CHARACTERS):
        detected = _detect(sample)
        if detected is not None:
            return detected
        if is_han and not has_kana(sample):
            language = "zh"  # a Japanese sentence has kana
    return None if language is None else DetectedLanguage(tag=language, confidence=script.share)


def _language_by_letters(sample: str, script: str) -> str | None:
    if script == "cyrillic":
        return cyrillic_language(sample)
    if script == "hebrew" and len(sample) >= LEAST_CHARACTERS:
        return None  # CLD2 tells Hebrew from Yiddish
    return only_language(script)


def _detect(sample: str) -> DetectedLanguage | None:
    try:
        reliable, _, languages = _cld2(sample)
    except pycld2.error:
        return None
    _, code, percent, _ = languages[0]
    tag = _CODES.get(code, code)
    language = tag.partition("-")[0]
    # CLD2 takes short English titles for languages that hardly any feed has, such as Scots or Klingon.
    if not reliable or language not in CODES or not has_letters_of(language, sample):
        return None
    return DetectedLanguage(tag=tag, confidence=percent / 100)


def _cld2(sample: str) -> tuple[bool, int, tuple[tuple[str, str, int, float], ...]]:
    result: tuple[bool, int, tuple[tuple[str, str, int, float], ...]]
    try:
        result = pycld2.detect(sample, isPlainText=True)
    except (pycld2.error, UnicodeEncodeError):
        result = pycld2.detect(_REFUSED.sub(" ", sample), isPlainText=True)
    return result
