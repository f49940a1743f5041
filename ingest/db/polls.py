"""Leases and outcomes: who polls which feed, and how each poll ended.

::

    lease_due   due time moved to the end of the lease, a poll id drawn    in one UPDATE
       │        └ a host without room: its feed is due again at its turn   in the same transaction
       │        └ a lease that ran out: its poll ends as *abandoned*       in the same statement
       ├─▶ record    history, feed state, seen-set, quarantine, alerts     in one transaction
       └─▶ release   what was not polled is due again at once              when the poller stops

A poll id names one poll for ever and ends in exactly one row of ``polls``, whoever writes it first. The
state of a feed belongs to who holds its lease: an outcome that comes after its lease was given away leaves
it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, Protocol
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, Row, delete, select

from ingest.db import hosts
from ingest.db.engine import clean, transaction, trying
from ingest.db.feed_codecs import (
    read_about,
    read_asked,
    read_cadence,
    read_rhythm,
    spell_about,
    spell_asked,
    spell_rhythm,
)
from ingest.db.feed_requests import read_agent, spell_agent
from ingest.db.read_transaction import reading
from ingest.db.relocation import move
from ingest.db.sitemap_children import settle_parts
from ingest.db.tables import polls
from ingest.request_options import kept_at, read_options
from ingest.schedule.rate_limit import Budget, Waiting
from ingest.types import Alert, FailureKind, FeedState, Lease, PollOutcome, PollResult, RequestOptions, Seen

PRUNE_BATCH: Final = 5000
SHOWN_POLLS: Final = 10
"""How many of a feed's polls are told beside it."""

# What is due changes faster than the statistics that plans are made by: PostgreSQL would take all feeds that are due
# and sort them, a million after a day in which no poller ran, to give us 500. The index has them in order.
_IN_ORDER: Final = (
    "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)"
)
# The longest overdue go first. Their rows are locked in the same pass: two pollers that ask at once get
# different feeds, and neither waits.
_DUE: Final = """
    SELECT id, host, turn_at = next_poll_at AS turn_came FROM feeds
    WHERE enabled AND next_poll_at <= %(due_by)s ORDER BY next_poll_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED"""
_CLAIM: Final = f"""
    WITH due AS (
        SELECT f.id, f.lease_poll_id AS lost_poll_id, f.leased_at AS lost_at, parent.url AS index_url,
            parent.request AS index_request
        FROM feeds f LEFT JOIN feeds parent ON parent.id = f.parent_id WHERE f.id = ANY(%(ids)b::bigint[])
    ), claimed AS (
        UPDATE feeds SET next_poll_at = %(until)s, lease_poll_id = nextval('poll_ids'), leased_at = %(now)s,
            turn_at = NULL, set_meanwhile = false, accepted_meanwhile = false
        FROM due WHERE feeds.id = due.id
        RETURNING feeds.id, lease_poll_id, url, etag, last_modified, body_hash, feeds.interval, failures,
            polled_at IS NULL AS first, succeeded_at, entries, cadence_entries, cadence_hours, asked,
            body_at, distrusted, state, state_since, moved_to, moved_since, rhythm, about, drifted, read_by,
            request, agent, lost_poll_id, lost_at, index_url, index_request
    ), abandoned AS (
        INSERT INTO polls
            (id, feed_id, started_at, finished_at, result, failure, detail, next_poll_at, reason)
        SELECT lost_poll_id, id, lost_at, %(now)s, '{PollResult.FAILED}', '{FailureKind.ABANDONED}',
            'the lease ran out unrecorded', %(now)s, 'polled again at once'
        FROM claimed WHERE lost_poll_id IS NOT NULL ON CONFLICT (id) DO NOTHING
    )
    SELECT id, lease_poll_id, url, etag, last_modified, body_hash, "interval", failures, first,
        succeeded_at, entries, cadence_entries, cadence_hours, asked, body_at, distrusted,
        state, state_since, moved_to, moved_since, rhythm, about, drifted, read_by, request, agent,
        index_url, index_request
    FROM claimed ORDER BY array_position(%(ids)b::bigint[], id)"""  # noqa: S608


def _of_document(spell: Callable[[Any], Jsonb | None], name: str) -> Callable[[PollOutcome], Any]:
    """What a document says is written where one was read; spelling it again for each 304 takes longer than deciding."""
    return lambda o: spell(getattr(o, name)) if o.result is PollResult.FETCHED else None


_COLUMNS: Final[tuple[tuple[str, str, Callable[[PollOutcome], Any]], ...]] = (
    ("feed_id", "bigint", lambda o: o.feed_id),
    ("poll_id", "bigint", lambda o: o.poll_id),
    ("started_at", "timestamptz", lambda o: o.started_at),
    ("finished_at", "timestamptz", lambda o: o.finished_at),
    ("result", "text", lambda o: o.result.value),
    ("status", "smallint", lambda o: o.status),
    ("failure", "text", lambda o: None if o.failure is None else o.failure.value),
    ("detail", "text", lambda o: clean(o.detail)),
    ("sample", "bytea", lambda o: o.sample),
    ("body_bytes", "integer", lambda o: o.body_bytes),
    ("entries", "integer", lambda o: o.entries),
    ("appended", "integer", lambda o: o.appended),
    ("created", "integer", lambda o: o.created),
    ("duplicates", "integer", lambda o: o.duplicates),
    ("missed", "integer", lambda o: o.missed),
    ("next_poll_at", "timestamptz", lambda o: o.next_poll_at),
    ("reason", "text", lambda o: o.reason),
    ("interval", "interval", lambda o: o.interval),
    ("failures", "integer", lambda o: o.failures),
    ("etag", "text", lambda o: o.etag),
    ("last_modified", "text", lambda o: o.last_modified),
    ("body_hash", "bytea", lambda o: o.body_hash),
    ("feed_title", "text", lambda o: clean(o.feed_title)),
    ("succeeded_at", "timestamptz", lambda o: o.succeeded_at),
    ("cadence_entries", "float8", lambda o: None if o.cadence is None else o.cadence.entries),
    ("cadence_hours", "float8", lambda o: None if o.cadence is None else o.cadence.hours),
    ("body_at", "timestamptz", lambda o: o.body_at),
    ("distrusted", "boolean", lambda o: o.distrusted),
    ("wait_until", "timestamptz", lambda o: o.wait_until),
    ("asked", "jsonb", _of_document(spell_asked, "asked")),
    ("state", "text", lambda o: o.state.value),
    ("state_since", "timestamptz", lambda o: o.state_since),
    ("state_reason", "text", lambda o: clean(o.state_reason)),
    ("moved_to", "text", lambda o: o.moved_to),
    ("moved_since", "timestamptz", lambda o: o.moved_since),
    ("rhythm", "jsonb", _of_document(spell_rhythm, "rhythm")),
    ("about", "jsonb", _of_document(spell_about, "about")),
    ("drifted", "text", lambda o: clean(o.drifted)),
    ("read_by", "smallint", lambda o: o.read_by),
    ("agent", "jsonb", lambda o: spell_agent(o.agent)),
)
_NAMES: Final = ", ".join(f'"{name}"' for name, _, _ in _COLUMNS)
_ARRAYS: Final = ", ".join(f"%({name})b::{kind}[]" for name, kind, _ in _COLUMNS)
_READ: Final = f"(given.result = '{PollResult.FETCHED}')"
_STANDS: Final = "(NOT feeds.enabled OR feeds.accepted_meanwhile)"
# The operator's title stays; without one the feed's own is taken. What an operator did during the poll stays too: the
# poll knows only what was before.
_RECORD: Final = f"""
    WITH given AS (SELECT * FROM unnest({_ARRAYS}) AS g({_NAMES})), history AS (
        INSERT INTO polls (id, feed_id, started_at, finished_at, result, status, failure, detail, sample,
            body_bytes, entries, appended, created, duplicates, missed, next_poll_at, reason)
        SELECT poll_id, feed_id, started_at, finished_at, result, status, failure, detail, sample,
            body_bytes, entries, appended, created, duplicates, missed, next_poll_at, reason FROM given
        ON CONFLICT (id) DO NOTHING
    )
    UPDATE feeds SET next_poll_at = given.next_poll_at, lease_poll_id = NULL, leased_at = NULL,
        polled_at = given.finished_at, "interval" = given."interval", failures = given.failures,
        last_outcome = given.result, last_reason = given.reason, body_hash = given.body_hash,
        etag = CASE WHEN feeds.set_meanwhile THEN feeds.etag ELSE given.etag END,
        last_modified = CASE WHEN feeds.set_meanwhile THEN feeds.last_modified ELSE given.last_modified END,
        agent = CASE WHEN feeds.set_meanwhile THEN feeds.agent ELSE given.agent END,
        title = coalesce(feeds.title, given.feed_title), succeeded_at = given.succeeded_at,
        entries = CASE WHEN {_READ} THEN given.entries ELSE feeds.entries END,
        cadence_entries = given.cadence_entries, cadence_hours = given.cadence_hours,
        asked = CASE WHEN {_READ} THEN given.asked ELSE feeds.asked END,
        wait_until = given.wait_until, body_at = given.body_at, distrusted = given.distrusted,
        state = CASE WHEN {_STANDS} THEN feeds.state ELSE given.state END,
        state_since = CASE WHEN {_STANDS} THEN feeds.state_since ELSE given.state_since END,
        state_reason = CASE WHEN {_STANDS} OR given.failure IS NOT DISTINCT FROM '{FailureKind.OUTAGE}'
            THEN feeds.state_reason ELSE given.state_reason END,
        moved_to = given.moved_to, moved_since = given.moved_since,
        rhythm = CASE WHEN {_READ} THEN given.rhythm ELSE feeds.rhythm END,
        about = CASE WHEN {_READ} AND NOT feeds.accepted_meanwhile THEN given.about ELSE feeds.about END,
        drifted = CASE WHEN feeds.accepted_meanwhile THEN feeds.drifted ELSE given.drifted END,
        read_by = given.read_by, set_meanwhile = false, accepted_meanwhile = false
    FROM given WHERE feeds.id = given.feed_id AND feeds.lease_poll_id = given.poll_id
    RETURNING feeds.id, feeds.enabled AND feeds.state_since IS NOT DISTINCT FROM given.state_since AS turned"""  # noqa: S608
_SEEN: Final = """
    SELECT key, digest, article_id, marks FROM seen WHERE feed_id = %(feed)s AND key = ANY(%(keys)b::bytea[])
    UNION SELECT key, digest, article_id, marks FROM seen
    WHERE feed_id = %(feed)s AND article_id = ANY(%(ids)b::uuid[])"""
_REMEMBER: Final = """
    INSERT INTO seen (feed_id, key, digest, article_id, poll_id, marks)
    SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[], %b::uuid[], %b::bigint[], %b::bytea[])
    ON CONFLICT (feed_id, key) DO UPDATE SET digest = excluded.digest, article_id = excluded.article_id,
        poll_id = excluded.poll_id, marks = excluded.marks"""
_QUARANTINE: Final = """
    INSERT INTO quarantine
        (quarantined_at, stage, topic, partition, "offset", key, value, headers, error, detail)
    SELECT %s, s.stage, s.topic, -1, s."offset", s.key, s.value, s.headers, s.error, s.detail
    FROM unnest(%b::text[], %b::text[], %b::bigint[], %b::text[], %b::bytea[], %b::jsonb[], %b::text[],
        %b::text[]) AS s(stage, topic, "offset", key, value, headers, error, detail)
    ON CONFLICT DO NOTHING"""
_RELEASE: Final = f"""
    WITH given AS (SELECT * FROM unnest(%(feed_id)b::bigint[], %(poll_id)b::bigint[]) AS g(feed_id, poll_id)),
    released AS (
        UPDATE feeds SET next_poll_at = leased_at, lease_poll_id = NULL, leased_at = NULL
        FROM given WHERE feeds.id = given.feed_id AND feeds.lease_poll_id = given.poll_id
        RETURNING feeds.id, given.poll_id, feeds.next_poll_at
    )
    INSERT INTO polls (id, feed_id, started_at, finished_at, result, failure, detail, next_poll_at, reason)
    SELECT poll_id, id, next_poll_at, %(now)s, '{PollResult.FAILED}', '{FailureKind.ABANDONED}',
        'the poller was stopped', next_poll_at, 'polled again at once'
    FROM released ON CONFLICT (id) DO NOTHING"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpolled:
    """One entry, or one message, that a poll could not handle: for quarantine."""

    stage: str
    topic: str
    """``feed:ID`` for an entry; the log topic for a message that did not get there."""
    key: str
    value: bytes
    error: str
    detail: str
    headers: Mapping[str, str]
    said: bytes
    """Of ``value`` what does not depend on the poll."""

    @property
    def place(self) -> int:
        """Its offset, in a partition (-1) that no log has: the same for what says the same, so that it is quarantined
        once, however many polls meet it."""
        digest = blake2b(self.key.encode() + b"\0" + self.said, digest_size=8)
        return int.from_bytes(digest.digest(), "big") >> 1


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


def lease_due(
    engine: Engine,
    *,
    now: datetime,
    limit: int,
    lease: timedelta,
    budget: Budget,
    due_by: datetime | None = None,
) -> list[Lease]:
    """Up to ``limit`` feeds that are due (``due_by``: were due then), longest overdue first.

    They are ours until ``now + lease``. Feeds whose hosts have no room are due again when their turn comes.

    Raises:
        Unavailable: the database.
    """
    return hosts.lease_in_rounds(
        engine, _claim, limit=limit, now=now, due_by=due_by or now, until=now + lease, budget=budget
    )


def _claim(
    connection: Connection, *, now: datetime, due_by: datetime, limit: int, until: datetime, budget: Budget
) -> tuple[list[Lease], int]:
    """Leases on up to ``limit`` feeds, and how many were looked at for that."""
    connection.exec_driver_sql(_IN_ORDER)
    rows = connection.exec_driver_sql(_DUE, {"due_by": due_by, "limit": limit}).all()
    waiting = [Waiting(feed_id=row.id, host=row.host, turn_came=bool(row.turn_came)) for row in rows]
    admitted = hosts.admit_due(connection, waiting, now=now, budget=budget)
    if not admitted:
        return [], len(rows)
    given = {"ids": list(admitted), "now": now, "until": until}
    claimed = connection.exec_driver_sql(_CLAIM, given).all()
    return [_lease(row, now=now, until=until) for row in claimed], len(rows)


def _lease(row: Row[Any], *, now: datetime, until: datetime) -> Lease:
    return Lease(
        feed_id=row.id,
        poll_id=row.lease_poll_id,
        url=row.url,
        leased_at=now,
        until=until,
        etag=row.etag,
        last_modified=row.last_modified,
        body_hash=row.body_hash,
        interval=row.interval,
        failures=row.failures,
        first=row.first,
        succeeded_at=row.succeeded_at,
        entries=row.entries,
        cadence=read_cadence(row.cadence_entries, row.cadence_hours),
        asked=read_asked(row.asked),
        body_at=row.body_at,
        distrusted=row.distrusted,
        state=FeedState(row.state),
        state_since=row.state_since,
        moved_to=row.moved_to,
        moved_since=row.moved_since,
        rhythm=read_rhythm(row.rhythm),
        about=read_about(row.about),
        drifted=row.drifted,
        read_by=row.read_by,
        request=_request(row),
        agent=read_agent(row.agent),
    )


def _request(row: Row[Any]) -> RequestOptions:
    """A sitemap without options of its own is asked with those of the index that names it."""
    if row.request is not None or row.index_request is None:
        return read_options(row.request)
    return kept_at(read_options(row.index_request), row.url, was=row.index_url)


def seen_of(
    engine: Engine, feed_id: int, keys: Sequence[bytes], articles: Sequence[UUID] = ()
) -> dict[bytes, Seen]:
    """The rows of a feed's seen-set that have these keys, or stand for these articles, by key; a whole set grows with
    everything the feed ever said.

    Raises:
        Unavailable: the database.
    """
    with transaction(engine) as connection:
        rows = connection.exec_driver_sql(_SEEN, {"feed": feed_id, "keys": list(keys), "ids": list(articles)})
        return {
            row.key: Seen(key=row.key, digest=row.digest, article_id=row.article_id, marks=row.marks or b"")
            for row in rows
        }


Tell = Callable[[Connection, Sequence[Alert]], object]
"""Makes alerts part of the transaction that stores what they tell."""


def record(
    engine: Engine,
    outcomes: Sequence[PollOutcome],
    *,
    unpolled: Sequence[Unpolled] = (),
    now: datetime,
    tell: Tell | None = None,
) -> int:
    """Store how these polls ended, and ``tell`` what there is to tell of their feeds; how many still held their lease.

    To be called only when every message of theirs is durable in the log: what is stored here makes the next
    poll pass over them.

    Raises:
        Unavailable: the database; all of it was stored, or nothing.
    """
    return trying(engine, lambda connection: _record(connection, outcomes, unpolled, now, tell))


def _record(
    connection: Connection,
    outcomes: Sequence[PollOutcome],
    unpolled: Sequence[Unpolled],
    now: datetime,
    tell: Tell | None,
) -> int:
    held: dict[int, bool] = {}
    if outcomes:
        arrays = {name: [read(each) for each in outcomes] for name, _, read in _COLUMNS}
        held = {row.id: row.turned for row in connection.exec_driver_sql(_RECORD, arrays)}
    # A seen-set is only written under the lease: of two polls of one feed, the later has seen more.
    remember(connection, [outcome for outcome in outcomes if outcome.feed_id in held])
    hosts.pause(connection, outcomes)
    set_aside(connection, unpolled, now=now)
    alerts: list[Alert] = []
    for each in outcomes:
        if held.get(each.feed_id):  # of one that an operator turned meanwhile there is nothing to tell
            alerts += each.alerts
            if each.relocate is not None:
                alerts += move(connection, each, to=each.relocate, now=now)
    # After the seen-sets, which go with the feeds that go.
    settle_parts(connection, outcomes, held=held, now=now)
    # Last: the counter of the alerts is one row that all pollers wait for.
    if alerts and tell is not None:
        tell(connection, alerts)
    return len(held)


class Told(Protocol):
    """A document that was read: by a poll, or because a hub sent it."""

    @property
    def feed_id(self) -> int: ...

    @property
    def poll_id(self) -> int: ...

    @property
    def seen(self) -> tuple[Seen, ...]: ...


def remember(connection: Connection, told: Sequence[Told]) -> None:
    """Their rows of the seen-sets."""
    rows = {
        (each.feed_id, seen.key): (
            each.feed_id,
            seen.key,
            seen.digest,
            seen.article_id,
            each.poll_id,
            seen.marks,
        )
        for each in told
        for seen in each.seen
    }
    if rows:
        connection.exec_driver_sql(
            _REMEMBER, tuple(list(column) for column in zip(*rows.values(), strict=True))
        )


def set_aside(connection: Connection, unpolled: Sequence[Unpolled], *, now: datetime) -> None:
    """What could not be handled goes to quarantine."""
    if unpolled:
        connection.exec_driver_sql(
            _QUARANTINE,
            (
                now,
                [each.stage for each in unpolled],
                [each.topic for each in unpolled],
                [each.place for each in unpolled],
                [each.key for each in unpolled],
                [each.value for each in unpolled],
                [Jsonb(dict(each.headers)) for each in unpolled],
                [clean(each.error) for each in unpolled],
                [clean(each.detail) for each in unpolled],
            ),
        )


def release(engine: Engine, leases: Sequence[Lease], *, now: datetime) -> None:
    """Give back leases whose polls were not finished: their feeds are due again at once.

    Raises:
        Unavailable: the database; they are given to others when they run out.
    """
    given = {
        "feed_id": [lease.feed_id for lease in leases],
        "poll_id": [lease.poll_id for lease in leases],
        "now": now,
    }
    if leases:
        trying(engine, lambda connection: connection.exec_driver_sql(_RELEASE, given).rowcount)


def history(engine: Engine, feed_id: int, *, limit: int = SHOWN_POLLS) -> list[Poll]:
    """The last polls of a feed, newest first."""
    with reading(engine) as connection:
        return last_polls(connection, feed_id, limit=limit)


def last_polls(connection: Connection, feed_id: int, *, limit: int = SHOWN_POLLS) -> list[Poll]:
    """The same, within a snapshot that has more in it than these."""
    wanted = (
        select(*(polls.c[name] for name in Poll.__dataclass_fields__))
        .where(polls.c.feed_id == feed_id)
        .order_by(polls.c.id.desc())
        .limit(limit)
    )
    return [Poll(**row) for row in connection.execute(wanted).mappings()]


def prune_polls(engine: Engine, *, before: datetime) -> int:
    """Forget polls that finished before; how many those were."""
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
