"""Bounds of stored times: each column with a time has one, and rows beyond it are corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, Engine, text
from sqlalchemy.dialects.postgresql import JSONB

from ingest.db.stored_times import correct_times, farthest_feed
from ingest.db.tables import metadata
from ingest.robots import CACHE_LIFETIME
from ingest.schedule import Policy
from ingest.schedule.backoff import MAX_PAUSE
from ingest.schedule.stored_times import STORED_TIMES, Limit, Role, TimeLimits
from ingest.types import MAX_CLOCK_SKEW

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = TimeLimits(policy=Policy(), lease=timedelta(minutes=5))
DAY = timedelta(days=1)
YEARS = timedelta(days=400)
FAR = NOW + YEARS
JSON_WITHOUT_TIMES = {
    "feeds": {"poll_hints", "site_identity", "request_options", "entry_identity"},
    "robots": {"rules"},
    "revisions": {"attribution", "removed"},
    "topics": {"rule"},
    "matches": {"explanation"},
    "log_records": {"headers"},
    "quarantine": {"headers"},
}


def test_every_column_with_a_time_has_a_bound_or_is_history() -> None:
    columns = {
        table.name: {column.name for column in table.columns if isinstance(column.type, DateTime)}
        for table in metadata.sorted_tables
    }
    json_columns = {
        table.name: {column.name for column in table.columns if isinstance(column.type, JSONB)}
        - JSON_WITHOUT_TIMES.get(table.name, set())
        for table in metadata.sorted_tables
    }
    listed = {table: set(times) for table, times in STORED_TIMES.items()}
    assert listed == {
        name: times | json_columns[name] for name, times in columns.items() if times | json_columns[name]
    }


ROWS = {
    "feeds": (
        "INSERT INTO feeds (url, added_at, next_poll_at, interval)"
        " VALUES ('https://a.example/', :now, :now, '900 s')"
    ),
    "hosts": "INSERT INTO hosts (host, next_slot_at, queue_end) VALUES ('a.example', :now, :now)",
    "pages": (
        "INSERT INTO pages (article_id, content_hash, feed_id, entry_key, url, wanted_at, due_at)"
        " VALUES (gen_random_uuid(), '', 1, '', 'https://a.example/1', :now, :now)"
    ),
    "robots": (
        "INSERT INTO robots (origin, fetched_at, expires_at, reachable, rules)"
        " VALUES ('https://a.example', :now, :now, true, '[]')"
    ),
    "websub_subscriptions": (
        "INSERT INTO websub_subscriptions (feed_id, token, secret, hubs, hub, self_url, topic, state, trust)"
        " VALUES (1, 't', 's', '{}', 'h', 'u', 'u', 'active', 1)"
    ),
    "websub_pushes": "INSERT INTO websub_pushes (id, feed_id, received_at, body) VALUES (1, 1, :now, '')",
    "hub_misses": "INSERT INTO hub_misses (feed_id, key, missed_at) VALUES (1, '', :now)",
}
BOUNDED = [
    (table, column)
    for table, times in STORED_TIMES.items()
    for column, stored in times.items()
    if stored.role is not Role.HISTORY
]


def insert_rows(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in ROWS.values():
            connection.execute(text(statement), {"now": NOW})


def store(engine: Engine, table: str, **values: Any) -> None:
    assignments = ", ".join(
        f"{column} = jsonb_build_object('{STORED_TIMES[table][column].key}', CAST(:{column} AS timestamptz))"
        if column in STORED_TIMES[table] and STORED_TIMES[table][column].key
        else f"{column} = :{column}"
        for column in values
    )
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {assignments}"), values)


def load(engine: Engine, table: str, column: str) -> datetime | None:
    key = STORED_TIMES[table][column].key
    shown = column if key is None else f"({column}->>'{key}')::timestamptz"
    with engine.connect() as connection:
        value: datetime | None = connection.execute(text(f"SELECT {shown} FROM {table}")).scalar_one()
    return value


@pytest.mark.store
@pytest.mark.parametrize(("table", "column"), BOUNDED)
def test_a_time_of_a_clock_that_was_ahead_is_corrected(database: Engine, table: str, column: str) -> None:
    insert_rows(database)
    store(database, table, **{column: FAR})
    corrected = correct_times(database, now=NOW, limits=LIMITS)
    assert corrected.rows == {table: 1}
    assert corrected.ahead == YEARS
    expected = None if STORED_TIMES[table][column].role is Role.EXPIRES else NOW
    assert load(database, table, column) == expected
    assert correct_times(database, now=NOW, limits=LIMITS).total == 0


@pytest.mark.store
@pytest.mark.parametrize(("table", "column"), BOUNDED)
def test_a_time_within_its_bound_stays(database: Engine, table: str, column: str) -> None:
    insert_rows(database)
    stored = STORED_TIMES[table][column]
    lengths = LIMITS.lengths(queue=timedelta(0))
    ahead = MAX_CLOCK_SKEW if stored.limit is None else lengths[stored.limit]
    store(database, table, **{column: NOW + ahead})
    assert correct_times(database, now=NOW, limits=LIMITS).total == 0
    assert load(database, table, column) == NOW + ahead


@pytest.mark.store
def test_a_lease_that_ends_later_than_a_lease_may_last_is_free(database: Engine) -> None:
    insert_rows(database)
    late = NOW + LIMITS.lease + MAX_CLOCK_SKEW + timedelta(seconds=1)
    store(database, "feeds", next_poll_at=late, lease_poll_id=7)
    store(database, "pages", due_at=late, leased_at=NOW)
    assert correct_times(database, now=NOW, limits=LIMITS).rows == {"feeds": 1, "pages": 1}
    assert load(database, "feeds", "next_poll_at") == load(database, "pages", "due_at") == NOW


@pytest.mark.store
def test_a_slot_in_a_long_queue_stays(database: Engine) -> None:
    insert_rows(database)
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO feeds (url, added_at, next_poll_at, interval)"
                " SELECT 'https://a.example/' || n, :now, :now, '900 s' FROM generate_series(1, 100) n"
            ),
            {"now": NOW},
        )
        connection.execute(text("UPDATE hosts SET spacing = '1 hour'"))
    slot = NOW + timedelta(hours=100)
    store(database, "feeds", slot_at=slot, next_poll_at=slot)
    assert correct_times(database, now=NOW, limits=LIMITS).total == 0


@pytest.mark.store
@pytest.mark.parametrize("jump", [timedelta(minutes=10), timedelta(hours=3), timedelta(days=2), YEARS])
def test_the_schedule_of_a_row_moves_back_with_the_clock(database: Engine, jump: timedelta) -> None:
    insert_rows(database)
    polled_at = NOW + jump
    store(
        database,
        "feeds",
        polled_at=polled_at,
        succeeded_at=polled_at,
        next_poll_at=polled_at + timedelta(minutes=15),
        retry_after_until=polled_at + timedelta(minutes=20),
    )
    correct_times(database, now=NOW, limits=LIMITS)
    assert load(database, "feeds", "next_poll_at") == NOW + timedelta(minutes=15)
    assert load(database, "feeds", "retry_after_until") == NOW + timedelta(minutes=20)
    assert load(database, "feeds", "polled_at") == load(database, "feeds", "succeeded_at") == NOW


@pytest.mark.store
def test_the_farthest_feed_is_known_without_reading_all(database: Engine) -> None:
    assert farthest_feed(database) is None
    insert_rows(database)
    store(database, "feeds", next_poll_at=FAR)
    assert farthest_feed(database) == FAR
    store(database, "feeds", enabled=False)
    assert farthest_feed(database) is None


def test_limits_follow_the_settings() -> None:
    limits = TimeLimits(policy=Policy(maximum=30 * DAY), lease=timedelta(hours=1), interval_with_hub=40 * DAY)
    lengths = limits.lengths(queue=DAY)
    assert lengths[Limit.POLL] == 40 * DAY + MAX_CLOCK_SKEW
    assert lengths[Limit.LEASE] == timedelta(hours=1) + MAX_CLOCK_SKEW
    assert lengths[Limit.QUEUE] == 41 * DAY + MAX_CLOCK_SKEW
    assert lengths[Limit.ROBOTS] == CACHE_LIFETIME + MAX_CLOCK_SKEW
    assert lengths[Limit.PAUSE] == MAX_PAUSE + MAX_CLOCK_SKEW
