"""Languages in Cyrillic by their letters.

CLD2 calls many a Russian news text unreliable, and takes short ones for Serbian. The alphabets decide without
statistics: each language has letters that its neighbours lack.
"""

from __future__ import annotations

import re
from typing import Final

LEAST_LETTERS: Final = 20
"""A text with fewer letters may be a name."""
MOST_FOREIGN: Final = 2
"""Letters of other languages that a sentence has in names and quotes."""

_ENOUGH_LETTERS: Final = re.compile(rf"(?:[^\u0400-\u052f]*[\u0400-\u052f]){{{LEAST_LETTERS}}}")
_OUTSIDE_RUSSIAN: Final = re.compile(r"[\u0400-\u042f\u0450\u0452-\u052f]")
"""In casefolded text."""
_RUSSIAN: Final = re.compile("[ыэё]")
_BULGARIAN_VOWEL: Final = re.compile("ъ(?![еёюя])")
"""In Russian, this letter stands before these vowels alone."""
_BELARUSIAN: Final = frozenset("ўі")
_UKRAINIAN: Final = frozenset("іїєґ")
_REQUIRED_AND_FOREIGN: Final = {
    "be": (re.compile("[ўі]"), re.compile("[їєґъиј]")),
    "bg": (None, re.compile("[ыэёіїєґўјљњђћџ]")),
    "mk": (re.compile("[ѓќѕјљњџ]"), re.compile("[ыэёъьщйюяіїєґў]")),
    "ru": (None, re.compile("[іїєґўјљњђћџ]")),
    "sr": (re.compile("[јљњђћџ]"), re.compile("[ыэёъьщйюяіїєґў]")),
    "uk": (re.compile("[іїєґ]"), re.compile("[ыэёъўј]")),
}
"""By language: letters of which a sentence has some, and letters that the language does not have."""


def cyrillic_language(text: str) -> str | None:
    """Return the language whose letters ``text`` has; None if several are possible."""
    folded = text.casefold()
    if _ENOUGH_LETTERS.match(folded) is None:
        return None
    outside = frozenset(_OUTSIDE_RUSSIAN.findall(folded))
    has_russian = _RUSSIAN.search(folded) is not None
    if not outside:
        if has_russian:
            return "ru"
        return "bg" if _BULGARIAN_VOWEL.search(folded) else None
    if "ў" in outside and outside <= _BELARUSIAN:
        return "be"
    if outside <= _UKRAINIAN and not has_russian and "ъ" not in folded:
        return "uk"
    return None


def has_letters_of(language: str, text: str) -> bool:
    """Return whether the letters of ``text`` fit a Cyrillic language; True for every other language."""
    letters = _REQUIRED_AND_FOREIGN.get(language)
    if letters is None:
        return True
    required, foreign = letters
    folded = text.casefold()
    has_required = required is None or required.search(folded) is not None
    return has_required and len(foreign.findall(folded)) <= MOST_FOREIGN
