"""The lists of tracking parameters are read as domains and names, and compile to the shipped rules."""

from __future__ import annotations

import json

import pytest

from ingest.urls.tracking import read_rules
from tests.tracking_rules.compile import IDENTIFIES, NOT_EVERYWHERE, compile_rules
from tests.tracking_rules.sources import read_brave, read_clearurls, read_domain, read_names, read_registry

SITE = r"^https?:\/\/(?:[a-z0-9-]+\.)*?"


@pytest.mark.parametrize(
    ("pattern", "domain"),
    [
        (".*", "*"),
        (SITE + r"shop\.com", "shop.com"),
        (SITE + r"shop\.co\.uk", "shop.co.uk"),
        (SITE + r"shop(?:\.[a-z]{2,}){1,}", "shop.*"),
        (r"^https?:\/\/www\.shop\.com", "shop.com"),
        (SITE + r"shop\.com\/checkout", None),
        (SITE + r"(shop|store)\.com", None),
    ],
)
def test_an_expression_for_a_site_is_its_domain(pattern: str, domain: str | None) -> None:
    assert read_domain(pattern) == domain


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("gclid", ["gclid"]),
        ("(?:%3F)?utm(?:_[a-z_]*)?", ["utm", "utm_*"]),
        ("(?:%3F)?fb_action_(?:types|ids)", ["fb_action_ids", "fb_action_types"]),
        ("(?:%3F)?wt_?z?mc", ["wt_mc", "wt_zmc", "wtmc", "wtzmc"]),
        ("[a-z]*tk", []),
        ("[a-z]?mc", []),
        ("(", []),
    ],
)
def test_an_expression_for_names_is_its_names(expression: str, names: list[str]) -> None:
    assert read_names(expression) == names


def lists(*, everywhere: str = "") -> dict[str, str]:
    provider = {"urlPattern": ".*", "rules": ["utm(?:_[a-z_]*)?"], "exceptions": [SITE + r"bank\.de"]}
    shop = {"urlPattern": SITE + r"shop\.com", "rules": ["ref", "id"]}
    whole = {"urlPattern": SITE + r"ads\.com", "completeProvider": True, "rules": ["x"]}
    return {
        "params.csv": f"name,platform\nfbclid,F\nutm_source,G\n{everywhere},X\n",
        "query-filter.json": json.dumps([{"include": ["*://*/*"], "exclude": [], "params": ["GCLID"]}]),
        "clean-urls.json": json.dumps(
            [
                {"include": ["*://*.news.com/*", "*://news.com/a/*"], "exclude": [], "params": ["from"]},
                {"include": ["*://*.other.com/*"], "exclude": ["*://x.other.com/*"], "params": ["y"]},
            ]
        ),
        "data.min.json": json.dumps({"providers": {"g": provider, "s": shop, "w": whole}}),
    }


def test_lists_compile_to_rules() -> None:
    text = compile_rules(lists())
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "!bank.de",
        "* fbclid gclid utm utm_*",
        "news.com from",
        "shop.com ref",
    ]
    assert "LGPL-3.0" in text
    rules = read_rules(text)
    assert rules.everywhere.has("utm_new")
    assert rules.by_domain["shop.com"].has("ref")
    assert rules.excepted == {"bank.de"}


@pytest.mark.parametrize("name", [*sorted(NOT_EVERYWHERE)[:3], "id", "article_id"])
def test_a_name_that_identifies_articles_is_left_out(name: str) -> None:
    assert not read_rules(compile_rules(lists(everywhere=name))).everywhere.has(name)


def test_each_reader_yields_domains_and_names() -> None:
    texts = lists()
    assert list(read_registry(texts["params.csv"]))[:1] == [("*", "fbclid")]
    assert list(read_brave(texts["clean-urls.json"])) == [("news.com", "from")]
    assert ("!bank.de", "") in list(read_clearurls(texts["data.min.json"]))


def test_the_shipped_rules_name_no_parameter_that_identifies_articles() -> None:
    from tests.tracking_rules.__main__ import RULES

    rules = read_rules(RULES.read_text("utf-8"))
    assert len(rules.by_domain) > 100
    for names in (rules.everywhere, *rules.by_domain.values()):
        assert not names.whole & IDENTIFIES
    assert not [name for name in (*NOT_EVERYWHERE, *IDENTIFIES) if rules.everywhere.has(name.rstrip("*"))]
