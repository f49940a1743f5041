"""The suites in CI: each above its floor, and a reason for each claim that fails. ``./run conformance`` does the
rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.types import Failed, FailureKind, ParsedFeed
from tests.bench.figures import Figures
from tests.conformance import SUITES
from tests.conformance.__main__ import FLOOR, explanations, reason_for, report_suite
from tests.conformance.claims import Claim, Tally, claim, read, same_address, same_text, unpacked
from tests.conformance.feedparser import Reader
from tests.conformance.robustness import documents, measure_growth, parse_in_pool, small

URL = "http://documents.invalid/feed"


@pytest.fixture(scope="module")
def folder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return unpacked(corpus)


@pytest.mark.corpus
@pytest.mark.parametrize("name", SUITES)
def test_a_suite_agrees_with_the_parsed_result(folder: Path, name: str) -> None:
    tally = SUITES[name](folder)
    unexplained = [claim for claim in tally.failed if reason_for(explanations(), name, claim) is None]
    assert unexplained == []
    assert tally.files > 0
    assert 100 * len(tally.failed) <= (100 - FLOOR) * len(tally.claims)


@pytest.mark.corpus
def test_every_explanation_is_still_needed(folder: Path) -> None:
    explained = explanations()
    for suite, cases in explained.items():
        failing = {claim.case for claim in SUITES[suite](folder).failed}
        assert set(cases) <= failing, suite


@pytest.mark.corpus
def test_a_sample_of_all_documents_passes_the_pool_without_a_crash(corpus: Path) -> None:
    pool_run = parse_in_pool(documents(corpus, every=60))
    assert pool_run.crashed == []
    assert pool_run.read > pool_run.refused > 0


@pytest.mark.corpus
def test_memory_stays_flat_over_thousands_of_parses(corpus: Path) -> None:
    bodies = small(documents(corpus, every=80), at_most=6_000)
    assert measure_growth(bodies, parses=3_000).megabytes < 10


def test_a_claim_that_fails_counts_whether_it_is_explained_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    def claim_about(case: str, *, holds: bool) -> Claim:
        return claim(case, "title", expected="a", actual="b", holds=holds)

    tally = Tally(
        claims=[
            claim_about("good", holds=True),
            claim_about("known", holds=False),
            claim_about("new", holds=False),
        ]
    )
    figures = Figures("conformance")
    report_suite("suite", tally, figures, {"suite": {"known": {"*": "because"}}})
    assert figures.values()["suite.conformance"] == pytest.approx(33.333)
    assert figures.exit_code() == 1
    shown = capsys.readouterr().out
    assert "suite known title: because" in shown
    assert "suite new title: NOT EXPLAINED" in shown


@pytest.mark.parametrize(
    ("actual", "expected", "same"),
    [
        ("<p>a</p>", "<p>a</p>\n", True),
        ("<div><p>a</p></div>", "<p>a</p>", True),
        ("a &lt; b", "a < b", True),
        ("<script>x</script>a", "a", True),
        ("<b>a</b>", "a", False),
        ("a", "b", False),
        (None, "", True),
        (None, "a", False),
    ],
)
def test_texts_are_equal_when_they_look_the_same(actual: str | None, expected: str, *, same: bool) -> None:
    assert same_text(actual, expected, base=URL) is same


def test_urls_are_compared_in_full() -> None:
    assert same_address("/a", "http://Documents.invalid/a", base=URL)
    assert not same_address("/a", "http://documents.invalid/b", base=URL)
    assert not same_address(None, "http://documents.invalid/b", base=URL)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("not bozo and entries[0]['title'] == 'T'", True),
        ("not bozo and entries[0]['title'] == 'U'", False),
        ("bozo and entries[0]['title'] == 'T'", False),
        ("entries[0]['id'] == 'x'", False),
        ("len(entries) == 1", True),
        ("not entries[0].has_key('link')", True),
        ("entries[1]['title'] == 'T'", False),
        ("not bozo and feed['rights'] == 'x'", None),
        ("not bozo", None),
    ],
)
def test_an_expression_is_judged_by_our_fields(expression: str, *, holds: bool | None) -> None:
    import ast

    from tests.conformance.feedparser import NotApplicableError

    parsed = read(b"<rss version='2.0'><channel><item><title>T</title></item></channel></rss>", url=URL)
    reader = Reader(parsed, URL, labelled=False)
    node = ast.parse(expression, mode="eval").body
    if holds is None and " and " in expression:
        with pytest.raises(NotApplicableError):
            reader.holds(node)
    else:
        assert reader.holds(node)[0] is (holds is not False)


def test_a_broken_document_without_entries_is_judged_with_an_added_entry() -> None:
    actual = read(b"<rss><channel><title>caf&eacute;</title></channel></rss>", url=URL)
    assert isinstance(actual, ParsedFeed)
    assert actual.title == "caf\u00e9"
    refused = read(b"<html></html>", url=URL)
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.NOT_A_FEED
