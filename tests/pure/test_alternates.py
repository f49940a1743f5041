"""The address of an entry among its links, the same for both readers of XML."""

from __future__ import annotations

import pytest

from ingest.parse import parse_feed
from ingest.types import Failed

URL = "https://n.example/feed.xml"
IANA = "http://www.iana.org/assignments/relation/"
ATOM = "http://www.w3.org/2005/Atom"
PAGE, OTHER = "https://n.example/page", "https://n.example/other"


def atom(links: str, *, lang: str = "de-AT", guid: str = "tag:1") -> bytes:
    head = f"<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='{lang}' xml:base='https://n.example/'>"
    entry = f"<entry><id>{guid}</id><title>A</title>{links}<summary>s</summary></entry>"
    return f"<?xml version='1.0'?>{head}<title>T</title>{entry}</feed>".encode()


def rss(elements: str) -> bytes:
    item = f"<item><title>A</title>{elements}</item>"
    return f"<rss version='2.0'><channel><title>T</title>{item}</channel></rss>".encode()


def addresses(body: bytes) -> set[str | None]:
    """The entry's link as the fast path and as feedparser's adapter read it."""
    links: set[str | None] = set()
    for use_fastpath in (True, False):
        parsed = parse_feed(body, url=URL, use_fastpath=use_fastpath)
        assert not isinstance(parsed, Failed)
        links.add(parsed.entries[0].link)
    return links


LINKS = {
    "one link": (f"<link href='{PAGE}'/>", PAGE),
    "a relative link": ("<link href='page'/>", PAGE),
    "another scheme last": (
        f"<link href='{PAGE}'/><link type='application/nostr+json' href='nostr:naddr1'/>",
        PAGE,
    ),
    "another scheme first": (f"<link href='nostr:naddr1'/><link href='{PAGE}'/>", PAGE),
    "another type first": (
        f"<link type='application/json' href='{OTHER}'/><link type='text/html' href='{PAGE}'/>",
        PAGE,
    ),
    "another type last": (
        f"<link type='text/html' href='{PAGE}'/><link type='application/pdf' href='{OTHER}'/>",
        PAGE,
    ),
    "another type alone": (f"<link type='application/pdf' href='{OTHER}'/>", OTHER),
    "an enclosure without href": (
        f"<link href='{PAGE}'/><link rel='enclosure' type='image/jpeg'>https://n.example/3.jpg</link>",
        PAGE,
    ),
    "an enclosure without href first": (
        f"<link rel='enclosure' type='audio/mpeg'>https://n.example/3.mp3</link><link href='{PAGE}'/>",
        PAGE,
    ),
    "AMP last": (f"<link href='{PAGE}'/><link rel='amphtml' href='{OTHER}'/>", PAGE),
    "AMP as an alternate": (f"<link href='{PAGE}'/><link rel='alternate amphtml' href='{OTHER}'/>", PAGE),
    "another language last": (
        f"<link href='{PAGE}'/><link rel='alternate' hreflang='en' href='{OTHER}'/>",
        PAGE,
    ),
    "another language first": (
        f"<link hreflang='en' href='{OTHER}'/><link hreflang='de' href='{PAGE}'/>",
        PAGE,
    ),
    "all languages": (
        f"<link hreflang='x-default' href='{PAGE}'/><link hreflang='fr' href='{OTHER}'/>",
        PAGE,
    ),
    "another language alone": (f"<link hreflang='en' href='{OTHER}'/>", OTHER),
    "a relation as an address": (
        f"<link rel='related' href='{OTHER}'/><link rel='{IANA}alternate' href='{PAGE}'/>",
        PAGE,
    ),
    "other relations": (
        f"<link rel='via' href='{OTHER}'/><link rel='replies' href='{OTHER}'/><link rel='alternate' href='{PAGE}'/>",
        PAGE,
    ),
    "a picture as an alternate": (f"<link href='{PAGE}'/><link href='https://n.example/3.jpg?w=3'/>", PAGE),
    "a picture alone": ("<link href='https://n.example/3.jpg'/>", "https://n.example/3.jpg"),
    "canonical": (f"<link rel='canonical' href='{PAGE}'/><link rel='self' href='{OTHER}'/>", PAGE),
    "a link as text": (f"<link>{PAGE}</link>", PAGE),
    "no own link": (f"<link rel='related' href='{OTHER}'/>", None),
}


@pytest.mark.parametrize(("links", "expected"), LINKS.values(), ids=LINKS)
def test_an_entry_is_at_its_best_alternate(links: str, expected: str | None) -> None:
    assert addresses(atom(links)) == {expected}


ITEMS = {
    "a link": (f"<link>{PAGE}</link>", PAGE),
    "a link and a file": (
        f"<link>{PAGE}</link><enclosure url='https://n.example/1.jpg' type='image/jpeg' length='1'/>",
        PAGE,
    ),
    "a permalink": (f"<guid>{PAGE}</guid>", PAGE),
    "a picture as link and a permalink": (f"<link>https://n.example/1.png</link><guid>{PAGE}</guid>", PAGE),
    "a picture as link and a name": (
        "<link>https://n.example/1.png</link><guid isPermaLink='false'>1</guid>",
        "https://n.example/1.png",
    ),
    "an alternate in Atom's form": (
        f"<link>{PAGE}</link><atom:link xmlns:atom='{ATOM}' rel='alternate' hreflang='en' href='{OTHER}'/>",
        PAGE,
    ),
}


@pytest.mark.parametrize(("elements", "expected"), ITEMS.values(), ids=ITEMS)
def test_an_item_is_at_its_link(elements: str, expected: str) -> None:
    assert addresses(rss(elements)) == {expected}
