"""Articles' pages in the database: which are to be fetched, who fetches them, and the outcomes.

::

    record_changes   in the transaction of persist: a feed's version is stored ─▶ its page is to be fetched
       │                                            a page's text is stored    ─▶ the page gets that revision's number
    lease_pages      moves the due time to the end of the lease and counts a try; a host without capacity: a slot
       ├─▶ finish    waiting (for the next try) · taken · given up, with the reason     after the text is in the log
       └─▶ release   pages that were not tried are due again at once

A page is fetched once for each version of an article that a feed brings. Its id comes from the sequence of poll ids
when its row is inserted. However often the page is fetched and appended, its text is therefore one record to
``persist``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, case, func, literal, select, update

from ingest.db import hosts
from ingest.db.engine import pg_text, run_with_retry
from ingest.db.tables import HOST_OF_URL, feeds, pages
from ingest.schedule.page_fetch import MAX_TRIES, PageOutcome, PageState
from ingest.schedule.rate_limit import DueRequest, HostLimits
from ingest.types import Article, ArticleChange, Attribution, Credit, CreditRole, Effect, FailureKind

SHOWN_PAGES: Final = 20

# Every version gets a page if any feed with full text brought the article; a sitemap inherits the setting of its index.
_INSERT_PAGES: Final = f"""
    INSERT INTO pages (article_id, content_hash, feed_id, entry_key, url, wanted_at, due_at)
    SELECT n.article_id, n.content_hash, n.feed_id, n.entry_key, n.url, %(now)s, %(now)s
    FROM (SELECT * FROM unnest(%(article_id)b::uuid[], %(content_hash)b::bytea[], %(feed_id)b::bigint[],
            %(entry_key)b::bytea[], %(url)b::text[]) AS v(article_id, content_hash, feed_id, entry_key, url)) AS n
    WHERE (EXISTS (SELECT FROM feeds f LEFT JOIN feeds i ON i.id = f.parent_id
                WHERE f.id = n.feed_id AND (f.full_text OR i.full_text))
        OR EXISTS (SELECT FROM pages p JOIN feeds f ON f.id = p.feed_id LEFT JOIN feeds i ON i.id = f.parent_id
                WHERE p.article_id = n.article_id AND (f.full_text OR i.full_text)))
        AND {HOST_OF_URL.replace("url", "n.url")} IS NOT NULL
    ON CONFLICT (article_id, content_hash) DO NOTHING"""  # noqa: S608 - our own expression
_SET_REVISION: Final = f"""
    UPDATE pages p SET revision = r.number, state = '{PageState.TAKEN}', leased_at = NULL, failure = NULL,
        detail = NULL, tried_at = coalesce(tried_at, %(now)s)
    FROM unnest(%(article_id)b::uuid[], %(content_hash)b::bytea[], %(text)b::bytea[])
        AS n(article_id, content_hash, text)
    JOIN revisions r ON r.article_id = n.article_id AND r.content_hash = n.text
    WHERE p.article_id = n.article_id AND p.content_hash = n.content_hash"""  # noqa: S608
_SELECT_DUE: Final = """
    SELECT p.id, p.host, p.tries, p.slot_at = p.due_at AS has_slot
    FROM pages p LEFT JOIN feeds f ON f.id = p.feed_id
    WHERE p.state = 'waiting' AND p.due_at <= %(due_by)s AND coalesce(f.enabled, true)
    ORDER BY p.due_at LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED"""
_ABANDON: Final = f"""
    UPDATE pages SET state = '{PageState.GIVEN_UP}', failure = '{FailureKind.ABANDONED}', leased_at = NULL,
        tried_at = %(now)s, detail = 'every lease expired without an outcome'
    WHERE id = ANY(%(ids)b::bigint[])"""  # noqa: S608
_LEASE_PAGES: Final = """
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
# An outcome is ignored where the lease has expired, or persist has already stored the text.
_FINISH: Final = """
    UPDATE pages SET state = o.state, due_at = o.due_at, leased_at = NULL, tries = o.tries, hops = o.hops,
        url = o.url, tried_at = o.tried_at, status = o.status, failure = o.failure, detail = o.detail
    FROM unnest(%(id)b::bigint[], %(leased_at)b::timestamptz[], %(state)b::text[], %(due_at)b::timestamptz[],
        %(tries)b::smallint[], %(hops)b::smallint[], %(url)b::text[], %(tried_at)b::timestamptz[],
        %(status)b::smallint[], %(failure)b::text[], %(detail)b::text[])
        AS o(id, leased_at, state, due_at, tries, hops, url, tried_at, status, failure, detail)
    WHERE pages.id = o.id AND pages.state = 'waiting' AND pages.leased_at = o.leased_at"""
_RELEASE: Final = """
    UPDATE pages SET due_at = released.leased_at, leased_at = NULL, tries = tries - 1
    FROM unnest(%(id)b::bigint[], %(leased_at)b::timestamptz[]) AS released(id, leased_at)
    WHERE pages.id = released.id AND pages.state = 'waiting' AND pages.leased_at = released.leased_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLease:
    """The exclusive right to fetch one article's page until ``until``."""

    id: int
    url: str
    hops: int
    """Redirects that led to ``url``."""
    tries: int
    """Counts this one."""
    leased_at: datetime
    until: datetime
    article: Article
    """The article with the feed's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStatus:
    """The state of an article's page as operators and clients see it."""

    id: int
    url: str
    state: str
    wanted_at: datetime
    tries: int
    tried_at: datetime | None
    due_at: datetime
    """When a waiting page is tried next."""
    status: int | None
    failure: str | None
    detail: str | None
    revision: int | None
    """The number of the revision with the page's text."""


def record_changes(connection: Connection, changes: Sequence[ArticleChange], *, now: datetime) -> None:
    """Insert and update the pages of articles whose ``changes`` were stored."""
    from_feeds = [
        (change.article, change.article.link or change.article.url)
        for change in changes
        if change.article.page is None and change.effect in (Effect.CREATED, Effect.UPDATED, Effect.REVERTED)
    ]
    to_fetch = [(article, url) for article, url in from_feeds if url is not None]
    if to_fetch:
        connection.exec_driver_sql(
            _INSERT_PAGES,
            {
                "now": now,
                "article_id": [article.id for article, _ in to_fetch],
                "content_hash": [article.content_hash for article, _ in to_fetch],
                "feed_id": [article.feed_id for article, _ in to_fetch],
                "entry_key": [article.entry_key for article, _ in to_fetch],
                "url": [url for _, url in to_fetch],
            },
        )
    from_pages = [
        (change.article, change.article.page) for change in changes if change.article.page is not None
    ]
    if from_pages:
        connection.exec_driver_sql(
            _SET_REVISION,
            {
                "now": now,
                "article_id": [article.id for article, _ in from_pages],
                "content_hash": [page.content_hash for _, page in from_pages],
                "text": [article.content_hash for article, _ in from_pages],
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
    """Lease up to ``limit`` pages that are due (``due_by``: were due then), longest overdue first. Skip muted feeds.

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
    """Lease up to ``limit`` pages. Return the leases and the number of pages examined."""
    rows = connection.exec_driver_sql(_SELECT_DUE, {"due_by": due_by, "limit": limit}).all()
    abandoned = [row.id for row in rows if row.tries >= MAX_TRIES]
    if abandoned:
        connection.exec_driver_sql(_ABANDON, {"ids": abandoned, "now": now})
    due = [
        DueRequest(id=row.id, host=row.host, has_slot=bool(row.has_slot))
        for row in rows
        if row.tries < MAX_TRIES
    ]
    admitted = hosts.admit_pages(connection, due, now=now, host_limits=host_limits)
    if not admitted:
        return [], len(rows)
    parameters = {"ids": list(admitted), "now": now, "until": until}
    leased = connection.exec_driver_sql(_LEASE_PAGES, parameters).all()
    return [_lease(row, now=now, until=until) for row in leased], len(rows)


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
        attribution=None if row.attribution is None else _attribution(row.attribution),
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


def _attribution(stored: Mapping[str, Any]) -> Attribution:
    credits_ = [
        Credit(**{**credit, "role": CreditRole(credit["role"])}) for credit in stored.get("credits", ())
    ]
    return Attribution(**{**stored, "credits": tuple(credits_)})


def finish(engine: Engine, finished: Sequence[tuple[PageLease, PageOutcome]], *, now: datetime) -> None:
    """Store outcomes. Call it only when the text of pages that are taken is durable in the log.

    Raises:
        Unavailable: the database; all outcomes were stored, or none.
    """
    parameters = {
        "id": [lease.id for lease, _ in finished],
        "leased_at": [lease.leased_at for lease, _ in finished],
        "state": [outcome.state.value for _, outcome in finished],
        "due_at": [outcome.due_at or now for _, outcome in finished],
        "tries": [lease.tries if outcome.tried else lease.tries - 1 for lease, outcome in finished],
        "hops": [lease.hops if outcome.url is None else lease.hops + 1 for lease, outcome in finished],
        "url": [outcome.url or lease.url for lease, outcome in finished],
        "tried_at": [now] * len(finished),
        "status": [outcome.status for _, outcome in finished],
        "failure": [None if outcome.failure is None else outcome.failure.value for _, outcome in finished],
        "detail": [pg_text(outcome.detail) for _, outcome in finished],
    }
    pauses = [outcome.pause for _, outcome in finished if outcome.pause is not None]

    def store(connection: Connection) -> None:
        connection.exec_driver_sql(_FINISH, parameters)
        hosts.pause_hosts(connection, pauses)

    # Retried after a deadlock: persist updates the same rows, in another order.
    run_with_retry(engine, store)


def release(engine: Engine, leases: Sequence[PageLease]) -> None:
    """Give back leases on pages that were not fetched to the end.

    Raises:
        Unavailable: the database; the pages are leased again when the leases expire.
    """
    if leases:
        parameters = {
            "id": [lease.id for lease in leases],
            "leased_at": [lease.leased_at for lease in leases],
        }
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_RELEASE, parameters).rowcount)


def give_up_waiting(connection: Connection, feed_id: int, reason: str) -> None:
    """Give up the waiting pages of this feed and of the sitemaps that it lists."""
    feed_ids = select(feeds.c.id).where((feeds.c.id == feed_id) | (feeds.c.parent_id == feed_id))
    connection.execute(
        update(pages)
        .where(pages.c.feed_id.in_(feed_ids), pages.c.state == PageState.WAITING.value)
        .values(state=PageState.GIVEN_UP.value, leased_at=None, failure=None, detail=reason)
    )


def count_waiting(connection: Connection) -> int:
    """Count the pages that wait to be fetched, for the first time or again."""
    waiting = select(func.count()).select_from(pages).where(pages.c.state == PageState.WAITING.value)
    return connection.scalar(waiting) or 0


def count_ended(connection: Connection, *, since: datetime) -> dict[str, int]:
    """Count pages that were tried since then by result: ``taken``, or the kind of failure."""
    result = case(
        (pages.c.state == PageState.TAKEN.value, literal(PageState.TAKEN.value)), else_=pages.c.failure
    )
    rows = connection.execute(
        select(result, func.count())
        .where(pages.c.tried_at > since, result.is_not(None))
        .group_by(result)
        .order_by(result)
    )
    return {PageState.TAKEN.value: 0} | {row[0]: row[1] for row in rows}


def pages_of(connection: Connection, article_id: UUID) -> tuple[PageStatus, ...]:
    """Return the pages of an article, the newest first."""
    rows = connection.execute(
        select(*(pages.c[name] for name in PageStatus.__dataclass_fields__))
        .where(pages.c.article_id == article_id)
        .order_by(pages.c.id.desc())
        .limit(SHOWN_PAGES)
    ).mappings()
    return tuple(PageStatus(**row) for row in rows)
