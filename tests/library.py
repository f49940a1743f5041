"""Insert rows in the format of ``persist`` directly, so that tests of readers choose every value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import Connection, Engine, insert, select, update

from ingest.alerts import alert_message
from ingest.db import tables
from ingest.db.engine import driver_of
from ingest.db.search_rows import SearchRow, copy_rows, delete_rows, place_rows
from ingest.db.search_segments import Period, open_segments
from ingest.identity import entry_key
from ingest.log.api import ALERTS, stream_topic
from ingest.log.postgres import PostgresLog
from ingest.search import INDEX_VERSION, index_document
from ingest.types import Alert, AlertKind, Entry, FeedState, Message

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Library:
    """A database with feeds, topics and articles in it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.log = PostgresLog(engine)
        self._polls = 0

    def feed(self, url: str = "https://news.example/feed.xml", **values: Any) -> int:
        """Insert a feed, unless its URL is stored already; return its id."""
        row = {
            "url": url,
            "added_at": NOON,
            "next_poll_at": NOON + timedelta(minutes=15),
            "interval": timedelta(minutes=15),
            **values,
        }
        with self.engine.begin() as connection:
            stored_id: int | None = connection.scalar(
                select(tables.feeds.c.id).where(tables.feeds.c.url == url)
            )
            if stored_id is not None:
                return stored_id
            added: int = connection.execute(
                insert(tables.feeds).values(row).returning(tables.feeds.c.id)
            ).scalar_one()
            return added

    def poll(self, feed_id: int, at: datetime, **values: Any) -> int:
        """Insert a poll into the history of a feed, without a change to the feed; return the poll's id."""
        self._polls += 1
        row = {
            "id": self._polls,
            "feed_id": feed_id,
            "started_at": at,
            "finished_at": at,
            "result": "fetched",
            "next_poll_at": at,
            "reason": "test",
            **values,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(tables.polls).values(row))
        return self._polls

    def topic(self, slug: str, *, title: str | None = None, rule: Mapping[str, Any] | None = None) -> None:
        row = {
            "slug": slug,
            "title": title or slug.title(),
            "rule": rule or {"phrases": [slug]},
            "changed_at": NOON,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(tables.topics).values(row))

    def article(
        self,
        url: str = "https://news.example/a",
        *,
        title: str = "A title",
        text: str = "Some text.",
        at: datetime = NOON,
        language: str | None = "en",
        source: str = "news.example",
        topics: Sequence[str] = (),
        story: UUID | None = None,
        feed_id: int | None = None,
        published: bool = True,
    ) -> UUID:
        """Insert an article with one sighting that matches ``topics``; return its id."""
        article_id = uuid5(NAMESPACE_URL, url)
        feed_id = self.feed() if feed_id is None else feed_id
        poll_id = self.poll(feed_id, at)
        segments = open_segments(self.engine, [at], index_version=INDEX_VERSION)
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.articles).values(
                    id=article_id,
                    revision=1,
                    latest=1,
                    story_id=story or article_id,
                    feed_id=feed_id,
                    url=url,
                    source=source,
                    language=language,
                    published_at=at if published else None,
                    first_seen_at=at,
                    revised_at=at,
                    revised_feed_id=feed_id,
                    revised_poll_id=poll_id,
                    sort_at=at,
                )
            )
            self._revision(connection, article_id, 1, title, text, at, feed_id, poll_id)
            self._sighting(connection, article_id, poll_id, feed_id, at, "created", 1)
            self._index(connection, article_id, segments, at, language, title, text)
            for slug in topics:
                connection.execute(
                    insert(tables.matches).values(
                        topic=slug,
                        article_id=article_id,
                        revision=1,
                        matched_at=at,
                        sort_at=at,
                        explanation={
                            "rule": slug,
                            "matches": [{"field": "title", "phrase": slug, "offset": 0, "quote": title}],
                        },
                    )
                )
        return article_id

    def revise(self, article_id: UUID, *, title: str, text: str, at: datetime) -> int:
        """Insert a new current revision; return its number."""
        with self.engine.begin() as connection:
            row = connection.execute(select(tables.articles).where(tables.articles.c.id == article_id)).one()
        poll_id = self.poll(row.feed_id, at)
        number: int = row.revision + 1
        with self.engine.begin() as connection:
            connection.execute(
                update(tables.revisions)
                .where(tables.revisions.c.article_id == article_id)
                .values(current=False)
            )
            self._revision(connection, article_id, number, title, text, at, row.feed_id, poll_id)
            connection.execute(
                update(tables.articles)
                .where(tables.articles.c.id == article_id)
                .values(revision=number, latest=number, revised_at=at)
            )
            self._sighting(connection, article_id, poll_id, row.feed_id, at, "updated", number)
            delete_rows(driver_of(connection), {article_id: row.search_segment})
            self._index(connection, article_id, {}, row.sort_at, row.language, title, text)
        return number

    def seen(self, feed_id: int, *, link: str, poll_id: int) -> UUID:
        """Insert an entry into a feed's seen-set; return its article id."""
        article_id = uuid5(NAMESPACE_URL, link)
        entry = Entry(guid=None, link=link, title=None, summary=None, content=None)
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.seen).values(
                    feed_id=feed_id,
                    key=entry_key(entry),
                    content_hash=_content_hash(link, ""),
                    article_id=article_id,
                    poll_id=poll_id,
                )
            )
        return article_id

    def event(self, slug: str, number: int = 1, *, key: UUID | None = None, kind: str = "created") -> None:
        """Append one event to the stream of ``slug``."""
        self.events(slug, [number], key=key, kind=kind)

    def events(
        self, slug: str, numbers: Sequence[int], *, key: UUID | None = None, kind: str = "created"
    ) -> None:
        """Append events to the stream of ``slug`` in one transaction; their titles contain ``numbers``."""
        self.log.append(stream_topic(slug), [event(slug, number, key=key, kind=kind) for number in numbers])

    def alerts(self, count: int) -> None:
        """Append ``count`` alerts."""
        alert = Alert(
            kind=AlertKind.STATE,
            feed_id=1,
            url="https://a.example/feed",
            at=NOON,
            before=FeedState.HEALTHY,
            after=FeedState.SILENT,
            reason="nothing new since yesterday",
        )
        self.log.append(ALERTS, [alert_message(alert)] * count)

    def forget(self, slug: str, *, before: int) -> None:
        """Delete the events before this cursor, as retention does."""
        with self.engine.begin() as connection:
            topic_id = connection.execute(
                update(tables.log_topics)
                .where(tables.log_topics.c.name == stream_topic(slug))
                .values(first_offset=before)
                .returning(tables.log_topics.c.id)
            ).scalar_one()
            connection.execute(
                tables.log_records.delete().where(
                    tables.log_records.c.topic_id == topic_id, tables.log_records.c.offset < before
                )
            )

    def quarantine(
        self, value: bytes = b"{}", *, key: str = "k", offset: int = 7, topic: str = "news.articles"
    ) -> int:
        """Insert a record into quarantine; return its id."""
        with self.engine.begin() as connection:
            added: int = connection.execute(
                insert(tables.quarantine)
                .values(
                    quarantined_at=NOON,
                    stage="persist",
                    topic=topic,
                    partition=0,
                    offset=offset,
                    key=key,
                    value=value,
                    headers={"h": "1"},
                    error="Unusable",
                    detail="version 9 is unknown",
                )
                .returning(tables.quarantine.c.id)
            ).scalar_one()
            return added

    def _revision(
        self,
        connection: Any,
        article_id: UUID,
        number: int,
        title: str,
        text: str,
        at: datetime,
        feed_id: int,
        poll_id: int,
    ) -> None:
        connection.execute(
            insert(tables.revisions).values(
                article_id=article_id,
                number=number,
                current=True,
                content_hash=_content_hash(title, text),
                seen_at=at,
                feed_id=feed_id,
                poll_id=poll_id,
                title=title,
                authors=["Ann Author"],
                publisher="The Example",
                summary=text[:100],
                text=text,
                html=f"<p>{text}</p>",
                guid=f"guid-{article_id}",
                categories=["World"],
            )
        )

    def _index(
        self,
        connection: Connection,
        article_id: UUID,
        segments: Mapping[Period, int],
        at: datetime,
        language: str | None,
        title: str,
        text: str,
    ) -> None:
        """Index an article with the names that ``_revision`` inserts."""
        placed = place_rows(connection, {article_id: at}, segments=segments, index_version=INDEX_VERSION)
        document = index_document(
            title=title, text=text, authors=["Ann Author"], publisher="The Example", language=language
        )
        row = SearchRow(article_id=article_id, sort_at=at, language=language, vector=document.vector)
        copy_rows(driver_of(connection), [row], placed)
        connection.execute(
            update(tables.articles)
            .where(tables.articles.c.id == article_id)
            .values(search_segment=placed[article_id])
        )

    def _sighting(
        self,
        connection: Any,
        article_id: UUID,
        poll_id: int,
        feed_id: int,
        at: datetime,
        effect: str,
        revision: int,
    ) -> None:
        connection.execute(
            insert(tables.sightings).values(
                article_id=article_id,
                poll_id=poll_id,
                feed_id=feed_id,
                seen_at=at,
                effect=effect,
                revision=revision,
                log_position=f"news.articles/0/{poll_id}",
            )
        )


def event(slug: str, number: int, *, key: UUID | None = None, kind: str = "created") -> Message:
    """Return an event in the format of ``persist``, with ``number`` in its title."""
    article_id = key or uuid5(NAMESPACE_URL, f"{slug}/{number}")
    body = {
        "v": 1,
        "kind": kind,
        "topic": slug,
        "at": NOON.isoformat(),
        "article": {
            "id": str(article_id),
            "revision": 1,
            "url": f"https://news.example/{number}",
            "title": f"Event {number}: Встреча\u2028в Пхеньяне",
            "source": "news.example",
            "publisher": None,
            "authors": [],
            "language": "en",
            "published_at": None,
            "first_seen_at": NOON.isoformat(),
            "story_id": str(article_id),
            "summary": "One line.\nAnother.",
            "feed_id": 1,
        },
        "match": {
            "rule": "any",
            "matches": [{"field": "title", "phrase": "event", "offset": 0, "quote": "Event"}],
        },
    }
    value = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(key=str(article_id), value=value, headers={"kind": kind})


def _content_hash(title: str, text: str) -> bytes:
    return blake2b(f"{title}\0{text}".encode(), digest_size=16).digest()
