"""From a feed's bytes to articles: parsing odd documents, and normalising their entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.normalise import Normalised, normalise
from ingest.parse import parse_feed
from ingest.types import Failed, FailureKind, ParsedFeed, Seen
from tests.bench.figures import CorpusAbsentError, corpus_dir

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = "https://news.example/feed.xml"


def rss(*items: str) -> bytes:
    channel = f"<channel><title>News</title>{''.join(items)}</channel>"
    return f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'.encode()


def item(**fields: str) -> str:
    return (
        "<item>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()) + "</item>"
    )


def read(body: bytes, seen: Mapping[bytes, Seen] | None = None, *, poll_id: int = 1) -> Normalised:
    parsed = parse_feed(body, url=FEED)
    assert isinstance(parsed, ParsedFeed), parsed
    return normalise(parsed, feed_id=7, feed_url=FEED, poll_id=poll_id, seen_at=NOW, seen=seen or {})


def again(before: Normalised) -> dict[bytes, Seen]:
    return {row.key: row for row in before.seen}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FailureKind.EMPTY),
        (b"  \n", FailureKind.EMPTY),
        (b"<!DOCTYPE html><html><body>We will be right back</body></html>", FailureKind.NOT_A_FEED),
        (b"\x89PNG\r\n\x1a\n\x00\x00", None),
        (b"just words", None),
    ],
)
def test_what_is_no_feed_is_a_failure_of_its_kind(body: bytes, kind: FailureKind | None) -> None:
    parsed = parse_feed(body, url=FEED)
    assert isinstance(parsed, Failed)
    assert parsed.kind in ({kind} if kind else {FailureKind.NOT_A_FEED, FailureKind.UNPARSABLE})


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_raise(body: bytes) -> None:
    assert isinstance(parse_feed(body, url=FEED), ParsedFeed | Failed)
    assert isinstance(parse_feed(rss(item(title="T")) + body, url=FEED), ParsedFeed | Failed)


def test_a_feed_without_entries_is_a_feed() -> None:
    assert read(rss()).entries == 0


def test_an_entity_bomb_is_refused_and_not_expanded() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + rss(item(title="T")).split(b"?>", 1)[1]
    )
    parsed = parse_feed(bomb.replace(b"<title>T", b"<title>&b;"), url=FEED)
    assert isinstance(parsed, Failed) or all("haha" not in (entry.title or "") for entry in parsed.entries)


def test_an_entry_becomes_an_article() -> None:
    (one,) = read(
        rss(
            item(
                title="A &amp; B",
                link="http://news.example/a?utm_source=rss",
                guid="tag:news.example,2026:1",
                description="<p>Text <b>bold</b></p><script>x</script>",
            )
        )
    ).articles
    assert (one.url, one.guid, one.source, one.feed_id, one.poll_id) == (
        "https://news.example/a",
        "tag:news.example,2026:1",
        "news.example",
        7,
        1,
    )
    assert one.text == "Text bold"
    assert "script" not in one.html


@pytest.mark.parametrize("named", [{"guid": "g"}, {}], ids=["by its guid", "by its link alone"])
def test_what_was_seen_does_not_travel_again_and_a_change_does(named: dict[str, str]) -> None:
    def shown(title: str, text: str) -> bytes:
        return rss(item(title=title, link="https://news.example/a", description=text, **named))

    before = read(shown("T", "Text"))
    assert read(shown("T", "Text"), again(before)).articles == ()
    for title, text in (("U", "Text"), ("T", "Another text")):
        changed = read(shown(title, text), again(before))
        assert [one.id for one in changed.articles] == [before.articles[0].id]
        assert changed.created == 0


def test_entries_that_share_a_link_are_told_by_their_guids() -> None:
    found = read(
        rss(
            item(title="A", link="https://news.example/live", guid="1"),
            item(title="B", link="https://news.example/live", guid="2"),
        )
    )
    assert len({one.id for one in found.articles}) == 2


def test_entries_that_share_a_guid_are_told_by_their_links() -> None:
    found = read(
        rss(
            item(title="A", link="https://news.example/a", guid="x"),
            item(title="B", link="https://news.example/b", guid="x"),
        )
    )
    assert len({one.id for one in found.articles}) == 2


@pytest.mark.parametrize(
    ("guid", "then"),
    [
        ("?p=1", "https://news.example/a"),
        ("https://news.example/a", "tag:news.example,2026:1"),
        ("http://news.example/a", "https://news.example/a"),
        ("https://news.example/a", "http://news.example/a"),
    ],
)
def test_a_guid_that_changes_makes_no_second_article(guid: str, then: str) -> None:
    before = read(rss(item(title="T", link="https://news.example/a", guid=guid)))
    renamed = item(title="T", link="https://news.example/a", guid=then)
    assert read(rss(renamed), again(before)).articles == ()
    (after,) = read(rss(renamed.replace("<title>T<", "<title>T, edited<")), again(before)).articles
    assert after.id == before.articles[0].id


def test_an_entry_that_stands_twice_is_one_article() -> None:
    one = item(title="T", link="https://news.example/a", guid="g")
    found = read(rss(one, one))
    assert (len(found.articles), found.entries, found.duplicates) == (1, 2, 1)


@pytest.mark.parametrize(
    "dated",
    [
        {},
        {"pubDate": ""},
        {"pubDate": "Invalid Date"},
        {"pubDate": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"pubDate": "Mon, 01 Jan 0001 00:00:00 GMT"},
        {"pubDate": "Fri, 31 Dec 9999 00:00:00 GMT"},
    ],
)
def test_an_absurd_date_is_none(dated: dict[str, str]) -> None:
    (one,) = read(rss(item(title="T", link="https://news.example/a", **dated))).articles
    assert (one.published_at, one.seen_at) == (None, NOW)


def test_a_date_in_the_future_is_none_and_a_clock_that_is_a_little_fast_is_not() -> None:
    def dated(at: datetime) -> datetime | None:
        (one,) = read(
            rss(item(title="T", link="https://news.example/a", pubDate=f"{at:%a, %d %b %Y %H:%M:%S} GMT"))
        ).articles
        return one.published_at

    assert dated(NOW + timedelta(days=365)) is None
    assert dated(NOW + timedelta(hours=3)) is None  # in another zone than it says
    assert dated(NOW + timedelta(minutes=5)) is not None
    assert dated(NOW - timedelta(days=3)) == NOW - timedelta(days=3)


def test_an_entry_that_says_nothing_is_unusable_and_the_rest_travels() -> None:
    found = read(rss("<item></item>", item(title="T", link="https://news.example/a")))
    assert len(found.articles) == 1


@pytest.mark.corpus
def test_the_sample_comes_out_with_author_publisher_and_story_alone() -> None:
    try:
        sample = (corpus_dir() / "sample-article.txt").read_text("utf-8")
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))
    title, _, body = sample.partition("\n")
    html = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in body.split("\n") if paragraph.strip())
    (one,) = read(rss(item(title=title, link="https://aggregator.example/a", description=html))).articles
    assert one.authors == ("Richard Brown",)
    assert one.publisher == "Natural News"
    assert one.attribution is not None
    assert one.text.startswith("The chilling prospect")
    for boilerplate in ("Related:", "Read the full article", "newsletter", "cookies", "originally published"):
        assert boilerplate not in one.text
    assert "Ankit Panda" in one.text
