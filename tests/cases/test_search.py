"""Searches find articles by the words that people type, in any script, from feed to API and command."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from html import escape
from typing import Final

import pytest

from tests.cases.conftest import Service

pytestmark = pytest.mark.store

PUNCTUATION: Final = {
    "Envoy praises South Sudan’s ferrymen": "The envoy thanked them.",
    "Mayor calls ruling “absurd” — and speaks of “payback”": "The mayor met judges on Friday.",
    "Журнал «Голос гавани» пишет о приливе": "Вышел «Маяк».",
    "L’Alsace et l’Évêché d’accord": "Le maire s’est rendu à Colmar.",
    "Frost reaches vineyard…who pays?": "Wind—bitter at dawn—eased.",
    "남·북 철도회담 ‘훈풍’ 속 마무리": "“철도망 연결” 합의",
    "Envoy praises South Sudan's ferrymen again": "With a straight apostrophe.",
}
UNSPACED: Final = {
    "意大利总统马塔雷拉抵达东京出席论坛": "意大利总统周二抵达东京，与日本首相共进晚餐。",
    "フランス首相が東京を訪れ会見": "首相は火曜日に東京へ到着し、日本の首相と会見した。",
    "นกอพยพกลับมาที่ทะเลสาบ": "ทะเลสาบเปิดให้เข้าชมแล้ว",
    "대구에서 열차가 출발": "대구역의 열차 운행이 시작되었다.",
}
ACCENTS: Final = {
    "Le théâtre rouvre à Besançon": "Le décor du théâtre a été repeint.",
    "Фёдоров и Алёхин: новый тоннель": "Тоннель имени Фёдорова открыли.",
    "إعلان من أثيوبيا": "أعلن الوزير في أديس أبابا.",
    "Straßenfest in Größenwahn": "Die Gaststätte öffnet.",
}


def rss(texts: Mapping[str, str]) -> bytes:
    items = "".join(
        f"<item><title>{escape(title)}</title><link>https://case.example/{number}</link>"
        f"<description>{escape(text)}</description></item>"
        for number, (title, text) in enumerate(texts.items())
    )
    head = "<title>Case</title><link>https://case.example/</link>"
    return f"<rss version='2.0'><channel>{head}{items}</channel></rss>".encode()


def stock(service: Service, texts: Mapping[str, str]) -> None:
    service.serve(rss(texts))
    service.poll()
    assert len(service.titles()) == len(texts)


def test_punctuation_of_any_script_parts_words(service: Service) -> None:
    """B01 (mlem#1802, FreshRSS#6794): curly apostrophes, quotation marks, dashes and ellipses glued words."""
    stock(service, PUNCTUATION)
    both = sorted(title for title in PUNCTUATION if "Sudan" in title)
    for query in ("South Sudan", '"South Sudan"', "sudan's", "Sudan’s"):
        assert service.search(query) == both, query
    for query, begins in {
        "absurd": "Mayor",
        "payback": "Mayor",
        "Голос": "Журнал",
        "маяк": "Журнал",
        "Alsace": "L’Alsace",
        "évêché": "L’Alsace",
        "vineyard": "Frost",
        "bitter": "Frost",
        "훈풍": "남·북",
        "철도망 연결": "남·북",
    }.items():
        assert [title.startswith(begins) for title in service.search(query)] == [True], query


@pytest.mark.parametrize(
    ("query", "begins"),
    [
        ("意大利", "意大利"),
        ("东京", "意大利"),
        ("论坛", "意大利"),
        ("フランス", "フランス"),
        ("東京", "フランス"),
        ("会見", "フランス"),
        ("ทะเลสาบ", "นก"),
        ("대구", "대구"),
        ("열차", "대구"),
    ],
)
def test_a_word_of_a_script_without_spaces_is_found(service: Service, query: str, begins: str) -> None:
    """B02 (miniflux#235, miniflux#663): the parts of a text without spaces were not found."""
    stock(service, UNSPACED)
    assert [title[: len(begins)] for title in service.search(query)] == [begins]
    assert service.search("北京") == []


def test_decomposed_and_composed_spellings_are_the_same(service: Service) -> None:
    """B07 (komga#2349, lucene#16241): a text in NFD was not found by a query in NFC, and the reverse."""
    composed = {"대구에서 열차가 출발": "열차 운행", "Théâtre à Besançon": "Décor"}
    stock(
        service,
        {
            unicodedata.normalize("NFD", title): unicodedata.normalize("NFD", text)
            for title, text in composed.items()
        },
    )
    for query, first in (("대구에서", "대"), ("théâtre", "T"), ('"à besançon"', "T")):
        for form in ("NFC", "NFD"):
            titles = service.search(unicodedata.normalize(form, query))
            assert [unicodedata.normalize("NFC", title)[0] for title in titles] == [first]


@pytest.mark.parametrize("dot", ["·", "\u318d", "・", "\u2027"])
def test_a_middle_dot_of_any_kind_parts_words(service: Service, dot: str) -> None:
    """B15 (seonbi#9): U+318D, a letter to Unicode, was part of the word."""
    stock(service, {f"남{dot}북 회담 개최": f"한{dot}일{dot}중 훈련", "다른 소식": "바람"})
    for query in ("남", "남·북", f"남{dot}북", "회담"):
        assert service.search(query) == [f"남{dot}북 회담 개최"], query


@pytest.mark.parametrize(
    ("query", "begins"),
    [
        ("theatre", "Le"),
        ("THÉÂTRE", "Le"),
        ("besancon", "Le"),
        ("Федоров", "Фёдоров"),
        ("фёдоров", "Фёдоров"),
        ("اثيوبيا", "إعلان"),
        ("أثيوبيا", "إعلان"),
        ("strassenfest", "Straßenfest"),
        ("grossenwahn", "Straßenfest"),
    ],
)
def test_words_are_found_with_and_without_accents(service: Service, query: str, begins: str) -> None:
    """B30 (thorium-reader#1920): letters with and without marks were different letters."""
    stock(service, ACCENTS)
    (title,) = service.search(query)
    assert title.startswith(begins)
    assert service.titles() == sorted(ACCENTS), "the texts themselves are unchanged"


def test_a_text_of_long_compounds_is_stored_and_searchable(service: Service) -> None:
    """B26 (miniflux#3556): "string is too long for tsvector" put the record into quarantine."""
    compounds = " ".join(
        f"Donau-dampf-schiff-fahrts-gesellschafts-{number:05}-mützen-{7 * number:06}"
        for number in range(4_000)
    )
    assert len(compounds) > 200_000
    stock(service, {"Ein Wortungetüm": f"Ankerplatz. {compounds}", "Kurz": "Ein Satz."})
    assert service.cli("quarantine", "list", "--json") == ""
    for query in ("wortungetüm", "ankerplatz", '"gesellschafts-00001"', "Donau-dampf"):
        assert service.search(query) == ["Ein Wortungetüm"], query


def test_a_search_shows_its_hits_and_refuses_what_its_syntax_does_not_have(service: Service) -> None:
    stock(service, PUNCTUATION)
    (article,) = service.get("/v1/articles", q="payback friday")["articles"]
    assert {"text": "payback", "hit": True} in article["title_fragments"]
    assert {"text": "Friday", "hit": True} in article["snippet"]
    assert "".join(part["text"] for part in article["title_fragments"]) == article["title"]
    printed = service.cli("articles", "search", "payback friday", "--sort", "relevance")
    assert "speaks of “payback”" in printed
    refused = service.request("GET", "/v1/articles", params={"q": "payback (friday"})
    assert refused.status_code == 400
    assert refused.json()["error"]["parameter"] == "q, character 9"
    command = service.cli_result("articles", "search", 'payback "friday')
    assert (command.exit_code, "QUERY, character 9" in command.stderr) == (2, True)
