"""The entry cache: an entry with the bytes and the context of an earlier document is not parsed again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.parse import EntryCache, parse_feed
from ingest.types import Entry, ParsedFeed
from tests.pure.test_fastpath import FEED, atom, rdf, rss

ONE = "<title>One</title><link>https://news.example/1</link><pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate>"
TWO = "<title>Two</title><link>https://news.example/2</link><description>Text</description>"
THREE = "<title>Three</title><link>/3</link>"


def read(body: bytes, cache: EntryCache, *, url: str = FEED) -> tuple[Entry, ...]:
    found = parse_feed(body, url=url, cache=cache)
    assert isinstance(found, ParsedFeed)
    return found.entries


@pytest.mark.parametrize("shape", [rss, atom, rdf])
def test_only_the_entry_that_changed_is_read(shape: object) -> None:
    assert callable(shape)
    cache = EntryCache(1024**2)
    one, two = read(shape(ONE, TWO), cache)
    again, another = read(shape(ONE, TWO.replace("Text", "Other text")), cache)
    assert again is one
    assert another.link == two.link
    assert shape is atom or another.summary == "Other text"


def test_new_entries_in_front_leave_the_others_known() -> None:
    cache = EntryCache(1024**2)
    known = read(rss(ONE, TWO), cache)
    found = read(rss(THREE, ONE, TWO, around="<lastBuildDate>now</lastBuildDate>"), cache)
    assert [entry.title for entry in found] == ["Three", "One", "Two"]
    assert found[1] is known[0]
    assert found[2] is known[1]


DIFFERENT = {
    "another language": (rss(ONE, attributes=" xml:lang='de'"), FEED),
    "another base": (rss(ONE, attributes=" xml:base='https://base.example/'"), FEED),
    "another version": (rss(ONE).replace(b"<rss version", b"<rss xmlns:x2='urn:x2' version"), FEED),
    "another meaning of a prefix": (rss(ONE).replace(b"urn:example:x", b"urn:example:other"), FEED),
    "another address": (rss(ONE), "https://other.example/feed"),
    "an image of the feed": (rss(ONE, around="<image><title>Logo</title></image>"), FEED),
}


@pytest.mark.parametrize(("body", "url"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_an_entry_depends_on_makes_it_another(body: bytes, url: str) -> None:
    cache = EntryCache(1024**2)
    (known,) = read(rss(ONE), cache)
    (found,) = read(body, cache, url=url)
    assert found is not known
    assert found == read(body, EntryCache(1024**2), url=url)[0]


def test_an_entry_in_another_encoding_is_the_same_one() -> None:
    cache = EntryCache(1024**2)
    feed = '<rss version="2.0"><channel><item><title>Пхеньян</title></item></channel></rss>'
    text = f'<?xml version="1.0" encoding="{{}}"?>{feed}'
    (known,) = read(text.format("utf-8").encode(), cache)
    (found,) = read(text.format("windows-1251").encode("cp1251"), cache)
    assert found is known
    assert found.title == "Пхеньян"


def test_entries_whose_base_holds_for_the_next_ones_are_read_each_time() -> None:
    cache = EntryCache(1024**2)
    based = "<title>A</title><content xml:base='https://{}.example/'>Text</content><link href='more'/>"
    first = atom(based.format("a"), "<id>x</id><link href='b'/>")
    second = atom(based.format("c"), "<id>x</id><link href='b'/>")
    assert read(first, cache)[1].link == "https://a.example/b"
    assert read(second, cache)[1].link == "https://c.example/b"


def test_entries_whose_date_depends_on_the_feeds_language_are_read_with_each_document() -> None:
    cache = EntryCache(1024**2)
    entry = "<item><title>One</title><pubDate>1 lis 2026</pubDate></item>"
    body = f'<rss version="2.0"><channel><language>{{}}</language>{entry}</channel></rss>'
    (polish,) = read(body.format("pl").encode(), cache)
    (croatian,) = read(body.format("hr").encode(), cache)
    assert (polish.published, croatian.published) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 10, 1, tzinfo=UTC),
    )


def test_memory_is_bounded_and_the_entries_used_last_stay() -> None:
    cache = EntryCache(8_000)
    read(rss(ONE, TWO), cache)
    for number in range(50):
        (known,) = read(rss(ONE), cache)
        read(rss(f"<title>{number}</title><description>{'long ' * 100}</description>"), cache)
        assert cache.size <= 8_000
    assert read(rss(ONE), cache)[0] is known
    assert len(cache) < 10


def test_an_entry_larger_than_all_the_memory_is_not_kept() -> None:
    cache = EntryCache(2_000)
    read(rss(f"<title>One</title><description>{'long ' * 1_000}</description>"), cache)
    assert (len(cache), cache.size) == (0, 0)


SEEN = "<media:community><media:starRating count='{}' average='4.5'/><media:statistics views='{}'/></media:community>"


def test_how_often_a_film_was_seen_makes_no_other_entry() -> None:
    cache = EntryCache(1024**2)
    seen = SEEN.replace("'", '"')
    (known,) = read(atom(ONE + seen.format(1, 10)), cache)
    assert read(atom(ONE + seen.format(2, 11)), cache)[0] is known


@pytest.mark.parametrize("written", ["<![CDATA[{}]]>", "<!-- -->{}"])
def test_counts_that_may_be_text_make_another_entry(written: str) -> None:
    cache = EntryCache(1024**2)
    summary = f"<summary>{written}</summary>"
    statistics = '<media:statistics views="{}"/>'
    body = atom(ONE + summary.format(statistics.format(1)))
    other = atom(ONE + summary.format(statistics.format(2)))
    first, second = read(body, cache)[0], read(other, cache)[0]
    assert second == read(other, EntryCache(1024**2))[0]
    assert second is not first
