"""Correct stored times that no right clock can have stored (:mod:`ingest.schedule.stored_times`).

The statements are generated from the list of all times, one UPDATE for each table. A row that was written by a clock
that was ahead is recognised by its time of writing, which lies in the future: its due times are moved back by as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from ingest.db.engine import run_with_retry, transaction
from ingest.db.tables import feeds
from ingest.schedule.stored_times import STORED_TIMES, Limit, Role, StoredTime, TimeLimits
from ingest.types import MAX_CLOCK_SKEW

_WRITTEN_AT: Final = {"feeds": "polled_at"}
"""Columns with the time at which the due time of the same row was stored."""
_DUE_REASON: Final = "the clock was wrong when the time of this poll was stored"
_QUEUE: Final = """
    SELECT greatest(
        coalesce((SELECT max(waiting) FROM
            (SELECT count(*) AS waiting FROM feeds WHERE enabled GROUP BY host) AS f), 0),
        coalesce((SELECT max(waiting) FROM
            (SELECT count(*) AS waiting FROM pages WHERE state = 'waiting' GROUP BY host) AS p), 0)
    ), greatest(max(spacing), max(crawl_delay)) FROM hosts"""
_FARTHEST_FEED: Final = "SELECT max(next_poll_at) FROM feeds WHERE enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The rows whose times were beyond their bounds."""

    rows: Mapping[str, int]
    """By table."""
    ahead: timedelta
    """How far the farthest time lay in the future."""

    @property
    def total(self) -> int:
        return sum(self.rows.values())


NOTHING: Final = Corrected(rows={}, ahead=timedelta(0))

AppendAlert = Callable[[Connection, Corrected], object]
"""Append the alert about a correction in the same transaction."""


def farthest_feed(engine: Engine) -> datetime | None:
    """Return the latest next poll of a feed; None: there is no feed. The query reads one row of an index."""
    with transaction(engine) as connection:
        farthest: datetime | None = connection.exec_driver_sql(_FARTHEST_FEED).scalar()
    return farthest


def correct_times(
    engine: Engine, *, now: datetime, limits: TimeLimits, append_alert: AppendAlert | None = None
) -> Corrected:
    """Correct every stored time that is beyond its bound at ``now``, and append an alert where there is one.

    Raises:
        Unavailable: the database.
    """

    def correct(connection: Connection) -> Corrected:
        lengths = limits.lengths(queue=_longest_queue(connection, spacing=limits.spacing))
        rows: dict[str, int] = {}
        farthest = now
        for table, statement in _STATEMENTS.items():
            parameters = {
                "now": now,
                "recent": now + MAX_CLOCK_SKEW,
                **{limit.name.lower(): now + length for limit, length in lengths.items()},
            }
            result = connection.exec_driver_sql(_FARTHEST[table], parameters).scalar()
            if result is None:
                continue
            count = connection.exec_driver_sql(statement, parameters).rowcount
            if count:
                rows[table] = count
                farthest = max(farthest, result)
        corrected = Corrected(rows=rows, ahead=farthest - now) if rows else NOTHING
        if rows and append_alert is not None:
            append_alert(connection, corrected)
        return corrected

    return run_with_retry(engine, correct)


def _longest_queue(connection: Connection, *, spacing: timedelta) -> timedelta:
    """Return the longest time that the queue of a host may take."""
    waiting, longest_spacing = connection.exec_driver_sql(_QUEUE).one()
    queue: timedelta = (waiting + 1) * max(spacing, longest_spacing or timedelta(0))
    return queue


def _time(column: str, stored: StoredTime) -> str:
    return f'"{column}"' if stored.key is None else f"(\"{column}\"->>'{stored.key}')::timestamptz"


def _bound(stored: StoredTime) -> str:
    """Return the SQL of the latest believed time."""
    if stored.role is Role.PAST:
        return "%(recent)s::timestamptz"
    assert stored.limit is not None
    if not stored.limit_while:
        return _parameter(stored.limit)
    cases = " ".join(
        f"WHEN {condition} THEN {_parameter(limit)}" for condition, limit in stored.limit_while.items()
    )
    return f"CASE {cases} ELSE {_parameter(stored.limit)} END"


def _parameter(limit: Limit) -> str:
    return f"%({limit.name.lower()})s::timestamptz"


def _assignment(table: str, column: str, stored: StoredTime) -> str:
    """Return the SQL that assigns the corrected time."""
    time, bound, now = _time(column, stored), _bound(stored), "%(now)s::timestamptz"
    if stored.key is not None:
        corrected = f"jsonb_set(\"{column}\", '{{{stored.key}}}', to_jsonb({now}))"
        return f'"{column}" = CASE WHEN {time} > {bound} THEN {corrected} ELSE "{column}" END'
    replacement = "NULL" if stored.role is Role.EXPIRES else now
    written_at = _WRITTEN_AT.get(table)
    moved = ""
    if written_at is not None and stored.role in {Role.DUE, Role.EXPIRES}:
        earlier = f'{time} - ("{written_at}" - {now})'
        is_ahead = f'"{written_at}" > %(recent)s::timestamptz AND {earlier} <= {bound}'
        moved = f"WHEN {is_ahead} THEN greatest({now}, {earlier}) "
    # Without the first case, greatest would make a time of a missing one.
    guarded = f"WHEN {time} IS NULL THEN NULL {moved}WHEN {time} > {bound} THEN {replacement} ELSE {time}"
    return f'"{column}" = CASE {guarded} END'


def _condition(times: Mapping[str, StoredTime]) -> str:
    return " OR ".join(f"{_time(column, stored)} > {_bound(stored)}" for column, stored in times.items())


def _bounded(table: str) -> dict[str, StoredTime]:
    return {
        column: stored for column, stored in STORED_TIMES[table].items() if stored.role is not Role.HISTORY
    }


def _statement(table: str) -> str:
    times = _bounded(table)
    assignments = [_assignment(table, column, stored) for column, stored in times.items()]
    if table == feeds.name:
        due = _bound(times["next_poll_at"])
        assignments.append(
            f"last_reason = CASE WHEN next_poll_at > {due} THEN '{_DUE_REASON}' ELSE last_reason END"
        )
    return f"UPDATE {table} SET {', '.join(assignments)} WHERE {_condition(times)}"  # noqa: S608


def _farthest(table: str) -> str:
    times = _bounded(table)
    farthest = ", ".join(_time(column, stored) for column, stored in times.items())
    return f"SELECT max(greatest({farthest})) FROM {table} WHERE {_condition(times)}"  # noqa: S608


_TABLES: Final = tuple(table for table in STORED_TIMES if _bounded(table))
_STATEMENTS: Final = {table: _statement(table) for table in _TABLES}
_FARTHEST: Final = {table: _farthest(table) for table in _TABLES}
