"""Words of a date in one form, for the table of names and for the texts that are looked up in it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ASCII_WORD: Final = re.compile("[a-z]+|[0-9]+")


def split_words(text: str) -> list[str]:
    """Split ``text`` into numbers and words, folded: ``"1. Dezember"`` becomes ``["1", "dezember"]``.

    Marks stay with their letter. Digits of every script become ASCII.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    words: list[str] = []
    kind = ""
    for character in unicodedata.normalize("NFKC", text).casefold():
        if character.isdecimal():
            following, character = "digit", str(unicodedata.decimal(character))
        elif unicodedata.category(character)[0] in "LM":
            following = "letter"
        elif unicodedata.category(character) == "Cf":
            continue
        else:
            following = ""
        if following and following == kind:
            words[-1] += character
        elif following:
            words.append(character)
        kind = following
    return words


def without_accents(text: str) -> str:
    """Return ``text`` without marks of Latin, Greek and Cyrillic letters, which feeds often leave out."""
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join([each for each in decomposed if not "\u0300" <= each <= "\u036f"])
    )
