"""Stems of words, by the Snowball stemmers (PyStemmer).

A stemmer belongs to a language and to a script: a Latin name in a Russian text has no Russian stem.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import Stemmer

_REMEMBERED_STEMS: Final = 131_072

_LATIN: Final = {
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "tr": "turkish",
}
_BY_SCRIPT: Final = (
    (re.compile("[a-z\u00df-\u02af\u1e00-\u1eff]"), _LATIN),
    (re.compile("[\u0400-\u052f]"), {"ru": "russian", "sr": "serbian"}),
    (re.compile("[\u0600-\u06ff\u0750-\u077f]"), {"ar": "arabic", "fa": "persian"}),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), {"el": "greek"}),
    (re.compile("[\u0900-\u097f]"), {"hi": "hindi", "ne": "nepali"}),
    (re.compile("[\u0530-\u058f]"), {"hy": "armenian"}),
    (re.compile("[\u0b80-\u0bff]"), {"ta": "tamil"}),
    (re.compile("[\u0590-\u05ff]"), {"yi": "yiddish"}),
)
_LIKELY: Final = {"en", "ru", "ar", "el", "hi", "hy", "ta"}
"""For a text of unknown language, the language of each script whose stems are indexed."""
_RELATED: Final = {"nb": "no", "nn": "no", "hr": "sr", "bs": "sr", "sh": "sr", "cnr": "sr", "ms": "id"}
_STEMMERS: Final = {
    language: Stemmer.Stemmer(name, 0) for _, languages in _BY_SCRIPT for language, name in languages.items()
}
_DIGIT: Final = re.compile(r"\d")
_NO_LANGUAGES: Final[dict[str, str]] = {}


def stemmer_language(tag: str | None) -> str | None:
    """Return the language whose stemmer reads texts of this language tag; None where the language is unknown."""
    if tag is None:
        return None
    primary = re.split("[-_]", tag, maxsplit=1)[0].lower()
    return _RELATED.get(primary, primary)


def possible_languages(word: str) -> tuple[str, ...]:
    """Return the languages with a stemmer for the script of ``word``."""
    return tuple(_languages_of(word))


def likely_language(word: str) -> str | None:
    """Return the language whose stems are indexed for ``word`` in a text of unknown language."""
    return next((language for language in _languages_of(word) if language in _LIKELY), None)


@lru_cache(_REMEMBERED_STEMS)
def stem(word: str, language: str) -> str | None:
    """Return the stem of a folded word; None where the stemmer does not read the word's script."""
    if language not in _languages_of(word) or _DIGIT.search(word):
        return None
    stemmed: str = _STEMMERS[language].stemWord(word)
    return stemmed or None


def _languages_of(word: str) -> dict[str, str]:
    for script, languages in _BY_SCRIPT:
        if script.match(word):
            return languages
    return _NO_LANGUAGES
