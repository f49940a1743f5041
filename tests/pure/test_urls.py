"""Each address has one canonical spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Refused
from ingest.urls import (
    MAX_URL_CHARACTERS,
    absolute,
    canonical,
    feed_url,
    host_of,
    is_home,
    is_loopback,
)
from tests.speed import cpu_limit

CANONICAL = {
    "http becomes https": ("http://a.example/x", "https://a.example/x"),
    "the host in lower case, the path as it is": ("HTTPS://A.Example/X", "https://a.example/X"),
    "a default port goes": ("http://a.example:80/x", "https://a.example/x"),
    "another port stays": ("https://a.example:8443/x", "https://a.example:8443/x"),
    "no path is the root": ("https://a.example", "https://a.example/"),
    "a dot at the end of the host goes": ("https://a.example./x", "https://a.example/x"),
    "dot segments are walked": ("https://a.example/a/../b/./c", "https://a.example/b/c"),
    "escaped dots are dots": ("https://a.example/a/%2e%2E/b/%2e", "https://a.example/b/"),
    "the port of https goes with http": ("http://a.example:443/x", "https://a.example/x"),
    "a fragment goes": ("https://a.example/x#top", "https://a.example/x"),
    "a fragment that names the page stays": ("https://a.example/#!/x", "https://a.example/#!/x"),
    "a user name goes": ("https://me:secret@a.example/x", "https://a.example/x"),
    "an international host": ("https://пример.рф/я", "https://xn--e1afmkfd.xn--p1ai/%D1%8F"),
    "spaces are escaped": (" https://a.example/x y ", "https://a.example/x%20y"),
    "needless escapes go": ("https://a.example/%7Eme", "https://a.example/~me"),
    "escapes in upper case": ("https://a.example/%c3%a9", "https://a.example/%C3%A9"),
    "a lone per cent sign is itself": ("https://a.example/100%", "https://a.example/100%25"),
    "a lost line break": ("https://a.example/x\n/y", "https://a.example/x/y"),
    "a doubled scheme": ("http://http://a.example/x", "https://a.example/x"),
    "the feed scheme": ("feed:https://a.example/x", "https://a.example/x"),
    "the feed scheme for http": ("feed://a.example/x", "https://a.example/x"),
    "no scheme": ("//a.example/x", "https://a.example/x"),
    "an escaped ampersand": ("https://a.example/?a=1&amp;b=2", "https://a.example/?a=1&b=2"),
    "an IPv6 host": ("http://[::1]:8080/x", "https://[::1]:8080/x"),
    "campaigns": ("https://a.example/x?utm_source=a&utm_medium=b", "https://a.example/x"),
    "the Daily Mail": ("https://d.example/x.html?ns_mchannel=rss&ito=1490&ns_campaign=1490", "https://d.example/x.html"),
    "the BBC": ("https://b.example/x?at_medium=RSS&at_campaign=KARANGA", "https://b.example/x"),
    "the Guardian": ("https://g.example/x?CMP=share_btn_tw", "https://g.example/x"),
    "the Sydney Morning Herald": ("https://s.example/x.html?ref=rss&utm_medium=rss", "https://s.example/x.html"),
    "clicks": ("https://a.example/x?fbclid=1&gclid=2&id=3", "https://a.example/x?id=3"),
    "the New Zealand Herald's objectid is the article": (
        "https://n.example/nz/news/article.cfm?c_id=1&objectid=12408627&ref=rss",
        "https://n.example/nz/news/article.cfm?c_id=1&objectid=12408627",
    ),
    "YouTube's v is the film": ("https://y.example/watch?v=BJyYjf4JbMQ&feature=share", "https://y.example/watch?v=BJyYjf4JbMQ"),
    "what may name an article stays": ("https://a.example/?ref=4711&source=a", "https://a.example/?ref=4711&source=a"),
    "parameters keep their order": ("https://a.example/?b=2&a=1", "https://a.example/?b=2&a=1"),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "expected"), CANONICAL.values(), ids=CANONICAL)
def test_an_address_has_one_spelling(given_: str, expected: str) -> None:
    assert canonical(given_) == expected


@pytest.mark.parametrize(
    "text",
    ["", "  ", "mailto:a@b.example", "javascript:alert(1)", "cnn://deeplink?section=livetv", "/x", "x", "https://",
     "http://a..example/", "https://a b.example/", "https://a.example:99999/", "http://[::1/", "tag:a.example,2020:1",
     f"https://a.example/{'x' * MAX_URL_CHARACTERS}"],
)  # fmt: skip
def test_what_is_no_http_address_is_none(text: str) -> None:
    assert canonical(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/x", "https://a.example/x"),
        ("x", "https://a.example/feeds/x"),
        ("//b.example/x", "https://b.example/x"),
        ("?p=1", "https://a.example/feeds/rss.xml?p=1"),
        ("http://b.example/x", "https://b.example/x"),
    ],
)
def test_a_relative_address_is_relative_to_its_base(text: str, expected: str) -> None:
    assert canonical(text, base="http://a.example/feeds/rss.xml") == expected


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"https://a.example/{text}"))
def test_a_canonical_address_is_its_own_canonical_address(text: str) -> None:
    once = canonical(text)
    if once is not None:
        assert once.isascii()
        assert canonical(once) == once


def test_hosts_are_counted_without_www_and_port() -> None:
    assert host_of("http://WWW.A.example:8080/x") == "a.example"
    assert host_of("no address") == ""


def test_a_front_page_is_told_from_an_article() -> None:
    assert is_home("https://a.example/")
    assert not is_home("https://a.example/?p=1")
    assert not is_home("https://a.example/x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("//a.example/x.png", "https://a.example/x.png"),
        ("x.png", "https://b.example/y/x.png"),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("http://[", None),
    ],
)
def test_the_address_of_a_picture_is_made_absolute_or_dropped(text: str, expected: str | None) -> None:
    assert absolute(text, base="https://b.example/y/z") == expected


def test_an_address_that_is_too_long_is_none_of_a_picture() -> None:
    assert absolute("/" + "x" * MAX_URL_CHARACTERS, base="https://b.example/") is None


def test_a_host_made_to_cost_costs_nothing() -> None:
    host = "".join(chr(0x4E00 + number) for number in range(8_000))
    with cpu_limit(0.1):
        assert canonical(f"https://{host}/") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a.example/feed", "http://a.example/feed"),
        (
            " https://A.example:443/feed?format=xml&utm_source=x#top ",
            "https://a.example/feed?format=xml&utm_source=x",
        ),
        ("a.example/feed", "https://a.example/feed"),
        ("a.example:8080/feed", "https://a.example:8080/feed"),
        ("feed:https://a.example/feed", "https://a.example/feed"),
        ("feed://a.example/feed", "https://a.example/feed"),
        ("//a.example/feed", "https://a.example/feed"),
        ("https://пример.рф/feed", "https://xn--e1afmkfd.xn--p1ai/feed"),
        ("https://a.example/my feed.xml", "https://a.example/my%20feed.xml"),
        ("http://http://a.example/feed", "http://a.example/feed"),
        ("http://localhost:8080/feed", "http://localhost:8080/feed"),
        ("https://a.example/новости", "https://a.example/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8"),
        ("https://medium.example/feed/@someone", "https://medium.example/feed/@someone"),
    ],
)
def test_a_feed_keeps_its_scheme_and_parameters(text: str, expected: str) -> None:
    assert feed_url(text) == expected
    assert feed_url(expected) == expected


@pytest.mark.parametrize(
    "text",
    ["", "feed", "ftp://a.example/feed", "https:///feed", "https://a b.example/", "https://a.example:0x/"],
)
def test_what_is_no_feed_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused, match="feed URL") as refused:
        feed_url(text)
    assert refused.value.value == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@a.example/feed", "https://(hidden)@a.example/feed"),
        (" me:secret@a.example/feed", " (hidden)@a.example/feed"),
        ("feed://me:sec@ret@a.example/feed", "feed://(hidden)@a.example/feed"),
    ],
)
def test_a_feed_address_with_a_password_is_refused_and_the_password_not_said(text: str, shown: str) -> None:
    with pytest.raises(Refused, match="feed URL") as refused:
        feed_url(text)
    assert refused.value.value == shown


def test_a_feed_address_with_a_user_name_is_refused_and_told_why() -> None:
    with pytest.raises(Refused, match="without a user name or password"):
        feed_url("https://me:secret@a.example/feed")


def test_a_feed_address_that_is_too_long_is_refused() -> None:
    with pytest.raises(Refused, match="at most 2048 characters"):
        feed_url(f"https://a.example/{'x' * 3000}")


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "http://www.a.example/b/c.html?x=1&y=2",
        "https://a.example/b?utm_source=rss&x=1&ref=rss",
        "https://a.example/b?utm_source=rss",
        "https://a.example/b?",
        "https://a.example/b?x=1&amp;y=2",
        "https://a.example/b&amp;c",
        "https://a.example/b/../c/./d",
        "https://a.example/.hidden",
        "https://a.example//b",
        f"https://{'a.' * 127}example/",
        "https://https/b",
        f"https://a.example/{'b' * MAX_URL_CHARACTERS}",
    ],
)
def test_an_address_without_oddities_is_read_as_one_with_a_space_before_it(url: str) -> None:
    # The space takes the long way through all that may be odd about an address.
    assert canonical(url) == canonical(f" {url}")
    assert host_of(url) == host_of(f" {url}")


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://a.example/", True),
        ("https://a.example", True),
        ("https://a.example/b", False),
        ("https://a.example/?b=1", False),
        ("https://a.example/?", True),
    ],
)
def test_a_front_page_has_neither_path_nor_query(url: str, home: bool) -> None:
    assert is_home(url) is home


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("::1", True),
        ("::1%lo", True),
        ("10.0.0.1", False),
        ("[2001:db8::1]", False),
        ("example.org", False),
        ("127.0.0.1.example", False),
        ("host1", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, *, ours: bool) -> None:
    assert is_loopback(host) is ours
