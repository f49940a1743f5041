"""The measures of ``./run quality urls`` notice what they exist to notice."""

from __future__ import annotations

import pytest

from tests.quality import url_links, url_parameters, url_vectors
from tests.quality.url_links import Merges
from tests.quality.url_vectors import Vector


def test_a_guid_with_two_articles_is_split_and_an_article_with_two_guids_is_merged() -> None:
    merges = Merges()
    merges.add("feed", "guid-1", "article-1")
    merges.add("feed", "guid-1", "article-2")
    merges.add("feed", "guid-2", "article-2")
    merges.add("other feed", "guid-3", "article-1")
    assert merges.under == [("feed", "guid-1")]
    assert merges.over == [("feed", "article-2")]


def test_an_address_whose_canonical_url_changes_again_is_unstable(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["https://news.example/a?utm_source=feed", "https://news.example/b"]
    assert url_links.unstable(addresses) == []
    monkeypatch.setattr(url_links, "canonical", lambda url: f"{url}/")
    assert url_links.unstable(addresses) == addresses


@pytest.mark.parametrize(
    ("address", "base", "expected", "passed"),
    [
        ("HTTP://News.example:80/a#top", None, "http://news.example/a", True),
        ("../b", "https://news.example/a/c", "https://news.example/b", True),
        ("http://news.example/a", None, "http://news.example/b", False),
        ("http://news.example/a", None, None, False),
        ("http://ne ws.example/", None, None, True),
    ],
)
def test_a_vector_passes_where_both_addresses_are_one_article(
    address: str, base: str | None, expected: str | None, passed: bool
) -> None:
    vector = Vector(suite="own", address=address, base=base, expected=expected)
    assert url_vectors.passes(vector) is passed


@pytest.mark.parametrize(
    ("address", "base", "expected", "followed"),
    [
        ("http://news.example/a", None, "http://news.example/a", True),
        ("/a", "http://news.example/", "http://news.example/a", True),
        ("news.example/a", None, "http://news.example/a", False),
        (" ", "http://news.example/", "http://news.example/", False),
        ("http://user:word@news.example/", None, "http://news.example/", False),
        ("http://news.example/a@b", None, "http://news.example/a@b", True),
        ("http://news..example/", None, "http://news..example/", False),
        ("http://ne\x01ws.example/", None, None, False),
    ],
)
def test_a_vector_is_left_out_for_a_stated_reason_only(
    address: str, base: str | None, expected: str | None, followed: bool
) -> None:
    assert (url_vectors.general_reason(address, base, expected) is None) is followed


def test_rules_of_clearurls_become_names() -> None:
    rules = ["(?:%3F)?utm(?:_[a-z_]*)?", "(?:%3F)?fb_action_(?:types|ids)", "(?:%3F)?ga_[a-z_]+", "a(b"]
    names = list(url_parameters.clear_urls(rules))
    assert names == ["utm_x", "fb_action_types", "fb_action_ids", "ga_x"]


def test_a_parameter_is_stripped_or_kept() -> None:
    assert url_parameters.is_stripped("utm_source")
    assert not url_parameters.is_stripped("objectid")
    assert url_parameters.is_kept("objectid")
    assert not url_parameters.is_kept("utm_source")
