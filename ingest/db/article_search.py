"""The article database as people ask it: lists and full-text search, newest first, in pages that hold still.

::

    read_query   strings of a URL or a command line ─▶ ArticleQuery, or Refused, which names what is wrong
    find         ArticleQuery ─▶ Page: articles, and the place where the next page begins

A page is ordered by (``sort_at``, ``id``) and the next one begins behind its last article: rows that arrive
meanwhile neither shift nor repeat anything.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
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
from ingest.jsonable import jsonable

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50
MAX_QUERY_CHARACTERS: Final = 1000
SNIPPET_TEXT_CHARACTERS: Final = 20_000
"""A snippet is cut from this much of the beginning of a text: cutting costs time in proportion."""
QUERY_PARAMETERS: Final = ("q", "topic", "source", "language", "from", "to", "story", "limit", "cursor")

_PLACE: Final = struct.Struct(">cq16s")
_PLACE_VERSION: Final = b"1"
_SIMPLE: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")
_NO_TEXTS: Final[ColumnElement[Any]] = literal_column("'{}'::text[]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_ACCEPTED: Final = (
    "a date or time in ISO 8601 such as 2026-01-31 or 2026-01-31T08:00:00Z (UTC where no zone)"
)
_HIT_STARTS, _HIT_ENDS = "\x02", "\x03"
_CONTROLS: Final = re.compile(f"[{_HIT_STARTS}{_HIT_ENDS}]")
_HEADLINE: Final = (
    f"StartSel={_HIT_STARTS}, StopSel={_HIT_ENDS}, MaxFragments=2, MinWords=8, MaxWords=24, "
    'FragmentDelimiter=" … "'
)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCursor:
    """Where a page ended: the last article's place in the order of all."""

    sort_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleQuery:
    """What is asked for; every part narrows it."""

    q: str | None = None
    topic: str | None = None
    source: str | None = None
    language: str | None = None
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""
    story: UUID | None = None
    limit: int = DEFAULT_LIMIT
    behind: PageCursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A piece of a snippet; ``hit`` where the query matched."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    """An article as lists show it."""

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
    """Where ``q`` matched; None where the query has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """Articles in order; ``behind`` is where the next page begins, None when there is none."""

    articles: tuple[ArticleRow, ...]
    behind: PageCursor | None


def read_query(given: Mapping[str, str], *, name: Callable[[str], str] = str) -> ArticleQuery:
    """An :class:`ArticleQuery` from the strings a caller gave under the names of ``QUERY_PARAMETERS``.

    ``name`` is what the caller calls a parameter (``--from`` on a command line).

    Raises:
        Refused: names the parameter, the value, and what would be accepted.
    """

    def named(parameter: str) -> tuple[str, str] | None:
        return (name(parameter), given[parameter]) if parameter in given else None

    query = ArticleQuery(
        q=_read(named("q"), read_search),
        topic=_read(named("topic"), read_text),
        source=_read(named("source"), read_source),
        language=_read(named("language"), read_language),
        since=_read(named("from"), read_time),
        until=_read(named("to"), read_time),
        story=_read(named("story"), read_uuid),
        limit=_read(named("limit"), read_limit) or DEFAULT_LIMIT,
        behind=_read(named("cursor"), decode_cursor),
    )
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise Refused(name("to"), given["to"], f"a time after {name('from')} ({given['from']})")
    return query


def _read(named: tuple[str, str] | None, reader: Callable[[str, str], _Value]) -> _Value | None:
    return None if named is None else reader(*named)


def read_source(thing: str, value: str) -> str:
    """A host as articles have it: lower case, without ``www.``."""
    return read_text(thing, value).lower().removeprefix("www.")


def read_language(thing: str, value: str) -> str:
    """A language tag or the beginning of one: ``ko`` is ``ko-KR`` too."""
    if not re.fullmatch(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*", value):
        raise Refused(thing, value, "a language tag such as en, ko or pt-BR")
    return value.lower().replace("_", "-")


def read_text(thing: str, value: str) -> str:
    """A short text that the database can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(thing, value, "text in UTF-8") from None
    if not value.strip() or "\0" in value or len(value) > MAX_QUERY_CHARACTERS:
        raise Refused(thing, value, f"1 to {MAX_QUERY_CHARACTERS} characters, none of them NUL")
    return value.strip()


def read_search(thing: str, value: str) -> str:
    """Words for the full-text search; there must be at least one in it."""
    if not re.search(r"[^\W_]", value):
        raise Refused(
            thing, value, 'at least one word; "quotes" for a phrase, or, and - for what must not occur'
        )
    return read_text(thing, value)


def read_time(thing: str, value: str) -> datetime:
    """Aware UTC."""
    # In a URL an unescaped + arrives as a space.
    repaired = re.sub(r"(T[\d:.,]+) (\d\d:?\d\d)$", r"\1+\2", value.strip())
    try:
        found = datetime.fromisoformat(repaired)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(thing, value, _TIME_ACCEPTED) from None


def read_uuid(thing: str, value: str) -> UUID:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}", value):
        raise Refused(thing, value, "an id such as 4f0c2a1e-90d3-5c1b-8a55-0b4e5a1f7d21")
    return UUID(value)


def read_limit(thing: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= MAX_LIMIT:
        raise Refused(thing, value, f"a whole number from 1 to {MAX_LIMIT}")
    return int(value)


def encode_cursor(place: PageCursor) -> str:
    """A place as callers see it: opaque, safe in a URL."""
    micros = (place.sort_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_PLACE.pack(_PLACE_VERSION, micros, place.id.bytes)).decode().rstrip("=")


def decode_cursor(thing: str, value: str) -> PageCursor:
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        version, micros, id_bytes = _PLACE.unpack(raw)
        place = PageCursor(sort_at=_EPOCH + timedelta(microseconds=micros), id=UUID(bytes=id_bytes))
    except (ValueError, OverflowError, struct.error):
        version, place = b"", None
    if place is None or version != _PLACE_VERSION:
        raise Refused(thing, value, "the next_cursor of an earlier answer, unchanged")
    return place


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
    shown = rows[: query.limit]
    behind = PageCursor(sort_at=shown[-1]["sort_at"], id=shown[-1]["id"]) if len(rows) > query.limit else None
    return ResultPage(articles=tuple(_listed(row) for row in shown), behind=behind)


def statement(query: ArticleQuery) -> Select[Any]:
    """The SELECT for one page and one row more, which tells whether there is another page.

    The inner query finds and orders the ids alone; texts are read, and snippets cut, for one page only.
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
    if query.behind is not None:
        place = tuple_(literal(query.behind.sort_at), literal(query.behind.id))
        inner = inner.where(tuple_(articles.c.sort_at, articles.c.id) < place)
    found = (
        inner.order_by(articles.c.sort_at.desc(), articles.c.id.desc())
        .limit(query.limit + 1)
        .subquery("found")
    )
    text = func.left(revisions.c.text, SNIPPET_TEXT_CHARACTERS)
    snippet = literal(None) if tsquery is None else func.ts_headline(_SIMPLE, text, tsquery, _HEADLINE)
    of_article = (
        select(func.coalesce(func.array_agg(matches.c.topic), _NO_TEXTS))
        .where(matches.c.article_id == articles.c.id)
        .scalar_subquery()
    )
    return (
        select(
            *LISTED_COLUMNS,
            of_article.label("topics"),
            snippet.label("snippet"),
        )
        .select_from(found)
        .join(articles, articles.c.id == found.c.id)
        .join(
            revisions,
            and_(revisions.c.article_id == articles.c.id, revisions.c.number == articles.c.revision),
        )
        .order_by(found.c.sort_at.desc(), found.c.id.desc())
    )


LISTED_COLUMNS: Final = (
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


def _listed(row: Mapping[Any, Any]) -> ArticleRow:
    values = dict(row)
    values["authors"] = tuple(values["authors"])
    values["topics"] = tuple(sorted(values["topics"]))
    values["snippet"] = None if values["snippet"] is None else fragments(values["snippet"])
    return ArticleRow(**values)


def fragments(headline: str) -> tuple[Fragment, ...]:
    """The pieces of a headline that marks its hits with ``_HIT_STARTS`` and ``_HIT_ENDS``."""
    found: list[Fragment] = []
    hit = False
    at = 0
    for mark in _CONTROLS.finditer(headline):
        if piece := headline[at : mark.start()]:
            found.append(Fragment(text=piece, hit=hit))
        hit = mark.group() == _HIT_STARTS
        at = mark.end()
    if rest := headline[at:]:
        found.append(Fragment(text=rest, hit=hit))
    return tuple(found)


def require_topic(connection: Connection, slug: str) -> None:
    """
    Raises:
        Refused: no topic has this slug; names those that exist.
    """
    if connection.scalar(select(true()).where(topics.c.slug == slug)) is None:
        known = connection.scalars(
            select(topics.c.slug).where(~topics.c.retired).order_by(topics.c.slug)
        ).all()
        raise Refused("topic", slug, _one_of(known))


def _one_of(slugs: Sequence[str]) -> str:
    if not slugs:
        return "a topic that exists; there are none yet (`ingest topics load FILE`)"
    shown = ", ".join(slugs[:20])
    return f"one of {shown}" + (f" and {len(slugs) - 20} more" if len(slugs) > 20 else "")


def listed_body(article: ArticleRow) -> dict[str, Any]:
    """An article of a list as callers see it: ``snippet`` only where something was searched."""
    body: dict[str, Any] = jsonable(article)
    del body["sort_at"]  # our own; what it is made of is there
    if article.snippet is None:
        del body["snippet"]
    return body
