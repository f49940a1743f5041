"""Read and index articles whose search row is missing or of another index version, in bounded batches.

::

    read_batch   no locks: articles without a row, newest first; then those of a segment of another version
    write_batch  one transaction: lock the articles, drop those that changed meanwhile, replace their rows

A crash between the two repeats a batch. An article that a consumer stores meanwhile is indexed by the consumer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ingest.db.engine import driver_of, transaction, translate
from ingest.db.search_rows import SearchRow, copy_rows, delete_rows, place_rows
from ingest.db.search_segments import Period, segment_table

_COLUMNS: Final = """
    a.id, a.revision, a.sort_at, a.language, a.search_segment, r.title, r.text, r.authors, r.publisher"""
_REVISION: Final = "JOIN revisions r ON r.article_id = a.id AND r.number = a.revision"
_UNINDEXED: Final = f"""
    WITH batch AS MATERIALIZED (
        SELECT id FROM articles WHERE search_segment IS NULL ORDER BY sort_at DESC, id DESC LIMIT %s)
    SELECT {_COLUMNS} FROM batch JOIN articles a USING (id) {_REVISION}"""  # noqa: S608 - our own names
_OUTDATED: Final = f"""
    WITH batch AS MATERIALIZED (SELECT article_id AS id FROM {{table}} LIMIT %s)
    SELECT {_COLUMNS} FROM batch JOIN articles a USING (id) {_REVISION}"""  # noqa: S608 - our own names
_LOCK: Final = """
    SELECT id, revision, sort_at, search_segment FROM articles
    WHERE id = ANY(%b::uuid[]) ORDER BY id FOR UPDATE"""
_SET_SEGMENTS: Final = """
    UPDATE articles a SET search_segment = n.segment
    FROM unnest(%b::uuid[], %b::int[]) AS n(id, segment) WHERE a.id = n.id"""
_REINDEXING: Final = 0x72656978  # "reix": one process at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class UnindexedArticle:
    """The current revision of an article as the index needs it."""

    id: UUID
    revision: int
    sort_at: datetime
    language: str | None
    segment: int | None
    title: str
    text: str
    authors: tuple[str, ...]
    publisher: str | None


@contextmanager
def only_one(engine: Engine) -> Iterator[bool]:
    """Be the only process that reindexes for the length of the block; yield False where another process is."""
    lock = {"lock": _REINDEXING}
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            selected = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), lock).scalar_one()
            try:
                yield bool(selected)
            finally:
                # Also where the connection broke: its lock ended with it.
                if selected and not connection.invalidated:
                    connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)
    except DBAPIError as error:
        raise translate(error) from error


def read_batch(engine: Engine, *, limit: int, index_version: int) -> tuple[UnindexedArticle, ...]:
    """Return at most ``limit`` articles to index; none when every article is indexed."""
    with transaction(engine) as connection:
        driver = driver_of(connection)
        # Without statistics of the new column, PostgreSQL would sort every article.
        driver.execute("SET LOCAL enable_sort = off")
        driver.execute("SET LOCAL enable_seqscan = off")
        rows = driver.execute(_UNINDEXED, (limit,)).fetchall()
        if not rows:
            for segment in outdated_segments(connection, index_version=index_version):
                rows = driver.execute(_OUTDATED.format(table=segment_table(segment)), (limit,)).fetchall()
                if rows:
                    break
    return tuple(
        UnindexedArticle(
            id=row[0],
            revision=row[1],
            sort_at=row[2],
            language=row[3],
            segment=row[4],
            title=row[5],
            text=row[6],
            authors=tuple(row[7]),
            publisher=row[8],
        )
        for row in rows
    )


def write_batch(
    engine: Engine,
    articles: Sequence[UnindexedArticle],
    vectors: Mapping[UUID, str],
    *,
    segments: Mapping[Period, int],
    index_version: int,
) -> int:
    """Replace the search rows of those articles that did not change since they were read; return their number."""
    with transaction(engine) as connection:
        driver = driver_of(connection)
        locked = {row[0]: row[1:] for row in driver.execute(_LOCK, ([article.id for article in articles],))}
        unchanged = [
            article
            for article in articles
            if locked.get(article.id) == (article.revision, article.sort_at, article.segment)
        ]
        placed = place_rows(
            connection,
            {article.id: article.sort_at for article in unchanged},
            segments=segments,
            index_version=index_version,
        )
        delete_rows(driver, {article.id: article.segment for article in unchanged})
        rows = (
            SearchRow(
                article_id=article.id,
                sort_at=article.sort_at,
                language=article.language,
                vector=vectors[article.id],
            )
            for article in unchanged
        )
        copy_rows(driver, rows, placed)
        driver.execute(_SET_SEGMENTS, (list(placed), list(placed.values())))
    return len(unchanged)


def outdated_segments(connection: Connection, *, index_version: int) -> tuple[int, ...]:
    """Return the segments of other index versions, newest period first."""
    rows = driver_of(connection).execute(
        "SELECT id FROM search_segments WHERE index_version <> %s ORDER BY sort_until DESC, id",
        (index_version,),
    )
    return tuple(row[0] for row in rows)


def count_unindexed(connection: Connection, *, index_version: int) -> int:
    """Return the number of articles that a search does not find, or finds by an index of another version."""
    missing = connection.execute(
        text("SELECT count(*) FROM articles WHERE search_segment IS NULL")
    ).scalar_one()
    outdated = (
        connection.execute(text(f"SELECT count(*) FROM {segment_table(segment)}")).scalar_one()  # noqa: S608
        for segment in outdated_segments(connection, index_version=index_version)
    )
    return int(missing) + sum(map(int, outdated))
