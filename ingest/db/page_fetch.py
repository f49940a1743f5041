"""Articles' pages that feeds want to have read: who fetches which, and what became of each.

::

    follow        persist, in its transaction: a feed's version is stored ─▶ its page is wanted
       │                                       a page's text is stored    ─▶ which revision has it
    lease_pages   due time moved to the end of the lease, one try counted; a host without room: a turn
       ├─▶ finish    waiting (once more) · taken · given up, with why     after the text is in the log
       └─▶ release   what was not tried is due again at once

A page is wanted once for each version of an article that a feed brings. Its id is drawn from the sequence of poll
ids when it is first wanted, so its text, however often it is fetched and appended, is one record to ``persist``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, case, func, literal, select, update

from ingest.db import hosts
from ingest.db.engine import pg_text, run_with_retry
from ingest.db.tables import HOST_OF_URL, feeds, pages
from ingest.schedule.page_fetch import MAX_TRIES, PageOutcome, PageState
from ingest.schedule.rate_limit import DueFeed, HostLimits
from ingest.types import Article, ArticleChange, Attribution, Effect, FailureKind

SHOWN_PAGES: Final = 20

# A page is wanted for every version where any feed with full text brought the article; sitemaps have it by their index.
_WANT: Final = f"""
    INSERT INTO pages (article_id, content_hash, feed_id, entry_key, url, wanted_at, due_at)
    SELECT n.article_id, n.content_hash, n.feed_id, n.entry_key, n.url, %(now)s, %(now)s
    FROM (SELECT * FROM unnest(%(article_id)b::uuid[], %(content_hash)b::bytea[], %(feed_id)b::bigint[],
            %(entry_key)b::bytea[], %(url)b::text[]) AS u(article_id, content_hash, feed_id, entry_key, url)) AS n
    WHERE (EXISTS (SELECT FROM feeds f LEFT JOIN feeds i ON i.id = f.parent_id
                WHERE f.id = n.feed_id AND (f.full_text OR i.full_text))
        OR EXISTS (SELECT FROM pages p JOIN feeds f ON f.id = p.feed_id LEFT JOIN feeds i ON i.id = f.parent_id
                WHERE p.article_id = n.article_id AND (f.full_text OR i.full_text)))
        AND {HOST_OF_URL.replace("url", "n.url")} IS NOT NULL
    ON CONFLICT (article_id, content_hash) DO NOTHING"""  # noqa: S608 - our own expression
_STORED: Final = f"""
    UPDATE pages p SET revision = r.number, state = '{PageState.TAKEN}', leased_at = NULL, failure = NULL,
        detail = NULL, tried_at = coalesce(tried_at, %(now)s)
    FROM unnest(%(article_id)b::uuid[], %(content_hash)b::bytea[], %(text)b::bytea[])
        AS n(article_id, content_hash, text)
    JOIN revisions r ON r.article_id = n.article_id AND r.content_hash = n.text
    WHERE p.article_id = n.article_id AND p.content_hash = n.content_hash"""  # noqa: S608
_DUE: Final = """
    SELECT p.id, p.host, p.tries, p.slot_at = p.due_at AS turn_came
    FROM pages p LEFT JOIN feeds f ON f.id = p.feed_id
    WHERE p.state = 'waiting' AND p.due_at <= %(due_by)s AND coalesce(f.enabled, true)
    ORDER BY p.due_at LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED"""
_ABANDON: Final = f"""
    UPDATE pages SET state = '{PageState.GIVEN_UP}', failure = '{FailureKind.ABANDONED}', leased_at = NULL,
        tried_at = %(now)s, detail = 'every try ended unrecorded' WHERE id = ANY(%(ids)b::bigint[])"""  # noqa: S608
_CLAIM: Final = """
    WITH claimed AS (
        UPDATE pages SET due_at = %(until)s, leased_at = %(now)s, slot_at = NULL, tries = tries + 1
        WHERE id = ANY(%(ids)b::bigint[])
        RETURNING id, article_id, content_hash, feed_id, entry_key, url, hops, tries
    )
    SELECT c.*, coalesce(f.url, c.url) AS feed_url, a.url AS article_url, a.source, a.language, a.published_at,
        r.poll_id, r.seen_at, r.title, r.authors, r.publisher, r.attribution, r.summary, r.text, r.html, r.guid,
        r.categories, r.image, r.updated_at
    FROM claimed c JOIN articles a ON a.id = c.article_id
        JOIN revisions r ON r.article_id = c.article_id AND r.content_hash = c.content_hash
        LEFT JOIN feeds f ON f.id = c.feed_id
    ORDER BY array_position(%(ids)b::bigint[], c.id)"""
# Whoever lost the lease, or came after persist, has nothing to say.
_FINISH: Final = """
    UPDATE pages SET state = g.state, due_at = g.due_at, leased_at = NULL, tries = g.tries, hops = g.hops,
        url = g.url, tried_at = g.tried_at, status = g.status, failure = g.failure, detail = g.detail
    FROM unnest(%(id)b::bigint[], %(leased_at)b::timestamptz[], %(state)b::text[], %(due_at)b::timestamptz[],
        %(tries)b::smallint[], %(hops)b::smallint[], %(url)b::text[], %(tried_at)b::timestamptz[],
        %(status)b::smallint[], %(failure)b::text[], %(detail)b::text[])
        AS g(id, leased_at, state, due_at, tries, hops, url, tried_at, status, failure, detail)
    WHERE pages.id = g.id AND pages.state = 'waiting' AND pages.leased_at = g.leased_at"""
_RELEASE: Final = """
    UPDATE pages SET due_at = g.leased_at, leased_at = NULL, tries = tries - 1
    FROM unnest(%(id)b::bigint[], %(leased_at)b::timestamptz[]) AS g(id, leased_at)
    WHERE pages.id = g.id AND pages.state = 'waiting' AND pages.leased_at = g.leased_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLease:
    """The exclusive right to fetch one article's page until ``until``."""

    id: int
    url: str
    hops: int
    """Redirects that led to ``url``."""
    tries: int
    """This one counted."""
    leased_at: datetime
    until: datetime
    article: Article
    """As the feed has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStatus:
    """A page of an article, as people see it."""

    id: int
    url: str
    state: str
    wanted_at: datetime
    tries: int
    tried_at: datetime | None
    due_at: datetime
    """When it is tried next, where it waits."""
    status: int | None
    failure: str | None
    detail: str | None
    revision: int | None
    """That has its text."""


def record_changes(connection: Connection, changes: Sequence[ArticleChange], *, now: datetime) -> None:
    """Note what ``changes``, which are written, mean for pages."""
    brought = [
        (change.article, change.article.link or change.article.url)
        for change in changes
        if change.article.page is None and change.effect in (Effect.CREATED, Effect.UPDATED, Effect.REVERTED)
    ]
    wanted = [(article, url) for article, url in brought if url is not None]
    if wanted:
        connection.exec_driver_sql(
            _WANT,
            {
                "now": now,
                "article_id": [article.id for article, _ in wanted],
                "content_hash": [article.content_hash for article, _ in wanted],
                "feed_id": [article.feed_id for article, _ in wanted],
                "entry_key": [article.entry_key for article, _ in wanted],
                "url": [url for _, url in wanted],
            },
        )
    read = [(change.article, change.article.page) for change in changes if change.article.page is not None]
    if read:
        connection.exec_driver_sql(
            _STORED,
            {
                "now": now,
                "article_id": [article.id for article, _ in read],
                "content_hash": [page.content_hash for _, page in read],
                "text": [article.content_hash for article, _ in read],
            },
        )


def lease_pages(
    engine: Engine,
    *,
    now: datetime,
    limit: int,
    lease: timedelta,
    host_limits: HostLimits,
    due_by: datetime | None = None,
) -> list[PageLease]:
    """Up to ``limit`` pages that are due (``due_by``: were due then), longest overdue first; none of a muted feed.

    Raises:
        Unavailable: the database.
    """
    return hosts.lease_in_rounds(
        engine, _claim, limit=limit, now=now, due_by=due_by or now, until=now + lease, host_limits=host_limits
    )


def _claim(
    connection: Connection,
    *,
    now: datetime,
    due_by: datetime,
    limit: int,
    until: datetime,
    host_limits: HostLimits,
) -> tuple[list[PageLease], int]:
    """Leases on up to ``limit`` pages, and how many were looked at for that."""
    rows = connection.exec_driver_sql(_DUE, {"due_by": due_by, "limit": limit}).all()
    lost = [row.id for row in rows if row.tries >= MAX_TRIES]
    if lost:
        connection.exec_driver_sql(_ABANDON, {"ids": lost, "now": now})
    waiting = [
        DueFeed(feed_id=row.id, host=row.host, has_slot=bool(row.turn_came))
        for row in rows
        if row.tries < MAX_TRIES
    ]
    admitted = hosts.admit_pages(connection, waiting, now=now, host_limits=host_limits)
    if not admitted:
        return [], len(rows)
    given = {"ids": list(admitted), "now": now, "until": until}
    claimed = connection.exec_driver_sql(_CLAIM, given).all()
    return [_lease(row, now=now, until=until) for row in claimed], len(rows)


def _lease(row: Row[Any], *, now: datetime, until: datetime) -> PageLease:
    article = Article(
        id=row.article_id,
        feed_id=row.feed_id,
        feed_url=row.feed_url,
        poll_id=row.poll_id,
        entry_key=bytes(row.entry_key),
        content_hash=bytes(row.content_hash),
        seen_at=row.seen_at,
        url=row.article_url,
        guid=row.guid,
        title=row.title,
        authors=tuple(row.authors),
        publisher=row.publisher,
        source=row.source,
        attribution=None if row.attribution is None else Attribution(**row.attribution),
        summary=row.summary,
        text=row.text,
        html=row.html,
        language=row.language,
        categories=tuple(row.categories),
        image=row.image,
        published_at=row.published_at,
        updated_at=row.updated_at,
    )
    return PageLease(
        id=row.id, url=row.url, hops=row.hops, tries=row.tries, leased_at=now, until=until, article=article
    )


def finish(engine: Engine, ended: Sequence[tuple[PageLease, PageOutcome]], *, now: datetime) -> None:
    """Store what these came to. To be called only when the text of those that were taken is durable in the log.

    Raises:
        Unavailable: the database; all of it was stored, or nothing.
    """
    given = {
        "id": [lease.id for lease, _ in ended],
        "leased_at": [lease.leased_at for lease, _ in ended],
        "state": [outcome.state.value for _, outcome in ended],
        "due_at": [outcome.due_at or now for _, outcome in ended],
        "tries": [lease.tries if outcome.tried else lease.tries - 1 for lease, outcome in ended],
        "hops": [lease.hops if outcome.url is None else lease.hops + 1 for lease, outcome in ended],
        "url": [outcome.url or lease.url for lease, outcome in ended],
        "tried_at": [now] * len(ended),
        "status": [outcome.status for _, outcome in ended],
        "failure": [None if o.failure is None else o.failure.value for _, o in ended],
        "detail": [pg_text(outcome.detail) for _, outcome in ended],
    }
    pauses = [outcome.pause for _, outcome in ended if outcome.pause is not None]

    def change(connection: Connection) -> None:
        connection.exec_driver_sql(_FINISH, given)
        hosts.pause_hosts(connection, pauses)

    # It meets persist, which stores the very pages that a poller records.
    run_with_retry(engine, change)


def release(engine: Engine, leases: Sequence[PageLease]) -> None:
    """Give back leases on pages that were not fetched to the end.

    Raises:
        Unavailable: the database; they are given to others when they run out.
    """
    if leases:
        given = {"id": [lease.id for lease in leases], "leased_at": [lease.leased_at for lease in leases]}
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_RELEASE, given).rowcount)


def give_up_waiting(connection: Connection, feed_id: int, why: str) -> None:
    """No page of this feed, or of the sitemaps that it names, is waited for any more."""
    named = select(feeds.c.id).where((feeds.c.id == feed_id) | (feeds.c.parent_id == feed_id))
    connection.execute(
        update(pages)
        .where(pages.c.feed_id.in_(named), pages.c.state == PageState.WAITING.value)
        .values(state=PageState.GIVEN_UP.value, leased_at=None, failure=None, detail=why)
    )


def count_waiting(connection: Connection) -> int:
    """Pages that wait to be fetched, for the first time or again."""
    waiting = select(func.count()).select_from(pages).where(pages.c.state == PageState.WAITING.value)
    return connection.scalar(waiting) or 0


def count_ended(connection: Connection, *, since: datetime) -> dict[str, int]:
    """What tries of pages came to since then: ``taken``, or how they failed."""
    ended = case(
        (pages.c.state == PageState.TAKEN.value, literal(PageState.TAKEN.value)), else_=pages.c.failure
    )
    rows = connection.execute(
        select(ended, func.count())
        .where(pages.c.tried_at > since, ended.is_not(None))
        .group_by(ended)
        .order_by(ended)
    )
    return {PageState.TAKEN.value: 0} | {row[0]: row[1] for row in rows}


def pages_of(connection: Connection, article_id: UUID) -> tuple[PageStatus, ...]:
    """The pages that were wanted for an article, the last one first."""
    rows = connection.execute(
        select(*(pages.c[name] for name in PageStatus.__dataclass_fields__))
        .where(pages.c.article_id == article_id)
        .order_by(pages.c.id.desc())
        .limit(SHOWN_PAGES)
    ).mappings()
    return tuple(PageStatus(**row) for row in rows)
