"""Counts and lags of the whole service, for ``ingest status``, ``/metrics`` and ``/v1/status``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, func, literal, or_, select
from sqlalchemy import text as sql

from ingest.db.feed_codecs import FEED_STATES, feed_fails
from ingest.db.page_fetch import count_ended, count_waiting
from ingest.db.read_transaction import read_transaction
from ingest.db.search_reindex import count_unindexed
from ingest.db.tables import feeds, log_groups, log_topics, polls, quarantine, websub_pushes
from ingest.db.websub.subscriptions import count_states
from ingest.log.api import ALERTS, ALERTS_STREAM, ARTICLES, STREAM_PREFIX
from ingest.search import INDEX_VERSION
from ingest.types import PollResult

EXACT_BELOW: Final = 100_000
"""Tables are counted if the planner estimates fewer rows than this; for larger ones the estimate is returned."""
POLLS_WITHIN: Final = timedelta(hours=1)
POLLER: Final = "ingest poll"
"""The application name of a poller's connections."""
_CONNECTED: Final = sql(
    "SELECT 1 FROM pg_stat_activity WHERE application_name = :name AND datname = current_database()"
)
POLLER_WITHIN: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream: its last cursor (0 before the first event) and its first stored cursor."""

    topic: str
    cursor: int
    first_cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """One consumer group of a log topic, and the number of records that the group has not yet committed."""

    topic: str
    group: str
    lag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The service at one moment."""

    at: datetime
    feeds: Mapping[str, int]
    """By ``FEED_STATES``."""
    feeds_failing: int
    feeds_due: int
    due_lag: timedelta
    """The longest time for which a feed has been due."""
    polls: Mapping[str, int]
    """By result, within ``POLLS_WITHIN``."""
    last_poll_at: datetime | None
    articles: int
    revisions: int
    articles_unindexed: int
    """Articles that searches do not find yet (``ingest articles reindex``)."""
    pages_waiting: int
    """Pages that wait to be fetched."""
    pages: Mapping[str, int]
    """Page fetches by result, within ``POLLS_WITHIN``."""
    quarantine: int
    """Records of the log in quarantine that were not replayed yet."""
    quarantine_entries: int
    """Entries of feeds in quarantine. Polls bring them again, so they are not replayed but deleted by an operator."""
    streams: tuple[StreamStatus, ...]
    groups: tuple[GroupStatus, ...]
    """:func:`read_status` returns the groups of the embedded log; the composition root adds those in Kafka."""
    websub_subscriptions: Mapping[str, int]
    """WebSub subscriptions by state."""
    websub_pushes_waiting: int
    """Pushes of hubs that no poller has processed yet."""


def read_status(engine: Engine, *, now: datetime, timeout: timedelta = timedelta(seconds=5)) -> Status:
    """Read all counts in one snapshot.

    Raises:
        Unavailable: the database.
    """
    with read_transaction(engine, timeout=timeout) as connection:
        due = (feeds.c.enabled) & (feeds.c.next_poll_at <= now)
        failing, due_count, oldest = connection.execute(
            select(
                func.count().filter(feed_fails),
                func.count().filter(due),
                func.min(feeds.c.next_poll_at).filter(due),
            )
        ).one()
        records, entries = connection.execute(
            select(
                func.count().filter(quarantine.c.topic == ARTICLES),
                func.count().filter(quarantine.c.topic != ARTICLES),
            ).where(quarantine.c.replayed_at.is_(None))
        ).one()
        return Status(
            at=now,
            feeds=_feeds(connection),
            feeds_failing=failing,
            feeds_due=due_count,
            due_lag=timedelta(0) if oldest is None else now - oldest,
            polls=_polls(connection, since=now - POLLS_WITHIN),
            last_poll_at=connection.scalar(select(func.max(polls.c.finished_at))),
            articles=_count(connection, "articles"),
            revisions=_count(connection, "revisions"),
            articles_unindexed=count_unindexed(connection, index_version=INDEX_VERSION),
            pages_waiting=count_waiting(connection),
            pages=count_ended(connection, since=now - POLLS_WITHIN),
            quarantine=records,
            quarantine_entries=entries,
            streams=_streams(connection),
            groups=_groups(connection),
            websub_subscriptions=count_states(connection),
            websub_pushes_waiting=connection.scalar(select(func.count()).select_from(websub_pushes)) or 0,
        )


def poller_connected(engine: Engine, *, timeout: timedelta = timedelta(seconds=5)) -> bool:
    """Return whether a poller is connected to the database.

    Raises:
        Unavailable: the database.
    """
    with read_transaction(engine, timeout=timeout) as connection:
        return connection.execute(_CONNECTED, {"name": POLLER}).first() is not None


def poller_runs(engine: Engine, *, now: datetime) -> bool:
    """Return whether a poller is connected, or leased or recorded a poll within ``POLLER_WITHIN``."""
    since = now - POLLER_WITHIN
    leased = select(literal(1)).where(feeds.c.lease_poll_id.is_not(None), feeds.c.leased_at > since)
    recorded = select(literal(1)).where(polls.c.finished_at > since)
    with read_transaction(engine) as connection:
        return (
            connection.execute(_CONNECTED, {"name": POLLER}).first() is not None
            or connection.execute(leased.limit(1)).first() is not None
            or connection.execute(recorded.limit(1)).first() is not None
        )


def _feeds(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(feeds.c.state, func.count()).group_by(feeds.c.state))
    return {**dict.fromkeys(FEED_STATES, 0), **{row[0]: row[1] for row in rows}}


def _polls(connection: Connection, *, since: datetime) -> dict[str, int]:
    rows = connection.execute(
        select(polls.c.result, func.count()).where(polls.c.finished_at > since).group_by(polls.c.result)
    )
    return {**dict.fromkeys((result.value for result in PollResult), 0), **{row[0]: row[1] for row in rows}}


def _count(connection: Connection, table: str) -> int:
    estimate = connection.scalar(
        sql("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:table)"), {"table": table}
    )
    # -1: the table was never analysed; autovacuum does so within a minute of the first inserts (PostgreSQL docs).
    if estimate is not None and estimate >= EXACT_BELOW:
        return int(estimate)
    return connection.scalar(sql(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - one of our own names


def _streams(connection: Connection) -> tuple[StreamStatus, ...]:
    rows = connection.execute(
        select(log_topics.c.name, log_topics.c.next_offset, log_topics.c.first_offset)
        .where(or_(log_topics.c.name.startswith(STREAM_PREFIX, autoescape=True), log_topics.c.name == ALERTS))
        .order_by(log_topics.c.name)
    )
    return tuple(
        StreamStatus(
            topic=ALERTS_STREAM if name == ALERTS else name.removeprefix(STREAM_PREFIX),
            cursor=following - 1,
            first_cursor=first,
        )
        for name, following, first in rows
    )


def _groups(connection: Connection) -> tuple[GroupStatus, ...]:
    rows = connection.execute(
        select(log_topics.c.name, log_groups.c.name, log_topics.c.next_offset - log_groups.c.next_offset)
        .join(log_topics, log_topics.c.id == log_groups.c.topic_id)
        .order_by(log_topics.c.name, log_groups.c.name)
    )
    return tuple(GroupStatus(topic=topic, group=group, lag=lag) for topic, group, lag in rows)
