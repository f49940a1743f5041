"""An address that is not taken apart is sent as one that is: as httpx spells it."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.fetch.redirects import RequestUrl
from tests.registry.test_import_of_all import addresses

HOSTS = (
    "a.example",
    "A.example",
    "1.2.3.4",
    "1.2.3",
    "01.2.3.4",
    "999.2.3.4",
    "xn--bcher-kva.example",
    "b-c.d1",
)
PREFIXES = (
    "http://",
    "https://",
    "ftp://",
    "user:pw@",
    ":80",
    ":443",
    ":8080",
    ":080",
    ":99999",
    "/",
    "//",
    "/.",
)
REST = ("/..", "/a", "/~a", "%7E", "%zz", " ", "ü", "?", "?x=1&y=[2]", "#top", "'", "(", ";", ":", "@", "|")
PIECES = st.sampled_from([*HOSTS, *PREFIXES, *REST])


def httpx_url(url: str) -> tuple[str, str, str] | None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    return str(parsed), parsed.scheme, parsed.host


def request_url(url: str) -> tuple[str, str, str] | None:
    try:
        hop = RequestUrl(url)
    except httpx.InvalidURL:
        return None
    return hop.text, hop.scheme, hop.host


@given(st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=30).map("https://a.example/".__add__))
@example("https://a.example/feed?")
@example("https://a.example")
@example("https://a.example:443/x")
@example("https://a.example/a/../b")
@example("https://a.example:65536/")
@example("https://127.0.0.1:8080/mixed/1.xml")
@example("https://a.example/" + "x" * 70_000)
def test_a_request_url_equals_the_url_of_httpx(url: str) -> None:
    assert request_url(url) == httpx_url(url)


def test_a_normalised_url_is_parsed_only_when_its_parts_are_used() -> None:
    hop = RequestUrl("https://www.example.org/news/rss.xml?edition=uk&x=1")
    assert hop._parsed is None
    assert hop.parsed == httpx.URL(hop.text)
    assert hop._parsed is not None


@pytest.mark.corpus
def test_each_of_64256_urls_is_sent_as_httpx_spells_it() -> None:
    urls = addresses()
    for url in urls:
        assert request_url(url) == httpx_url(url), url
    plain = sum(1 for url in urls if request_url(url) is not None and RequestUrl(url)._parsed is None)
    assert plain > 0.9 * len(urls)
