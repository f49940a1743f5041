"""The measurement of search counts hits and misses as its pairs and the substring count demand."""

from __future__ import annotations

import unicodedata
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.bench.figures import Figures
from tests.quality.search import PairResult, add_pair_figures, add_word_figures, search_pairs, show_pairs
from tests.quality.search_pairs import ExampleArticle, Pair, read_pairs
from tests.quality.search_store import StoredText, json_feed, store
from tests.quality.search_words import articles_with, draw_words

ARTICLE = ExampleArticle(id="a", language="en", title="A harbour reopens", text="Ships return to Trondheim.")


def pair(query: str, *, finds: bool) -> Pair:
    return Pair(query=query, form="exact", article=ARTICLE, finds=finds)


def final_pair(*, finds: bool, final: bool) -> Pair:
    return next(each for number in range(50) if (each := pair(f"q{number}", finds=finds)).final is final)


def stored(number: int, title: str, text: str = "") -> StoredText:
    return StoredText(id=UUID(int=number), url=None, title=title, text=text)


def test_the_pairs_cover_languages_scripts_and_forms_in_both_halves() -> None:
    pairs = read_pairs()
    assert len(pairs) >= 420
    assert len({each.article.language for each in pairs}) >= 16
    assert len({(each.article.id, each.query) for each in pairs}) == len(pairs)
    for final in (False, True):
        half = [each for each in pairs if each.final is final]
        assert len(half) >= 0.45 * len(pairs)
        assert sum(not each.finds for each in half) >= 100
        assert {"accents", "inflection", "apostrophe", "hyphen", "cjk_part", "hangul_particle", "normal"} <= {
            each.form for each in half
        }


def test_decomposed_spellings_of_the_pairs_are_not_composed_by_an_editor() -> None:
    queries = [each.query for each in read_pairs() if each.form == "normal"]
    assert sum(not unicodedata.is_normalized("NFC", query) for query in queries) >= 10
    assert sum(not unicodedata.is_normalized("NFKC", query) for query in queries) >= 20


@pytest.mark.store
def test_pairs_are_judged_by_the_search_of_the_product(database: Engine) -> None:
    pairs = [
        pair("Trondheim", finds=True),
        pair("Bergen", finds=True),
        pair("harbour", finds=False),
        pair("Oslo", finds=False),
    ]
    assert [result.right for result in search_pairs(database, pairs)] == [True, False, False, True]


@pytest.mark.store
def test_articles_that_the_product_misses_are_counted(
    database: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(n), "title": f"Message {n}", "content_text": "Ships return."} for n in range(3)]
    store(database, [json_feed("words", rows)])
    figures = Figures("test")
    add_word_figures(database, figures, show=9)
    assert figures.values()["search_word_hits_missed"] == 0
    monkeypatch.setattr("tests.quality.search.search", lambda engine, query: iter(()))
    add_word_figures(database, Figures("test"), show=9)
    assert "missed: 3 of 3 articles with 'ships'" in capsys.readouterr().err


def test_found_and_false_are_shares_of_their_half_and_refusals_count_as_wrong() -> None:
    found = final_pair(finds=True, final=True)
    false = final_pair(finds=False, final=True)
    tuning = final_pair(finds=True, final=False)
    results = [
        PairResult(pair=found, hit=True),
        PairResult(pair=found, hit=False, refused="q: not accepted"),
        PairResult(pair=false, hit=True),
        PairResult(pair=tuning, hit=True),
    ]
    figures = Figures("test")
    add_pair_figures(results, figures)
    values = figures.values()
    assert (values["search_found_final"], values["search_false_final"]) == (0.5, 1.0)
    assert (values["search_found_tuning"], values["search_false_tuning"]) == (1.0, 0.0)
    assert values["search_pairs_refused"] == 1
    missed = {figure.name for figure in figures.missed()}
    assert missed == {"search_found_final", "search_false_final", "search_pairs_refused"}


def test_wrong_results_of_the_final_half_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    results = [PairResult(pair=final_pair(finds=True, final=final), hit=False) for final in (True, False)]
    show_pairs(results, show=10)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"missed: a exact {results[1].pair.query!r}"


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("port", "The port.", True),
        ("port", "An airport", False),
        ("port", "Port", True),
        ("port", "ports", False),
        ("port", "port’s", True),
        ("port", "port2", False),
        ("дом", "дома, дом", True),
        ("दिल", "दिल्ली", False),
        ("दिल्ली", "नई दिल्ली में", True),
        ("京都", "東京都", True),
        ("회담", "정상회담", True),
        ("회담", "회의", False),
    ],
)
def test_a_substring_counts_as_a_word_where_its_script_has_spaces(
    word: str, text: str, *, found: bool
) -> None:
    lowered = [(UUID(int=1), text.lower())]
    assert bool(articles_with(word, lowered)) is found


def test_words_are_drawn_from_each_script_and_depend_on_the_seed_alone() -> None:
    texts = [
        stored(1, "Ships return to Trondheim", "Корабли вернулись в порт"),
        stored(2, "俄罗斯和朝鲜", "정상회담 개최 नई दिल्ली"),
    ]
    words = draw_words(texts, seed=3, number=10)
    assert words == draw_words(texts, seed=3, number=10)
    assert words != draw_words(texts, seed=4, number=10)
    assert len(set(words)) == 10
    lowered = [(each.id, f"{each.title}\n{each.text}".lower()) for each in texts]
    assert all(articles_with(word, lowered) for word in words)
    joined = " ".join(words)
    assert all(any(first <= c <= last for c in joined) for first, last in ("az", "ая", "一鿿", "가힣", "ऄह"))
