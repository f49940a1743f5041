"""Leases and outcomes: which poller polls a feed, and how each poll ended.

::

    lease_due   due time moved to the end of the lease, a poll id drawn     in one UPDATE
       │        └ a host without room: its feed is due again at its slot    in the same transaction
       │        └ an expired lease: its poll ends as *abandoned*            in the same statement
       ├─▶ record    history, memory, seen-set, quarantine, alerts          in one transaction
       └─▶ release   feeds that were not polled are due again immediately   when the poller stops

A poll id identifies one poll permanently and ends in exactly one row of ``polls``, whichever process writes it first.
Only the holder of a feed's lease writes its memory: an outcome that comes after its lease was lost leaves the memory
alone. An operator's change during the poll is kept (:mod:`ingest.schedule.reconcile`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, select
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.types import TypeEngine

from ingest.db import hosts
from ingest.db.engine import pg_text, run_with_retry, transaction
from ingest.db.feed_memory import (
    MEMORY,
    MEMORY_SELECT,
    MEMORY_TYPES,
    memory_assignments,
    read_memory,
    write_memory,
)
from ingest.db.quarantine import QuarantineItem, insert_items
from ingest.db.read_transaction import read_transaction
from ingest.db.relocation import relocate
from ingest.db.seen import update_seen
from ingest.db.sitemap_children import update_children
from ingest.db.tables import feeds, polls
from ingest.request_options import decode_options, scoped_to
from ingest.schedule import keep_operator_changes
from ingest.schedule.rate_limit import DueRequest, HostLimits
from ingest.schedule.reconcile import StoredFeed
from ingest.types import Alert, Evidence, FailureKind, Lease, PollOutcome, PollResult, RequestOptions

PRUNE_BATCH: Final = 5000
SHOWN_POLLS: Final = 10
"""The number of polls that a feed's history shows."""

# Due times change faster than the planner's statistics: PostgreSQL would sort all due feeds, a million after a day
# without a poller, to return 500. The index has them in order.
_IN_ORDER: Final = (
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)"
)
# The longest overdue first. Their rows are locked in the same pass: two pollers that lease at the same time get
# different feeds, and neither waits.
_DUE: Final = """
    SELECT id, host, slot_at = next_poll_at AS has_slot FROM feeds
    WHERE enabled AND next_poll_at <= %(due_by)s ORDER BY next_poll_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED"""
_MEMORY_NAMES: Final = ", ".join(f'"{column.name}"' for column in MEMORY)
_CLAIM: Final = f"""
    WITH due AS (
        SELECT f.id, f.lease_poll_id AS lost_poll_id, f.leased_at AS lost_at, parent.url AS index_url,
            parent.identity AS index_identity,
            parent.request_options AS index_request_options
        FROM feeds f LEFT JOIN feeds parent ON parent.id = f.parent_id WHERE f.id = ANY(%(ids)b::bigint[])
    ), claimed AS (
        UPDATE feeds SET next_poll_at = %(until)s, lease_poll_id = nextval('poll_ids'), leased_at = %(now)s,
            slot_at = NULL
        FROM due WHERE feeds.id = due.id
        RETURNING feeds.id, lease_poll_id, url, polled_at IS NULL AS first, config_version, feeds.request_options,
            coalesce(feeds.identity, index_identity) AS identity,
            index_url, index_request_options, lost_poll_id, lost_at, {MEMORY_SELECT}
    ), abandoned AS (
        INSERT INTO polls
            (id, feed_id, started_at, finished_at, result, failure, detail, next_poll_at, reason)
        SELECT lost_poll_id, id, lost_at, %(now)s, '{PollResult.FAILED}', '{FailureKind.ABANDONED}',
            'the lease expired without an outcome', %(now)s, 'polled again immediately'
        FROM claimed WHERE lost_poll_id IS NOT NULL ON CONFLICT (id) DO NOTHING
    )
    SELECT id, lease_poll_id, url, first, config_version, request_options, index_url, index_request_options, identity,
        {_MEMORY_NAMES}
    FROM claimed ORDER BY array_position(%(ids)b::bigint[], id)"""  # noqa: S608
_STORED: Final = f"""
    SELECT feeds.lease_poll_id, feeds.url, feeds.config_version, feeds.request_options,
        parent.url AS index_url, parent.request_options AS index_request_options, {MEMORY_SELECT}
    FROM feeds LEFT JOIN feeds parent ON parent.id = feeds.parent_id
    JOIN unnest(%(feed_ids)b::bigint[], %(poll_ids)b::bigint[]) AS outcome(feed_id, poll_id)
        ON feeds.id = outcome.feed_id AND feeds.lease_poll_id = outcome.poll_id
    ORDER BY feeds.id FOR UPDATE OF feeds"""  # noqa: S608
_MEMORY_COLUMNS: Final = slice(-len(MEMORY), None)
"""The columns of the memory, the last ones in the rows of both statements."""

_HISTORY: Final[Mapping[str, Callable[[PollOutcome], Any]]] = {
    "id": attrgetter("lease.poll_id"),
    "feed_id": attrgetter("lease.feed_id"),
    "started_at": attrgetter("lease.leased_at"),
    "finished_at": attrgetter("finished_at"),
    "result": lambda outcome: outcome.result.value,
    "status": attrgetter("status"),
    "failure": lambda outcome: None if outcome.failure is None else outcome.failure.value,
    "detail": lambda outcome: pg_text(outcome.detail),
    "sample": attrgetter("sample"),
    "body_bytes": attrgetter("body_bytes"),
    "entries": attrgetter("entries"),
    "appended": attrgetter("appended"),
    "created": attrgetter("created"),
    "duplicates": attrgetter("duplicates"),
    "missed": attrgetter("missed"),
    "next_poll_at": attrgetter("next_poll_at"),
    "reason": attrgetter("reason"),
}
"""Columns of ``polls``."""
_SCHEDULE: Final[Mapping[str, Callable[[PollOutcome], Any]]] = {
    "config_version": attrgetter("lease.config_version"),
    "feed_title": lambda outcome: pg_text(outcome.feed_title),
    "retry_after_until": attrgetter("retry_after_until"),
}
"""Values for ``feeds`` beside the memory and the columns that the history has too."""
_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    **{name: polls.c[name].type for name in _HISTORY},
    "config_version": feeds.c.config_version.type,
    "feed_title": feeds.c.title.type,
    "retry_after_until": feeds.c.retry_after_until.type,
    **MEMORY_TYPES,
}
_POSTGRESQL: Final = dialect()  # type: ignore[no-untyped-call]
_ARRAYS: Final = ", ".join(
    f"%({name})b::{column_type.compile(dialect=_POSTGRESQL)}[]" for name, column_type in _TYPES.items()
)
# An operator's title stays; a feed without one gets the title of its document.
_RECORD: Final = f"""
    WITH outcome AS (SELECT * FROM unnest({_ARRAYS}) AS columns({", ".join(_TYPES)})), history AS (
        INSERT INTO polls ({", ".join(_HISTORY)}) SELECT {", ".join(_HISTORY)} FROM outcome
        ON CONFLICT (id) DO NOTHING
    )
    UPDATE feeds SET next_poll_at = outcome.next_poll_at, lease_poll_id = NULL, leased_at = NULL,
        polled_at = outcome.finished_at, last_outcome = outcome.result, last_reason = outcome.reason,
        title = coalesce(feeds.title, outcome.feed_title), retry_after_until = outcome.retry_after_until,
        {memory_assignments("outcome")}
    FROM outcome WHERE feeds.id = outcome.feed_id AND feeds.lease_poll_id = outcome.id
        AND feeds.config_version = outcome.config_version
    RETURNING outcome.id"""  # noqa: S608
_RELEASE: Final = f"""
    WITH lease AS (SELECT * FROM unnest(%(feed_id)b::bigint[], %(poll_id)b::bigint[]) AS columns(feed_id, poll_id)),
    released AS (
        UPDATE feeds SET next_poll_at = leased_at, lease_poll_id = NULL, leased_at = NULL
        FROM lease WHERE feeds.id = lease.feed_id AND feeds.lease_poll_id = lease.poll_id
        RETURNING feeds.id, lease.poll_id, feeds.next_poll_at
    )
    INSERT INTO polls (id, feed_id, started_at, finished_at, result, failure, detail, next_poll_at, reason)
    SELECT poll_id, id, next_poll_at, %(now)s, '{PollResult.FAILED}', '{FailureKind.ABANDONED}',
        'the poller was stopped', next_poll_at, 'polled again immediately'
    FROM released ON CONFLICT (id) DO NOTHING"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One poll of the history."""

    id: int
    started_at: datetime
    finished_at: datetime
    result: str
    status: int | None
    failure: str | None
    detail: str | None
    body_bytes: int
    entries: int
    appended: int
    created: int
    duplicates: int
    missed: int
    next_poll_at: datetime
    reason: str


AppendAlerts = Callable[[Connection, Sequence[Alert]], object]
"""Append alerts in the transaction that stores the changes they report."""


def lease_due(
    engine: Engine,
    *,
    now: datetime,
    limit: int,
    lease: timedelta,
    host_limits: HostLimits,
    due_by: datetime | None = None,
) -> list[Lease]:
    """Lease up to ``limit`` feeds that are due (``due_by``: were due then), the longest overdue first.

    Each lease ends at ``now + lease``. Feeds whose hosts have no room are due again at their slot.

    Raises:
        Unavailable: the database.
    """
    return hosts.lease_in_rounds(
        engine, _claim, limit=limit, now=now, due_by=due_by or now, until=now + lease, host_limits=host_limits
    )


def _claim(
    connection: Connection,
    *,
    now: datetime,
    due_by: datetime,
    limit: int,
    until: datetime,
    host_limits: HostLimits,
) -> tuple[list[Lease], int]:
    """Lease up to ``limit`` feeds, and return with them the number of due feeds considered."""
    connection.exec_driver_sql(_IN_ORDER)
    rows = connection.exec_driver_sql(_DUE, {"due_by": due_by, "limit": limit}).all()
    due = [DueRequest(id=row.id, host=row.host, has_slot=bool(row.has_slot)) for row in rows]
    admitted = hosts.admit_feeds(connection, due, now=now, host_limits=host_limits)
    if not admitted:
        return [], len(rows)
    parameters = {"ids": list(admitted), "now": now, "until": until}
    claimed = connection.exec_driver_sql(_CLAIM, parameters).all()
    return [_lease(row, now=now, until=until) for row in claimed], len(rows)


def _lease(row: Row[Any], *, now: datetime, until: datetime) -> Lease:
    return Lease(
        feed_id=row.id,
        poll_id=row.lease_poll_id,
        url=row.url,
        leased_at=now,
        until=until,
        memory=read_memory(row[_MEMORY_COLUMNS]),
        first=row.first,
        request_options=_request_options(row),
        identity=None if row.identity is None else Evidence(row.identity),
        config_version=row.config_version,
    )


def _request_options(row: Row[Any]) -> RequestOptions:
    """Return the options of a feed; a sitemap without options of its own has those of its index."""
    if row.request_options is not None or row.index_request_options is None:
        return decode_options(row.request_options)
    return scoped_to(decode_options(row.index_request_options), row.url, was=row.index_url)


def record(
    engine: Engine,
    outcomes: Sequence[PollOutcome],
    *,
    quarantined: Sequence[QuarantineItem] = (),
    now: datetime,
    append_alerts: AppendAlerts | None = None,
) -> int:
    """Store these outcomes with their alerts, and return how many still held their lease.

    Call only when every message of the polls is durable in the log: the next poll skips everything stored here.

    Raises:
        Unavailable: the database. All of it was stored, or nothing.
    """
    return run_with_retry(
        engine, lambda connection: _record(connection, outcomes, quarantined, now, append_alerts)
    )


def _record(
    connection: Connection,
    outcomes: Sequence[PollOutcome],
    quarantined: Sequence[QuarantineItem],
    now: datetime,
    append_alerts: AppendAlerts | None,
) -> int:
    recorded = _store(connection, outcomes)
    if len(recorded) < len(outcomes):
        poll_ids = {outcome.poll_id for outcome in recorded}
        left = [outcome for outcome in outcomes if outcome.poll_id not in poll_ids]
        recorded += _store(connection, _reconciled(connection, left))
    # A seen-set is only written under the lease: of two polls of one feed, the later one has seen more.
    update_seen(connection, recorded)
    hosts.apply_pauses(connection, outcomes)
    insert_items(connection, quarantined, now=now)
    alerts: list[Alert] = []
    for outcome in recorded:
        alerts += outcome.alerts
        if outcome.relocate is not None:
            alerts += relocate(connection, outcome, to=outcome.relocate, now=now)
    # After the seen-sets, which are deleted with their feeds.
    update_children(connection, recorded, now=now)
    # Last, because all pollers wait for the counter row of the alerts.
    if alerts and append_alerts is not None:
        append_alerts(connection, alerts)
    return len(recorded)


def _store(connection: Connection, outcomes: Sequence[PollOutcome]) -> list[PollOutcome]:
    """Write history and memory, and return the outcomes whose lease and ``config_version`` are still the feed's."""
    if not outcomes:
        return []
    arrays: dict[str, Any] = {
        name: [read(outcome) for outcome in outcomes] for name, read in {**_HISTORY, **_SCHEDULE}.items()
    }
    arrays.update(write_memory(outcomes))
    poll_ids = set(connection.exec_driver_sql(_RECORD, arrays).scalars())
    return [outcome for outcome in outcomes if outcome.poll_id in poll_ids]


def _reconciled(connection: Connection, outcomes: Sequence[PollOutcome]) -> list[PollOutcome]:
    """Lock the feeds whose lease is still held, and keep the operators' changes in their outcomes."""
    parameters = {
        "feed_ids": [outcome.feed_id for outcome in outcomes],
        "poll_ids": [outcome.poll_id for outcome in outcomes],
    }
    rows = {row.lease_poll_id: row for row in connection.exec_driver_sql(_STORED, parameters)}
    return [
        keep_operator_changes(outcome, _stored_feed(rows[outcome.poll_id]))
        for outcome in outcomes
        if outcome.poll_id in rows
    ]


def _stored_feed(row: Row[Any]) -> StoredFeed:
    return StoredFeed(
        config_version=row.config_version,
        request_options=_request_options(row),
        memory=read_memory(row[_MEMORY_COLUMNS]),
    )


def release(engine: Engine, leases: Sequence[Lease], *, now: datetime) -> None:
    """Return leases whose polls were not finished: their feeds are due again immediately.

    Raises:
        Unavailable: the database. The leases then expire.
    """
    parameters = {
        "feed_id": [lease.feed_id for lease in leases],
        "poll_id": [lease.poll_id for lease in leases],
        "now": now,
    }
    if leases:
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_RELEASE, parameters).rowcount)


def history(engine: Engine, feed_id: int, *, limit: int = SHOWN_POLLS) -> list[Poll]:
    """Return the last polls of a feed, newest first."""
    with read_transaction(engine) as connection:
        return last_polls(connection, feed_id, limit=limit)


def last_polls(connection: Connection, feed_id: int, *, limit: int = SHOWN_POLLS) -> list[Poll]:
    """Return the last polls of a feed, newest first, in a transaction that reads more than these."""
    statement = (
        select(*(polls.c[name] for name in Poll.__dataclass_fields__))
        .where(polls.c.feed_id == feed_id)
        .order_by(polls.c.id.desc())
        .limit(limit)
    )
    return [Poll(**row) for row in connection.execute(statement).mappings()]


def prune_polls(engine: Engine, *, before: datetime) -> int:
    """Delete polls that finished before ``before``, and return their number."""
    removed = 0
    old = (
        select(polls.c.id)
        .where(polls.c.finished_at < before)
        .order_by(polls.c.finished_at)
        .limit(PRUNE_BATCH)
    )
    while True:
        with transaction(engine) as connection:
            count = connection.execute(delete(polls).where(polls.c.id.in_(old))).rowcount
        removed += count
        if count < PRUNE_BATCH:
            return removed
