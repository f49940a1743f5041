"""Every process computes the same identity for an article."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from ingest.identity import article_id, entry_key
from ingest.story import story_id
from ingest.types import Entry

FEED = "https://a.example/feed"


def an_entry(guid: str | None = None, link: str | None = None, title: str | None = None) -> Entry:
    return Entry(guid=guid, link=link, title=title, summary=None, content=None)


def test_an_article_is_its_address_whichever_feed_brings_it() -> None:
    one = article_id(url="https://a.example/1", feed_url=FEED, guid="x", title="A")
    assert one == article_id(url="https://a.example/1", feed_url="https://b.example/", guid="y", title="B")
    assert one == uuid5(NAMESPACE_URL, "https://a.example/1")
    assert one != article_id(url="https://a.example/2", feed_url=FEED)


def test_without_an_address_an_article_is_its_guid_within_its_feed() -> None:
    one = article_id(url=None, feed_url=FEED, guid="x", title="A")
    assert one == article_id(url=None, feed_url=FEED, guid="x", title="B")
    assert one != article_id(url=None, feed_url="https://b.example/feed", guid="x", title="A")


def test_without_a_guid_an_article_is_its_title_and_date_within_its_feed() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    one = article_id(url=None, feed_url=FEED, title="Weather", date=noon.isoformat())
    assert one == article_id(url=None, feed_url=FEED, title="Weather", date=noon.isoformat())
    assert one != article_id(url=None, feed_url=FEED, title="Weather", date=noon.replace(day=2).isoformat())
    assert one != article_id(url=None, feed_url=FEED, title="Weather", date="first of January")
    assert one != article_id(
        url=None, feed_url=FEED, title="Weather", date=noon.isoformat(), text_hash=bytes(16)
    )


def test_the_kinds_of_identity_do_not_meet() -> None:
    assert article_id(url=None, feed_url=FEED, guid="x") != article_id(url=None, feed_url=FEED, title="x")
    assert article_id(url="x", feed_url=FEED) != article_id(url=None, feed_url=FEED, guid="x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (an_entry("g", "l", "t"), an_entry("g", "m", "u")),
        (an_entry(None, "l", "t"), an_entry(None, "l", "u")),
        (an_entry(None, None, "t"), an_entry(None, None, "t")),
    ],
    ids=["guid", "link", "title"],
)
def test_an_entry_is_known_by_guid_or_link_or_title(one: Entry, other: Entry) -> None:
    assert entry_key(one) == entry_key(other)
    assert len(entry_key(one)) == 16


def test_an_entry_without_a_name_has_no_key() -> None:
    with pytest.raises(ValueError, match="has no key"):
        entry_key(an_entry())


def test_a_text_without_spaces_is_measured_by_its_characters() -> None:
    text = "俄罗斯总统普京与朝鲜领导人金正恩在平壤举行会谈并签署了全面战略伙伴关系条约。" * 4
    assert story_id(uuid4(), text) == story_id(uuid4(), text)
    article = uuid4()
    assert story_id(article, "俄罗斯总统普京访问平壤") == article
