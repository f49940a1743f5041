"""Dates of feeds are read whole, or they are unknown (issue 11, part 4)."""

from __future__ import annotations

import pytest

from ingest.db.engine import transaction
from ingest.db.tables import seen
from ingest.identity import name_key
from ingest.parse import parse_feed
from ingest.types import ParsedFeed
from tests.cases.conftest import Service

pytestmark = pytest.mark.store


def rss(*dates: str, language: str = "", link: bool = True) -> bytes:
    items = "".join(
        f"<item><title>Ferry {number}</title>"
        + (f"<link>https://port.example/{number}</link>" if link else "")
        + f"<description>Text {number}.</description><pubDate>{date}</pubDate></item>"
        for number, date in enumerate(dates)
    )
    declared = f"<language>{language}</language>" if language else ""
    return f"<rss version='2.0'><channel><title>P</title>{declared}{items}</channel></rss>".encode()


def dates(service: Service) -> dict[str, str | None]:
    return {article["title"]: article["published_at"] for article in service.articles()}


# An hour and a half before the poll; without their zones these are in the future, or hours early.
FRESH = [
    "Tue, 24 Nov 2026 19:30:00 KST",
    "Tue, 24 Nov 2026 13:30:00 MSK",
    "Tue, 24 Nov 2026 19:30:00 GMT+9",
    "Tue, 24 Nov 2026 02:30:00 America/Los_Angeles",
    "mar, 24 nov 2026 11:30:00 +0100",
    "Вт, 24 ноя 2026 13:30:00 +0300",
    "2026년 11월 24일 오후 7:30",
    "24/11/2026 10:30",
    "Tue, Nov 24 2026 10:30:00 AM",
]


def test_fresh_entries_keep_their_dates_whatever_zone_and_language_they_are_in(service: Service) -> None:
    """miniflux#1233, rome#441, feed-rs#182."""
    service.serve(rss(*FRESH))
    service.poll()
    assert set(dates(service).values()) == {"2026-11-24T10:30:00Z"}
    assert len(dates(service)) == len(FRESH)


def test_a_date_that_is_not_understood_is_unknown(service: Service) -> None:
    feed = service.serve(
        rss("Tue, 24 Nov 2026 10:30:00 XYZ", "24 Smarch 2026", "Tue, 24 Nov 2026 10:30:00 GMT")
    )
    service.poll()
    assert dates(service) == {"Ferry 0": None, "Ferry 1": None, "Ferry 2": "2026-11-24T10:30:00Z"}
    remark = service.desk.last(feed).detail
    assert remark is not None
    assert "2 dates are unknown" in remark
    assert "'24 Smarch 2026'" in remark


def test_the_feeds_language_decides_what_a_name_means(service: Service) -> None:
    service.serve(rss("1 lis 2026 10:30", language="hr"))
    service.poll()
    assert dates(service) == {"Ferry 0": "2026-10-01T10:30:00Z"}


@pytest.mark.parametrize("link", [True, False], ids=["by link", "by title"])
def test_a_date_that_is_read_otherwise_than_before_makes_no_revision(service: Service, link: bool) -> None:
    """The second version stands for the same document, read by a newer parser.

    The parser before had no dates in the keys of entries without guid and link.
    """
    service.serve(
        rss("Tue, 24 Nov 2026 10:30:00 GMT", link=link),
        *[rss("Tue, 24 Nov 2026 10:30:00 MSK", link=link)] * 2,
    )
    service.poll()
    (before,) = service.articles()
    if not link:
        with transaction(service.engine) as connection:
            connection.execute(seen.update().values(key=name_key("Ferry 0")))
    for _ in range(2):
        service.poll()
        assert service.articles() == [before]


WARNED = {
    "RSS": rss("24 Smarch 2026", "24 Smarch 2026", "10 Nov 2026"),
    "JSON Feed": (
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "date_published": "24 Smarch 2026",'
        b' "date_modified": "24 Smarch 2026"}]}'
    ),
    "a sitemap": (
        b"<urlset><url><loc>https://port.example/1</loc><lastmod>24 Smarch 2026</lastmod><news:news>"
        b"<news:title>A</news:title><news:publication_date>24 Smarch 2026</news:publication_date></news:news>"
        b"</url></urlset>"
    ),
}


@pytest.mark.parametrize("body", WARNED.values(), ids=WARNED)
@pytest.mark.parametrize("use_fastpath", [True, False])
def test_a_warning_names_the_dates_that_cannot_be_read(body: bytes, use_fastpath: bool) -> None:
    parsed = parse_feed(body, url="https://port.example/feed", use_fastpath=use_fastpath)
    assert isinstance(parsed, ParsedFeed)
    assert parsed.warnings == ("2 dates are unknown, because they cannot be read: '24 Smarch 2026'",)


@pytest.mark.parametrize(
    "body",
    [
        (
            b'{"version": "https://jsonfeed.org/version/1.1", "language": "it", "items": [{"id": "1", "title": "A",'
            b' "date_published": "mar, 24 nov 2026 11:30:00 +0100"}]}'
        ),
        (
            b"<urlset><url><loc>https://port.example/1</loc><news:news><news:title>A</news:title>"
            b"<news:publication_date>24 novembre 2026 10:30 GMT</news:publication_date></news:news></url></urlset>"
        ),
        (
            b"<feed xmlns='http://www.w3.org/2005/Atom'><title>A</title><entry><id>1</id><title>A</title>"
            b"<published>24. November 2026, 19:30 KST</published></entry></feed>"
        ),
    ],
    ids=["JSON Feed", "sitemap", "Atom"],
)
def test_other_formats_have_the_same_dates(body: bytes) -> None:
    parsed = parse_feed(body, url="https://port.example/feed")
    assert isinstance(parsed, ParsedFeed)
    (entry,) = parsed.entries
    assert entry.published is not None
    assert entry.published.isoformat() == "2026-11-24T10:30:00+00:00"
