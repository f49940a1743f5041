"""Partitions of ``article_search``: segments of one period and of bounded size.

::

    period_of          sort_at ─▶ the month (years before 2020) whose segments hold the article
    open_segments      before a transaction: the segment to write for each period, created where none has room
    lock_segments      in the transaction: those that still exist, locked against their removal
    read_segments      every segment, for a search
    drop_if_empty      the end of a segment of an older index version

Storing writes to the newest segment of a period, whose inverted index is small enough to stay in memory. A segment
that has reached ``SEGMENT_BYTES`` is not written any more except by deletions. docs/decisions/search-storage.md has the
measurements.

A segment and its row in ``search_segments`` are created in one transaction under an advisory lock, so a crash leaves
both or none, and concurrent consumers create one segment, not two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine

from ingest.db.engine import driver_of, transaction
from ingest.runtime import failpoint

SEGMENT_BYTES: Final = 128 * 1024**2
"""Size of a segment's vectors, without its indexes, at which the next segment of its period begins."""
FIRST_MONTHLY_YEAR: Final = 2020
FIRST_YEAR: Final = 2000
_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LOCK: Final = 0x73656172  # "sear": one creation or removal at a time

_OPEN: Final = """
    SELECT DISTINCT ON (s.sort_from) s.sort_from, s.id, pg_table_size(to_regclass('article_search_' || s.id)) AS bytes
    FROM search_segments s WHERE s.sort_from = ANY(%s::timestamptz[]) AND s.index_version = %s
    ORDER BY s.sort_from, s.id DESC"""

_SEGMENTS: Final = """
    SELECT id, sort_from, sort_until, index_version, pg_table_size(to_regclass('article_search_' || id))
    FROM search_segments ORDER BY sort_until DESC, id DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A range of ``sort_at``: the beginning is inclusive, the end exclusive."""

    sort_from: datetime
    sort_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One partition of ``article_search``."""

    id: int
    sort_from: datetime
    sort_until: datetime
    index_version: int
    size: int
    """Bytes of its vectors, without its indexes."""

    @property
    def table(self) -> str:
        """The partition's name."""
        return segment_table(self.id)


def segment_table(segment: int) -> str:
    """Return the name of a segment's partition."""
    return f"article_search_{int(segment)}"


def period_of(sort_at: datetime) -> Period:
    """Return the month of ``sort_at``; its year before 2020, and all time before 2000.

    Few articles are that old, and each period costs every search of a rare word an index lookup.
    """
    at = sort_at.astimezone(UTC)
    if at.year < FIRST_YEAR:
        return Period(sort_from=_EARLIEST, sort_until=datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    if at.year < FIRST_MONTHLY_YEAR:
        return Period(
            sort_from=datetime(at.year, 1, 1, tzinfo=UTC), sort_until=datetime(at.year + 1, 1, 1, tzinfo=UTC)
        )
    following = (at.year + at.month // 12, at.month % 12 + 1)
    end = datetime.max.replace(tzinfo=UTC) if following[0] > 9999 else datetime(*following, 1, tzinfo=UTC)
    return Period(sort_from=datetime(at.year, at.month, 1, tzinfo=UTC), sort_until=end)


def open_segments(
    engine: Engine,
    sort_times: Collection[datetime],
    *,
    index_version: int,
    segment_bytes: int = SEGMENT_BYTES,
) -> Mapping[Period, int]:
    """Return the segment to write for the period of each time. Create segments where none has room.

    Raises:
        Conflict: another process holds a lock for too long; nothing was created.
        Unavailable: the database.
    """
    periods = {period_of(sort_at) for sort_at in sort_times}
    with transaction(engine) as connection:
        segments = _with_room(connection, periods, index_version=index_version, segment_bytes=segment_bytes)
    missing = sorted(periods - segments.keys(), key=lambda period: period.sort_from)
    if not missing:
        return segments
    with transaction(engine) as connection:
        driver = driver_of(connection)
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        created = _with_room(connection, missing, index_version=index_version, segment_bytes=segment_bytes)
        for period in missing:
            if period not in created:
                created[period] = _create(driver, period, index_version=index_version)
    failpoint("segment.created")
    return {**segments, **created}


def _with_room(
    connection: Connection, periods: Collection[Period], *, index_version: int, segment_bytes: int
) -> dict[Period, int]:
    if not periods:
        return {}
    rows = driver_of(connection).execute(_OPEN, ([period.sort_from for period in periods], index_version))
    newest = {sort_from: (segment, size) for sort_from, segment, size in rows}
    return {
        period: newest[period.sort_from][0]
        for period in periods
        if period.sort_from in newest and (newest[period.sort_from][1] or 0) < segment_bytes
    }


def _create(driver: psycopg.Connection[Any], period: Period, *, index_version: int) -> int:
    """Create a segment. Attaching a table, unlike ``CREATE TABLE … PARTITION OF``, lets others read and write."""
    row = driver.execute(
        "INSERT INTO search_segments (sort_from, sort_until, index_version) VALUES (%s, %s, %s) RETURNING id",
        (period.sort_from, period.sort_until, index_version),
    ).fetchone()
    assert row is not None
    segment = int(row[0])
    table = segment_table(segment)
    driver.execute(
        f"CREATE TABLE {table} "
        "(LIKE article_search INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMMENTS)"
    )
    driver.execute(f"ALTER TABLE article_search ATTACH PARTITION {table} FOR VALUES IN ({segment})")
    return segment


def lock_segments(connection: Connection, segments: Collection[int]) -> frozenset[int]:
    """Return those of the segments that exist, and keep them from being dropped until the transaction ends."""
    rows = driver_of(connection).execute(
        "SELECT id FROM search_segments WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", (list(segments),)
    )
    return frozenset(row[0] for row in rows)


def newest_segments(
    connection: Connection, periods: Collection[Period], *, index_version: int
) -> Mapping[Period, int]:
    """Return the newest segment of each period that has one, whatever its size."""
    return _with_room(connection, periods, index_version=index_version, segment_bytes=2**62)


def read_segments(connection: Connection) -> tuple[Segment, ...]:
    """Return every segment, newest period first."""
    rows = driver_of(connection).execute(_SEGMENTS)
    return tuple(
        Segment(id=row[0], sort_from=row[1], sort_until=row[2], index_version=row[3], size=row[4] or 0)
        for row in rows
    )


def drop_if_empty(engine: Engine, segment: int) -> bool:
    """Drop a segment without rows; return whether it was dropped.

    Deleting its row in ``search_segments`` waits for the writers that locked it, so the check sees their rows.
    """
    try:
        with transaction(engine) as connection:
            driver = driver_of(connection)
            driver.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if driver.execute("DELETE FROM search_segments WHERE id = %s", (segment,)).rowcount == 0:
                return False
            table = segment_table(segment)
            _require_empty(driver, table)
            driver.execute(f"DROP TABLE {table}")
    except _HasRows:
        return False
    failpoint("segment.dropped")
    return True


def _require_empty(driver: psycopg.Connection[Any], table: str) -> None:
    if driver.execute(f"SELECT FROM {table} LIMIT 1").fetchone() is not None:
        raise _HasRows


class _HasRows(Exception):
    """Rolls the removal of a segment back."""
