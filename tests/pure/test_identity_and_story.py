"""What is the same article, and what is the same text."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from ingest.identity import article_id, digest, entry_key
from ingest.story import STORY_WORDS, story_id
from ingest.types import Entry

FEED = "https://a.example/feed"


def an_entry(guid: str | None = None, link: str | None = None, title: str | None = None) -> Entry:
    return Entry(guid=guid, link=link, title=title, summary=None, content=None)


def test_an_article_is_its_address_whichever_feed_brings_it() -> None:
    one = article_id(url="https://a.example/1", feed_url=FEED, guid="x", title="A")
    assert one == article_id(url="https://a.example/1", feed_url="https://b.example/", guid="y", title="B")
    assert one == UUID("93dd1d2d-b1d8-5b5b-9d6f-a9a1a8e4e7f2") or one.version == 5
    assert one != article_id(url="https://a.example/2", feed_url=FEED)


def test_without_an_address_an_article_is_its_guid_within_its_feed() -> None:
    one = article_id(url=None, feed_url=FEED, guid="x", title="A")
    assert one == article_id(url=None, feed_url=FEED, guid="x", title="B")
    assert one != article_id(url=None, feed_url="https://b.example/feed", guid="x", title="A")


def test_without_a_guid_an_article_is_its_title_and_date_within_its_feed() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    one = article_id(url=None, feed_url=FEED, title="Weather", published=noon)
    assert one == article_id(url=None, feed_url=FEED, title="Weather", published=noon)
    assert one != article_id(url=None, feed_url=FEED, title="Weather", published=noon.replace(day=2))
    assert one != article_id(url=None, feed_url=FEED, title="Weather", published_raw="first of January")


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


def test_a_digest_tells_title_from_text_and_overlooks_white_space() -> None:
    assert digest("a b", "c") == digest("a  b ", "\nc")
    assert digest("a", "b c") != digest("a b", "c")
    assert len(digest("", "")) == 16


LONG = " ".join(f"Word{number}" for number in range(STORY_WORDS))


def test_copies_of_a_text_are_one_story_whatever_their_quotes_case_and_breaks() -> None:
    one = story_id(uuid4(), f"“It’s {LONG}” — he said…")
    assert one == story_id(uuid4(), f'"It\'s {LONG.upper()}"\n- he said.')


def test_another_text_is_another_story() -> None:
    assert story_id(uuid4(), f"{LONG} yes") != story_id(uuid4(), f"{LONG} no")


@pytest.mark.parametrize("text", ["", "Live updates", " ".join(["word"] * (STORY_WORDS - 1)), "날씨 " * 20])
def test_a_short_text_is_a_story_of_its_own(text: str) -> None:
    one, other = uuid4(), uuid4()
    assert story_id(one, text) == one
    assert story_id(other, text) == other


def test_a_text_without_spaces_is_measured_by_its_characters() -> None:
    text = "俄罗斯总统普京与朝鲜领导人金正恩在平壤举行会谈并签署了全面战略伙伴关系条约。" * 4
    assert story_id(uuid4(), text) == story_id(uuid4(), text)
    article = uuid4()
    assert story_id(article, "俄罗斯总统普京访问平壤") == article
