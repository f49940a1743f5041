"""Korean particles at the end of a typed word.

A query word is searched anywhere in an eojeol, so it finds the word with every particle. A typed particle would
find the word with that one particle alone, so it is left out where it is no part of a noun: "부산에서" finds "부산은".
Particles that many nouns end with, such as 은, 이, 가, 의 and 도, stay: "김정은" is a name.
"""

from __future__ import annotations

import re
from typing import Final

_SYLLABLES: Final = "[가-힣]"
_LEAST_NOUN: Final = 2
_ANY: Final = re.compile(f"({_SYLLABLES}{{{_LEAST_NOUN},}}?)(?:에서(?:는|도)?|에게|에는|에도|까지|부터|에)")
_BEHIND_CONSONANT: Final = re.compile(f"({_SYLLABLES}{{{_LEAST_NOUN},}}?)(?:을|으로)")
_BEHIND_VOWEL: Final = re.compile(f"({_SYLLABLES}{{{_LEAST_NOUN},}}?)를")
_BEHIND_LATIN: Final = re.compile("은|는|이|가|을|를|의|에|에서|에게|와|과|도|로|으로|만|까지|부터")
_FIRST_SYLLABLE: Final = 0xAC00
_FINALS: Final = 28
"""Syllables with the same initial and vowel: without a final consonant, and with each of 27."""


def without_particle(word: str) -> str:
    """Return a run of Hangul without a particle at its end that no noun has there."""
    if particle := _ANY.fullmatch(word):
        return particle.group(1)
    for pattern, has_final in ((_BEHIND_CONSONANT, True), (_BEHIND_VOWEL, False)):
        particle = pattern.fullmatch(word)
        if particle and ((ord(particle.group(1)[-1]) - _FIRST_SYLLABLE) % _FINALS != 0) is has_final:
            return particle.group(1)
    return word


def is_particle_behind_latin(word: str) -> bool:
    """Return whether a run of Hangul behind a Latin word is a particle."""
    return _BEHIND_LATIN.fullmatch(word) is not None
