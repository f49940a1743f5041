"""Build the stream events of changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ingest.log.api import stream_topic
from ingest.types import ArticleChange, EventKind, Message

EVENT_SUMMARY_CHARACTERS: Final = 1000


def stream_events(changes: Sequence[ArticleChange], *, now: datetime) -> dict[str, list[Message]]:
    """Return the stream events of ``changes`` by log topic, in the order of the changes.

    An article that enters a topic is ``created`` there, or ``merged`` if it is a copy in a story that has other
    articles. An article that leaves a topic is ``reclassified``.
    """
    events: dict[str, list[Message]] = {}
    for change in changes:
        for match in change.matches:
            event = _event(change, match.topic, _kind(change, match.topic), match.explanation, now=now)
            events.setdefault(stream_topic(match.topic), []).append(event)
        for topic in sorted(change.topics_left):
            event = _event(change, topic, EventKind.RECLASSIFIED, None, now=now)
            events.setdefault(stream_topic(topic), []).append(event)
    return events


def _kind(change: ArticleChange, topic: str) -> EventKind:
    if topic not in change.topics_joined:
        return EventKind.UPDATED
    return EventKind.MERGED if change.joins_story else EventKind.CREATED


def _event(
    change: ArticleChange,
    topic: str,
    kind: EventKind,
    explanation: Mapping[str, Any] | None,
    *,
    now: datetime,
) -> Message:
    article = change.article
    body = {
        "v": 1,
        "kind": kind.value,
        "topic": topic,
        "at": now.isoformat(),
        "article": {
            "id": str(article.id),
            "revision": change.revision,
            "url": article.url,
            "title": article.title,
            "source": article.source,
            "publisher": article.publisher,
            "authors": article.authors,
            "language": article.language,
            "published_at": change.published_at and change.published_at.isoformat(),
            "first_seen_at": change.first_seen_at.isoformat(),
            "story_id": str(change.story_id),
            "summary": article.summary[:EVENT_SUMMARY_CHARACTERS],
            "feed_id": article.feed_id,
        },
        "match": explanation,
    }
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(key=str(article.id), value=value, headers={"kind": kind.value})
