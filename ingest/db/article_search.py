"""Search articles: lists and full-text search, in result pages, by date or relevance.

::

    ArticleQuery ─▶ search_hits: ids of the newest matches within a time budget ─▶ one page of rows ─▶ snippets

By date a page is ordered by (``sort_at``, ``id``), and the next one begins after its last article. Articles that arrive
meanwhile neither shift nor repeat anything. By relevance the newest matches are ranked; the cursor names their range,
so that every page ranks the same articles. :mod:`ingest.query` reads the parameters.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.errors import UndefinedTable
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Uuid,
    and_,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ingest.db.read_transaction import read_transaction
from ingest.db.search_hits import Hits, list_articles, search_articles
from ingest.db.search_plans import Candidate, Plans
from ingest.db.search_segments import read_segments
from ingest.db.tables import articles, matches, revisions, topics
from ingest.errors import Refused
from ingest.query import ArticleQuery, PageCursor, RankCursor, Sort
from ingest.search import INDEX_VERSION, SNIPPET_TEXT_CHARACTERS, Fragment

MAX_SLUGS_IN_ERROR: Final = 20
SEARCH_BUDGET: Final = timedelta(milliseconds=60)
"""A search begins no further step after this time. The steps are bounded, so most searches end within 100 ms."""
STATEMENT_TIMEOUT: Final = timedelta(seconds=5)
"""Time limit of each statement; a search that reaches it ends with the articles that it has."""
RANKED: Final = 300
"""The number of newest matches that a search by relevance ranks."""
ENOUGH_TO_RANK: Final = 150
"""The number of matches among the newest articles at which a search by relevance looks for no older ones."""

_NO_TEXTS: Final[ColumnElement[Any]] = literal_column("'{}'::text[]")

_ROW_COLUMNS: Final = (
    articles.c.id,
    articles.c.revision,
    articles.c.url,
    revisions.c.title,
    articles.c.source,
    revisions.c.publisher,
    revisions.c.authors,
    articles.c.language,
    articles.c.published_at,
    articles.c.first_seen_at,
    articles.c.revised_at,
    articles.c.sort_at,
    articles.c.story_id,
    revisions.c.summary,
    articles.c.feed_id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    """An article in a result page."""

    id: UUID
    revision: int
    url: str | None
    title: str
    source: str
    publisher: str | None
    authors: tuple[str, ...]
    language: str | None
    published_at: datetime | None
    first_seen_at: datetime
    revised_at: datetime
    sort_at: datetime
    story_id: UUID
    summary: str
    feed_id: int
    topics: tuple[str, ...]
    title_fragments: tuple[Fragment, ...] | None
    """The whole title with the hits of ``q`` marked; None if the query has no ``q``."""
    snippet: tuple[Fragment, ...] | None
    """Parts of the text around the hits of ``q``; None if the query has no ``q``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """Articles in the order of the query."""

    articles: tuple[ArticleRow, ...]
    next_cursor: PageCursor | RankCursor | None
    """The end of this result page; None on the last one."""
    exact: bool
    """False: articles may be missing from this page. By date, later pages have those that match."""
    since: datetime | None
    """Where it is not exact: articles from this time on were all compared, older ones were not; None: none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selected:
    """The articles of one page before their rows are read."""

    candidates: tuple[Candidate, ...]
    next_cursor: PageCursor | RankCursor | None
    since: datetime | None
    """Articles before this time may be missing from the page."""
    timed_out: bool = False


def find(engine: Engine, query: ArticleQuery, *, budget: timedelta = SEARCH_BUDGET) -> ResultPage:
    """Return one page of the articles that match.

    Args:
        budget: no further step begins after this time; the page then is not exact.

    Raises:
        Refused: the topic does not exist.
        Unavailable: the database.
    """
    deadline = time.monotonic() + budget.total_seconds()
    try:
        return _find(engine, query, deadline)
    except UndefinedTable:
        # Reindexing dropped an empty segment after this search had read its name.
        return _find(engine, query, deadline)


def _find(engine: Engine, query: ArticleQuery, deadline: float) -> ResultPage:
    with read_transaction(engine, timeout=STATEMENT_TIMEOUT) as connection:
        if query.topic is not None:
            require_topic(connection, query.topic)
        search = _Search(connection, query, deadline)
        selected = search.by_relevance() if query.sort is Sort.RELEVANCE else search.by_date()
        rows = () if selected.timed_out else _read_rows(connection, query, selected.candidates)
    if selected.timed_out:
        # A statement that reaches its time limit aborts its transaction.
        with read_transaction(engine) as connection:
            rows = _read_rows(connection, query, selected.candidates)
    return ResultPage(
        articles=rows, next_cursor=selected.next_cursor, exact=selected.since is None, since=selected.since
    )


class _Search:
    """One search in its transaction."""

    def __init__(self, connection: Connection, query: ArticleQuery, deadline: float) -> None:
        self._connection = connection
        self._query = query
        self._deadline = deadline
        self._segments = () if query.q is None else read_segments(connection)
        self._plans = self._plan(query)

    def _plan(self, query: ArticleQuery) -> Plans:
        if query.q is None:
            return Plans(self._connection, query, tsquery=None)
        return Plans(
            self._connection,
            query,
            tsquery=query.q.tsquery(query.language),
            candidate_tsquery=query.q.candidate_tsquery(query.language),
        )

    def by_date(self) -> _Selected:
        query, after = self._query, self._query.after
        assert after is None or isinstance(after, PageCursor)
        if query.q is None:
            hits = list_articles(
                self._plans,
                after=after,
                count=query.limit,
                exhausted=self._exhausted,
                filters=self._filters(),
            )
        else:
            hits = self._matches(query, after=after, count=query.limit, enough=query.limit + 1)
        since = hits.end.sort_at if hits.cut and hits.end is not None else None
        unindexed = self._newest_unindexed(hits, after)
        if unindexed is not None and (hits.end is None or unindexed >= hits.end.sort_at):
            since = unindexed if since is None else max(since, unindexed)
        return _Selected(
            candidates=hits.candidates, next_cursor=hits.end, since=since, timed_out=hits.timed_out
        )

    def by_relevance(self) -> _Selected:
        """Rank the newest matches; later pages rank those of the same range of dates."""
        cursor = self._query.after
        assert cursor is None or isinstance(cursor, RankCursor)
        hits = self._to_rank(cursor)
        candidates = hits.candidates
        unindexed = self._newest_unindexed(hits, None)
        scores = {} if hits.timed_out else self._plans.rank(candidates)
        ranking = sorted(
            ((scores.get(each.id, 0.0), each.sort_at, each.id.bytes, each) for each in candidates),
            key=lambda row: row[:3],
            reverse=True,
        )
        bound = hits.end.sort_at if hits.end is not None else None
        if cursor is not None:
            bound = cursor.oldest if cursor.bounded else None
            behind = (cursor.score, cursor.sort_at, cursor.id.bytes)
            ranking = [row for row in ranking if row[:3] < behind]
        page = ranking[: self._query.limit]
        following = None
        if len(ranking) > len(page):
            score, sort_at, _, last = page[-1]
            following = RankCursor(
                score=score,
                sort_at=sort_at,
                id=last.id,
                newest=candidates[0].sort_at,
                oldest=candidates[-1].sort_at,
                bounded=bound is not None,
            )
        return _Selected(
            candidates=tuple(row[3] for row in page),
            next_cursor=following,
            since=max((at for at in (bound, unindexed) if at is not None), default=None),
            timed_out=hits.timed_out,
        )

    def _to_rank(self, cursor: RankCursor | None) -> Hits:
        """Return the newest matches, or all matches of the range of dates that the first page ranked."""
        if cursor is None:
            return self._matches(self._query, after=None, count=RANKED, enough=ENOUGH_TO_RANK)
        since = cursor.oldest if self._query.since is None else max(self._query.since, cursor.oldest)
        query = replace(self._query, since=since)
        self._plans = self._plan(query)
        newest = PageCursor(sort_at=cursor.newest, id=_HIGHEST_ID)
        return self._matches(query, after=newest, count=2 * RANKED, enough=2 * RANKED + 1)

    def _matches(self, query: ArticleQuery, *, after: PageCursor | None, count: int, enough: int) -> Hits:
        return search_articles(
            self._plans,
            self._segments,
            query,
            after=after,
            count=count,
            enough=enough,
            exhausted=self._exhausted,
        )

    def _newest_unindexed(self, hits: Hits, after: PageCursor | None) -> datetime | None:
        """Return the time before which articles are missing because they are not indexed yet."""
        if self._query.q is None or hits.timed_out:
            return None
        stale = [segment.sort_until for segment in self._segments if segment.index_version != INDEX_VERSION]
        newest = self._plans.newest_unindexed(after=after)
        return max((*stale, *(() if newest is None else (newest,))), default=None)

    def _exhausted(self) -> bool:
        return time.monotonic() > self._deadline

    def _filters(self) -> int:
        filters = (self._query.topic, self._query.source, self._query.language, self._query.story)
        language = self._query.language
        # The index has the first subtag of a language; the rest is a filter of its own.
        return sum(each is not None for each in filters) + (language is not None and "-" in language)


_HIGHEST_ID: Final = UUID(int=2**128 - 1)


def _read_rows(
    connection: Connection, query: ArticleQuery, candidates: Sequence[Candidate]
) -> tuple[ArticleRow, ...]:
    """Return the rows of a page in its order, with snippets where it is that of a full-text search."""
    if not candidates:
        return ()
    ids = [candidate.id for candidate in candidates]
    rows = {row["id"]: row for row in connection.execute(_rows_statement(query, ids)).mappings()}
    return tuple(_article_row(rows[each], query) for each in ids if each in rows)


def _rows_statement(query: ArticleQuery, ids: Sequence[UUID]) -> Select[Any]:
    text = literal_column("NULL") if query.q is None else func.left(revisions.c.text, SNIPPET_TEXT_CHARACTERS)
    article_topics = (
        select(func.coalesce(func.array_agg(matches.c.topic), _NO_TEXTS))
        .where(matches.c.article_id == articles.c.id)
        .scalar_subquery()
    )
    return (
        select(*_ROW_COLUMNS, article_topics.label("topics"), text.label("text"))
        .join(
            revisions,
            and_(revisions.c.article_id == articles.c.id, revisions.c.number == articles.c.revision),
        )
        .where(articles.c.id == func.any(cast(list(ids), ARRAY(Uuid))))
    )


def _article_row(row: Mapping[Any, Any], query: ArticleQuery) -> ArticleRow:
    values = dict(row)
    text = values.pop("text")
    values["authors"] = tuple(values["authors"])
    values["topics"] = tuple(sorted(values["topics"]))
    values["title_fragments"] = values["snippet"] = None
    if query.q is not None:
        values["title_fragments"] = query.q.highlight(values["title"], language=values["language"])
        values["snippet"] = query.q.snippet(text, language=values["language"])
    return ArticleRow(**values)


def require_topic(connection: Connection, slug: str) -> None:
    """
    Raises:
        Refused: no topic has this slug; names the topics that exist.
    """
    if connection.scalar(select(true()).where(topics.c.slug == slug)) is None:
        slugs = connection.scalars(
            select(topics.c.slug).where(~topics.c.retired).order_by(topics.c.slug)
        ).all()
        raise Refused("topic", slug, _existing(slugs))


def _existing(slugs: Sequence[str]) -> str:
    if not slugs:
        return "a topic that exists; there are none yet (`ingest topics load FILE`)"
    listed = ", ".join(slugs[:MAX_SLUGS_IN_ERROR])
    more = len(slugs) - MAX_SLUGS_IN_ERROR
    return f"one of {listed}" + (f" and {more} more" if more > 0 else "")
