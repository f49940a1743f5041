"""Write rows of ``article_search``, always inside the caller's transaction and with the articles' rows locked.

``articles.search_segment`` names the partition of an article's row. A new version of an article deletes the former row
and inserts the new one into the segment that is written at present, because an update of a vector costs the index as
much as a new row. An article whose period has no segment stays without a row until it is reindexed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Connection

from ingest.db.search_segments import Period, lock_segments, newest_segments, period_of, segment_table


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRow:
    """The index entry of one article."""

    article_id: UUID
    sort_at: datetime
    language: str | None
    vector: str
    """A literal of PostgreSQL's type ``tsvector``."""


def place_rows(
    connection: Connection,
    sort_times: Mapping[UUID, datetime],
    *,
    segments: Mapping[Period, int],
    index_version: int,
) -> dict[UUID, int | None]:
    """Return the segment for each article, locked; None where its period has none.

    Args:
        sort_times: ``sort_at`` by article.
        segments: the segments that :func:`search_segments.open_segments` returned before the transaction.
    """
    periods = {article: period_of(sort_at) for article, sort_at in sort_times.items()}
    unprepared = set(periods.values()) - segments.keys()
    available = {
        **segments,
        **newest_segments(connection, unprepared, index_version=index_version),
    }
    wanted = {available[period] for period in periods.values() if period in available}
    locked = lock_segments(connection, wanted) if wanted else frozenset()
    placed = {article: available.get(period) for article, period in periods.items()}
    return {article: segment if segment in locked else None for article, segment in placed.items()}


def delete_rows(driver: psycopg.Connection[Any], segments: Mapping[UUID, int | None]) -> None:
    """Delete the rows of articles from the segments that hold them."""
    by_segment: dict[int, list[UUID]] = {}
    for article, segment in segments.items():
        if segment is not None:
            by_segment.setdefault(segment, []).append(article)
    for segment in sorted(by_segment):
        driver.execute(
            f"DELETE FROM {segment_table(segment)} WHERE article_id = ANY(%b::uuid[])",  # noqa: S608
            (by_segment[segment],),
        )


def copy_rows(
    driver: psycopg.Connection[Any], rows: Iterable[SearchRow], segments: Mapping[UUID, int | None]
) -> None:
    """Insert the rows of articles that have a segment."""
    columns = "segment, article_id, sort_at, language, vector"
    with driver.cursor() as cursor, cursor.copy(f"COPY article_search ({columns}) FROM STDIN") as copy:
        for row in rows:
            segment = segments[row.article_id]
            if segment is not None:
                copy.write_row((segment, row.article_id, row.sort_at, row.language, row.vector))


def stored_segments(driver: psycopg.Connection[Any], articles: Collection[UUID]) -> dict[UUID, int | None]:
    """Return the segment of each article's present row; None for an article without one."""
    rows: Sequence[tuple[UUID, int | None]] = driver.execute(
        "SELECT id, search_segment FROM articles WHERE id = ANY(%b::uuid[])", (list(articles),)
    ).fetchall()
    return dict(rows)
