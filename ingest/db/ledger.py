"""The ledger: everything that is stored about a URL, as an article, an entry, a feed or a record in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, func, or_, select

from ingest import urls
from ingest.db import article_aliases
from ingest.db.article_history import History, read_history
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import article_aliases as article_aliases_table
from ingest.db.tables import articles, feeds, quarantine, seen
from ingest.identity import article_id, entry_key
from ingest.types import Entry

MAX_ARTICLES: Final = 20
MAX_ENTRIES: Final = 20
MAX_QUARANTINED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """An entry of a feed whose guid or link is the URL; its record may not be stored yet."""

    feed_id: int
    feed_url: str
    poll_id: int
    article_id: UUID
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedMention:
    """A record in quarantine that belongs to an article of the URL, or contains the URL."""

    id: int
    quarantined_at: datetime
    replayed_at: datetime | None
    stage: str
    log_position: str
    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledFeed:
    """The feed with this URL."""

    id: int
    enabled: bool
    polled_at: datetime | None
    next_poll_at: datetime
    last_outcome: str | None
    last_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that is stored about a URL."""

    url: str
    canonical: str
    articles: tuple[History, ...]
    entries: tuple[FeedEntry, ...]
    quarantined: tuple[QuarantinedMention, ...]
    feed: PolledFeed | None

    @property
    def is_recorded(self) -> bool:
        """Whether anything is stored about the URL."""
        return bool(self.articles or self.entries or self.quarantined or self.feed)


def read_ledger(engine: Engine, url: str) -> Ledger:
    """Look up ``url`` as it is and in its canonical form.

    Every string is accepted, because a string that is no URL may be the guid of an entry.
    """
    canonical = urls.canonical(url) or urls.canonical(f"https://{url}") or url
    addresses = sorted({url, canonical})
    with read_transaction(engine) as connection:
        entries = _entries(connection, addresses)
        same_url = connection.scalars(
            select(articles.c.id)
            .where(
                func.md5(articles.c.url).in_([func.md5(address) for address in addresses]),
                articles.c.url.in_(addresses),
            )
            .order_by(articles.c.first_seen_at, articles.c.id)
            .limit(MAX_ARTICLES)
        ).all()
        ids = [article_id(url=canonical, feed_url=""), *(entry.article_id for entry in entries)]
        former_ids = article_aliases.stored_ids(connection, ids).values()
        article_ids = list(dict.fromkeys([*same_url, *former_ids, *(entry.article_id for entry in entries)]))
        histories = [read_history(connection, article_id) for article_id in article_ids]
        return Ledger(
            url=url,
            canonical=canonical,
            articles=tuple(history for history in histories if history is not None),
            entries=entries,
            quarantined=_quarantined(connection, article_ids, addresses),
            feed=_feed(connection, addresses),
        )


def _entries(connection: Connection, addresses: Sequence[str]) -> tuple[FeedEntry, ...]:
    """Return the entries in seen-sets whose guid or link is one of these URLs."""
    # The key of an entry hashes its guid or its link in the same way.
    keys = [
        entry_key(Entry(guid=address, link=None, title=None, summary=None, content=None))
        for address in addresses
    ]
    rows = connection.execute(
        select(
            seen.c.feed_id,
            feeds.c.url.label("feed_url"),
            seen.c.poll_id,
            seen.c.article_id,
            func.coalesce(articles.c.id, article_aliases_table.c.article_id).is_not(None).label("stored"),
        )
        .join(feeds, feeds.c.id == seen.c.feed_id)
        .outerjoin(articles, articles.c.id == seen.c.article_id)
        .outerjoin(article_aliases_table, article_aliases_table.c.alias_id == seen.c.article_id)
        .where(seen.c.key.in_(keys))
        .order_by(seen.c.poll_id.desc(), seen.c.feed_id)
        .limit(MAX_ENTRIES)
    ).mappings()
    return tuple(FeedEntry(**row) for row in rows)


def _quarantined(
    connection: Connection, article_ids: Sequence[UUID], addresses: Sequence[str]
) -> tuple[QuarantinedMention, ...]:
    """Return the records in quarantine of these articles, or with one of these URLs in their bytes."""
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
        .where(or_(quarantine.c.key.in_([str(article_id) for article_id in article_ids]), *mentions))
        .order_by(quarantine.c.id.desc())
        .limit(MAX_QUARANTINED)
    ).mappings()
    return tuple(QuarantinedMention(**row) for row in rows)


def _feed(connection: Connection, addresses: Sequence[str]) -> PolledFeed | None:
    columns = [feeds.c[name] for name in PolledFeed.__dataclass_fields__]
    row = connection.execute(select(*columns).where(feeds.c.url.in_(addresses))).mappings().first()
    return None if row is None else PolledFeed(**row)
