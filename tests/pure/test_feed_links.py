"""Discovery: the feeds that a page names, their order, and the time for hostile pages."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parse import parse_feed
from ingest.parse.feed_links import MAX_CANDIDATES, MAX_PAGE, discover, is_about_comments
from ingest.types import Failed, FailureKind
from tests.speed import cpu_limit

PAGE = "https://news.example/world/"
RSS = '<link rel="alternate" type="application/rss+xml" href="{}" title="{}">'


def page(*head: str, body: str = "") -> bytes:
    return f"<!DOCTYPE html><html><head>{''.join(head)}</head><body>{body}</body></html>".encode()


def urls(found: bytes, *, url: str = PAGE) -> list[str]:
    return [candidate.url for candidate in discover(found, url=url)]


def test_announced_feeds_come_before_links_and_comments_come_last() -> None:
    body = (
        '<a href="/rss">RSS</a> <a href="/about">About</a> <a href="feed:https://feeds.example/all">All</a>'
    )
    found = discover(
        page(RSS.format("/comments/feed/", "Site » Comments Feed"), RSS.format("/feed/", "Site"), body=body),
        url=PAGE,
    )
    assert [(each.url, each.title, each.announced) for each in found] == [
        ("https://news.example/feed/", "Site", True),
        ("https://news.example/rss", None, False),
        ("https://feeds.example/all", None, False),
        ("https://news.example/comments/feed/", "Site » Comments Feed", True),
    ]


TAGS = {
    "as it should be": (
        '<link rel="alternate" type="application/rss+xml" href="/f.xml">',
        "https://news.example/f.xml",
    ),
    "without quotes": (
        "<link rel=alternate type=application/atom+xml href=/f.xml>",
        "https://news.example/f.xml",
    ),
    "in capitals": (
        "<LINK REL='ALTERNATE' TYPE='Application/RSS+XML' HREF='f.xml'/>",
        "https://news.example/world/f.xml",
    ),
    "in another order": (
        '<link href="f?a&amp;b" type="application/feed+json" rel="x alternate">',
        PAGE + "f?a&b",
    ),
    "over lines": (
        '<link\nrel="alternate"\ntype="application/rss+xml; charset=utf-8"\nhref="/f.xml"\n/>',
        "https://news.example/f.xml",
    ),
    "without a scheme": (RSS.format("//feeds.example/a", ""), "https://feeds.example/a"),
    "with a >": (
        '<link title="a > b" rel="alternate" type="application/rss+xml" href="/f.xml">',
        "https://news.example/f.xml",
    ),
    "relative to a base": (
        '<base href="https://cdn.example/x/"><base href="/no">' + RSS.format("f", ""),
        "https://cdn.example/x/f",
    ),
    "relative to a base behind one without an address": (
        '<base target="_blank"><base href="https://cdn.example/x/">' + RSS.format("f", ""),
        "https://cdn.example/x/f",
    ),
    "commented out": (f"<!-- {RSS.format('/f', '')} -->", None),
    "in a comment without an end": (f"<!-- {RSS.format('/f', '')}", None),
    "an API": ('<link rel="alternate" type="application/json" href="/wp-json/1">', None),
    "an embedding": ('<link rel="alternate" type="application/json+oembed" href="/oembed">', None),
    "a language": ('<link rel="alternate" hreflang="ko" href="/ko/">', None),
    "a stylesheet": ('<link rel="stylesheet" type="application/rss+xml" href="/f">', None),
    "no address": ('<link rel="alternate" type="application/rss+xml" href="javascript:x">', None),
    "a user name": (RSS.format("https://u:p@news.example/f", ""), None),
    "itself": (RSS.format(PAGE, ""), None),
    "a broken address": (RSS.format("http://[", "") + '<a href="http://[/rss">', None),
}


@pytest.mark.parametrize(("tag", "url"), TAGS.values(), ids=TAGS)
def test_tags_are_read_as_people_write_them(tag: str, url: str | None) -> None:
    assert urls(page(tag)) == ([] if url is None else [url])


@pytest.mark.parametrize(
    ("href", "taken"),
    [
        ("/rss", True),
        ("/feed/", True),
        ("/blog/atom.xml", True),
        ("/news.rss", True),
        ("/index.xml", True),
        ("/feed.json", True),
        ("/rss.php?id=3", True),
        ("/world/feeds/rss2/", True),
        ("/feedback", False),
        ("/bossrss-reviews", False),
        ("/sitemap.xml", False),
        ("https://feedly.example/i/subscription/?url=https://news.example/rss", False),
    ],
)
def test_links_that_look_like_feeds_are_taken_where_nothing_is_announced(href: str, *, taken: bool) -> None:
    assert bool(urls(page(body=f'<a href="{href}">x</a>'))) is taken


def test_one_address_is_named_once_and_no_more_than_a_number_are() -> None:
    assert len(urls(page(RSS.format("/f", "A"), RSS.format("/f", "B"), body='<a href="/f">'))) == 1
    assert len(urls(page(*(RSS.format(f"/f{number}", "") for number in range(100))))) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("url", "title", "about"),
    [
        ("https://a.example/comments/feed/", None, True),
        ("https://a.example/feed/", "News: Kommentare", True),
        ("https://comments.example/feed", "News", False),
    ],
)
def test_comments_are_told_by_name_or_title(url: str, title: str | None, *, about: bool) -> None:
    assert is_about_comments(url, title) is about


def test_a_page_where_a_feed_was_is_a_failure_that_tells_the_feeds_it_names() -> None:
    found = parse_feed(page(RSS.format("/new.xml", "")), url=PAGE, content_type="text/html")
    assert isinstance(found, Failed)
    assert (found.kind, found.feed_links) == (FailureKind.NOT_A_FEED, ("https://news.example/new.xml",))
    assert found.detail == "expected a feed, found an HTML page, which names https://news.example/new.xml"
    bare = parse_feed(page(), url=PAGE)
    assert isinstance(bare, Failed)
    assert (bare.detail, bare.feed_links) == ("expected a feed, found an HTML page", ())


HOSTILE = [
    "<",
    "<a ",
    '<a b="',
    "<a href='",
    "<!--",
    "</a ",
    "<link",
    "<a =",
    "<a x",
    "a=",
    '"',
    "<a/",
    "<base href=x>",
    "<div>",
    "<table><tr><td>",
    "<p><b><i>",
    "<font><table>",
    "<select><option>",
    "<svg><a>",
    "</p>",
    "&amp;",
    "&#x",
    "<![CDATA[",
    "<script>",
    "\0",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_anything_is_read_in_time(piece: str) -> None:
    for body in (
        piece * (MAX_PAGE // len(piece)),
        "<link " + piece.strip("<") * (MAX_PAGE // len(piece)) + ">",
    ):
        with cpu_limit(2):
            discover(body.encode(), url=PAGE)


@pytest.mark.parametrize(
    "body",
    [
        RSS.format("/f", "").encode("utf-16"),
        b"\xff\xfe<\0l\0i\0n\0k\0",
        b"<meta charset=utf-8>\xc3\x28\xa0\xa1" + RSS.format("/f", "").encode(),
        b"<meta charset=no-such-charset>" + RSS.format("/f", "").encode(),
        b"<meta charset=idna>" + RSS.format("/f", "\u00e9").encode(),
        b"<meta charset=hex>" + RSS.format("/f", "").encode(),
        b'<?xml version="1.0" encoding="koi8-r"?><html>' + RSS.format("/f", "").encode(),
    ],
    ids=[
        "UTF-16",
        "a UTF-16 fragment",
        "invalid UTF-8",
        "unknown charset",
        "a strict codec",
        "a codec that is no charset",
        "XHTML",
    ],
)
def test_broken_encodings_are_read_without_an_error(body: bytes) -> None:
    assert urls(body) in ([], ["https://news.example/f"])


def test_an_entity_bomb_is_not_expanded() -> None:
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(20))
    bomb = f'<!DOCTYPE html [<!ENTITY e0 "bomb">{entities}]><html>{RSS.format("/f", "&e20;")}&e20;</html>'
    (candidate,) = discover(bomb.encode(), url=PAGE)
    assert (candidate.url, candidate.title) == ("https://news.example/f", "&e20;")


MEMORY = """
import resource, sys
from ingest.parse.feed_links import discover
discover(b"<a href=/rss>", url="https://news.example/")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for piece in (b"<div>", b"<p><b><i>", b"<a b=1 ", b"<table><tr><td>", b"<a href=x>"):
    body = piece * (10 * 1024**2 // len(piece))
    discover(body, url="https://news.example/")
    del body
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_ten_megabytes_of_tags_take_little_memory() -> None:
    measured = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert int(measured.stdout) < 40  # MB, of which the page itself takes 10


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_page_makes_it_raise(body: bytes, href: str) -> None:
    for tag in (
        body,
        b"<link rel=alternate type=application/rss+xml href='" + href.encode("utf-8", "replace") + b"'>",
    ):
        for candidate in discover(tag, url=PAGE):
            assert candidate.url.startswith(("http://", "https://"))
