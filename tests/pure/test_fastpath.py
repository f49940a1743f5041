"""The fast path and feedparser read equal values from every document that the fast path takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.dates import read_date
from ingest.parse import EntryCache, feedparser_adapter, parse_feed
from ingest.parse.dates import read_usual_date
from ingest.parse.fastpath.entries import ENTRY_HANDLERS
from ingest.parse.fastpath.splitting import MARK
from ingest.parse.fastpath.values import _CP1252
from ingest.parse.xml import takes_fastpath
from ingest.types import Entry, ParsedFeed
from tests.bench.parse import difference

FEED = "https://news.example/feeds/rss.xml"
SPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "x": "urn:example:x",
}
DECLARED = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())


def rss(*entries: str, around: str = "", after: str = "", attributes: str = "") -> bytes:
    items = "".join(f"<item>{entry}</item>\n" for entry in entries)
    head = f'<?xml version="1.0"?>\n<rss version="2.0"{DECLARED}{attributes}><channel>'
    return f"{head}<title>News</title>{around}{items}{after}</channel></rss>".encode()


def atom(*entries: str, around: str = "", after: str = "", attributes: str = "") -> bytes:
    items = "".join(f"<entry>{entry}</entry>\n" for entry in entries)
    head = f'<feed xmlns="http://www.w3.org/2005/Atom"{DECLARED}{attributes}>'
    return f"{head}<title>News</title>{around}{items}{after}</feed>".encode()


def rdf(*entries: str, around: str = "", after: str = "", attributes: str = "") -> bytes:
    items = "".join(
        f'<item rdf:about="https://news.example/{number}">{entry}</item>\n'
        for number, entry in enumerate(entries)
    )
    head = f'<rdf:RDF xmlns="http://purl.org/rss/1.0/"{DECLARED}{attributes}>'
    return f"{head}<channel><title>News</title>{around}</channel>{items}{after}</rdf:RDF>".encode()


SHAPES = (rss, atom, rdf)


def same(body: bytes) -> ParsedFeed:
    """The values of the document, compared over every way to read it."""
    expected = parse_feed(body, url=FEED, use_fastpath=False)
    assert isinstance(expected, ParsedFeed), expected
    assert difference(parse_feed(body, url=FEED), expected) is None
    cache = EntryCache(1024**2)
    for _ in range(2):
        assert difference(parse_feed(body, url=FEED, cache=cache), expected) is None
    return expected


def taken(body: bytes) -> ParsedFeed:
    assert takes_fastpath(body, url=FEED)
    return same(body)


def entry(inner: str) -> Entry:
    return taken(rss(inner)).entries[0]


def test_of_several_titles_the_first_one_counts() -> None:
    assert entry("<title>One</title><title>Two</title>").title == "One"


def test_an_image_within_an_entry_lets_a_later_title_count() -> None:
    assert entry("<title>One</title><image/><title>Two</title>").title == "Two"


def test_a_media_title_counts_until_the_entrys_own_comes() -> None:
    assert entry("<media:title>Film</media:title><title>Story</title>").title == "Story"
    assert entry("<title>Story</title><media:title>Film</media:title>").title == "Story"
    assert entry("<media:content><media:title>Film</media:title></media:content>").title == "Film"


def test_what_an_enclosure_holds_is_the_entrys() -> None:
    inner = "<enclosure url='https://news.example/1.mp3'><title>Within</title></enclosure>"
    assert entry(inner).title == "Within"


def test_of_several_guids_and_links_the_last_one_counts() -> None:
    found = entry(
        "<guid>a</guid><guid>b</guid><link>https://a.example/</link><link>https://b.example/</link>"
    )
    assert (found.guid, found.link) == ("b", "https://b.example/")


def test_a_guid_is_a_link_only_where_there_is_none_yet() -> None:
    assert entry("<guid>https://a.example/</guid>").link == "https://a.example/"
    assert entry("<guid isPermaLink='false'>https://a.example/</guid>").link is None
    assert (
        entry("<link>https://b.example/</link><guid>https://a.example/</guid>").link == "https://b.example/"
    )


def test_a_second_description_is_content() -> None:
    found = entry("<description>One</description><description>The second is longer</description>")
    assert (found.summary, found.content) == ("One", "The second is longer")


def test_after_content_a_second_description_replaces_the_first() -> None:
    found = entry(
        "<description>One</description><content:encoded>All</content:encoded><description>2</description>"
    )
    assert (found.summary, found.content) == ("2", "All")


def test_a_podcasts_summary_before_its_description_counts_for_the_first_entry_too() -> None:
    around = "<itunes:summary>About us</itunes:summary><description>About us</description>"
    twice = "<description>One</description><description>Two</description>"
    first, second = taken(rss(twice, twice, around=around)).entries
    assert (first.summary, first.content) == ("Two", None)
    assert (second.summary, second.content) == ("One", "Two")


def test_text_that_looks_like_html_is_html() -> None:
    assert entry("<title>Fish &amp;amp; chips</title>").title == "Fish &amp; chips"
    assert entry("<title>1 &lt; 2</title>").title == "1 &lt; 2"
    assert entry("<title>&lt;b>Bold&lt;/b></title>").title == "<b>Bold</b>"
    assert taken(atom("<title>&lt;b>Bold&lt;/b></title>")).entries[0].title == "&lt;b&gt;Bold&lt;/b&gt;"


def test_an_author_is_name_and_address() -> None:
    assert entry("<author>joe@paper.test (Joe)</author>").authors == ("Joe",)
    assert entry("<author>joe@paper.test</author>").authors == ("joe@paper.test",)
    assert entry("<dc:creator>Joe</dc:creator><dc:creator>Ann</dc:creator>").authors == ("Joe", "Ann")


def test_an_author_without_a_name_takes_the_one_before() -> None:
    inner = "<author><name>Joe</name></author><author><email>ann@paper.test</email></author>"
    assert taken(atom(inner)).entries[0].authors == ("Joe",)


def test_categories_with_a_domain_are_kept_under_it() -> None:
    inner = (
        "<category domain='a'>World</category><category domain='a'>Asia</category><category>World</category>"
    )
    assert entry(inner).categories == ("World", "Asia")


def test_an_xml_base_outlives_its_element() -> None:
    inner = "<content type='html' xml:base='https://base.example/'>Text</content>"
    first, second = taken(atom(inner, "<link href='two'/><id>three</id>")).entries
    assert first.base == "https://base.example/"
    assert (second.link, second.guid) == ("https://base.example/two", "https://base.example/three")


def test_of_several_bases_the_last_one_outlives_its_element() -> None:
    inner = "<x:y xml:base='https://a.example/'/><x:y xml:base='b/'/><link href='c'/>"
    entries = taken(atom(inner, "<link href='d'/>")).entries
    assert [entry.link for entry in entries] == ["https://a.example/b/c", "https://a.example/b/d"]
    entries = taken(atom(inner, "<link href='d'/>", around="<x:y xml:base='https://e.example/'/>")).entries
    assert [entry.link for entry in entries] == ["https://e.example/c", "https://e.example/d"]


def test_utf_8_that_was_encoded_twice_is_mended() -> None:
    assert entry(f"<title>{'Café'.encode().decode('latin-1')}</title>").title == "Café"


def test_an_unknown_namespace_counts_by_its_prefix() -> None:
    body = rss("<dc:creator>Joe</dc:creator>").replace(SPACES["dc"].encode(), b"https://purl.example/dc")
    assert taken(body).entries[0].authors == ("Joe",)


def test_a_title_behind_the_feeds_image_replaces_the_feeds_title() -> None:
    around = "<image><title>Logo</title><link>https://logo.example/</link></image><title>Renamed</title>"
    assert taken(rss("<title>One</title>", around=around)).title == "Renamed"


def test_a_title_behind_the_entries_replaces_the_feeds_title() -> None:
    assert taken(rss("<title>One</title>", after="<title>Late</title>")).title == "Late"
    assert taken(atom("<title>One</title>", after="<title>Late</title>")).title == "Late"


def test_entries_without_a_declared_prefix_read_the_same_in_their_own() -> None:
    inner = "<y:creator xmlns:y='http://purl.org/dc/elements/1.1/'>Joe</y:creator>"
    assert entry(inner).authors == ("Joe",)


def test_words_that_look_like_entries_do_not_cut_one() -> None:
    assert (
        entry("<description><![CDATA[<item>not one</item>]]></description>").summary == "<item>not one</item>"
    )
    taken(rss("<!-- </item><item> --><title>One</title>", "<title>Two</title>"))
    taken(rss("<title>One</title>", around="<!-- <item><title>None</title></item> -->"))
    taken(rss("<title>One</title>", around="<itemised>1</itemised>"))


def test_marks_of_our_own_in_a_document_do_not_mislead_us() -> None:
    mark = f'<{MARK} n="0"/>'
    taken(rss("<title>One</title>", around=f"<![CDATA[ ]]>{mark}"))
    hidden = (
        rss("<title>One</title>").replace(b"<item>", b"<![CDATA[<item>").replace(b"</item>", b"</item>]]>")
    )
    assert not parse_feed(hidden, url=FEED, cache=EntryCache(1)).entries  # type: ignore[union-attr]
    same(hidden)


def test_an_entry_is_not_remembered_for_a_document_in_which_its_prefix_means_nothing() -> None:
    inner = "<item><title>One</title><media:thumbnail url='https://news.example/1.jpg'/></item>"
    space = f" xmlns:media='{SPACES['media']}'"
    whole = f"<rss version='2.0'{space}><channel><image/>{inner}</channel></rss>".encode()
    beside = f"<rss version='2.0'><channel><image{space}/>{inner}</channel></rss>".encode()
    cache = EntryCache(1024**2)
    for body in (whole, beside):
        expected = parse_feed(body, url=FEED, use_fastpath=False)
        assert difference(parse_feed(body, url=FEED, cache=cache), expected) is None
    assert "not well-formed" in parse_feed(beside, url=FEED, cache=cache).warnings[0]  # type: ignore[union-attr]


OUTSIDE = {
    "a document type": rss("<title>One</title>").replace(b"?>", b"?><!DOCTYPE rss>", 1),
    "a tag that is not closed": rss("<title>One</title><description><p>Text</description>"),
    "an entity that XML does not have": rss("<title>One&nbsp;two</title>"),
    "HTML that is not escaped": rss("<description><p>Text</p></description>"),
    "XHTML": atom("<title>One</title><content type='xhtml'>Text</content>"),
    "base64": atom("<title>One</title><content type='image/png'>Text</content>"),
    "an entry within an entry": rss("<title>One</title><item><title>Two</title></item>"),
    "the feed it was taken from, whole": atom("<title>One</title><source><title>Them</title></source>"),
    "a prefix with two meanings": rss("<x:y xmlns:x='urn:other'>1</x:y><title>One</title>"),
    "another one's prefix": rss(
        "<title>One</title>", attributes=" xmlns:slash='http://www.w3.org/2005/Atom'"
    ),
    "a name that feedparser uses itself": rss("<title>One</title><date>2026-01-01</date>"),
    "a page": b"<html><body><p>Not a feed</p></body></html>",
    "text of another element in an author": rss("<author><media:content>Joe</media:content></author>"),
    "a body": rss("<title>One</title><body>Text</body>"),
}


@pytest.mark.parametrize("body", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_what_only_the_reference_reads_rightly_is_left_to_it(body: bytes) -> None:
    assert not takes_fastpath(body, url=FEED)
    expected = parse_feed(body, url=FEED, use_fastpath=False)
    assert parse_feed(body, url=FEED, cache=EntryCache(1024**2)) == expected


def test_every_element_that_means_something_to_the_reference_is_read_or_refused() -> None:
    """A future feedparser may support a new element, which the fast path must not ignore."""
    read = {*ENTRY_HANDLERS, "item", "entry", "rss", "feed", "channel"}
    refused = (
        "abstract body cc_license cloud creativecommons_license dcterms_valid feedburner_browserfriendly geom "
        "georss_where georssgeom gml_exterior gml_linearring gml_linestring gml_point gml_polygon gml_pos "
        "gml_poslist admin_errorreportsto admin_generatoragent itunes_link itunes_owner newlocation psc_chapter "
        "psc_chapters textinput where xhtml_body"
    )
    assert feedparser_adapter.HANDLED - read - set(refused.split()) == set()


NEWS = ("title", "link", "guid", "id", "description", "summary", "content", "author", "category", "source")
WRITTEN = ("pubDate", "published", "updated", "lastBuildDate", "dc:date", "dcterms:issued", "date")
PEOPLE = (
    "name",
    "email",
    "uri",
    "contributor",
    "managingEditor",
    "dc:creator",
    "itunes:author",
    "itunes:owner",
)
MEDIA = (
    "media:content",
    "media:thumbnail",
    "media:group",
    "media:title",
    "media:description",
    "media:credit",
)
PODCAST = (
    "enclosure",
    "itunes:image",
    "itunes:summary",
    "itunes:keywords",
    "media:keywords",
    "itunes:category",
)
MODULES = (
    "content:encoded",
    "dc:title",
    "dc:subject",
    "dc:description",
    "dc:language",
    "feedburner:origLink",
)
OTHER = ("image", "url", "textInput", "width", "language", "copyright", "generator", "comments", "x:y", "z")
ASKED = ("ttl", "sy:updatePeriod", "skipHours", "atom:link", "atom:id")
NAMES = st.one_of(*map(st.sampled_from, (NEWS, NEWS, WRITTEN, PEOPLE, MEDIA, PODCAST, MODULES, OTHER, ASKED)))
WORDS = ("", " ", "One", " Two ", "Пхеньян", "Ã©", "é", "\x96", "yes", "a,b, c", "joe@paper.test (Joe)")
MARKED_UP = (
    "a &amp; b",
    "&lt;b>x&lt;/b>",
    "&amp;amp;",
    "<![CDATA[<p>x</p>]]>",
    "<![CDATA[</item>]]>",
    "<!-- x -->y",
)
ADDRESSES = (
    "https://a.example/1",
    "/rel?a=1&amp;b=2",
    "/rel?a=1&amp;amp;b=2",
    "http:////x",
    "https://b.example/",
)
DATES = (
    "Mon, 02 Mar 2026 10:00:00 GMT",
    "2026-03-02T10:00:00Z",
    "2026/3/2",
    "1583143200",
    "2 Mar 2026 10:00 EST",
)
TEXTS = st.one_of(*map(st.sampled_from, (WORDS, MARKED_UP, ADDRESSES, DATES)))
PLACES = ("href", "url", "uri", "rel", "type", "isPermaLink", "src", "mode", "Type", "x:href", "x:z")
MEANINGS = ("term", "label", "scheme", "domain", "medium", "text")
SCOPES = ("xml:base", "xml:lang", "lang", "base")
VALUES = ("https://a.example/b/", "c", "", "http:////d", "World", "en_US", "de", "false", "true")
KINDS = ("html", "text", "text/html", "TEXT", "alternate", "self", "enclosure", "image/png", "image")
ATTRIBUTES = st.dictionaries(
    st.one_of(*map(st.sampled_from, (PLACES, MEANINGS, SCOPES))),
    st.one_of(*map(st.sampled_from, (VALUES, KINDS))),
    max_size=3,
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(NAMES)
    attributes = "".join(f' {key}="{value}"' for key, value in draw(ATTRIBUTES).items())
    if depth < 3 and draw(st.integers(0, 5)) == 0:
        inner = "".join(draw(st.lists(elements(depth + 1), max_size=4)))
    else:
        inner = draw(TEXTS)
    return f"<{name}{attributes}>{inner}</{name}>"


MANY = st.lists(elements(), max_size=6).map("".join)
DOCUMENTS = st.builds(
    lambda shape, entries, around, after, attributes: shape(
        *entries, around=around, after=after, attributes=attributes
    ),
    st.sampled_from(SHAPES),
    st.lists(MANY, max_size=4),
    MANY,
    MANY,
    st.sampled_from(["", "", " xml:lang='en_US'", " xml:base='https://base.example/x/'", " xml:lang=''"]),
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENTS)
def test_generated_documents_are_read_as_the_reference_reads_them(body: bytes) -> None:
    expected = parse_feed(body, url=FEED, use_fastpath=False)
    cache = EntryCache(1024**2)
    for found in (parse_feed(body, url=FEED), *(parse_feed(body, url=FEED, cache=cache) for _ in range(2))):
        assert difference(found, expected) is None


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    DOCUMENTS,
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=3)), min_size=1, max_size=4
    ),
)
def test_damaged_documents_are_read_as_the_reference_reads_them(
    body: bytes, damages: list[tuple[int, int, bytes]]
) -> None:
    for start, length, put in damages:
        at = start % (len(body) + 1)
        body = body[:at] + put + body[at + length :]
    expected = parse_feed(body, url=FEED, use_fastpath=False)
    assert difference(parse_feed(body, url=FEED, cache=EntryCache(1024**2)), expected) is None


def spellings() -> Iterator[str]:
    days = ["Mon, 02 ", "2 ", "Sun, 31 ", "Tue, 29 "]
    months = ["Jan", "Feb", "Oct", "Dec", "Sept"]
    times = ["10:00:00", "23:59:60", "10:00", "24:00:00"]
    zones = ["GMT", "+0530", "-0400", "EST", "PDT", "Z", "UTC", "MSK", "+05:30", ""]
    for day, month, year, clock, zone in itertools.product(
        days, months, ["2026", "26", "2024"], times, zones
    ):
        yield f"{day}{month} {year} {clock} {zone}".strip()
    for date, clock, zone in itertools.product(
        ["2026-03-02", "2026-02-29", "2026-3-2"],
        ["10:00:00", "10:00:00.123456789", "10:00", "23:59:60"],
        ["Z", "+05:30", "-04:00", "+0530", ""],
    ):
        yield f"{date}T{clock}{zone}"


def test_dates_that_are_read_at_once_are_the_references() -> None:
    from feedparser.datetimes.rfc822 import _parse_date_rfc822
    from feedparser.datetimes.w3dtf import _parse_date_w3dtf

    rfc822: Callable[[str], Any] = _parse_date_rfc822
    w3dtf: Callable[[str], Any] = _parse_date_w3dtf
    read = 0
    for text in spellings():
        at_once = read_usual_date(text)
        if at_once is not None:
            read += 1
            assert at_once.timetuple()[:6] == (rfc822(text) or w3dtf(text))[:6], text
            assert at_once == read_date(text), text
    assert read > 200
    assert read_usual_date("Mon, 02 Mar 2026 10:00:00 +0530") == datetime(2026, 3, 2, 4, 30, tzinfo=UTC)


def test_the_table_of_windows_1252_is_the_references() -> None:
    from feedparser.html import _cp1252

    assert _cp1252 == _CP1252
