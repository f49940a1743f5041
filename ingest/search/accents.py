"""Fold letters that people type for each other: accents, letters with strokes, variants of Arabic letters.

Search alone folds them; texts, topics and stories keep them. Words that mean different things become equal, so the
rules follow what people type on a keyboard without the letter, script by script (``docs/decisions/search.md``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from unicodedata import decimal, normalize

_REMEMBERED_WORDS: Final = 131_072

# CLDR's Latin-ASCII transliteration for letters that do not decompose.
_LETTERS: Final = str.maketrans(
    {
        "æ": "ae",
        "ð": "d",
        "ø": "o",
        "þ": "th",
        "đ": "d",
        "ħ": "h",
        "ı": "i",
        "ĸ": "q",
        "ł": "l",
        "ŋ": "n",
        "œ": "oe",
        "ŧ": "t",
        "ƀ": "b",
        "ɓ": "b",
        "ƈ": "c",
        "ɖ": "d",
        "ɗ": "d",
        "ǝ": "e",
        "ə": "e",
        "ɛ": "e",
        "ɠ": "g",
        "ɣ": "g",
        "ɨ": "i",
        "ƙ": "k",
        "ƚ": "l",
        "ɲ": "n",
        "ɔ": "o",
        "ƥ": "p",
        "ƭ": "t",
        "ʉ": "u",
        "ʋ": "v",
        "ƴ": "y",
        "ƶ": "z",
        # Cyrillic: Ukrainian ghe with upturn, which the spelling of 1933 replaced with ghe.
        "ґ": "г",
        # Arabic: the letters that keyboards for Arabic, Persian and Urdu have in place of each other.
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ې": "ي",
        "ے": "ي",
        "ک": "ك",
        "ڪ": "ك",
        "ة": "ه",
        "ۀ": "ه",
        "ہ": "ه",
        "ۂ": "ه",
        "ۃ": "ه",
        "ھ": "ه",
        "ە": "ه",
        # Indic: chandrabindu is written as anusvara.
        "\u0901": "\u0902",
        "\u0981": "\u0982",
        "\u0a01": "\u0a02",
        "\u0a81": "\u0a82",
        "\u0b01": "\u0b02",
    }
)
_LATIN: Final = "a-z\u00df-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f"
_GREEK: Final = "\u0370-\u03ff\u1f00-\u1fff"
_MARKS: Final = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
_DROPPED: Final = re.compile(
    f"(?<=[{_LATIN}{_GREEK}])[{_MARKS}]+"
    # Cyrillic: stress, and the dots of yo. Short i, yi and short u are letters of their own.
    "|(?<=[\u0400-\u052f])[\u0300\u0301]+|(?<=\u0435)\u0308"
    # Hebrew points, Arabic vowels and hamza, Syriac points; Indic nuktas.
    "|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0730-\u074a"
    "\u093c\u09bc\u0a3c\u0abc\u0b3c]"
)
# Thai and Lao: the vowel am is a nikhahit and a letter, and people type a tone mark before it or between both.
_TONE_AND_NIKHAHIT: Final = re.compile("([\u0e48-\u0e4b])(\u0e4d)|([\u0ec8-\u0ecb])(\u0ecd)")
_DIGIT: Final = re.compile(r"[^\D0-9]")


@lru_cache(_REMEMBERED_WORDS)
def fold_accents(word: str) -> str:
    """Return a folded word without the differences that people do not type.

    Decimal digits of every script become those of ASCII.
    """
    if word.isascii():
        return word
    plain = _DIGIT.sub(lambda digit: str(decimal(digit.group())), normalize("NFD", word).translate(_LETTERS))
    plain = _TONE_AND_NIKHAHIT.sub(r"\2\1\4\3", plain)
    return normalize("NFC", _DROPPED.sub("", plain))
