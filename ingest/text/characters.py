"""Classes of characters, built once from Python's Unicode database.

Regular expressions of the standard library know no Unicode properties, so the classes are ranges in brackets. Each
constant is the inside of a bracket expression.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final


def ranges(codes: Iterable[int]) -> str:
    """Return the inside of a bracket expression for these code points, which come in ascending order."""
    spans: list[list[int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in spans)


def _codes_by_category() -> tuple[list[int], list[int]]:
    """Return the code points of all marks and of all format characters; none is assigned outside these planes."""
    marks: list[int] = []
    formats: list[int] = []
    for plane in (range(0x20000), range(0xE0000, 0xE0200)):
        for code in plane:
            match unicodedata.category(chr(code)):
                case "Mn" | "Mc" | "Me":
                    marks.append(code)
                case "Cf":
                    formats.append(code)
    return marks, formats


_MARKS, _FORMATS = _codes_by_category()

MARKS: Final = ranges(_MARKS) + "\\uff9e\\uff9f"
"""Combining marks, and the half-width voicing marks of Katakana, which compose like marks."""

IGNORABLE: Final = (
    ranges(_FORMATS)
    + "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180d\\u180f\\u3164\\uffa0\\ufe00-\\ufe0f\\U000e0100-\\U000e01ef"
    + "\\u0640"
)
"""Characters that change no word: category Cf, the other Default_Ignorable_Code_Points (UAX #44), and the Arabic
tatweel, which only stretches a letter."""

SEPARATING_LETTERS: Final = (
    "\\u0374\\u318d\\u02b9-\\u02bf\\u02c8\\u02ca\\u02cb\\u02ee\\ua78b\\ua78c\\u055a\\u05f3\\u05f4\\uff65"
)
"""Characters that Unicode calls letters and that text uses as separators: the Korean araea as a middle dot, modifier
letters as apostrophes, and saltillo. They are read as spaces before normalisation, which would turn U+318D into a
vowel."""

IDEOGRAPHIC: Final = (
    "\\u2e80-\\u2fdf\\u3005-\\u3007\\u3021-\\u3029\\u3031-\\u3035\\u3038-\\u303c\\u3041-\\u3096\\u309d-\\u309f"
    "\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\U0001b000-\\U0001b16f"
    "\\U00020000-\\U0003ffff"
)
"""Han, Hiragana and Katakana: scripts without spaces, of which each character is a token."""

UNSPACED: Final = (
    "\\u0e01-\\u0e30\\u0e32\\u0e33\\u0e40-\\u0e46\\u0e81-\\u0eb0\\u0eb2\\u0eb3\\u0ebd-\\u0ec6\\u0edc-\\u0edf"
    "\\u1000-\\u102a\\u103f\\u1050-\\u1055\\u1780-\\u17b3\\u17d7\\u17dc\\u1950-\\u19df\\u1a00-\\u1aad"
)
"""Letters of Thai, Lao, Myanmar, Khmer and the Tai scripts (line breaking class SA, UAX #14): a token is a letter with
its marks."""
