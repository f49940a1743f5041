"""Parsing documents of real servers, and hostile ones."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

from ingest.parse import MAX_ATTRIBUTES, parse_feed
from ingest.types import Entry, Failed, FailureKind, ParsedFeed
from tests.bench.figures import corpus_file, read_tar_zst
from tests.speed import cpu_limit

FEED = "https://news.example/feeds/rss.xml"


def feed(
    title: str = "Title", inner: str = "", *, declaration: str = '<?xml version="1.0"?>', head: str = ""
) -> str:
    link = "<link>https://news.example/1</link>"
    item = f"<item><title>{title}</title>{link}{inner}</item>"
    return f'{declaration}{head}<rss version="2.0"><channel><title>News</title>{item}</channel></rss>'


def parsed(body: bytes, content_type: str | None = None) -> ParsedFeed:
    found = parse_feed(body, url=FEED, content_type=content_type)
    assert isinstance(found, ParsedFeed), found
    return found


def entry(body: bytes, content_type: str | None = None) -> Entry:
    return parsed(body, content_type).entries[0]


def failed(body: bytes) -> Failed:
    found = parse_feed(body, url=FEED)
    assert isinstance(found, Failed), found
    return found


def declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>'


RUSSIAN = "Путин прибыл в Пхеньян с визитом"
ENCODINGS = {
    "UTF-8": (RUSSIAN, declared("utf-8"), "utf-8", None),
    "UTF-8 with a byte order mark": (RUSSIAN, declared("utf-8"), "utf-8-sig", None),
    "UTF-8 as text/xml without a charset": (RUSSIAN, declared("utf-8"), "utf-8", "text/xml"),
    "UTF-8 from a server that calls all of it Latin-1": (
        RUSSIAN,
        declared("utf-8"),
        "utf-8",
        "text/xml; charset=ISO-8859-1",
    ),
    "UTF-8 declared as windows-1252": (RUSSIAN, declared("windows-1252"), "utf-8", None),
    "windows-1251": (RUSSIAN, declared("windows-1251"), "cp1251", "application/rss+xml"),
    "windows-1251 by the server's word": (RUSSIAN, "", "cp1251", "text/xml; charset=windows-1251"),
    "windows-1251 from a server that calls all of it Latin-1": (
        RUSSIAN,
        declared("windows-1251"),
        "cp1251",
        "text/xml; charset=iso-8859-1",
    ),
    "gb18030 under the name of gb2312": ("朝鲜与俄罗斯㐂", declared("gb2312"), "gb18030", None),
    "cp949 under the name of euc-kr": ("북러 조약 똠방각하", declared("euc-kr"), "cp949", None),
    "Shift JIS": ("北朝鮮とロシア", declared("shift_jis"), "shift_jis", None),
    "Latin-1 that nobody declares": ("Café à São Tomé", "", "latin-1", None),
    "windows-1252 that is declared as UTF-8": ("“Café”", declared("utf-8"), "cp1252", None),
    "UTF-16": (RUSSIAN, declared("utf-16"), "utf-16", None),
    "UTF-8 under a name that hubs give it": (
        RUSSIAN,
        declared("utf8"),
        "utf-8",
        "application/xml; charset=utf8",
    ),
    "an encoding that does not exist": (RUSSIAN, declared("utf-8"), "utf-8", "text/xml; charset=none"),
    "an encoding that is no text": (RUSSIAN, declared("utf-8"), "utf-8", "text/xml; charset=hex"),
}


@pytest.mark.parametrize(
    ("title", "declaration", "encoding", "content_type"), ENCODINGS.values(), ids=ENCODINGS
)
def test_the_text_is_read_whatever_is_declared(
    title: str, declaration: str, encoding: str, content_type: str | None
) -> None:
    body = feed(title, declaration=declaration).encode(encoding)
    assert entry(body, content_type).title == title


def test_a_few_wrong_bytes_do_not_turn_the_document_into_another_encoding() -> None:
    body = feed(RUSSIAN, declaration=declared("utf-8")).encode().replace(b"Title", b"")
    broken = body.replace(b"</title><link>", b" \xd0</title><link>")
    found = parsed(broken)
    assert found.entries[0].title == f"{RUSSIAN} \ufffd"
    assert found.warnings == ("1 characters are not utf-8",)


BEFORE = {
    "white space": "\n\n  ",
    "a warning of PHP": "<br />\n<b>Warning</b>: mysql_connect() in <b>/www/feed.php</b>\n",
    "NULs": "\0\0",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_stands_before_the_document_is_overlooked(before: str) -> None:
    assert entry((before + feed(RUSSIAN)).encode()).title == RUSSIAN


@pytest.mark.parametrize(
    "behind", ["<script>track()</script>", "\n<!-- 0.2 s --><div>Read on", "\0\0", "text"]
)
def test_what_stands_behind_the_document_is_overlooked(behind: str) -> None:
    found = parsed((feed(RUSSIAN) + behind).encode())
    assert [entry.title for entry in found.entries] == [RUSSIAN]


def test_control_characters_and_impossible_references_are_stripped() -> None:
    found = entry(feed("a\x00b\x08c&#0;d&#xD800;e&#x1;f\x0bg").encode())
    assert found.title == "abcdefg"


@pytest.mark.parametrize(
    "inner",
    ["<description>A & B</description>", "<media:x>y</media:x>", "<description>&nbsp;&eacute;</description>"],
    ids=["a bare ampersand", "an undeclared prefix", "HTML entities"],
)
def test_a_document_that_is_not_well_formed_is_read_with_a_warning(inner: str) -> None:
    found = parsed(feed(inner=inner).encode())
    assert found.entries[0].title == "Title"
    assert any("not well-formed" in warning for warning in found.warnings)


HOSTILE = {
    "a laughing billion": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    "a large entity": f'<!DOCTYPE x [<!ENTITY a "{"ha" * 1000}">]>',
    "a file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "too many entities": "<!DOCTYPE x [" + "".join(f'<!ENTITY a{n} "x">' for n in range(600)) + "]>",
}


@pytest.mark.parametrize("head", HOSTILE.values(), ids=HOSTILE)
def test_entities_that_would_grow_or_reach_out_are_refused(head: str) -> None:
    found = failed(feed("&a;", head=head).encode())
    assert found.kind is FailureKind.UNPARSABLE
    assert "entities" in found.detail
    assert found.sample is not None


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://n.example/rss-0.91.dtd">',
        '<!DOCTYPE rss [<!ENTITY % HTMLlat1 PUBLIC "-//W3C//ENTITIES Latin 1//EN" "http://w.example/lat1.ent">]>',
        '<!DOCTYPE rss [<!ENTITY nbsp "&#160;"><!ENTITY copy "&#169;">]>',
    ],
    ids=["Netscape's", "Latin-1 by parameter", "characters by name"],
)
def test_harmless_document_types_are_read(head: str) -> None:
    assert entry(feed(head=head).encode()).title == "Title"


def deep(levels: int) -> bytes:
    inside = "<a>" * levels + "</a>" * levels
    return f"<rss version='2.0'><channel><title>T</title>{inside}</channel></rss>".encode()


@pytest.mark.parametrize("body", [deep(100_000), deep(2_000), b"<rss><channel>" + b"<a>" * 100_000], ids=len)
def test_elements_a_thousand_deep_are_refused(body: bytes) -> None:
    with cpu_limit(2):  # feedparser takes longer
        found = failed(body)
    assert (found.kind, found.detail) == (FailureKind.UNPARSABLE, "more than 1000 elements in each other")


def test_markup_that_nobody_closes_is_not_deep() -> None:
    text = "<description><![CDATA[" + "<br>" * 5_000 + "]]></description>"
    assert entry(feed(inner=text).encode()).title == "Title"
    assert parsed(deep(900)).title == "T"


def test_a_tag_with_thousands_of_attributes_is_refused() -> None:
    attributes = " ".join(f'a{number}="x"' for number in range(MAX_ATTRIBUTES + 1))
    for before in range(0, 6_000, 67):
        ordinary = "<b/>" * (before // 4) + "." * (before % 4)
        found = failed(feed(inner=f"{ordinary}<x {attributes}/>{ordinary}").encode())
        assert (found.kind, "attributes" in found.detail) == (FailureKind.UNPARSABLE, True), before


def test_a_tag_may_have_as_many_attributes_as_are_said() -> None:
    attributes = " ".join(f'a{number}="x"' for number in range(MAX_ATTRIBUTES))
    assert entry(feed(inner=f"<x {attributes}/>").encode()).title == "Title"


def test_a_long_attribute_is_not_many() -> None:
    picture = f'<enclosure url="data:image/png;base64,{"A" * 100_000}" type="image/png"/>'
    assert entry(feed(inner=picture).encode()).title == "Title"


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (b"\0\0 \n", FailureKind.EMPTY, "empty"),
        (b"<!DOCTYPE html><html><title>Just a moment</title></html>", FailureKind.NOT_A_FEED, "an HTML page"),
        (b'{"version": "1.1", "items": [{"id": "1"}]}', FailureKind.NOT_A_FEED, "JSON of another kind"),
        (
            b"<urlset><url><loc>https://a.example/</loc></url></urlset>",
            FailureKind.NOT_A_FEED,
            "no news in it",
        ),
        (b"\x89PNG\r\n\x1a\n", FailureKind.NOT_A_FEED, "no XML"),
        (b'<rss version="2.0"><channel><title>Ne', FailureKind.UNPARSABLE, "not well-formed"),
    ],
    ids=["empty", "HTML", "JSON", "a sitemap", "a picture", "a feed cut before its first entry"],
)
def test_a_failure_says_what_was_found(body: bytes, kind: FailureKind, detail: str) -> None:
    found = failed(body)
    assert found.kind is kind
    assert detail in found.detail
    assert kind is FailureKind.EMPTY or found.sample == body[:2048]


def test_a_page_is_told_from_a_feed_without_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """feedparser reads malformed documents loosely, which takes seconds for an HTML page of some megabytes."""

    def parse(*_: object, **__: object) -> None:
        raise AssertionError("the page was read")

    monkeypatch.setattr(feedparser, "parse", parse)
    page = b"<!doctype html><html><body>" + b'<p class=a>text<br><a href="/feed.html">the feed</a>' * 1000
    assert failed(page).detail == "expected a feed, found an HTML page"
    monkeypatch.undo()
    # Whatever could be a feed is read all the same.
    assert parsed(b"<!-- <html> -->" + feed().encode()).title == "News"


DATES = {
    "Thu, 18 Jun 2026 10:00:00 +0300": datetime(2026, 6, 18, 7, tzinfo=UTC),
    "Thu, 18 Jun 2026 10:00:00 EST": datetime(2026, 6, 18, 15, tzinfo=UTC),
    "2026-06-18T10:00:60Z": datetime(2026, 6, 18, 10, 1, tzinfo=UTC),
    "2016/6/29": datetime(2016, 6, 29, tzinfo=UTC),
    "2016/6/29 10:11": datetime(2016, 6, 29, 10, 11, tzinfo=UTC),
    "1466676000": datetime(2016, 6, 23, 10, tzinfo=UTC),
    "Mon, 01 Jan 0001 00:00:00 +0000": None,
    "Thu, 01 Jan 1970 00:00:00 GMT": None,
    "2016/13/45": None,
    "yesterday": None,
    "Mo, 25 Jun 2018 10:00:00 +0200": datetime(2018, 6, 25, 8, tzinfo=UTC),
    "2018-06-25 10:00:00": datetime(2018, 6, 25, 10, tzinfo=UTC),
    "Mon, 25 Jun 2018 10:00:00": datetime(2018, 6, 25, 10, tzinfo=UTC),
    "Mon, 25 Jun 2018 10:00:00 EDT": datetime(2018, 6, 25, 14, tzinfo=UTC),
    "Mon, 25 Jun 2018 10:00:00 -0000": datetime(2018, 6, 25, 10, tzinfo=UTC),
    "2004-05-25 오후 11:23:17": datetime(2004, 5, 25, 14, 23, 17, tzinfo=UTC),
    "Κυρ, 11 Ιούλ 2004 12:00:00 EST": datetime(2004, 7, 11, 17, tzinfo=UTC),
    "2004-július-13T9:15-05:00": datetime(2004, 7, 13, 14, 15, tzinfo=UTC),
    "2004년 05월 28일 01:31:15": datetime(2004, 5, 27, 16, 31, 15, tzinfo=UTC),
    "2026年3月2日 10:00": datetime(2026, 3, 2, 10, tzinfo=UTC),
    "6/25/2018 3:04:05 PM": datetime(2018, 6, 25, 15, 4, 5, tzinfo=UTC),
}


@pytest.mark.parametrize(("raw", "date"), DATES.items(), ids=DATES)
def test_dates_are_read_in_utc_or_not_at_all(raw: str, date: datetime | None) -> None:
    found = entry(feed(inner=f"<pubDate>{raw}</pubDate>").encode())
    assert (found.published, found.published_raw) == (date, raw)


def test_what_an_entry_says_is_kept_by_name() -> None:
    body = feed(
        inner="""<guid isPermaLink="false"> g-1 </guid><description>&lt;p&gt;Short&lt;/p&gt;</description>
        <content:encoded><![CDATA[<p>Long text</p>]]></content:encoded><dc:creator>Ann Lee</dc:creator>
        <category>World</category><category>Asia</category><source url="https://w.example/rss">Wire</source>
        <media:thumbnail url="https://news.example/1.jpg"/>"""
    ).replace(
        '<rss version="2.0">',
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">',
    )
    found = entry(body.encode())
    assert (found.guid, found.link) == ("g-1", "https://news.example/1")
    assert (found.summary, found.content) == ("<p>Short</p>", "<p>Long text</p>")
    assert (found.authors, found.categories) == (("Ann Lee",), ("World", "Asia"))
    assert (found.source_title, found.source_url) == ("Wire", "https://w.example/rss")
    assert (found.image, found.base) == ("https://news.example/1.jpg", None)


@pytest.mark.parametrize(
    "guid",
    [
        '<guid isPermaLink="false"/>',
        "<guid></guid>",
        "<guid> \n\t </guid>",
        "<guid><![CDATA[]]></guid>",
        "<guid><![CDATA[  ]]></guid>",
    ],
)
def test_an_empty_guid_is_none(guid: str) -> None:
    found = entry(feed(inner=guid).encode())
    assert (found.guid, found.link) == (None, "https://news.example/1")


def test_a_guid_is_told_from_what_stands_around_it() -> None:
    assert entry(feed(inner="<guid>\n <![CDATA[ g-1 ]]>\n</guid>").encode()).guid == "g-1"


def test_relative_addresses_are_relative_to_the_feed_or_its_base() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ko"><title>A</title><entry xml:base="{}"><id>1</id>'
        '<title>T</title><link href="x/1"/><content type="html">&lt;a href="y"&gt;y&lt;/a&gt;</content></entry></feed>'
    )
    found = entry(atom.format("https://other.example/base/").encode())
    assert (found.link, found.base) == ("https://other.example/base/x/1", "https://other.example/base/")
    found = entry(atom.replace(' xml:base="{}"', "").encode())
    assert (found.link, found.base) == ("x/1", None)
    found = entry(atom.format("/base/").encode())
    assert (found.link, found.base) == ("/base/x/1", "https://news.example/base/")
    assert parsed(atom.encode()).language == "ko"


@pytest.mark.parametrize("guid", ["4711", "post-1", "tag:news.example,2026:1"])
def test_a_guid_stays_as_it_is_and_is_no_link_unless_it_is_an_address(guid: str) -> None:
    body = feed(inner=f"<guid>{guid}</guid>").replace("<link>https://news.example/1</link>", "")
    assert (entry(body.encode()).guid, entry(body.encode()).link) == (guid, None)
    body = body.replace(guid, "https://news.example/2")
    assert entry(body.encode()).link == "https://news.example/2"


def test_the_address_behind_a_counter_is_the_link() -> None:
    body = feed(inner="<feedburner:origLink>https://news.example/original</feedburner:origLink>").replace(
        "<rss ", '<rss xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" '
    )
    assert entry(body.encode()).link == "https://news.example/original"


def test_plain_text_of_atom_is_not_taken_for_html() -> None:
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><id>1</id>'
        '<title type="text">Is 1 &lt; 2 &amp;amp; true?</title></entry></feed>'
    )
    assert entry(body.encode()).title == "Is 1 &lt; 2 &amp;amp; true?"


def test_the_servers_language_counts_where_the_feed_names_none() -> None:
    found = parse_feed(feed().encode(), url=FEED, language="bg, en")
    assert isinstance(found, ParsedFeed)
    assert found.language == "bg"


@pytest.mark.parametrize(
    "mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b"<?xml", b"<rss", b"<!DOCTYPE", b"<!ENTITY"]
)
def test_a_document_that_ends_after_its_first_bytes_is_a_failure(mark: bytes) -> None:
    assert isinstance(parse_feed(mark, url=FEED), Failed)


@pytest.mark.corpus
def test_feeds_from_the_wild_are_read(corpus: Path) -> None:
    """About two hundred feeds are parsed or fail with a reason; each run takes a tenth of them."""
    failures, entries = [], 0
    for number, (name, body) in enumerate(read_tar_zst(corpus_file(corpus, "wild-feeds.tar.zst"))):
        if number % 10 or body.lstrip()[:1] != b"<":
            continue
        found = parse_feed(body, url=FEED)
        if isinstance(found, Failed):
            failures.append((name, found.kind))
        else:
            entries += len(found.entries)
    assert entries > 200
    assert all(kind in (FailureKind.NOT_A_FEED, FailureKind.UNPARSABLE) for _, kind in failures)
    assert len(failures) <= 2, failures


HUBS = """<link rel="self" href="https://news.example/feeds/world.xml"/><link rel="hub" href="https://hub.example/"/>
    <link rel="alternate HUB" href="//second.example/hub"/><link rel="hub" href="https://hub.example/"/>
    <link rel="hub" href="javascript:alert(1)"/>"""


def test_a_feed_names_its_hubs_and_itself() -> None:
    links = HUBS.replace("<link", "<atom:link")
    rss = feed(inner='<atom:link rel="hub" href="https://entry.example/"/>').replace(
        "<title>News</title>", f"<title>News</title>{links}"
    )
    rss = rss.replace("<rss ", '<rss xmlns:atom="http://www.w3.org/2005/Atom" ')
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title>{HUBS}</feed>'
    for body in (rss, atom):
        found = parsed(body.encode())
        assert found.hubs == ("https://hub.example/", "https://second.example/hub")
        assert found.self_url == "https://news.example/feeds/world.xml"
    assert (parsed(feed().encode()).hubs, parsed(feed().encode()).self_url) == ((), None)


def test_an_entity_declared_beside_a_comment_is_known() -> None:
    head = '<!-- of a generator --><!DOCTYPE rss [\n<!ENTITY id "tag:news.example,">]>'
    assert entry(feed(inner="<guid>&id;1</guid>", head=head, declaration="").encode()).guid == (
        "tag:news.example,1"
    )


@pytest.mark.parametrize(
    ("body", "content_type", "warning"),
    [
        (feed(declaration=declared("none")), None, "declared as none, which is no encoding"),
        (feed(), "text/plain; charset=utf-8", "served as text/plain; charset=utf-8"),
    ],
)
def test_what_is_declared_wrongly_is_told(body: str, content_type: str | None, warning: str) -> None:
    assert parsed(body.encode(), content_type).warnings == (warning,)


@pytest.mark.parametrize("content_type", ["text/xml", "application/rss+xml; charset=x", "APPLICATION/XML"])
def test_the_types_of_xml_are_no_reason_to_warn(content_type: str) -> None:
    assert parsed(feed().encode(), content_type).warnings == ()


def test_a_channel_without_anything_around_it_is_a_feed() -> None:
    assert parsed(b"<CHANNEL><TITLE>Wire</TITLE></CHANNEL>").title == "Wire"


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Ann Lee (ann@news.example)", "Ann Lee"),
        ("Ann Lee (mailto:ann@news.example)", "Ann Lee"),
        ("Ann Lee &lt;ann@news.industries&gt;", "Ann Lee"),
        ("ann@news.industries (Ann Lee)", "Ann Lee"),
        ("ann@news.example", "ann@news.example"),
        ("Ann Lee", "Ann Lee"),
    ],
)
def test_an_author_is_a_name_without_the_address_beside_it(author: str, name: str) -> None:
    assert entry(feed(inner=f"<author>{author}</author>").encode()).authors == (name,)


def test_a_date_with_a_weekday_of_another_language_is_read() -> None:
    found = entry(feed(inner="<pubDate>mer, 16 nov 2022 00:38:15 +0100</pubDate>").encode())
    assert found.published == datetime(2022, 11, 15, 23, 38, 15, tzinfo=UTC)


def test_an_element_that_ends_under_another_name_costs_no_other() -> None:
    body = feed(inner="<source url='https://w.example/'>Wire</sorce><category>Asia</category>").encode()
    found = parsed(body)
    assert (found.entries[0].source_title, found.entries[0].categories) == ("Wire", ("Asia",))
    assert found.warnings == ("not well-formed: an element ends under the name of another",)


def test_a_category_with_markup_in_it_is_a_category() -> None:
    assert entry(feed(inner="<category domain='x'><p>Asia</p></category>").encode()).categories == ("Asia",)


def test_a_link_of_any_type_stands_for_an_entry_that_has_no_other() -> None:
    link = '<link rel="alternate" type="application/pdf" href="https://news.example/1.pdf"/>'
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:1</id><title>T</title>{link}</entry></feed>'
    assert entry(body.encode()).link == "https://news.example/1.pdf"


def test_a_feeds_link_under_a_prefix_that_nobody_declares_is_its_link() -> None:
    body = feed().replace("<title>News</title>", '<atom:link rel="alternate" href="https://news.example/"/>')
    assert parsed(body.encode()).link == "https://news.example/"


def test_the_language_of_the_content_is_the_entrys_where_it_names_no_other() -> None:
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>T</title>'
        '<content xml:lang="ko">x</content></entry></feed>'
    )
    assert entry(body.encode()).language == "ko"
