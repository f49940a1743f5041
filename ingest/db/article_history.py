"""Read one article with its history.

Every list is bounded and newest first: a feed that changes an entry at each poll must not make an unbounded response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, and_, func, select
from sqlalchemy import text as sql

from ingest.db.page_fetch import PageStatus, pages_of
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import (
    articles,
    feeds,
    log_records,
    log_topics,
    matches,
    polls,
    revisions,
    sightings,
    topics,
)
from ingest.log.api import STREAM_PREFIX

MAX_REVISIONS: Final = 50
MAX_SIGHTINGS: Final = 200
MAX_COPIES: Final = 100
MAX_EVENTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version of an article with its text."""

    number: int
    current: bool
    seen_at: datetime
    feed_id: int
    poll_id: int
    title: str
    authors: tuple[str, ...]
    publisher: str | None
    attribution: Mapping[str, Any] | None
    summary: str
    text: str
    html: str
    guid: str | None
    categories: tuple[str, ...]
    image: str | None
    updated_at: datetime | None
    removed: tuple[Mapping[str, str], ...]
    """Boilerplate that is no part of the text: the line, and the name of the rule that removed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleMatch:
    """A topic of an article, with the explanation."""

    topic: str
    title: str
    revision: int
    matched_at: datetime
    explanation: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One record of the article and its effect. ``polled_at`` is None once the poll is pruned from the history."""

    poll_id: int
    polled_at: datetime | None
    feed_id: int
    feed_url: str | None
    seen_at: datetime
    effect: str
    revision: int
    log_position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Another article of the same story."""

    id: UUID
    url: str | None
    source: str
    title: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """An event of the article that its stream still holds."""

    topic: str
    cursor: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An article with its history."""

    id: UUID
    url: str | None
    source: str
    language: str | None
    story_id: UUID
    published_at: datetime | None
    first_seen_at: datetime
    revised_at: datetime
    revision: int
    feed_id: int
    revisions: tuple[Revision, ...]
    sightings: tuple[Sighting, ...]
    sightings_total: int
    matches: tuple[ArticleMatch, ...]
    events: tuple[StreamEvent, ...]
    copies: tuple[Copy, ...]
    pages: tuple[PageStatus, ...]
    """The article's page, once per version of a feed with full text."""


def find_article(engine: Engine, article_id: UUID, *, before: int | None = None) -> History | None:
    """Return an article with its history, or None; only revisions below number ``before`` if that is given."""
    with read_transaction(engine) as connection:
        return read_history(connection, article_id, before=before)


def read_history(connection: Connection, article_id: UUID, *, before: int | None = None) -> History | None:
    """Return an article with its history within the caller's snapshot, or None."""
    row = (
        connection.execute(
            select(
                articles.c.id,
                articles.c.url,
                articles.c.source,
                articles.c.language,
                articles.c.story_id,
                articles.c.published_at,
                articles.c.first_seen_at,
                articles.c.revised_at,
                articles.c.revision,
                articles.c.feed_id,
            ).where(articles.c.id == article_id)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    return History(
        **row,
        revisions=_revisions(connection, article_id, before=before),
        sightings=_sightings(connection, article_id),
        sightings_total=connection.scalar(
            select(func.count()).select_from(sightings).where(sightings.c.article_id == article_id)
        )
        or 0,
        matches=_matches(connection, article_id),
        events=_events(connection, article_id),
        copies=_copies(connection, article_id, row["story_id"]),
        pages=pages_of(connection, article_id),
    )


def _revisions(connection: Connection, article_id: UUID, *, before: int | None) -> tuple[Revision, ...]:
    columns = [revisions.c[name] for name in Revision.__dataclass_fields__]
    condition = revisions.c.article_id == article_id
    if before is not None:
        condition = and_(condition, revisions.c.number < before)
    rows = connection.execute(
        select(*columns).where(condition).order_by(revisions.c.number.desc()).limit(MAX_REVISIONS)
    ).mappings()
    return tuple(
        Revision(
            **{
                **row,
                "authors": tuple(row["authors"]),
                "categories": tuple(row["categories"]),
                "removed": tuple(row["removed"] or ()),
            }
        )
        for row in rows
    )


def _sightings(connection: Connection, article_id: UUID) -> tuple[Sighting, ...]:
    rows = connection.execute(
        select(
            sightings.c.poll_id,
            polls.c.finished_at.label("polled_at"),
            sightings.c.feed_id,
            feeds.c.url.label("feed_url"),
            sightings.c.seen_at,
            sightings.c.effect,
            sightings.c.revision,
            sightings.c.log_position,
        )
        .outerjoin(polls, polls.c.id == sightings.c.poll_id)
        .outerjoin(feeds, feeds.c.id == sightings.c.feed_id)
        .where(sightings.c.article_id == article_id)
        .order_by(sightings.c.poll_id.desc())
        .limit(MAX_SIGHTINGS)
    ).mappings()
    return tuple(Sighting(**row) for row in rows)


def _matches(connection: Connection, article_id: UUID) -> tuple[ArticleMatch, ...]:
    rows = connection.execute(
        select(
            matches.c.topic,
            topics.c.title,
            matches.c.revision,
            matches.c.matched_at,
            matches.c.explanation,
        )
        .join(topics, topics.c.slug == matches.c.topic)
        .where(matches.c.article_id == article_id)
        .order_by(matches.c.topic)
    ).mappings()
    return tuple(ArticleMatch(**row) for row in rows)


def _events(connection: Connection, article_id: UUID) -> tuple[StreamEvent, ...]:
    rows = connection.execute(
        select(
            func.substr(log_topics.c.name, len(STREAM_PREFIX) + 1).label("topic"),
            log_records.c.offset.label("cursor"),
            log_records.c.headers["kind"].astext.label("kind"),
            log_records.c.appended_at.label("at"),
        )
        .join(log_topics, log_topics.c.id == log_records.c.topic_id)
        .where(
            log_records.c.key == str(article_id),
            sql("log_records.headers ? 'kind'"),  # the condition of the partial index
            log_topics.c.name.startswith(STREAM_PREFIX, autoescape=True),
            log_records.c.offset >= log_topics.c.first_offset,
        )
        .order_by(log_records.c.appended_at.desc(), log_topics.c.name, log_records.c.offset.desc())
        .limit(MAX_EVENTS)
    ).mappings()
    return tuple(StreamEvent(**row) for row in rows)


def _copies(connection: Connection, article_id: UUID, story_id: UUID) -> tuple[Copy, ...]:
    rows = connection.execute(
        select(
            articles.c.id,
            articles.c.url,
            articles.c.source,
            revisions.c.title,
            articles.c.first_seen_at,
        )
        .join(
            revisions,
            and_(revisions.c.article_id == articles.c.id, revisions.c.number == articles.c.revision),
        )
        .where(articles.c.story_id == story_id, articles.c.id != article_id)
        .order_by(articles.c.first_seen_at, articles.c.id)
        .limit(MAX_COPIES)
    ).mappings()
    return tuple(Copy(**row) for row in rows)
