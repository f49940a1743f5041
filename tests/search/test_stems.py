"""Stems: which words meet in a stem, and an index that is made anew when a stemmer changes."""

from __future__ import annotations

import hashlib

import pytest

from ingest.search import INDEX_VERSION
from ingest.search.analysis import folded_stems
from ingest.search.stems import likely_language, possible_languages, stemmer_language, stems

INFLECTED = [
    ("en", "troops", "troop"),
    ("de", "Häuser".lower(), "haus"),
    ("ru", "войсками", "войска"),
    ("uk", "військами", "війська"),
    ("be", "войскамі", "войска"),
    ("es", "elecciones", "eleccion"),
    ("it", "voti", "voto"),
    ("pt", "líderes", "líder"),
    ("fr", "élections", "election"),
    ("tr", "ülkeler", "ülke"),
    ("he", "הממשלה", "ממשלה"),
    ("he", "ירושלים", "בירושלים"),
    ("ar", "الرئيس", "رئيس"),
    ("hi", "लड़कों", "लड़का"),
    ("el", "εκλογές", "εκλογών"),
    ("pl", "wyborach", "wybory"),
]
NOT_INFLECTED = [
    ("it", "rom", "roma"),
    ("es", "niñ", "niño"),
    ("pt", "cama", "câmara"),
    ("en", "korea", "koran"),
]
SAMPLE = "elections troops universities войсками выборы élections häuser الانتخابات लड़कों εκλογές wyborach voti líderes"


def meet(language: str, typed: str, written: str) -> bool:
    return not set(folded_stems(typed, language, in_query=True)).isdisjoint(folded_stems(written, language))


@pytest.mark.parametrize(("language", "typed", "written"), INFLECTED)
def test_forms_of_a_word_have_a_common_stem(language: str, typed: str, written: str) -> None:
    assert meet(language, typed, written)


@pytest.mark.parametrize(("language", "typed", "written"), NOT_INFLECTED)
def test_other_words_have_no_common_stem(language: str, typed: str, written: str) -> None:
    assert not meet(language, typed, written)


def test_a_word_has_stems_in_the_languages_of_its_script_alone() -> None:
    assert stems("iphones", "ru") == ()
    assert stems("u.s.", "en") == stems("f16", "en") == stems("is", "en") == ()
    assert set(possible_languages("войска")) == {"ru", "sr", "uk", "be"}
    assert likely_language("troops") == "en"
    assert likely_language("мир") == "ru"
    assert likely_language("한국") is None


def test_a_language_tag_names_its_stemmer() -> None:
    assert stemmer_language("en-US") == "en"
    assert stemmer_language("nb_NO") == "no"
    assert stemmer_language(None) is None


def test_a_change_of_the_stemmers_comes_with_another_index_version() -> None:
    digest = hashlib.blake2b(digest_size=8)
    for word in SAMPLE.split():
        for language in sorted(possible_languages(word)):
            digest.update(repr((word, language, stems(word, language))).encode())
    assert (INDEX_VERSION, digest.hexdigest()) == (1, "121c55d82e041ecf")
