"""JSON Feeds: by the specification, from real servers, and hostile."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.normalise import draft_entries
from ingest.parse import parse_feed
from ingest.parse.jsonfeed import MAX_ENTRIES
from ingest.types import Entry, Failed, FailureKind, ParsedFeed
from tests.speed import cpu_limit

FEED = "https://news.example/feeds/world.json"
VERSION = "https://jsonfeed.org/version/1.1"


def parsed(said: Any, **head: Any) -> ParsedFeed:
    body = (
        said if isinstance(said, bytes) else json.dumps({"version": VERSION, "items": said, **head}).encode()
    )
    found = parse_feed(body, url=FEED, content_type="application/feed+json")
    assert isinstance(found, ParsedFeed), found
    return found


def entry(**said: Any) -> Entry:
    return parsed([said]).entries[0]


def failed(body: bytes) -> Failed:
    found = parse_feed(body, url=FEED)
    assert isinstance(found, Failed), found
    return found


def test_what_a_feed_says_is_kept_by_name() -> None:
    found = parsed(
        [
            {
                "id": "1",
                "url": "https://news.example/1",
                "external_url": "https://other.example/",
                "title": "A < B",
                "content_html": "<p>Long</p>",
                "content_text": "Long",
                "summary": "Short & plain",
                "image": "/1.jpg",
                "date_published": "2026-06-18T10:00:00+03:00",
                "date_modified": "2026-06-18T08:00:00.123456789Z",
                "authors": [{"name": "Ann Lee"}, {"url": "https://nobody.example/"}, {"name": "Bo"}],
                "tags": ["World", "Asia", "World"],
                "language": "ko",
            }
        ],
        title="News",
        home_page_url="/",
        feed_url="world.json",
        language="en",
        hubs=[
            {"type": "rssCloud", "url": "https://cloud.example/"},
            {"type": "WebSub", "url": "https://hub.example/"},
            {"type": "WebSub"},
        ],
    )
    assert (found.title, found.link, found.language) == ("News", "https://news.example/", "en")
    assert (found.version, found.warnings) == ("json11", ())
    assert (found.hubs, found.self_url) == (("https://hub.example/",), FEED)
    assert found.entries == (
        Entry(
            guid="1",
            link="https://news.example/1",
            title="A &lt; B",
            summary="Short &amp; plain",
            content="<p>Long</p>",
            authors=("Ann Lee", "Bo"),
            categories=("World", "Asia"),
            published=datetime(2026, 6, 18, 7, tzinfo=UTC),
            published_raw="2026-06-18T10:00:00+03:00",
            updated=datetime(2026, 6, 18, 8, 0, 0, 123456, tzinfo=UTC),
            updated_raw="2026-06-18T08:00:00.123456789Z",
            language="ko",
            image="https://news.example/1.jpg",
        ),
    )


def test_the_authors_of_a_feed_are_those_of_entries_that_name_none() -> None:
    found = parsed([{"id": "1"}, {"id": "2", "author": {"name": "Own"}}], authors=[{"name": "All"}])
    assert [each.authors for each in found.entries] == [("All",), ("Own",)]
    assert parsed([{"id": "1"}], author={"name": "Of 1.0"}).entries[0].authors == ("Of 1.0",)


def test_plain_text_is_not_taken_for_html() -> None:
    found = entry(id="1", content_text="1 < 2\n\nand <b> is a tag")
    assert found.content == "1 &lt; 2\n\nand &lt;b&gt; is a tag"
    assert entry(id="1", title="Prague &#8211; <Brno>").title == "Prague &#8211; &lt;Brno&gt;"


LINKS: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"id": "1", "external_url": "https://o.example/"}, "1", "https://o.example/"),
    ({"id": "https://news.example/1"}, "https://news.example/1", "https://news.example/1"),
    ({"id": 4711, "url": "/4711"}, "4711", "/4711"),
    ({"id": 10**30}, "1" + "0" * 30, None),
    ({"id": 1.5}, "1.5", None),
    ({"url": "https://news.example/2"}, None, "https://news.example/2"),
    ({"id": ["1"], "url": {"a": 1}}, None, None),
    ({"id": True, "url": False}, None, None),
]


@pytest.mark.parametrize(("said", "guid", "link"), LINKS)
def test_an_id_is_a_text_and_a_link_is_its_own_before_anothers(
    said: dict[str, Any], guid: str | None, link: str | None
) -> None:
    found = entry(**said)
    assert (found.guid, found.link) == (guid, link)


DATES = {
    "2026-06-18T10:00:00Z": datetime(2026, 6, 18, 10, tzinfo=UTC),
    "2026-06-18 10:00": datetime(2026, 6, 18, 10, tzinfo=UTC),
    "Thu, 18 Jun 2026 10:00:00 +0300": datetime(2026, 6, 18, 7, tzinfo=UTC),
    "2016-12-31T23:59:60Z": datetime(2017, 1, 1, tzinfo=UTC),
    "2016/6/29": datetime(2016, 6, 29, tzinfo=UTC),
    "1466676000": datetime(2016, 6, 23, 10, tzinfo=UTC),
    "1466676000123": datetime(2016, 6, 23, 10, tzinfo=UTC),
    "1970-01-01T00:00:00Z": None,
    "0001-01-01T00:00:00+01:00": None,
    "9999-12-31T23:59:59-23:59": None,
    "99999999999999999999": None,
    "yesterday": None,
    "2016-02-30": None,
    "": None,
}


@pytest.mark.parametrize(("raw", "date"), DATES.items(), ids=DATES)
def test_dates_are_read_in_utc_or_not_at_all(raw: str, date: datetime | None) -> None:
    assert entry(id="1", date_published=raw, date_modified=raw).published == date
    assert entry(id="1", date_published=raw, date_modified=raw).updated == date


def test_a_date_that_is_a_number_counts_from_1970() -> None:
    assert entry(id="1", date_published=1466676000).published == datetime(2016, 6, 23, 10, tzinfo=UTC)
    assert entry(id="1", date_published=1466676000.5).published == datetime(2016, 6, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (b'{"items": [{"id": "1", "content_text": "x"}]}', "the document does not name its version"),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": [3, {"id": "1"}]}',
            "1 items are no objects",
        ),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": []} <!-- 3 ms -->',
            "text behind the document",
        ),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": [], "title": "\xe9"}',
            "declared as utf-8, but encoded otherwise; read as windows-1252",
        ),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [], "expired": true}', "has ended"),
    ],
)
def test_what_real_feeds_get_wrong_is_read_with_a_warning(body: bytes, warning: str) -> None:
    (told,) = parsed(body).warnings
    assert warning in told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    body = json.dumps({"version": VERSION, "title": "Пхеньян", "items": []}, ensure_ascii=False)
    assert parsed(body.encode(encoding)).title == "Пхеньян"


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (b'{"version": "https://jsonfeed.org/version/1.1"}', FailureKind.UNPARSABLE, "without a list"),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": {}}',
            FailureKind.UNPARSABLE,
            "without a list",
        ),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": [',
            FailureKind.UNPARSABLE,
            "cannot be read",
        ),
        (b'{"error": "no such feed"}', FailureKind.NOT_A_FEED, "another kind"),
        (b'{"items": [{"id": 1, "price": 3}]}', FailureKind.NOT_A_FEED, "another kind"),
        (b"[1, 2]", FailureKind.NOT_A_FEED, "no object"),
    ],
)
def test_a_failure_says_what_was_found(body: bytes, kind: FailureKind, detail: str) -> None:
    found = failed(body)
    assert (found.kind, detail in found.detail) == (kind, True), found.detail
    assert found.sample == body


HOSTILE = {
    "lists in lists": b"[" * 100_000,
    "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a deep entry": b'{"version":"https://jsonfeed.org/version/1","items":[' + b"[" * 100_000,
    "a number of a million digits": b'{"version": "https://jsonfeed.org/version/1", "items": 1'
    + b"0" * 10**6,
    "quotes": b'{"' + b'\\"' * 500_000,
    "white space": b"{" + b" " * 1_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_fail_fast(body: bytes) -> None:
    with cpu_limit(1):
        found = failed(body)
    assert found.kind in (FailureKind.UNPARSABLE, FailureKind.NOT_A_FEED)
    assert len(found.detail) <= 300


def test_a_number_of_a_million_digits_is_no_name_of_ours() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1%s, "title": "T"}]}' % (
        b"0" * 10**6
    )
    assert draft_entries(parsed(body), feed_url=FEED).drafts[0].title == "T"


def test_a_document_of_too_many_entries_is_refused_and_the_last_one_allowed_is_read() -> None:
    assert len(parsed([{"id": "1"}] * MAX_ENTRIES).entries) == MAX_ENTRIES
    found = failed(json.dumps({"version": VERSION, "items": [{}] * (MAX_ENTRIES + 1)}).encode())
    assert found.kind is FailureKind.TOO_LARGE


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "url", "type", "mime_type"]) | st.text(max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)
FIELDS = """id url external_url title content_html content_text summary image banner_image date_published
    date_modified author authors tags language attachments""".split()  # noqa: SIM905
HEADS = "title home_page_url feed_url authors author hubs language expired next_url".split()  # noqa: SIM905


@settings(max_examples=300, deadline=None)
@given(
    head=st.dictionaries(st.sampled_from(HEADS), ANYTHING),
    entries=st.lists(st.dictionaries(st.sampled_from(FIELDS), ANYTHING) | ANYTHING, max_size=3),
)
def test_whatever_stands_in_a_field_the_feed_is_read_and_its_articles_made(
    head: dict[str, Any], entries: list[Any]
) -> None:
    found = parsed(entries, **head)
    assert len(found.entries) == sum(isinstance(each, dict) for each in entries)
    drafted = draft_entries(found, feed_url=FEED)
    assert len(drafted.drafts) + len(drafted.unusable) == len(found.entries)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    for start in (b"{", b'{"version": "https://jsonfeed.org/version/1", "items": ['):
        assert isinstance(parse_feed(start + body, url=FEED), ParsedFeed | Failed)
