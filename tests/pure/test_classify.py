"""Rules match in every script, and an invalid rule is refused with its place in the file."""

from __future__ import annotations

import unicodedata
from importlib import resources
from typing import Any

import pytest

from ingest.classify import compile_topics, read_topics
from ingest.errors import Refused
from ingest.types import Topic

GROUPS = {
    "russia": ["Russia*", "Россия", "러시아*", "俄罗斯"],
    "korea": ["North Korea*", "КНДР", "북한*", "朝鲜"],
}


def matches(rule: Any, title: str, text: str = "") -> bool:
    topic = Topic(slug="t", title="T", description="", rule={"rule": rule, "phrases": GROUPS})
    return bool(compile_topics([topic]).matches(title, text))


@pytest.mark.parametrize(
    ("rule", "title", "text", "met"),
    [
        ("summit", "The Summit", "", True),
        ("summit", "Summits", "", False),
        ("summit*", "Summits", "", True),
        ("с*", "с", "", True),
        ("с*", "союз", "", True),
        ("со*", "союз", "", True),
        ("со*", "с", "", False),
        ("союз*", "со", "", False),
        ("$russia", "“Russia’s”", "", True),
        ("north korea", "North-Korea", "", True),
        ("north korea", "North", "Korea", False),
        ("$russia", "", "in Russian hands", True),
        ("$russia", "러시아가", "", True),
        ("$korea", "与朝鲜会谈", "", True),
        ("$korea", "РФ и КНДР", "", True),
        ({"all": ["a", "b"]}, "a", "b", True),
        ({"all": ["a", "b"]}, "a", "c", False),
        ({"any": ["a", "b"]}, "", "b", True),
        ({"all": ["a", {"none": ["b"]}]}, "a", "", True),
        ({"all": ["a", {"none": ["b"]}]}, "a", "b", False),
        ({"none": ["a"]}, "b", "", True),
        ({"none": ["a"]}, "a", "", False),
        ({"title": "a"}, "", "a", False),
        ({"text": "a"}, "a", "", False),
        ({"lede": "a"}, "", "word " * 59 + "a", True),
        ({"lede": "a"}, "", "word " * 60 + "a", False),
        ({"near": ["a", "b"], "within": 2}, "", "a x x b", True),
        ({"near": ["a", "b"], "within": 2}, "", "a x x x b", False),
        ({"near": ["a", "b"], "within": 2}, "", "b a", True),
        ({"near": ["a", "b"], "within": 1, "at_least": 2}, "", "a b x x x a b", True),
        ({"near": ["a", "b"], "within": 1, "at_least": 2}, "", "a b a", False),
        ({"count": "a", "at_least": 3}, "a", "a b a", True),
        ({"count": "a", "at_least": 3}, "a", "a", False),
        ({"everything": True}, "", "", True),
    ],
)
def test_conditions(rule: Any, title: str, text: str, met: bool) -> None:
    assert matches(rule, title, text) is met


def test_an_explanation_quotes_the_places_and_names_the_alternative() -> None:
    topic = Topic(
        slug="t", title="T", description="", rule={"any": [{"title": "absent"}, {"all": ["pact", "summit"]}]}
    )
    (match,) = compile_topics([topic]).matches("A Summit", "They sign the pact today.")
    assert match.explanation["rule"] == "all: [pact, summit]"
    assert [(span["field"], span["phrase"], span["offset"]) for span in match.explanation["matches"]] == [
        ("title", "summit", 2),
        ("text", "pact", 14),
    ]
    assert match.explanation["matches"][1]["quote"] == "They sign the pact today."


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (
            "Our correspondents were unanimously saying that the pact was, all in all, nothing whatsoever-unheard-of",
            "were unanimously saying that the pact was, all in all, nothing",
        ),
        ("x" * 60 + " pact " + "y" * 60, "pact"),
        ("俄" * 60 + " pact " + "朝" * 60, "俄" * 39 + " pact " + "朝" * 39),
        ("Short: a pact.", "Short: a pact."),
    ],
    ids=["words", "words longer than a quote", "characters, which are words", "all of it"],
)
def test_a_quote_is_not_cut_within_a_word(text: str, quote: str) -> None:
    topic = Topic(slug="t", title="T", description="", rule={"rule": "pact"})
    (match,) = compile_topics([topic]).matches("", text)
    assert match.explanation["matches"][0]["quote"] == quote


def test_places_are_those_of_the_text_where_its_quotes_and_dashes_are_set() -> None:
    topic = Topic(slug="t", title="T", description="", rule={"any": ["pact"]})
    (match,) = compile_topics([topic]).matches("“One” title", "Russia’s — or “their” — pact…")
    assert match.explanation["matches"] == [
        {"field": "text", "phrase": "pact", "offset": 24, "quote": "Russia’s — or “their” — pact…"}
    ]


def test_letters_that_grow_when_folded_do_not_shift_the_quotes() -> None:
    topic = Topic(slug="t", title="T", description="", rule={"any": ["pact"]})
    (match,) = compile_topics([topic]).matches("", "İstanbul Straße ﬁn: the pact")
    assert match.explanation["matches"][0]["offset"] == 24


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("{any: []}", "rule.any"),
        ("{all: [a, {some: [b]}]}", "rule.all[1]"),
        ("{near: [a]}", "rule.near"),
        ("{near: [a, b], within: zero}", "rule.within"),
        ("{count: a, at_most: 3}", "rule"),
        ("{title: a, text: b}", "rule"),
        ("$nobody", "rule"),
        ("{everything: false}", "rule.everything"),
        ("7", "rule"),
        ("'!!'", "rule"),
    ],
)
def test_a_rule_that_is_none_is_refused_by_file_topic_and_place(rule: str, place: str) -> None:
    with pytest.raises(Refused) as refused:
        read_topics(f"topics: [{{slug: one, title: One, rule: {rule}}}]", name="mine.yaml")
    assert "mine.yaml, topic one" in str(refused.value)
    assert place in str(refused.value)


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(Refused, match="'title' stands twice"):
        read_topics("topics: [{slug: a, title: b, title: c, rule: x}]", name="mine.yaml")


EQUIVALENT_TITLES = {
    "composed Hangul": "러시아 북한 정상회담",
    "decomposed Hangul": unicodedata.normalize("NFD", "러시아 북한 정상회담"),
    "composed accents": "La Russie et la Corée du Nord signent un traité",
    "decomposed accents": unicodedata.normalize("NFD", "La Russie et la Corée du Nord signent un traité"),
    "a middle dot": "북·러 정상회담 개최",
    "a letter as a middle dot": "북ㆍ러 정상회담 개최",
    "full width": "Ｒｕｓｓｉａ and North Korea sign a treaty",
    "a word joiner": "Rus\u2060sia and North Korea sign a treaty",
    "a non-joiner": "Rus\u200csia and North Korea sign a treaty",
    "a direction mark": "Russia\u200e and North\u200e Korea sign a treaty",
    "an invisible separator": "Rus\u2063sia and North Ko\u00adrea sign a treaty",
    "a curly possessive": "Russia’s pact with North Korea’s army signed",
}


@pytest.mark.parametrize("title", EQUIVALENT_TITLES.values(), ids=EQUIVALENT_TITLES)
def test_the_shipped_topic_matches_any_equivalent_spelling(title: str) -> None:
    topics = read_topics(
        resources.files("ingest").joinpath("topics.yaml").read_text("utf-8"), name="topics.yaml"
    )
    (match,) = compile_topics(topics).matches(title, "")
    assert match.topic == "russia-north-korea"
    for quoted in match.explanation["matches"]:
        assert title[quoted["offset"] :].strip()
