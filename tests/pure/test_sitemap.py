"""News sitemaps and sitemap indexes: from real servers, and hostile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.normalise import normalise
from ingest.parse import parse_feed
from ingest.parse.sitemap import MAX_ATTRIBUTES, MAX_DEPTH, MAX_ENTRIES
from ingest.types import Entry, Failed, FailureKind, ParsedFeed, SitemapLink
from tests.speed import cpu_limit

SITEMAP = "https://news.example/sitemap-news.xml"
SPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
NEWS = """<news:news><news:publication><news:name>The Daily</news:name><news:language>ko</news:language>
    </news:publication><news:publication_date>2026-06-18T10:00:00+03:00</news:publication_date>
    <news:title>{}</news:title><news:keywords>Asia, World ,Asia,</news:keywords></news:news>"""


def page(name: str = "1", inner: str = NEWS.format("A title")) -> str:
    return f"<url><loc>https://news.example/{name}</loc>{inner}</url>"


def sitemap(*pages: str, spaces: str = SPACES, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f"{head}<urlset {spaces}>{''.join(pages)}</urlset>".encode()


def index(*children: str, lastmod: str = "") -> bytes:
    inner = "".join(f"<sitemap><loc>{child}</loc>{lastmod}</sitemap>" for child in children)
    return (
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</sitemapindex>'.encode()
    )


def parsed(body: bytes) -> ParsedFeed:
    found = parse_feed(body, url=SITEMAP, content_type="application/xml")
    assert isinstance(found, ParsedFeed), found
    return found


def failed(body: bytes) -> Failed:
    found = parse_feed(body, url=SITEMAP)
    assert isinstance(found, Failed), found
    return found


def test_what_a_news_sitemap_says_is_kept_by_name() -> None:
    image = "<image:image><image:loc>/1.jpg</image:loc><image:title>Not this</image:title></image:image>"
    found = parsed(
        sitemap(page(inner=f"{image}<lastmod>2026-06-19</lastmod>{NEWS.format('5 &lt; 6 &amp;amp; 7')}"))
    )
    assert (found.title, found.version, found.warnings, found.children) == ("The Daily", "sitemap", (), ())
    assert found.entries == (
        Entry(
            guid=None,
            link="https://news.example/1",
            title="5 &lt; 6 &amp; 7",
            summary=None,
            content=None,
            categories=("Asia", "World"),
            published=datetime(2026, 6, 18, 7, tzinfo=UTC),
            published_raw="2026-06-18T10:00:00+03:00",
            updated=datetime(2026, 6, 19, tzinfo=UTC),
            updated_raw="2026-06-19",
            language="ko",
            source_title="The Daily",
            image="https://news.example/1.jpg",
        ),
    )


def test_the_date_of_the_news_counts_and_a_last_change_in_the_future_does_not() -> None:
    """docs/polling.md, cases 83 and 84."""
    now = datetime(2026, 6, 18, 12, tzinfo=UTC)
    body = sitemap(page(inner=f"<lastmod>2027-01-01T00:00:00Z</lastmod>{NEWS.format('A title')}"))
    made = normalise(parsed(body), feed_id=1, feed_url=SITEMAP, poll_id=1, seen_at=now, seen={})
    (article,) = made.articles
    assert (article.published_at, article.updated_at) == (datetime(2026, 6, 18, 7, tzinfo=UTC), None)
    assert (article.publisher, article.language, article.title) == ("The Daily", "ko", "A title")


def test_a_sitemap_without_news_is_refused_by_name() -> None:
    found = failed(sitemap(page("1", ""), page("2", "<lastmod>2026-06-18</lastmod>")))
    assert found.kind is FailureKind.NOT_A_FEED
    assert found.detail == "a sitemap of 2 addresses, and no news in it (news:news)"


def test_of_a_mixed_sitemap_the_news_is_taken() -> None:
    found = parsed(sitemap(page("1", ""), page("2")))
    assert [entry.link for entry in found.entries] == ["https://news.example/2"]
    assert found.warnings == ("1 addresses without news:news were left out",)


@pytest.mark.parametrize("body", [sitemap(), b"<urlset/>", index()], ids=["news", "bare", "index"])
def test_a_sitemap_that_lists_nothing_now_is_no_failure(body: bytes) -> None:
    assert (parsed(body).entries, parsed(body).children, parsed(body).warnings) == ((), (), ())


def test_an_index_names_its_children_once_and_whole() -> None:
    found = parsed(index("/a.xml", "https://news.example/b.xml.gz", "/a.xml", "javascript:x", ""))
    assert found.children == (
        SitemapLink(url="https://news.example/a.xml"),
        SitemapLink(url="https://news.example/b.xml.gz"),
    )
    assert found.version == "sitemapindex"
    (child,) = parsed(index("/a.xml", lastmod="<lastmod>2026-06-18T10:00:00Z</lastmod>")).children
    assert child.updated == datetime(2026, 6, 18, 10, tzinfo=UTC)


WRONG = {
    "prefixes that nobody declares": (sitemap(page(), spaces=""), ()),
    "another prefix": (
        sitemap(page(inner=NEWS.replace("news:", "n:").format("A title")), spaces="xmlns:n='x'"),
        (),
    ),
    "a bare ampersand": (sitemap(page("1?a=1&b=2")), ("addresses with a bare & in them",)),
    "a warning of PHP": (b"<br />\nNotice: undefined" + sitemap(page(), head=""), ()),
    "Latin-1 as UTF-8": (
        sitemap(page()).replace(b"A title", b"\xe9"),
        ("declared as utf-8, but encoded otherwise; read as windows-1252, which is the default",),
    ),
    "CDATA": (sitemap(page(inner=NEWS.format("<![CDATA[A title]]>"))), ()),
    "cut behind an entry": (sitemap(page(), page())[:-40], None),
}


@pytest.mark.parametrize(("body", "warnings"), WRONG.values(), ids=WRONG)
def test_what_real_sitemaps_get_wrong_is_read(body: bytes, warnings: tuple[str, ...] | None) -> None:
    found = parsed(body)
    assert found.entries[0].link in ("https://news.example/1", "https://news.example/1?a=1&b=2")
    assert found.entries[0].title in ("A title", "é")
    assert found.entries[0].source_title == "The Daily"
    if warnings is not None:
        assert found.warnings == warnings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1251"])
def test_other_encodings_are_read_as_they_are_declared(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    body = sitemap(page(inner=NEWS.format("Пхеньян")), head=head).decode().encode(encoding)
    assert parsed(body).entries[0].title == "Пхеньян"


HOSTILE = {
    "deep": b"<urlset>" + b"<url>" * 100_000,
    "deep in an index": b"<sitemapindex><sitemap>" + b"<a>" * MAX_DEPTH,
    "entities": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
    "an external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>',
    "attributes": b"<urlset "
    + b" ".join(b'a%d="x"' % number for number in range(MAX_ATTRIBUTES + 1))
    + b"></urlset>",
    "one attribute twice": b'<urlset a="" a="">',
    "ampersands": b"<urlset><url><loc>" + b"&" * 1_000_000,
    "a name without an end": b"<urlset><url" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_are_refused_fast(body: bytes) -> None:
    with cpu_limit(2):
        found = failed(body)
    assert found.kind is FailureKind.UNPARSABLE


def test_fifty_thousand_addresses_are_read_in_time_and_one_more_is_refused() -> None:
    """The limit of sitemaps.org; the deadline of a parser is 30 s (INGEST_PARSE_DEADLINE)."""
    pages = [page(str(number)) for number in range(MAX_ENTRIES)]
    with cpu_limit(10):
        assert len(parsed(sitemap(*pages)).entries) == MAX_ENTRIES
    found = failed(sitemap(*pages, page("more")))
    assert (found.kind, "50000" in found.detail) == (FailureKind.TOO_LARGE, True)


def test_a_value_is_bounded() -> None:
    assert len(parsed(sitemap(page(inner=NEWS.format("x" * 100_000)))).entries[0].title or "") == 20_000


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            """<url> </url> <loc> </loc> https://a.example/ <news:news> </news:news> <news:title> </news:title>
            <sitemap> </sitemap> & &amp; \0 <![CDATA[ ]]> <a_b=' '> \udcff""".split()  # noqa: SIM905
        ),
        max_size=25,
    ),
    st.sampled_from(["<urlset>", "<sitemapindex>"]),
)
def test_no_document_makes_it_raise(parts: list[str], root: str) -> None:
    body = (root + "".join(parts)).encode("utf-8", "surrogateescape")
    assert isinstance(parse_feed(body, url=SITEMAP), ParsedFeed | Failed)
