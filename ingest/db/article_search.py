"""Search articles: lists and full-text search, newest first, in result pages.

A result page is ordered by (``sort_at``, ``id``), and the next one begins after its last article. Articles that arrive
meanwhile neither shift nor repeat anything. :mod:`ingest.query` reads the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from ingest.db.read_transaction import read_transaction
from ingest.db.tables import articles, matches, revisions, topics
from ingest.errors import Refused
from ingest.query import ArticleQuery, PageCursor

SNIPPET_TEXT_CHARACTERS: Final = 20_000
"""Snippets come from this much of the beginning of a text, because their cost is proportional to its length."""
MAX_SLUGS_IN_ERROR: Final = 20

_SIMPLE: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")
_NO_TEXTS: Final[ColumnElement[Any]] = literal_column("'{}'::text[]")
_HIT_STARTS, _HIT_ENDS = "\x02", "\x03"
_HIT_BOUNDARIES: Final = re.compile(f"[{_HIT_STARTS}{_HIT_ENDS}]")
_HEADLINE: Final = (
    f"StartSel={_HIT_STARTS}, StopSel={_HIT_ENDS}, MaxFragments=2, MinWords=8, MaxWords=24, "
    'FragmentDelimiter=" … "'
)


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
class Fragment:
    """A part of a snippet; ``hit`` if the query matched it."""

    text: str
    hit: bool


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
    snippet: tuple[Fragment, ...] | None
    """Parts of the text that match ``q``; None if the query has no ``q``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """Articles in order."""

    articles: tuple[ArticleRow, ...]
    next_cursor: PageCursor | None
    """The end of this result page; None on the last one."""


def find(engine: Engine, query: ArticleQuery) -> ResultPage:
    """
    Raises:
        Refused: the topic does not exist.
        Unavailable: the database.
    """
    with read_transaction(engine) as connection:
        if query.topic is not None:
            require_topic(connection, query.topic)
        rows = connection.execute(statement(query)).mappings().all()
    on_page = [_article_row(row) for row in rows[: query.limit]]
    has_more = len(rows) > query.limit
    next_cursor = PageCursor(sort_at=on_page[-1].sort_at, id=on_page[-1].id) if has_more else None
    return ResultPage(articles=tuple(on_page), next_cursor=next_cursor)


def statement(query: ArticleQuery) -> Select[Any]:
    """Return the SELECT for one result page, with one row more to detect that another page follows.

    The inner query finds and orders the ids alone, so that texts and snippets are read for one page only.
    """
    tsquery = None if query.q is None else func.websearch_to_tsquery(_SIMPLE, query.q, type_=TSQUERY)
    inner = select(articles.c.id, articles.c.sort_at)
    if tsquery is not None:
        inner = inner.join(
            revisions, and_(revisions.c.article_id == articles.c.id, revisions.c.current)
        ).where(revisions.c.search.op("@@")(tsquery))
    if query.topic is not None:
        inner = inner.join(matches, matches.c.article_id == articles.c.id).where(
            matches.c.topic == query.topic
        )
    if query.source is not None:
        inner = inner.where(articles.c.source == query.source)
    if query.language is not None:
        language = func.lower(articles.c.language)
        inner = inner.where(
            or_(language == query.language, language.startswith(f"{query.language}-", autoescape=True))
        )
    if query.story is not None:
        inner = inner.where(articles.c.story_id == query.story)
    if query.since is not None:
        inner = inner.where(articles.c.sort_at >= query.since)
    if query.until is not None:
        inner = inner.where(articles.c.sort_at < query.until)
    if query.after is not None:
        position = tuple_(literal(query.after.sort_at), literal(query.after.id))
        inner = inner.where(tuple_(articles.c.sort_at, articles.c.id) < position)
    ids = (
        inner.order_by(articles.c.sort_at.desc(), articles.c.id.desc()).limit(query.limit + 1).subquery("ids")
    )
    text = func.left(revisions.c.text, SNIPPET_TEXT_CHARACTERS)
    snippet = literal(None) if tsquery is None else func.ts_headline(_SIMPLE, text, tsquery, _HEADLINE)
    article_topics = (
        select(func.coalesce(func.array_agg(matches.c.topic), _NO_TEXTS))
        .where(matches.c.article_id == articles.c.id)
        .scalar_subquery()
    )
    return (
        select(
            *_ROW_COLUMNS,
            article_topics.label("topics"),
            snippet.label("snippet"),
        )
        .select_from(ids)
        .join(articles, articles.c.id == ids.c.id)
        .join(
            revisions,
            and_(revisions.c.article_id == articles.c.id, revisions.c.number == articles.c.revision),
        )
        .order_by(ids.c.sort_at.desc(), ids.c.id.desc())
    )


def _article_row(row: Mapping[Any, Any]) -> ArticleRow:
    values = dict(row)
    values["authors"] = tuple(values["authors"])
    values["topics"] = tuple(sorted(values["topics"]))
    values["snippet"] = None if values["snippet"] is None else fragments(values["snippet"])
    return ArticleRow(**values)


def fragments(headline: str) -> tuple[Fragment, ...]:
    """Split a headline whose hits stand between ``_HIT_STARTS`` and ``_HIT_ENDS``."""
    parts: list[Fragment] = []
    hit = False
    start = 0
    for boundary in _HIT_BOUNDARIES.finditer(headline):
        if text := headline[start : boundary.start()]:
            parts.append(Fragment(text=text, hit=hit))
        hit = boundary.group() == _HIT_STARTS
        start = boundary.end()
    if text := headline[start:]:
        parts.append(Fragment(text=text, hit=hit))
    return tuple(parts)


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
