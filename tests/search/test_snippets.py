"""Snippets and highlighted titles: the right places of the original, and a bounded cost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from ingest.errors import Refused
from ingest.search import SNIPPET_TEXT_CHARACTERS, Fragment, parse_search
from ingest.search.snippets import FRAGMENT_CHARACTERS
from tests.search.vocabulary import queries, texts
from tests.speed import cpu_limit

LOREM = "The committee met again on a quiet morning and read the long report of its members. " * 8


def hits(fragments: tuple[Fragment, ...]) -> list[str]:
    return [fragment.text for fragment in fragments if fragment.hit]


def joined(fragments: tuple[Fragment, ...]) -> str:
    return "".join(fragment.text for fragment in fragments)


@pytest.mark.parametrize(
    ("query", "text", "language", "expected"),
    [
        ("korea", "North Korea’s troops; SOUTH KOREA.", "en", ["Korea", "KOREA"]),
        ("troop", "Troops and a trooper.", "en", ["Troops"]),
        ("troop", "Troops of nobody's language", None, ["Troops"]),
        ('"troop"', "Troops", "en", []),
        ("universities", "A university, universally.", "en", ["university"]),
        ('"north korea"', "North  Korea, north of Korea", "en", ["North  Korea"]),
        ("email", "An e-mail, an email, e‑mails.", "en", ["e-mail", "email", "e‑mails"]),
        ("e-mail", "An e-mail, an email.", "en", ["e-mail", "email"]),
        ("usa", "In the U.S.A. today", "en", ["U.S.A"]),
        ("中国", "中国外交部と中 国", "zh", ["中国"]),
        ("俄罗斯", "今天，俄罗斯外长说", "zh", ["俄罗斯"]),
        ("中", "日中関係は中", "ja", ["中", "中"]),
        ("북한", "북한군과 대북한 정책, AI가", "ko", ["북한", "북한"]),
        ("ai", "AI가 바꾼다", "ko", ["AI"]),
        ("부산에서", "부산은", "ko", ["부산"]),
        ("ท่าเรือ", "ที่ท่าเรือกรุงเทพ", "th", ["ท่าเรือ"]),
        ("cafe", "Le Café de Flore", "fr", ["Café"]),
        ("королев", "Сергей Королёв", "ru", ["Королёв"]),
        ("russia", "Ru\u00adssia and Ｒｕｓｓｉａ", "en", ["Ru\u00adssia", "Ｒｕｓｓｉａ"]),
        ("sanct*", "Sanctions, sanctuary, san", "en", ["Sanctions", "sanctuary"]),
        ("kim -putin", "Kim met Putin", "en", ["Kim"]),
        ("kim or putin", "Kim met Putin", "en", ["Kim", "Putin"]),
        ("title:kim putin", "Kim met Putin", "en", ["Putin"]),
        ("author:kim putin", "Kim met Putin", "en", ["Putin"]),
        ("تحریم", "تحریم\u200cها ادامه دارد", "fa", ["تحریم"]),
    ],
)
def test_the_snippet_marks_these_places(
    query: str, text: str, language: str | None, expected: list[str]
) -> None:
    fragments = parse_search(query).snippet(text, language=language)
    assert joined(fragments) == text
    assert hits(fragments) == expected


def test_a_title_is_highlighted_by_words_with_and_without_its_field() -> None:
    fragments = parse_search("title:kim putin author:met").highlight("Kim met Putin", language="en")
    assert hits(fragments) == ["Kim", "Putin"]
    assert joined(fragments) == "Kim met Putin"


def test_a_snippet_shows_the_two_places_with_the_most_words_of_the_query() -> None:
    text = f"Kim. {LOREM} Kim and Putin signed. {LOREM} The treaty stands. {LOREM}"
    fragments = parse_search("kim putin treaty").snippet(text, language="en")
    assert hits(fragments) == ["Kim", "Putin", "treaty"]
    shown = joined(fragments)
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert shown.count("…") == 3
    assert len(shown) < 2 * (FRAGMENT_CHARACTERS + 60)


def test_a_snippet_without_a_hit_is_the_beginning_of_the_text() -> None:
    fragments = parse_search("title:kim").snippet(LOREM, language="en")
    assert hits(fragments) == []
    assert LOREM.startswith(joined(fragments).removesuffix(" …"))
    assert parse_search("kim").snippet("", language="en") == ()


@pytest.mark.parametrize("text", [LOREM + "Kim. " + LOREM, LOREM + "the “Kim” " + LOREM])
def test_fragments_begin_and_end_at_words(text: str) -> None:
    shown = joined(parse_search("kim").snippet(text, language="en"))
    words = shown.removeprefix("… ").removesuffix(" …").split()
    assert set(words) <= set(text.split())


@pytest.mark.parametrize("shift", range(4))
def test_fragments_are_never_cut_before_a_mark_or_begin_with_a_space(shift: int) -> None:
    for filler in ("ท่า", "e\u0301", "a   b"):
        text = filler * 100 + "." * shift + " kim " + "." * shift + filler * 100
        shown = joined(parse_search("kim").snippet(text, language="en"))
        begun, ended = (
            shown.removeprefix("… "),
            text.partition(shown.removeprefix("… ").removesuffix(" …"))[2],
        )
        for rest in (begun, ended):
            assert rest[0] not in "\u0301\u0e48"
        assert not begun[0].isspace()


def test_fragments_of_a_script_without_spaces_are_cut_between_characters() -> None:
    text = "会談は平壌で行われた。が゛" * 40 + "俄罗斯" + "会談は平壌で行われた。" * 40
    shown = joined(parse_search("俄罗斯").snippet(text, language="ja"))
    assert "俄罗斯" in shown
    assert FRAGMENT_CHARACTERS <= len(shown) <= FRAGMENT_CHARACTERS + 60


@given(text=texts(), query=queries())
@settings(max_examples=300, deadline=None)
def test_fragments_are_parts_of_the_text_in_their_order(text: str, query: str) -> None:
    try:
        search = parse_search(query)
    except Refused:
        return
    for language in ("en", None):
        assert joined(search.highlight(text, language=language)) == text
        shown = joined(search.snippet(text, language=language))
        at = 0
        for part in re.split(r" … |^… | …$", shown):
            at = text.index(part, at) + len(part)


@pytest.mark.parametrize(
    "text",
    ["kim " * 100_000, "金正恩" * 60_000, "kim-" * 100_000, "k" * 300_000, ("a" + "\u0301" * 2_000) * 100],
    ids=["words", "characters", "compound", "one word", "marks"],
)
def test_the_cost_of_a_snippet_is_bounded(text: str) -> None:
    search = parse_search('kim 金正 "kim kim" (金 or ki* or kim)')
    with cpu_limit(1):
        fragments = search.snippet(text, language="en")
    assert len(joined(fragments)) <= SNIPPET_TEXT_CHARACTERS
