"""Statements of a search whose plans do not depend on statistics.

::

    walk        articles of a filter in date order, a bounded number of them       ordered index
    matching    those of given articles whose vector matches                       primary key
    look_up     articles of some segments whose vector matches, newest first       inverted index
    rank        scores of given articles                                           primary key

PostgreSQL estimates that a word without statistics is in .5 % of the articles. For a rare word it would then read all
articles by date, and for a common one fetch every hit. Planner settings therefore leave each statement one plan:
:data:`WALK` leaves scans in index order, :data:`LOOK_UP` the bitmap of the inverted index. They hold until the end of
the transaction. The settings exist in PostgreSQL 15 to 18.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import Connection

from ingest.db.engine import driver_of
from ingest.db.read_transaction import TimedOut
from ingest.db.search_segments import Segment, segment_table
from ingest.query import ArticleQuery, PageCursor

_ALWAYS_OFF: Final = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
_WALK_OFF: Final = ("enable_bitmapscan", "enable_sort", "enable_incremental_sort")
WEIGHTS: Final = "{0.1, 0.1, 0.1, 1.0}"
"""A word of the title counts as much as ten of the text."""
RANK_BY_LENGTH: Final = 1
"""``ts_rank`` divides by 1 + the logarithm of the text's length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An article at its place in the order of lists."""

    sort_at: datetime
    id: UUID
    segment: int | None

    @property
    def position(self) -> PageCursor:
        return PageCursor(sort_at=self.sort_at, id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The articles of one window that pass the filters, and the end of the window; None if no articles follow."""

    candidates: tuple[Candidate, ...]
    end: PageCursor | None


class Plans:
    """The statements of one search, in its transaction.

    Args:
        query: its filters; ``q``, ``after`` and ``limit`` are not read.
        tsquery: the full-text condition as text of PostgreSQL's type.
        candidate_tsquery: a condition that every match fulfils and that the inverted index decides alone; None if
            ``tsquery`` is such a condition.
    """

    def __init__(
        self,
        connection: Connection,
        query: ArticleQuery,
        *,
        tsquery: str | None,
        candidate_tsquery: str | None = None,
    ) -> None:
        self._driver = driver_of(connection)
        self._query = query
        self._tsquery = tsquery
        self._candidate_tsquery = candidate_tsquery
        self._walking: bool | None = None
        self._walked_index = self._rarest_filter()

    def walk(self, *, after: PageCursor | None, window: int) -> Walked:
        """Read the next ``window`` articles of the rarest filter, and return those that pass all filters."""
        self._plan_walks()
        sql, parameters = walk_statement(self._query, index=self._walked_index, after=after, window=window)
        candidates, end = [], None
        for article, sort_at, segment, is_end in self._execute(sql, parameters):
            if is_end:
                end = PageCursor(sort_at=sort_at, id=article)
            else:
                candidates.append(Candidate(sort_at=sort_at, id=article, segment=segment))
        return Walked(candidates=newest_first(candidates), end=end)

    def matching(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return those of the candidates whose vector matches; articles that are not indexed do not."""
        self._plan_walks()
        parts: list[str] = []
        parameters: dict[str, Any] = {"tsquery": self._tsquery}
        for segment, articles in _by_segment(candidates).items():
            parts.append(
                f"SELECT article_id FROM {segment_table(segment)} "  # noqa: S608 - our own name
                f"WHERE article_id = ANY(%(ids_{segment})b::uuid[]) AND vector @@ %(tsquery)s::tsquery"
            )
            parameters[f"ids_{segment}"] = articles
        if not parts:
            return ()
        matched = {row[0] for row in self._execute(" UNION ALL ".join(parts), parameters)}
        return tuple(candidate for candidate in candidates if candidate.id in matched)

    @property
    def has_positions(self) -> bool:
        """Whether candidates of :meth:`look_up` have to be compared by :meth:`matching`."""
        return self._candidate_tsquery is not None

    def look_up(
        self, segments: Sequence[Segment], *, after: PageCursor | None, count: int
    ) -> tuple[Candidate, ...]:
        """Return the newest ``count`` hits of each segment that pass all filters; candidates where positions matter."""
        self._plan_look_ups()
        tsquery = self._candidate_tsquery or self._tsquery
        sql, parameters = look_up_statement(self._query, segments, tsquery=tsquery, after=after, count=count)
        rows = self._execute(sql, parameters)
        return newest_first(Candidate(id=row[0], sort_at=row[1], segment=row[2]) for row in rows)

    def rank(self, candidates: Sequence[Candidate]) -> Mapping[UUID, float]:
        """Return the relevance of each candidate: words of the title count ten times as much as words of the text."""
        self._plan_walks()
        parts: list[str] = []
        parameters: dict[str, Any] = {"tsquery": self._tsquery}
        for segment, articles in _by_segment(candidates).items():
            parts.append(
                f"SELECT article_id, ts_rank('{WEIGHTS}', vector, %(tsquery)s::tsquery, {RANK_BY_LENGTH}) "  # noqa: S608 - our own name
                f"FROM {segment_table(segment)} WHERE article_id = ANY(%(ids_{segment})b::uuid[])"
            )
            parameters[f"ids_{segment}"] = articles
        if not parts:
            return {}
        return dict(self._execute(" UNION ALL ".join(parts), parameters).fetchall())

    def newest_unindexed(self, *, after: PageCursor | None) -> datetime | None:
        """Return ``sort_at`` of the newest article behind ``after`` that is not indexed yet."""
        self._plan_walks()
        sql, parameters = walk_statement(
            ArticleQuery(since=self._query.since, until=self._query.until),
            index="unindexed",
            after=after,
            window=1,
        )
        row = self._execute(sql, parameters).fetchone()
        return None if row is None else row[1]

    def _rarest_filter(self) -> str:
        """Return the filter whose index is walked: of several, the one whose articles reach back the furthest."""
        query = self._query
        if query.story is not None:
            return "story"
        indexes = [name for name in ("topic", "source", "language") if getattr(query, name) is not None]
        if len(indexes) < 2:
            return indexes[0] if indexes else "date"
        depths = {}
        for index in indexes:
            self._plan_walks()
            only = ArticleQuery(**{index: getattr(query, index)}, until=query.until)
            sql, parameters = walk_statement(only, index=index, after=None, window=_DEPTH)
            end = [row for row in self._execute(sql, parameters) if row[3]]
            if not end:
                return index
            depths[index] = end[0][1]
        return min(depths, key=lambda index: depths[index])

    def _execute(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        try:
            return self._driver.execute(sql, parameters)
        except psycopg.errors.QueryCanceled as error:
            raise TimedOut("database", "a search statement reached its time limit") from error

    def _plan_walks(self) -> None:
        self._set(walking=True)

    def _plan_look_ups(self) -> None:
        self._set(walking=False)

    def _set(self, *, walking: bool) -> None:
        if self._walking is walking:
            return
        self._walking = walking
        values = dict.fromkeys(_ALWAYS_OFF, "off")
        values |= dict.fromkeys(_WALK_OFF, "off" if walking else "on")
        values["max_parallel_workers_per_gather"] = "0"
        calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in values.items())
        self._execute(f"SELECT {calls}")


_DEPTH: Final = 500
"""Filters are compared by the date of their article with this number."""
_WALKED_COLUMNS: Final = "a.id, a.sort_at, a.search_segment, a.source, a.language, a.story_id"
_PRIMARY_LANGUAGE: Final = "lower(split_part({}.language, '-', 1))"


def walk_statement(
    query: ArticleQuery, *, index: str, after: PageCursor | None, window: int
) -> tuple[str, dict[str, Any]]:
    """Return the statement of :meth:`Plans.walk`. Its last column is true in the row of the window's end."""
    parameters: dict[str, Any] = {"window": window}
    if index == "topic":
        alias, key, columns = "m", "article_id", "m.article_id AS id, m.sort_at"
        source, conditions = "matches m", ["m.topic = %(topic)s"]
        parameters["topic"] = query.topic
        rest = replace(query, topic=None)
        kept = "walked w JOIN articles a ON a.id = w.id"
    else:
        alias, key, columns = "a", "id", _WALKED_COLUMNS
        source, conditions = "articles a", []
        rest = query
        kept = "walked a"
    if index == "source":
        conditions.append("a.source = %(source)s")
        parameters["source"] = query.source
        rest = replace(query, source=None)
    elif index == "language":
        conditions.append(f"{_PRIMARY_LANGUAGE.format('a')} = %(primary)s")
        parameters["primary"] = _primary(query.language)
    elif index == "story":
        conditions.append("a.story_id = %(story)s")
        parameters["story"] = query.story
        rest = replace(query, story=None)
    elif index == "unindexed":
        conditions.append("a.search_segment IS NULL")
    _bound_dates(conditions, parameters, query, after, alias=alias, key=key)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    filters = _filters(rest, parameters, skip_primary=index == "language")
    residual = f"WHERE {' AND '.join(filters)}" if filters else ""
    sql = f"""
        WITH walked AS MATERIALIZED (
            SELECT {columns} FROM {source} {where}
            ORDER BY {alias}.sort_at DESC, {alias}.{key} DESC LIMIT %(window)s)
        SELECT a.id, a.sort_at, a.search_segment, false FROM {kept} {residual}
        UNION ALL (SELECT id, sort_at, NULL, true FROM walked OFFSET %(window)s - 1)"""  # noqa: S608
    return sql, parameters


def look_up_statement(
    query: ArticleQuery,
    segments: Sequence[Segment],
    *,
    tsquery: str | None,
    after: PageCursor | None,
    count: int,
) -> tuple[str, dict[str, Any]]:
    """Return the statement of :meth:`Plans.look_up`."""
    parameters: dict[str, Any] = {"tsquery": tsquery, "count": count}
    conditions = ["s.vector @@ %(tsquery)s::tsquery"]
    _bound_dates(conditions, parameters, query, after, alias="s", key="article_id")
    if query.language is not None:
        conditions.append(f"{_PRIMARY_LANGUAGE.format('s')} = %(primary)s")
        parameters["primary"] = _primary(query.language)
    hits = f"SELECT s.article_id, s.sort_at, s.segment FROM {{table}} s WHERE {' AND '.join(conditions)}"  # noqa: S608
    filters = _filters(query, parameters, skip_primary=True)
    if filters:
        # The fence keeps the inverted index the first step; articles are then read by their primary key.
        hits = (
            f"SELECT h.article_id, h.sort_at, h.segment FROM ({hits} OFFSET 0) h "  # noqa: S608
            f"JOIN articles a ON a.id = h.article_id WHERE {' AND '.join(filters)}"
        )
    newest = "ORDER BY sort_at DESC, article_id DESC LIMIT %(count)s"
    parts = (f"({hits.format(table=segment.table)} {newest})" for segment in segments)
    return " UNION ALL ".join(parts), parameters


def newest_first(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates in the order of lists."""
    return tuple(sorted(candidates, key=lambda each: (each.sort_at, each.id.bytes), reverse=True))


def _filters(query: ArticleQuery, parameters: dict[str, Any], *, skip_primary: bool) -> list[str]:
    """Return the conditions on ``a``, the article, that the walked or inverted index does not check."""
    filters = []
    if query.topic is not None:
        filters.append("EXISTS (SELECT FROM matches f WHERE f.topic = %(topic)s AND f.article_id = a.id)")
        parameters["topic"] = query.topic
    if query.source is not None:
        filters.append("a.source = %(source)s")
        parameters["source"] = query.source
    if query.story is not None:
        filters.append("a.story_id = %(story)s")
        parameters["story"] = query.story
    if query.language is not None and (not skip_primary or "-" in query.language):
        filters.append("lower(a.language) || '-' LIKE %(language)s")
        parameters["language"] = f"{query.language}-%"
    return filters


def _bound_dates(
    conditions: list[str],
    parameters: dict[str, Any],
    query: ArticleQuery,
    after: PageCursor | None,
    *,
    alias: str,
    key: str,
) -> None:
    if after is not None:
        conditions.append(f"({alias}.sort_at, {alias}.{key}) < (%(after_at)s, %(after_id)s)")
        parameters |= {"after_at": after.sort_at, "after_id": after.id}
    if query.since is not None:
        conditions.append(f"{alias}.sort_at >= %(since)s")
        parameters["since"] = query.since
    if query.until is not None:
        conditions.append(f"{alias}.sort_at < %(until)s")
        parameters["until"] = query.until


def _primary(language: str | None) -> str | None:
    return None if language is None else language.partition("-")[0]


def _by_segment(candidates: Iterable[Candidate]) -> dict[int, list[UUID]]:
    segments: dict[int, list[UUID]] = {}
    for candidate in candidates:
        if candidate.segment is not None:
            segments.setdefault(candidate.segment, []).append(candidate.id)
    return segments
