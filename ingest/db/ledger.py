"""The ledger: one article with everything that ever happened to it, and what became of a URL.

Every list is bounded, newest first, and says how many there are in all: a feed that rewrites an entry at each
poll must not make an answer without end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, and_, func, or_, select
from sqlalchemy import text as sql

from ingest import urls
from ingest.db.page_fetch import WantedPage, pages_of
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import (
    articles,
    feeds,
    log_records,
    log_topics,
    matches,
    polls,
    quarantine,
    revisions,
    seen,
    sightings,
    topics,
)
from ingest.identity import entry_key
from ingest.log.api import STREAM_PREFIX
from ingest.types import Entry

MAX_REVISIONS: Final = 50
MAX_SIGHTINGS: Final = 200
MAX_COPIES: Final = 100
MAX_EVENTS: Final = 200
MAX_SAME_URL: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version of an article, whole."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleMatch:
    """Why an article is in a topic."""

    topic: str
    title: str
    revision: int
    matched_at: datetime
    explanation: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One record of the article, and what it did. ``polled_at`` is None once the poll's history is pruned."""

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
    """An event of the article, as long as its stream keeps it."""

    topic: str
    cursor: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An article and all that happened to it."""

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
    pages: tuple[WantedPage, ...]
    """Its page, once for each version of a feed with full text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """A feed that has the URL as an entry; its article may still be on its way to the store."""

    feed_id: int
    feed_url: str
    poll_id: int
    article_id: UUID
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedItem:
    """A record in quarantine that mentions the URL."""

    id: int
    quarantined_at: datetime
    replayed_at: datetime | None
    stage: str
    log_position: str
    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledFeed:
    """The feed that has this URL itself."""

    id: int
    enabled: bool
    polled_at: datetime | None
    next_poll_at: datetime
    last_outcome: str | None
    last_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What became of a URL."""

    url: str
    canonical: str
    articles: tuple[History, ...]
    feed_entries: tuple[FeedEntry, ...]
    quarantined: tuple[QuarantinedItem, ...]
    feed: PolledFeed | None

    @property
    def recorded(self) -> bool:
        """True where an article, a feed entry, a record in quarantine or a feed has this URL."""
        return bool(self.articles or self.feed_entries or self.quarantined or self.feed)


def article(engine: Engine, article_id: UUID, *, before: int | None = None) -> History | None:
    """One article with its history; its revisions below number ``before``, newest first; or None."""
    with read_transaction(engine) as connection:
        return _history(connection, article_id, before=before)


def ledger(engine: Engine, url: str) -> Ledger:
    """All we know of ``url``, looked up as it was given and in its canonical form.

    What is no address may still be the guid of an entry, so nothing is refused.
    """
    canonical = urls.canonical(url) or urls.canonical(f"https://{url}") or url
    both = sorted({url, canonical})
    with read_transaction(engine) as connection:
        feed_entries = _feed_entries(connection, both)
        same_url = connection.scalars(
            select(articles.c.id)
            .where(func.md5(articles.c.url).in_([func.md5(one) for one in both]), articles.c.url.in_(both))
            .order_by(articles.c.first_seen_at, articles.c.id)
            .limit(MAX_SAME_URL)
        ).all()
        found = list(dict.fromkeys([*same_url, *(one.article_id for one in feed_entries)]))
        histories = [_history(connection, article_id, before=None) for article_id in found]
        return Ledger(
            url=url,
            canonical=canonical,
            articles=tuple(history for history in histories if history is not None),
            feed_entries=feed_entries,
            quarantined=_set_aside(connection, found, both),
            feed=_feed(connection, both),
        )


def _history(connection: Connection, article_id: UUID, *, before: int | None) -> History | None:
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
    wanted = revisions.c.article_id == article_id
    if before is not None:
        wanted = and_(wanted, revisions.c.number < before)
    rows = connection.execute(
        select(*columns).where(wanted).order_by(revisions.c.number.desc()).limit(MAX_REVISIONS)
    ).mappings()
    return tuple(
        Revision(**{**row, "authors": tuple(row["authors"]), "categories": tuple(row["categories"])})
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
            sql("log_records.headers ? 'kind'"),  # as the partial index has it
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


def _feed_entries(connection: Connection, addresses: Sequence[str]) -> tuple[FeedEntry, ...]:
    """The seen-sets that hold an entry whose guid or link is one of these URLs."""
    # The key is a hash of guid or link alike, so one name serves for both.
    keys = [
        entry_key(Entry(guid=one, link=None, title=None, summary=None, content=None)) for one in addresses
    ]
    rows = connection.execute(
        select(
            seen.c.feed_id,
            feeds.c.url.label("feed_url"),
            seen.c.poll_id,
            seen.c.article_id,
            articles.c.id.is_not(None).label("stored"),
        )
        .join(feeds, feeds.c.id == seen.c.feed_id)
        .outerjoin(articles, articles.c.id == seen.c.article_id)
        .where(seen.c.key.in_(keys))
        .order_by(seen.c.poll_id.desc(), seen.c.feed_id)
        .limit(MAX_SAME_URL)
    ).mappings()
    return tuple(FeedEntry(**row) for row in rows)


def _set_aside(
    connection: Connection, found: Sequence[UUID], addresses: Sequence[str]
) -> tuple[QuarantinedItem, ...]:
    """Quarantined records of these articles, or with one of these URLs in their bytes."""
    mentions = [
        func.position(func.convert_to(url, "UTF8").op("IN")(quarantine.c.value)) > 0 for url in addresses
    ]
    rows = connection.execute(
        select(
            quarantine.c.id,
            quarantine.c.quarantined_at,
            quarantine.c.replayed_at,
            quarantine.c.stage,
            func.concat_ws("/", quarantine.c.topic, quarantine.c.partition, quarantine.c.offset).label(
                "log_position"
            ),
            quarantine.c.error,
            quarantine.c.detail,
        )
        .where(or_(quarantine.c.key.in_([str(one) for one in found]), *mentions))
        .order_by(quarantine.c.id.desc())
        .limit(MAX_EVENTS)
    ).mappings()
    return tuple(QuarantinedItem(**row) for row in rows)


def _feed(connection: Connection, addresses: Sequence[str]) -> PolledFeed | None:
    columns = [feeds.c[name] for name in PolledFeed.__dataclass_fields__]
    row = connection.execute(select(*columns).where(feeds.c.url.in_(addresses))).mappings().first()
    return None if row is None else PolledFeed(**row)
