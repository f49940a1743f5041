"""Read the parameters of a search for articles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from ingest.errors import Refused
from ingest.query.cursor import PageCursor, RankCursor, decode_cursor
from ingest.query.values import (
    DEFAULT_LIMIT,
    read_language,
    read_limit,
    read_search,
    read_source,
    read_text,
    read_time,
    read_uuid,
)
from ingest.search import SearchQuery

QUERY_PARAMETERS: Final = (
    "q",
    "topic",
    "source",
    "language",
    "from",
    "to",
    "story",
    "sort",
    "limit",
    "cursor",
)

_Value = TypeVar("_Value")


class Sort(StrEnum):
    """The order of results."""

    DATE = "date"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleQuery:
    """A search for articles; each condition narrows the result."""

    q: SearchQuery | None = None
    """A full-text search."""
    topic: str | None = None
    source: str | None = None
    language: str | None = None
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""
    story: UUID | None = None
    sort: Sort = Sort.DATE
    limit: int = DEFAULT_LIMIT
    after: PageCursor | RankCursor | None = None
    """The end of the result page before this one."""


def read_query(parameters: Mapping[str, str], *, name: Callable[[str], str] = str) -> ArticleQuery:
    """Return the query of ``parameters``, whose names are in ``QUERY_PARAMETERS``.

    ``name`` maps a parameter to the name that the caller uses for it (``--from`` on a command line).

    Raises:
        Refused: names the parameter, its value, and the accepted values.
    """

    def read(parameter: str, reader: Callable[[str, str], _Value]) -> _Value | None:
        return reader(name(parameter), parameters[parameter]) if parameter in parameters else None

    query = ArticleQuery(
        q=read("q", read_search),
        topic=read("topic", read_text),
        source=read("source", read_source),
        language=read("language", read_language),
        since=read("from", read_time),
        until=read("to", read_time),
        story=read("story", read_uuid),
        sort=read("sort", read_sort) or Sort.DATE,
        limit=read("limit", read_limit) or DEFAULT_LIMIT,
        after=read("cursor", decode_cursor),
    )
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise Refused(name("to"), parameters["to"], f"a time after {name('from')} ({parameters['from']})")
    if query.sort is Sort.RELEVANCE and query.q is None:
        raise Refused(name("sort"), query.sort.value, f"relevance only with {name('q')}; {Sort.DATE}")
    if query.after is not None and isinstance(query.after, RankCursor) != (query.sort is Sort.RELEVANCE):
        accepted = f"the next_cursor of an earlier response with {name('sort')} {query.sort}"
        raise Refused(name("cursor"), parameters["cursor"], accepted)
    return query


def read_sort(parameter: str, value: str) -> Sort:
    """Return the order of results."""
    if value not in tuple(Sort):
        raise Refused(parameter, value, f"one of {', '.join(Sort)}")
    return Sort(value)
