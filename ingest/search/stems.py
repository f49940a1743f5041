"""Stems of words, by the Snowball stemmers (PyStemmer).

A stemmer belongs to a language and to a script: a Latin name in a Russian text has no Russian stem. Snowball has none
for Hebrew, Ukrainian and Belarusian. Hebrew writes prepositions and the article before a word without a space; a stem
is the word without them. The two others are spelled with Russian letters and stemmed as Russian.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import Stemmer

from ingest.search.lexemes import UNKNOWN_LANGUAGE, language_lexeme

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
    (re.compile("[\u0400-\u052f]"), {"ru": "russian", "sr": "serbian", "uk": "russian", "be": "russian"}),
    (re.compile("[\u0600-\u06ff\u0750-\u077f]"), {"ar": "arabic", "fa": "persian"}),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), {"el": "greek"}),
    (re.compile("[\u0900-\u097f]"), {"hi": "hindi", "ne": "nepali"}),
    (re.compile("[\u0530-\u058f]"), {"hy": "armenian"}),
    (re.compile("[\u0b80-\u0bff]"), {"ta": "tamil"}),
    (re.compile("[\u0590-\u05ff]"), {"yi": "yiddish", "he": ""}),
)
_LIKELY: Final = {"en", "ru", "ar", "el", "he", "hi", "hy", "ta"}
"""For a text of unknown language, the language of each script whose stems are indexed."""
_NO_LANGUAGE_STATED: Final = frozenset(("", "und", "mul"))
NO_STEMS: Final = "zxx"
"""The tag of ISO 639 for no linguistic content: names have no stems."""
_RELATED: Final = {
    "nb": "no",
    "nn": "no",
    "hr": "sr",
    "bs": "sr",
    "sh": "sr",
    "cnr": "sr",
    "ms": "id",
    "iw": "he",
}
_ALL_LANGUAGES: Final = {language for _, languages in _BY_SCRIPT for language in languages}
_STEMMERS: Final = {
    language: Stemmer.Stemmer(name, 0)
    for _, languages in _BY_SCRIPT
    for language, name in languages.items()
    if name
}
_UNSTEMMED: Final = re.compile(r"[\d.+#]")
"""Characters of numbers, acronyms and names such as C++."""
_SHORTEST: Final = 3
_EAST_SLAVIC: Final = {"uk", "be"}
_RUSSIAN_LETTERS: Final = str.maketrans("іїєґў", "ииегу", "'")
_VOWEL_FINAL: Final = {"ca", "es", "it", "pt"}
"""Languages whose words mostly end in a vowel, which their stems do not have."""
_SHORT_STEM: Final = 3
_PLURAL_OR_VOWEL: Final = re.compile("(?<=...)[aeiouáéíóúàèìòùâêôãõ]?s?$")
"""The end of a word whose stem is short: the stemmers take "câmara" for a verb with the stem "câm"."""
_HEBREW_ARTICLE: Final = "ה"
_HEBREW_PREFIXES: Final = (
    "ה",
    "ו",
    "ב",
    "ל",
    "מ",
    "כ",
    "ש",
    "וה",
    "וב",
    "ול",
    "ומ",
    "שה",
    "מה",
    "וש",
    "כש",
    "של",
)
_NO_LANGUAGES: Final[dict[str, str]] = {}


def stemmer_language(tag: str | None) -> str | None:
    """Return the language whose stemmer reads texts of this language tag; None where the language is unknown."""
    primary = re.split("[-_]", tag or "", maxsplit=1)[0].lower()
    return None if primary in _NO_LANGUAGE_STATED else _RELATED.get(primary, primary)


def article_lexeme(language: str | None) -> str | None:
    """Return the lexeme that states the language of an article; None for a language without a stemmer."""
    if language is None:
        return UNKNOWN_LANGUAGE
    return language_lexeme(language) if language in _ALL_LANGUAGES else None


def is_likely(language: str) -> bool:
    """Return whether texts of unknown language are stemmed by this language in its script."""
    return language in _LIKELY


def possible_languages(word: str) -> tuple[str, ...]:
    """Return the languages with a stemmer for the script of ``word``."""
    return tuple(_languages_of(word))


def likely_language(word: str) -> str | None:
    """Return the language whose stems are indexed for ``word`` in a text of unknown language."""
    return next((language for language in _languages_of(word) if language in _LIKELY), None)


@lru_cache(_REMEMBERED_STEMS)
def stems(word: str, language: str) -> tuple[str, ...]:
    """Return the stems of a folded word in a text; none where the language has no stemmer for it."""
    if len(word) < _SHORTEST or language not in _languages_of(word) or _UNSTEMMED.search(word):
        return ()
    if language == "he":
        return (word, *_without_hebrew_prefixes(word))
    if language in _EAST_SLAVIC:
        word = word.translate(_RUSSIAN_LETTERS)
    stem: str = _STEMMERS[language].stemWord(word)
    if language in _VOWEL_FINAL and len(stem) <= _SHORT_STEM:
        stem = _PLURAL_OR_VOWEL.sub("", word)
    return (stem,)


def query_stems(word: str, language: str) -> tuple[str, ...]:
    """Return the stems under which texts have a word of a query.

    A stem that somebody types is not an inflected word: "rom" is not "Roma".
    """
    in_text = stems(word, language)
    if language == "he":
        return (word, word[1:]) if in_text[1:] and word[0] == _HEBREW_ARTICLE else in_text[:1]
    is_bare_stem = in_text == (word,)
    if is_bare_stem and (language == "it" or (language in _VOWEL_FINAL and len(word) <= _SHORT_STEM)):
        return ()
    return in_text


def _without_hebrew_prefixes(word: str) -> list[str]:
    """Return a word without the prefix that it may have, in each length that leaves a word."""
    return [
        word[len(prefix) :]
        for prefix in _HEBREW_PREFIXES
        if word.startswith(prefix) and len(word) - len(prefix) > len(prefix) + 1
    ]


def _languages_of(word: str) -> dict[str, str]:
    for script, languages in _BY_SCRIPT:
        if script.match(word):
            return languages
    return _NO_LANGUAGES
