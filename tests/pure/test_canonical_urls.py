"""One article has one address: wrappers, AMP and mobile pages, and parameters that count readers."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.urls import canonical, tracking

WRAPPED = {
    "a copy in an archive": (
        "https://archive.is/newest/https://a.example/x?id=1&utm_source=b",
        "https://a.example/x?id=1",
    ),
    "a dated copy": ("https://archive.ph/20200101120000/http://a.example/x", "https://a.example/x"),
    "a copy by its short name": ("https://archive.ph/AbC1d", "https://archive.ph/AbC1d"),
    "the Wayback Machine": (
        "https://web.archive.org/web/20200101000000/http://a.example/x?p=1",
        "https://a.example/x?p=1",
    ),
    "the Wayback Machine's original": (
        "http://web.archive.org/web/2020id_/https://a.example/x",
        "https://a.example/x",
    ),
    "Google's result": (
        "https://www.google.com/url?sa=t&url=https%3A%2F%2Fa.example%2Fx%3Fid%3D1&usg=2",
        "https://a.example/x?id=1",
    ),
    "Google's result elsewhere": (
        "https://www.google.co.kr/url?q=https://a.example/x&sa=D",
        "https://a.example/x",
    ),
    "Google News": (
        "https://news.google.com/news/url?sa=t&fd=R&url=http://a.example/x.html",
        "https://a.example/x.html",
    ),
    "Google News by an opaque name": (
        "https://news.google.com/rss/articles/CBMiAA",
        "https://news.google.com/rss/articles/CBMiAA",
    ),
    "Facebook": (
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fa.example%2Fx%3Ffbclid%3D1&h=AT0",
        "https://a.example/x",
    ),
    "Outlook": (
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2Fx&data=05",
        "https://a.example/x",
    ),
    "Proofpoint": ("https://urldefense.com/v2/url?u=https-3A__a.example_x-5Fy&d=Dw", "https://a.example/x_y"),
    "Yahoo's counter": (
        "http://us.rd.yahoo.com/dailynews/rss/*http://news.yahoo.com/s/1",
        "https://news.yahoo.com/s/1",
    ),
    "two wrappers": (
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fweb.archive.org%2Fweb%2F2020%2Fhttps%3A%2F%2Fa.example%2Fx",
        "https://a.example/x",
    ),
    "a wrapper without a target": (
        "https://l.facebook.com/l.php?u=javascript:1",
        "https://l.facebook.com/l.php?u=javascript:1",
    ),
    "an address as a parameter elsewhere": (
        "https://a.example/comments?url=https://b.example/x",
        "https://a.example/comments?url=https://b.example/x",
    ),
    "the AMP cache": (
        "https://www-a-example.cdn.ampproject.org/c/s/www.a.example/x/amp/?usqp=1",
        "https://www.a.example/x/",
    ),
    "Google's AMP viewer": ("https://www.google.com/amp/s/www.a.example/x/amp", "https://www.a.example/x"),
    "Yandex Turbo": ("https://a-ru.turbopages.org/a.ru/s/news/1", "https://a.ru/news/1"),
    "AMP at the end": ("https://a.example/x/amp/", "https://a.example/x/"),
    "AMP within": ("https://b.example/news/amp/world-1234", "https://b.example/news/world-1234"),
    "AMP as a parameter": ("https://a.example/x?amp=1&id=2", "https://a.example/x?id=2"),
    "AMP as an output": ("https://a.example/x?outputType=amp", "https://a.example/x"),
    "AMP in the name": ("https://a.example/x.amp.html", "https://a.example/x.html"),
    "an AMP host": ("https://amp.a.example/x", "https://www.a.example/x"),
    "a host of that name": ("https://amp.dev/x", "https://amp.dev/x"),
    "a site under a suffix of two labels": ("https://amp.co.uk/x", "https://amp.co.uk/x"),
    "a page of that name": ("https://a.example/amp", "https://a.example/amp"),
    "a word that ends so": (
        "https://a.example/desk-lamp/camp/guitar-amp",
        "https://a.example/desk-lamp/camp/guitar-amp",
    ),
    "another value": ("https://a.example/x?amp=4711", "https://a.example/x?amp=4711"),
    "a mobile encyclopaedia": ("https://en.m.wikipedia.org/wiki/A", "https://en.wikipedia.org/wiki/A"),
    "a mobile site": ("https://m.bbc.co.uk/news/1", "https://www.bbc.co.uk/news/1"),
    "another site on m.": ("https://m.example.org/x", "https://m.example.org/x"),
    "a wrapper on another port": (
        "https://l.facebook.com:8443/l.php?u=https://a.example/x",
        "https://l.facebook.com:8443/l.php?u=https://a.example/x",
    ),
}


@pytest.mark.parametrize(("url", "expected"), WRAPPED.values(), ids=WRAPPED)
def test_an_address_that_contains_the_articles_own_is_unwrapped(url: str, expected: str) -> None:
    assert canonical(url) == expected
    assert canonical(expected) == expected


def test_the_address_in_a_name_of_google_news_is_read() -> None:
    for length in (30, 200):
        target = "https://www.a.example/" + "x" * (length - 22)
        size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
        packed = b"\x08\x13\x22" + size + target.encode() + b"\xd2\x01\x00"
        name = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        assert canonical(f"https://news.google.com/rss/articles/{name}?oc=5") == target


RULES = """# a comment
* utm_* clickno
!intranet.example
shop.* ref
news.example story_src*
"""


@pytest.mark.parametrize(
    ("host", "query", "expected"),
    [
        ("a.example", "utm_new=1&id=2&CLICKNO=3", "id=2"),
        ("www.intranet.example", "clickno=1", "clickno=1"),
        ("www.shop.co.uk", "ref=47&id=2", "id=2"),
        ("shop.com", "ref=47", ""),
        ("shop.com.evil.example.org", "ref=47", "ref=47"),
        ("myshop.com", "ref=47", "ref=47"),
        ("news.example", "story_srcx=1&story=2", "story=2"),
        ("b.news.example", "story_src=1", ""),
        ("other.example", "story_src=1", "story_src=1"),
    ],
)
def test_a_parameter_goes_everywhere_or_on_its_domain(
    monkeypatch: pytest.MonkeyPatch, host: str, query: str, expected: str
) -> None:
    monkeypatch.setattr(tracking, "_rules", lambda: tracking.read_rules(RULES))
    tracking._names_of.cache_clear()
    assert tracking.without_tracking(host, query) == expected
    tracking._names_of.cache_clear()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.reuters.com/x?taid=1", "https://www.reuters.com/x"),
        ("https://metro.co.uk/x?ito=1", "https://metro.co.uk/x"),
        ("https://a.example/x?srsltid=1&mtm_group=2&__s=3", "https://a.example/x"),
        (
            "https://a.example/x?article_id=1&p=2&id=3&page=4&si=5",
            "https://a.example/x?article_id=1&p=2&id=3&page=4&si=5",
        ),
        ("https://a.example/x?reflink=1", "https://a.example/x?reflink=1"),
        ("https://www.wsj.com/x?reflink=1", "https://www.wsj.com/x"),
    ],
)
def test_the_shipped_rules_keep_parameters_that_name_articles(url: str, expected: str) -> None:
    assert canonical(url) == expected


_HOSTS = st.sampled_from(
    [
        "a.example",
        "amp.a.example",
        "www.google.com",
        "news.google.com",
        "web.archive.org",
        "archive.is",
        "l.facebook.com",
        "a.cdn.ampproject.org",
        "b.turbopages.org",
        "us.rd.yahoo.com",
        "urldefense.com",
        "m.bbc.co.uk",
        "en.m.wikipedia.org",
    ]
)
_PARTS = st.lists(
    st.sampled_from(
        [
            "/",
            "amp",
            "/amp/",
            ".amp",
            ".html",
            "?",
            "&",
            "amp=1",
            "url=",
            "u=",
            "https://",
            "http:/",
            "b.example/x",
            "/c/s/",
            "/web/2020/",
            "/newest/",
            "/url",
            "/l.php",
            "%2F",
            "%3A",
            "#!",
            "utm_a=1",
            "x",
            "/s/",
            "*",
        ]
    ),
    max_size=12,
).map("".join)


@given(_HOSTS, _PARTS)
def test_an_unwrapped_address_is_canonical(host: str, rest: str) -> None:
    once = canonical(f"https://{host}/{rest}")
    assert once is None or canonical(once) == once
