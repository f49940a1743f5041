"""The language of a text is detected where the text can tell, and decided together with the declared one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.language import decide_language, detect_language, primary
from tests.quality.search_pairs import ExampleArticle, read_pairs

ARTICLES = list({pair.article.id: pair.article for pair in read_pairs()}.values())

ENGLISH = "The harbour master said on Monday that the ferry would sail again once the storm had passed."
FRENCH = (
    "Le gouvernement a annoncé lundi que la nouvelle loi sur les retraites entrerait en vigueur en juillet."
)
KOREAN = "정부는 월요일 새로운 연금법이 7월부터 시행된다고 발표했다."
NORWEGIAN = "Regjeringen sier at den nye loven om pensjon trer i kraft i juli, og at alle skal få beskjed."
MIXED = (
    "watched välttämättömiä. dek placards. ovat sıkı reported, beaches haastattelussa, above through "
    "enflasyonun residents oppositiossa. Ekonomistler the"
)
RUSSIAN = "Министр сообщил, что новый закон о пенсиях вступит в силу в июле этого года."


@pytest.mark.parametrize("article", ARTICLES, ids=[article.id for article in ARTICLES])
def test_articles_of_every_language_and_script_are_recognised(article: ExampleArticle) -> None:
    detected = detect_language(f"{article.title}\n{article.text}")
    assert detected is not None
    assert primary(detected.tag) == primary(article.language)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("북한", "ko"),
        ("ロシア", "ja"),
        ("日朝首脳会談へ", "ja"),
        ("ท่าเรือ", "th"),
        ("Κρήτη", "el"),
        ("თბილისი", "ka"),
        ("LG·SK 배터리 소송", "ko"),
        ("Король прибыл в порт, где его ждёт корабль", "ru"),
        ("Уряд оголосив про нові правила в'їзду", "uk"),
        ("Урад Беларусі абвясціў аб новых мытных правілах, якія ўступяць у сілу", "be"),
        ("Министърът съобщи за новите правила във вторник", "bg"),
        ("台灣總統府回應：將加強與歐盟合作關係", "zh-hant"),
        ("", None),
        ("Kim", None),
        ("Hello", None),
        ("Streets of Pyongyang", None),
        ("Москва", None),
        ("東京", None),
        ("12.12.2026 — 14:00", None),
        (MIXED, None),
        ("\0\0 \ud800\ufffe", None),
    ],
)
def test_a_short_text_is_unknown_unless_its_script_decides(text: str, tag: str | None) -> None:
    detected = detect_language(text)
    assert (None if detected is None else detected.tag) == tag


@pytest.mark.parametrize("noise", ["\0", "\ud800", "\ufffe", "\x85", "\U0001fffe"])
def test_characters_that_the_library_refuses_do_not_hide_the_language(noise: str) -> None:
    detected = detect_language(f"{ENGLISH[:30]}{noise}{ENGLISH[30:]}")
    assert detected is not None
    assert detected.tag == "en"


@pytest.mark.parametrize(
    ("text", "declared", "tag"),
    [
        (ENGLISH, None, "en"),
        (ENGLISH, "en-gb", "en-gb"),
        (KOREAN, "en", "ko"),
        (KOREAN[:3], "en", "ko"),
        (FRENCH, "en-us", "fr"),
        (RUSSIAN, "en", "ru"),
        (ENGLISH, "ru", "en"),
        (NORWEGIAN, "da", "da"),
        (NORWEGIAN, "nb-no", "nb-no"),
        (NORWEGIAN, "en", "no"),
        ("iPhone 17", "ru", "ru"),
        ("iPhone 17", None, None),
        ("Москва", "en", None),
        ("Москва", "ru", "ru"),
        ("東京大会開幕", "ja", "ja"),
        ("大统领访问欧洲各国会谈结束", "ja", "ja"),
        ("大統領", "en", None),
        ("", "de", "de"),
        (f"{ENGLISH} {FRENCH} {FRENCH[:60]}", "en", "en"),
    ],
)
def test_the_declared_language_wins_or_loses_by_rule(
    text: str, declared: str | None, tag: str | None
) -> None:
    language = decide_language(text, "", declared=declared)
    assert language.tag == tag
    assert language.declared == declared


def test_the_evidence_is_kept_beside_the_language() -> None:
    language = decide_language("속보", KOREAN, declared="en")
    assert (language.tag, language.declared, language.detected) == ("ko", "en", "ko")
    assert language.confidence is not None
    assert 0.5 <= language.confidence <= 1
    short = decide_language("Hello", "", declared="en")
    assert (short.tag, short.detected, short.confidence) == ("en", None, None)


@given(st.text(max_size=400))
def test_any_text_has_a_tag_or_none_and_a_share(text: str) -> None:
    detected = detect_language(text)
    if detected is not None:
        assert 0 <= detected.confidence <= 1
        assert detected.tag == detected.tag.lower()
