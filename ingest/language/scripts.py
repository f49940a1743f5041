"""The script of a text as evidence of its language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SAMPLE_CHARACTERS: Final = 200
LEAST_SHARE: Final = 0.5
"""Least share of a script among the letters of a text that is written in it."""

_RANGES: Final[Mapping[str, str]] = {
    "latin": r"A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": r"\u0400-\u052f",
    "arabic": r"\u0620-\u06ff\u0750-\u077f",
    "han": r"\u3400-\u4dbf\u4e00-\u9fff",
    "kana": r"\u3041-\u309f\u30a1-\u30ff",
    "hangul": r"\u1100-\u11ff\uac00-\ud7a3",
    "devanagari": r"\u0900-\u097f",
    "hebrew": r"\u05d0-\u05ea",
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "thai": r"\u0e01-\u0e4e",
    "bengali": r"\u0980-\u09fe",
    "georgian": r"\u10a0-\u10ff",
    "armenian": r"\u0531-\u0587",
    "lao": r"\u0e80-\u0ece",
    "khmer": r"\u1780-\u17dd",
    "myanmar": r"\u1000-\u109f",
    "sinhala": r"\u0d80-\u0df4",
    "gurmukhi": r"\u0a00-\u0a7f",
    "gujarati": r"\u0a80-\u0aff",
    "odia": r"\u0b00-\u0b7f",
    "tamil": r"\u0b80-\u0bff",
    "telugu": r"\u0c00-\u0c7f",
    "kannada": r"\u0c80-\u0cff",
    "malayalam": r"\u0d00-\u0d7f",
    "thaana": r"\u0780-\u07b1",
}
_OUTSIDE_LATIN: Final = re.compile(r"[\u0370-\u1dff\u1f00-\u1fff\u3041-\ud7a3]")
_KANA: Final = re.compile(f"[{_RANGES['kana']}]")
_RUN: Final = re.compile(
    "|".join(f"(?P<{name}>[{letters}][{letters}\\s,.]*)" for name, letters in _RANGES.items())
)
"""Words of one script with the spaces between them, which makes few runs of a sentence."""
_LANGUAGES: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(languages.split())
    for name, languages in {
        "arabic": "ar az fa ku ckb ms pa ps sd ug ur ks",
        "cyrillic": "ab av az ba be bg bs ce cu cv hr kk ku kv ky mk mn os ro ru sr tg tk tt ug uk uz",
        "han": "ja ko vi yue zh",
        "kana": "ja",
        "hangul": "ko",
        "devanagari": "awa bh bho doi hi kok ks mai mr ne new pi sa sd",
        "hebrew": "he yi lad",
        "greek": "el",
        "thai": "th",
        "bengali": "as bn mni",
        "georgian": "ka xmf",
        "armenian": "hy",
        "lao": "lo",
        "khmer": "km",
        "myanmar": "my shn",
        "sinhala": "pi si",
        "gurmukhi": "pa",
        "gujarati": "gu",
        "odia": "or",
        "tamil": "ta",
        "telugu": "te",
        "kannada": "kn",
        "malayalam": "ml",
        "thaana": "dv",
    }.items()
}
"""Languages that are written in a script. Latin is missing: names in it are in texts of every language."""
_ONLY_LANGUAGE: Final[Mapping[str, str]] = {
    "kana": "ja", "hangul": "ko", "hebrew": "he", "greek": "el", "thai": "th", "georgian": "ka", "armenian": "hy",
    "lao": "lo", "khmer": "km", "myanmar": "my", "sinhala": "si", "gurmukhi": "pa", "gujarati": "gu", "odia": "or",
    "tamil": "ta", "telugu": "te", "kannada": "kn", "malayalam": "ml", "thaana": "dv",
}  # fmt: skip
"""The language of news in a script, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MainScript:
    """The script of most letters of a text, and its share of them."""

    name: str
    share: float


def main_script(text: str) -> MainScript | None:
    """Return the script of most letters of ``text``; None for a text in Latin or in no single script.

    Japanese and Korean are written with Han: a text of Han with some kana has the script kana.
    """
    sample = text[:SAMPLE_CHARACTERS]
    if not _OUTSIDE_LATIN.search(sample):
        return None
    counts: Counter[str] = Counter()
    for run in _RUN.finditer(sample):
        counts[run.lastgroup or ""] += run.end() - run.start()
    for script in ("kana", "hangul"):
        if counts[script] and counts[script] >= LEAST_SHARE * counts["han"] / 4:
            counts[script] += counts.pop("han", 0)
    if not counts:
        return None
    script, count = counts.most_common(1)[0]
    share = count / counts.total()
    return None if script == "latin" or share < LEAST_SHARE else MainScript(name=script, share=share)


def only_language(script: str) -> str | None:
    """Return the one language of news in a script; None if there are several."""
    return _ONLY_LANGUAGE.get(script)


def writes(language: str, script: str) -> bool:
    """Return whether ``language``, a tag without subtags, is written in ``script``."""
    return language in _LANGUAGES[script]


def has_kana(text: str) -> bool:
    return _KANA.search(text) is not None
