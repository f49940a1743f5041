"""Persist: a batch of records becomes articles, stories, matches and stream events, all in one transaction.

::

    Record ─decode─▶ Article ─┬─ repeat?  its sighting exists ──────────────▶ nothing
          └▶ quarantine       ├─ a text the article has, or had before ─────▶ sighting; current is that revision
                              └─ new, or a new text ─classify─▶ Change ─────▶ article, revision, sighting,
                                                                              matches, stream events

Exactly once rests on three things, each held by a test: the sighting's primary key (article, poll) makes a
repeated record a no-op; events are appended in the same transaction as the rows they tell of; a batch that
conflicts with another consumer's is rolled back whole and tried again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from ingest import runtime
from ingest.classify import Classifier, compile_topics
from ingest.db import article_store, page_fetch
from ingest.db.engine import CONFLICT_RETRY, Conflict, Connection, Engine, Rejected, transaction
from ingest.errors import Unavailable, Unusable
from ingest.identity import with_authors
from ingest.log.api import stream_topic
from ingest.runtime import failpoint
from ingest.story import story_id
from ingest.types import (
    Article,
    ArticleChange,
    Effect,
    EventKind,
    Match,
    Message,
    Record,
    StoredArticle,
    Topic,
)
from ingest.wire import decode

STAGE: Final = "persist"
TOPICS_FOR: Final = timedelta(seconds=1)
"""Changed topics are in force after this."""
CLOCKS_DIFFER: Final = timedelta(minutes=5)
EVENT_SUMMARY_CHARACTERS: Final = 1000


class Outbox(Protocol):
    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> range: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """What a batch came to, in records."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    quarantined: int = 0

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(
            created=self.created + other.created,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            repeated=self.repeated + other.repeated,
            quarantined=self.quarantined + other.quarantined,
        )


class Persister:
    """Call it with a batch of records; when it returns they are stored, or in quarantine."""

    def __init__(
        self, engine: Engine, outbox: Outbox, *, clock: Callable[[], datetime] = runtime.now
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._clock = clock
        self._classifier: Classifier | None = None
        self._topics_in_force: tuple[Topic, ...] = ()
        self._classifier_until = datetime.min.replace(tzinfo=clock().tzinfo)

    def __call__(self, records: Sequence[Record]) -> BatchCounts:
        """
        Raises:
            Unavailable: the database; nothing of the batch, or all of it, is stored: hand it in again.
        """
        try:
            return CONFLICT_RETRY(self._persist, records)
        except Conflict as conflict:
            raise Unavailable("database", f"repeated conflicts: {conflict}") from conflict
        except Rejected as rejected:
            return self._narrow_down(records, rejected)

    def _narrow_down(self, records: Sequence[Record], rejected: Rejected) -> BatchCounts:
        """The database rejects something in the batch: halve it until the record is alone, and set that aside."""
        if len(records) > 1:
            middle = len(records) // 2
            return self(records[:middle]) + self(records[middle:])
        with transaction(self._engine) as connection:
            article_store.quarantine(connection, records[0], stage=STAGE, error=rejected, now=self._clock())
        failpoint("persist.quarantined")
        return BatchCounts(quarantined=1)

    def _persist(self, records: Sequence[Record]) -> BatchCounts:
        now = self._clock()
        decoded: list[tuple[Record, Article, UUID]] = []
        unusable: list[tuple[Record, Unusable]] = []
        for record in records:
            try:
                article = decode(record)
            except Unusable as error:
                unusable.append((record, error))
            else:
                decoded.append((record, article, story_id(article.id, article.text)))
        with transaction(self._engine) as connection:
            failpoint("persist.begun")
            classifier = self._topics(connection, now=now)
            changes, repeated = self._decide(connection, decoded, classifier)
            article_store.write(connection, changes, now=now)
            page_fetch.follow(connection, changes, now=now)
            failpoint("persist.written")
            for topic, messages in sorted(events(changes, now=now).items()):
                self._outbox.append_in(connection, topic, messages)
            failpoint("persist.streamed")
            for record, why in unusable:
                article_store.quarantine(connection, record, stage=STAGE, error=why, now=now)
            failpoint("persist.before-commit")
        failpoint("persist.stored")
        effects = [change.effect for change in changes]
        return BatchCounts(
            created=effects.count(Effect.CREATED),
            updated=effects.count(Effect.UPDATED),
            unchanged=effects.count(Effect.UNCHANGED),
            repeated=repeated,
            quarantined=len(unusable),
        )

    def _decide(
        self, connection: Connection, decoded: Sequence[tuple[Record, Article, UUID]], classifier: Classifier
    ) -> tuple[list[ArticleChange], int]:
        # Only a text long enough to be a story of its own can meet others there; the rest need no lock.
        shared = {story for _, article, story in decoded if story != article.id}
        article_store.lock_stories(connection, shared)
        known = article_store.load(
            connection, records=[(article.id, article.sighting) for _, article, _ in decoded], stories=shared
        )
        failpoint("persist.loaded")
        sighted, stored, stories = set(known.sighted), dict(known.stored), set(known.stories)
        changes: list[ArticleChange] = []
        for record, article, story in decoded:
            if (article.id, article.sighting) in sighted:
                continue
            change = decide(
                record,
                article,
                stored.get(article.id),
                story=story,
                story_exists=story in stories,
                classify=lambda article: classifier.matches(article.title, article.text),
            )
            changes.append(change)
            sighted.add((article.id, article.sighting))
            stories.add(story)
            stored[article.id] = after(change, stored.get(article.id))
        return changes, len(decoded) - len(changes)

    def _topics(self, connection: Connection, *, now: datetime) -> Classifier:
        if self._classifier is None or now >= self._classifier_until:
            topics = article_store.load_topics(connection)
            # A classifier remembers the words it met; a new one would begin with none every second.
            if self._classifier is None or topics != self._topics_in_force:
                self._classifier, self._topics_in_force = compile_topics(topics), topics
            self._classifier_until = now + TOPICS_FOR
        return self._classifier


def decide(
    record: Record,
    article: Article,
    stored: StoredArticle | None,
    *,
    story: UUID,
    story_exists: bool,
    classify: Callable[[Article], tuple[Match, ...]],
) -> ArticleChange:
    """What one record that is no repeat does to the store."""
    if stored is None:
        matches = classify(article)
        return ArticleChange(
            record=record,
            article=article,
            effect=Effect.CREATED,
            revision=1,
            latest=1,
            feed_id=article.feed_id,
            poll_id=article.poll_id,
            story_id=story,
            joins_story=story_exists and story != article.id,
            first_seen_at=article.seen_at,
            published_at=article.published_at,
            matches=matches,
            topics_joined=frozenset(match.topic for match in matches),
            topics_left=frozenset(),
        )
    if article.page is None:
        version = stored.version_of(article.content_hash, with_authors(article.content_hash, article.authors))
        if version != article.content_hash:
            article = replace(article, content_hash=version)
    late = is_late(article, stored)
    # A sitemap has titles alone. What another feed said of the article is not taken back by one that says nothing.
    silent = article.feed_id != stored.feed_id and not article.text and not article.summary
    # A feed's version whose text the page gave is shown with that text, whichever feed has it again.
    known = (
        stored.number_of(article.content_hash)
        if article.page is None
        else stored.revisions.get(article.content_hash)
    )
    if known is not None or late or silent:
        # Publishers go back and forth between headlines: that is no news, but the text they show is current.
        number = stored.revision if late or silent or known is None else known
        back = number != stored.revision
        unknown = article.content_hash not in stored.revisions and not silent
        return ArticleChange(
            record=record,
            article=article,
            effect=Effect.LATE if unknown else Effect.REVERTED if back else Effect.UNCHANGED,
            revision=number,
            latest=stored.latest + unknown,
            feed_id=article.feed_id if back else stored.feed_id,
            poll_id=article.poll_id if back else stored.poll_id,
            story_id=story if back else stored.story_id,
            joins_story=False,
            first_seen_at=stored.first_seen_at,
            published_at=stored.published_at,
            matches=(),
            topics_joined=frozenset(),
            topics_left=frozenset(),
        )
    matches = classify(article)
    now_in = frozenset(match.topic for match in matches)
    return ArticleChange(
        record=record,
        article=article,
        effect=Effect.UPDATED,
        revision=stored.latest + 1,
        latest=stored.latest + 1,
        # A page is of the version that is shown, whichever poll said so last.
        feed_id=article.feed_id if article.page is None else stored.feed_id,
        poll_id=article.poll_id if article.page is None else stored.poll_id,
        story_id=story,
        joins_story=story_exists and story not in (article.id, stored.story_id),
        first_seen_at=stored.first_seen_at,
        published_at=stored.published_at or article.published_at,
        matches=matches,
        topics_joined=now_in - stored.topics,
        # A feed's few words are no sign that the article left a topic its page's text had matched.
        topics_left=frozenset() if stored.shows_page and article.page is None else stored.topics - now_in,
    )


def is_late(article: Article, stored: StoredArticle) -> bool:
    """Whether a record tells of a time before the stored text: it was set aside and handed in again, or a poller
    kept it past its lease. Polls of one feed are numbered in order; clocks of two pollers may differ a little. A page's
    text is late where the feed's version it belongs to is not the one that is shown."""
    if article.page is not None:
        return stored.number_of(article.page.content_hash) != stored.revision
    if article.feed_id == stored.feed_id:
        return article.poll_id < stored.poll_id
    return article.seen_at < stored.revised_at - CLOCKS_DIFFER


def after(change: ArticleChange, stored: StoredArticle | None) -> StoredArticle:
    """What the store holds of the article once ``change`` is written."""
    revisions = _revisions_after(change, stored)
    pages = stored.pages if stored is not None else {}
    if change.article.page is not None:
        pages = {**pages, change.article.page.content_hash: revisions[change.article.content_hash]}
    named = _named_after(change, stored)
    if stored is not None and change.effect in (Effect.UNCHANGED, Effect.LATE):
        return replace(stored, latest=change.latest, revisions=revisions, pages=pages, versions_by_text=named)
    return StoredArticle(
        id=change.article.id,
        revision=change.revision,
        latest=change.latest,
        revisions=revisions,
        story_id=change.story_id,
        first_seen_at=change.first_seen_at,
        published_at=change.published_at,
        revised_at=change.article.seen_at,
        feed_id=change.feed_id,
        poll_id=change.poll_id,
        topics=((stored.topics if stored is not None else frozenset()) - change.topics_left)
        | change.topics_joined,
        pages=pages,
        versions_by_text=named,
    )


def _named_after(change: ArticleChange, stored: StoredArticle | None) -> Mapping[bytes, Sequence[bytes]]:
    article, known = change.article, stored.versions_by_text if stored is not None else {}
    if not article.authors or not change.brings_revision:
        return known
    told = with_authors(article.content_hash, article.authors)
    return {**known, told: (*known.get(told, ()), article.content_hash)}


def _revisions_after(change: ArticleChange, stored: StoredArticle | None) -> Mapping[bytes, int]:
    known = stored.revisions if stored is not None else {}
    return {**known, change.article.content_hash: change.latest} if change.brings_revision else known


def events(changes: Sequence[ArticleChange], *, now: datetime) -> dict[str, list[Message]]:
    """The stream events of ``changes`` by log topic, in the order of their records.

    An article that comes into a topic is ``created`` there (``merged``, where it is a copy in a story that has
    others), whatever it was before; one that leaves it is ``reclassified``.
    """
    found: dict[str, list[Message]] = {}
    for change in changes:
        for match in change.matches:
            if match.topic not in change.topics_joined:
                kind = EventKind.UPDATED
            elif change.joins_story:
                kind = EventKind.MERGED
            else:
                kind = EventKind.CREATED
            message = _event(change, match.topic, kind, match.explanation, now=now)
            found.setdefault(stream_topic(match.topic), []).append(message)
        for topic in sorted(change.topics_left):
            message = _event(change, topic, EventKind.RECLASSIFIED, None, now=now)
            found.setdefault(stream_topic(topic), []).append(message)
    return found


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
