"""The change that a record makes to its article, by the stored state that it meets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from ingest.revise import (
    DecodedRecord,
    StoredBatch,
    apply_change,
    articles_to_classify,
    decide_batch,
    decide_change,
    stream_events,
)
from ingest.types import Article, ArticleChange, Effect, Match, Message, PageSource, StoredArticle
from tests.persist.articles import START, article, record

STORY = UUID(int=1)


def classify(version: Article) -> tuple[Match, ...]:
    """The topic of each word of the title."""
    return tuple(Match(topic=word.lower(), explanation={"rule": word}) for word in version.title.split())


def change_of(version: Article, stored: StoredArticle | None, *, story_exists: bool = False) -> ArticleChange:
    came = record(version, offset=1)
    return decide_change(came, version, stored, story=STORY, story_exists=story_exists, classify=classify)


def stored_after(*versions: Article) -> StoredArticle:
    stored = None
    for version in versions:
        stored = apply_change(change_of(version, stored), stored)
    assert stored is not None
    return stored


def another_feed(version: Article) -> Article:
    return replace(version, feed_id=8)


@pytest.mark.parametrize(
    ("version", "effect", "revision", "latest"),
    [
        (article(title="B", poll_id=3), Effect.UNCHANGED, 2, 2),
        (article(title="A", poll_id=3), Effect.REVERTED, 1, 2),
        (article(title="C", poll_id=3), Effect.UPDATED, 3, 3),
        (article(title="C", poll_id=1), Effect.LATE, 2, 3),
        (article(title="A", poll_id=1), Effect.UNCHANGED, 2, 2),
        (article(title="B", authors=(), poll_id=3), Effect.UNCHANGED, 2, 2),
        (another_feed(article(title="C", text="", poll_id=3)), Effect.UNCHANGED, 2, 2),
        (another_feed(article(title="C", poll_id=1)), Effect.UPDATED, 3, 3),
        (
            replace(another_feed(article(title="C")), seen_at=START - timedelta(minutes=4)),
            Effect.LATE,
            2,
            3,
        ),
    ],
    ids=[
        "current text",
        "earlier text",
        "new text",
        "new text of an earlier poll",
        "earlier text of an earlier poll",
        "same text without authors",
        "another feed's title alone",
        "another feed's text within the clock skew",
        "another feed's text from before",
    ],
)
def test_the_effect_of_a_record_after_two_versions(
    version: Article, effect: Effect, revision: int, latest: int
) -> None:
    change = change_of(version, stored_after(article(title="A"), article(title="B", poll_id=2)))
    assert (change.effect, change.revision, change.latest) == (effect, revision, latest)
    assert bool(change.matches) is (effect is Effect.UPDATED), "only a new current text is classified"


def test_topics_are_joined_and_left_by_the_current_text() -> None:
    stored = stored_after(article(title="Summit rain"))
    change = change_of(article(title="Summit sun", poll_id=2), stored)
    assert change.topics_joined == frozenset({"sun"})
    assert change.topics_left == frozenset({"rain"})
    kinds = {topic: [event.headers["kind"] for event in events] for topic, events in _events(change).items()}
    assert kinds == {
        "news.topic.summit": ["updated"],
        "news.topic.sun": ["created"],
        "news.topic.rain": ["reclassified"],
    }


def _events(change: ArticleChange) -> dict[str, list[Message]]:
    return stream_events([change], now=START)


@pytest.mark.parametrize(
    ("story_exists", "kind"), [(False, "created"), (True, "merged")], ids=["new story", "stored story"]
)
def test_a_new_article_is_created_or_merged_into_its_story(story_exists: bool, kind: str) -> None:
    change = change_of(article(title="Summit"), None, story_exists=story_exists)
    ((event,),) = _events(change).values()
    assert event.headers["kind"] == kind


def test_the_text_of_a_page_stays_and_no_topic_is_left_for_the_feeds_short_text() -> None:
    feeds = article(title="Meeting", text="They met.")
    page = PageSource(id=2, content_hash=feeds.content_hash, url="https://news.example/a")
    whole = replace(feeds, title="Meeting", text="A summit.", content_hash=bytes(16), page=page)
    stored = stored_after(feeds, whole)
    assert change_of(replace(feeds, poll_id=3), stored).effect is Effect.UNCHANGED
    edited = change_of(article(title="Rain", text="They met.", poll_id=3), stored)
    assert (edited.effect, edited.topics_left) == (Effect.UPDATED, frozenset())


def test_a_batch_skips_repeats_and_each_record_meets_the_state_before_it() -> None:
    versions = [article(title=title, poll_id=number) for number, title in enumerate("ABA", 1)]
    batch = [
        DecodedRecord(record=record(version, offset=number), article=version, story=STORY)
        for number, version in enumerate(versions)
    ]
    stored = StoredBatch(sightings=frozenset(), articles={}, stories=frozenset())
    changes = decide_batch([*batch, *batch], stored, classify=classify)
    assert [change.effect for change in changes] == [Effect.CREATED, Effect.UPDATED, Effect.REVERTED]
    texts = {(version.id, version.content_hash) for version in versions[:1]}
    assert [each.title for each in articles_to_classify(batch, stored_texts=texts)] == ["B"]
