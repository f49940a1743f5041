"""Decide whether words are a name: of a person, an outlet or a place. Rules for bylines, credits and origins share it.

A name has a capital in each word but small connecting ones ("of the"). Scripts without capitals have no such evidence:
there a name is short and has no punctuation of a sentence.
"""

from __future__ import annotations

import re
from typing import Final

_CONNECTORS: Final = frozenset(
    """
    a al ad and bin da das de del della der des di do dos du e el en et for i ibn in la las le les los of on the to u
    und van vom von y zu и і в на та й
    """.split()  # noqa: SIM905
) | {"&", "-", "–", "—", "/", "|", "d’", "l’"}
_ARTICLES: Final = frozenset({"the", "a", "an", "der", "die", "das", "le", "la", "les", "el", "los", "il"})
_NOT_IN_PERSONS: Final = frozenset(
    {"and", "bis", "by", "et", "for", "nach", "in", "of", "on", "the", "to", "und", "&", "и"}
)
_DOMAIN: Final = re.compile(r"(?:https?://)?(?:[\w-]{1,63}\.)+[a-z]{2,24}(?:/\S{0,200})?")
_SENTENCE: Final = re.compile(r"[.!?。！？;；]\s+\S|[。！？；，、]")
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff]")
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")
_DATES: Final = re.compile(
    r"(?:the\s)?(?:\d|(?:jan|feb)(?:uary|ruary)?\b|mar(?:ch)?\b|apr(?:il)?\b|may\b|june?\b|july?\b|aug(?:ust)?\b"
    r"|sept?(?:ember)?\b|oct(?:ober)?\b|nov(?:ember)?\b|dec(?:ember)?\b"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|early\b|late\b|full\b|data\b|christmas\b|new\syear\b)",
    re.IGNORECASE,
)
_INITIAL: Final = re.compile(
    r"(?:[^\W\d_]\.?|Jr\.?|Sr\.?|Dr\.?|Mr\.?|Mrs\.?|Ms\.?|Prof\.?|St\.?|Col\.?|Gen\.?|Lt\.?|Rev\.?|I{1,3}|IV)"
)

MAX_UNSPACED_CHARACTERS: Final = 20
MAX_HANGUL_WORDS: Final = 3


def is_name(text: str, *, words: int = 8) -> bool:
    """Return whether ``text`` is a name of at most this many words; dates and addresses with a path are none."""
    parts = text.split()
    while parts and parts[0].lower() in _ARTICLES and len(parts) > 1:
        del parts[0]
    if not parts or len(parts) > words or _DATES.match(text) or _has_sentence(text):
        return False
    if _UNSPACED.search(text):
        return len(text) <= MAX_UNSPACED_CHARACTERS
    if _HANGUL.search(text):
        return len(parts) <= MAX_HANGUL_WORDS
    return _is_proper(parts[0]) and all(_is_proper(part) or part.lower() in _CONNECTORS for part in parts)


def is_person(text: str) -> bool:
    """Return whether ``text`` is a person's name: two to five words with capitals, or one word of a script without."""
    parts = text.split()
    if not is_name(text, words=5) or any(character.isdigit() for character in text):
        return False
    if not _NOT_IN_PERSONS.isdisjoint(part.lower() for part in parts):
        return False
    return len(parts) >= 2 or _UNSPACED.search(text) is not None or _HANGUL.search(text) is not None


def _has_sentence(text: str) -> bool:
    """Return whether a full stop ends a sentence within ``text``; initials and titles have one too."""
    match = _SENTENCE.search(text)
    while match is not None:
        before = text[: match.start()].rsplit(maxsplit=1)
        if match[0][0] != "." or not (before and _INITIAL.fullmatch(before[-1])):
            return True
        match = _SENTENCE.search(text, match.end())
    return False


def _is_proper(word: str) -> bool:
    """Return whether a word is written as in names: with a capital, as a domain, or in a script without capitals."""
    letters = [character for character in word if character.isalpha()]
    if not letters:
        return any(character.isdigit() for character in word)
    first = letters[0]
    if first.isupper() or not first.islower():
        return True
    return any(letter.isupper() for letter in letters[1:]) or _DOMAIN.fullmatch(word) is not None
