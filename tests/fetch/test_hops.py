"""An address that is not taken apart is sent as one that is: as httpx spells it."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.fetch.redirects import Hop
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


def spelled(url: str) -> tuple[str, str, str] | None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    return str(parsed), parsed.scheme, parsed.host


def hopped(url: str) -> tuple[str, str, str] | None:
    try:
        hop = Hop(url)
    except httpx.InvalidURL:
        return None
    return hop.spelled, hop.scheme, hop.host


@given(st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=30).map("https://a.example/".__add__))
@example("https://a.example/feed?")
@example("https://a.example")
@example("https://a.example:443/x")
@example("https://a.example/a/../b")
@example("https://a.example:65536/")
@example("https://127.0.0.1:8080/mixed/1.xml")
@example("https://a.example/" + "x" * 70_000)
def test_a_hop_is_what_httpx_makes_of_its_address(url: str) -> None:
    assert hopped(url) == spelled(url)


def test_most_addresses_are_not_taken_apart_until_their_parts_are_wanted() -> None:
    hop = Hop("https://www.example.org/news/rss.xml?edition=uk&x=1")
    assert hop._url is None
    assert hop.url == httpx.URL(hop.spelled)
    assert hop._url is not None


@pytest.mark.corpus
def test_each_of_64256_addresses_is_sent_as_httpx_spells_it() -> None:
    given = addresses()
    for url in given:
        assert hopped(url) == spelled(url), url
    plain = sum(1 for url in given if hopped(url) is not None and Hop(url)._url is None)
    assert plain > 0.9 * len(given)
