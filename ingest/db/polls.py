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
from ingest.db.engine import pg_text, run_with_retry, transaction
from ingest.db.feed_codecs import (
    decode_poll_hints,
    decode_publish_gaps,
    decode_publish_rate,
    decode_site_identity,
    encode_poll_hints,
    encode_publish_gaps,
    encode_site_identity,
)
from ingest.db.feed_requests import decode_user_agent_trial, encode_user_agent_trial
from ingest.db.read_transaction import read_transaction
from ingest.db.relocation import relocate
from ingest.db.sitemap_children import update_children
from ingest.db.tables import polls
from ingest.request_options import decode_options, scoped_to
from ingest.schedule.rate_limit import DueFeed, HostLimits
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
    SELECT id, host, slot_at = next_poll_at AS turn_came FROM feeds
    WHERE enabled AND next_poll_at <= %(due_by)s ORDER BY next_poll_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED"""
_CLAIM: Final = f"""
    WITH due AS (
        SELECT f.id, f.lease_poll_id AS lost_poll_id, f.leased_at AS lost_at, parent.url AS index_url,
            parent.request_options AS index_request_options
        FROM feeds f LEFT JOIN feeds parent ON parent.id = f.parent_id WHERE f.id = ANY(%(ids)b::bigint[])
    ), claimed AS (
        UPDATE feeds SET next_poll_at = %(until)s, lease_poll_id = nextval('poll_ids'), leased_at = %(now)s,
            slot_at = NULL, set_meanwhile = false, accepted_meanwhile = false
        FROM due WHERE feeds.id = due.id
        RETURNING feeds.id, lease_poll_id, url, etag, last_modified, body_hash, feeds.interval, failures,
            polled_at IS NULL AS first, succeeded_at, entries, publish_rate_entries, publish_rate_hours, poll_hints,
            last_body_at, validators_unreliable, state, state_since, moved_to,
            moved_since, publish_gaps, site_identity, site_changed_reason, parser_version,
            feeds.request_options, user_agent_trial, lost_poll_id, lost_at, index_url, index_request_options
    ), abandoned AS (
        INSERT INTO polls
            (id, feed_id, started_at, finished_at, result, failure, detail, next_poll_at, reason)
        SELECT lost_poll_id, id, lost_at, %(now)s, '{PollResult.FAILED}', '{FailureKind.ABANDONED}',
            'the lease ran out unrecorded', %(now)s, 'polled again at once'
        FROM claimed WHERE lost_poll_id IS NOT NULL ON CONFLICT (id) DO NOTHING
    )
    SELECT id, lease_poll_id, url, etag, last_modified, body_hash, "interval", failures, first,
        succeeded_at, entries, publish_rate_entries, publish_rate_hours, poll_hints, last_body_at,
        validators_unreliable, state, state_since, moved_to, moved_since, publish_gaps,
        site_identity, site_changed_reason, parser_version, request_options, user_agent_trial,
        index_url, index_request_options
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
    ("detail", "text", lambda o: pg_text(o.detail)),
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
    ("feed_title", "text", lambda o: pg_text(o.feed_title)),
    ("succeeded_at", "timestamptz", lambda o: o.succeeded_at),
    ("publish_rate_entries", "float8", lambda o: None if o.publish_rate is None else o.publish_rate.entries),
    ("publish_rate_hours", "float8", lambda o: None if o.publish_rate is None else o.publish_rate.hours),
    ("last_body_at", "timestamptz", lambda o: o.last_body_at),
    ("validators_unreliable", "boolean", lambda o: o.validators_unreliable),
    ("retry_after_until", "timestamptz", lambda o: o.retry_after_until),
    ("poll_hints", "jsonb", _of_document(encode_poll_hints, "poll_hints")),
    ("state", "text", lambda o: o.state.value),
    ("state_since", "timestamptz", lambda o: o.state_since),
    ("state_reason", "text", lambda o: pg_text(o.state_reason)),
    ("moved_to", "text", lambda o: o.moved_to),
    ("moved_since", "timestamptz", lambda o: o.moved_since),
    ("publish_gaps", "jsonb", _of_document(encode_publish_gaps, "publish_gaps")),
    ("site_identity", "jsonb", _of_document(encode_site_identity, "site_identity")),
    ("site_changed_reason", "text", lambda o: pg_text(o.site_changed_reason)),
    ("parser_version", "smallint", lambda o: o.parser_version),
    ("user_agent_trial", "jsonb", lambda o: encode_user_agent_trial(o.user_agent_trial)),
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
        user_agent_trial = CASE WHEN feeds.set_meanwhile THEN feeds.user_agent_trial
            ELSE given.user_agent_trial END,
        title = coalesce(feeds.title, given.feed_title), succeeded_at = given.succeeded_at,
        entries = CASE WHEN {_READ} THEN given.entries ELSE feeds.entries END,
        publish_rate_entries = given.publish_rate_entries, publish_rate_hours = given.publish_rate_hours,
        poll_hints = CASE WHEN {_READ} THEN given.poll_hints ELSE feeds.poll_hints END,
        retry_after_until = given.retry_after_until, last_body_at = given.last_body_at,
        validators_unreliable = given.validators_unreliable,
        state = CASE WHEN {_STANDS} THEN feeds.state ELSE given.state END,
        state_since = CASE WHEN {_STANDS} THEN feeds.state_since ELSE given.state_since END,
        state_reason = CASE WHEN {_STANDS} OR given.failure IS NOT DISTINCT FROM '{FailureKind.OUTAGE}'
            THEN feeds.state_reason ELSE given.state_reason END,
        moved_to = given.moved_to, moved_since = given.moved_since,
        publish_gaps = CASE WHEN {_READ} THEN given.publish_gaps ELSE feeds.publish_gaps END,
        site_identity = CASE WHEN {_READ} AND NOT feeds.accepted_meanwhile THEN given.site_identity
            ELSE feeds.site_identity END,
        site_changed_reason = CASE WHEN feeds.accepted_meanwhile THEN feeds.site_changed_reason
            ELSE given.site_changed_reason END,
        parser_version = given.parser_version, set_meanwhile = false, accepted_meanwhile = false
    FROM given WHERE feeds.id = given.feed_id AND feeds.lease_poll_id = given.poll_id
    RETURNING feeds.id, feeds.enabled AND feeds.state_since IS NOT DISTINCT FROM given.state_since AS turned"""  # noqa: S608
_SEEN: Final = """
    SELECT key, content_hash, article_id, entry_fingerprint FROM seen
    WHERE feed_id = %(feed)s AND key = ANY(%(keys)b::bytea[])
    UNION SELECT key, content_hash, article_id, entry_fingerprint FROM seen
    WHERE feed_id = %(feed)s AND article_id = ANY(%(ids)b::uuid[])"""
_REMEMBER: Final = """
    INSERT INTO seen (feed_id, key, content_hash, article_id, poll_id, entry_fingerprint)
    SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[], %b::uuid[], %b::bigint[], %b::bytea[])
    ON CONFLICT (feed_id, key) DO UPDATE SET content_hash = excluded.content_hash, article_id = excluded.article_id,
        poll_id = excluded.poll_id, entry_fingerprint = excluded.entry_fingerprint"""
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
class QuarantineItem:
    """One entry, or one message, that a poll could not handle: for quarantine."""

    stage: str
    topic: str
    """``feed:ID`` for an entry; the log topic for a message that did not get there."""
    key: str
    value: bytes
    error: str
    detail: str
    headers: Mapping[str, str]
    content_key: bytes
    """Of ``value`` what does not depend on the poll."""

    @property
    def log_position(self) -> int:
        """Its offset, in a partition (-1) that no log has: the same for what says the same, so that it is quarantined
        once, however many polls meet it."""
        digest = blake2b(self.key.encode() + b"\0" + self.content_key, digest_size=8)
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
    host_limits: HostLimits,
    due_by: datetime | None = None,
) -> list[Lease]:
    """Up to ``limit`` feeds that are due (``due_by``: were due then), longest overdue first.

    They are ours until ``now + lease``. Feeds whose hosts have no room are due again when their turn comes.

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
    """Leases on up to ``limit`` feeds, and how many were looked at for that."""
    connection.exec_driver_sql(_IN_ORDER)
    rows = connection.exec_driver_sql(_DUE, {"due_by": due_by, "limit": limit}).all()
    waiting = [DueFeed(feed_id=row.id, host=row.host, has_slot=bool(row.turn_came)) for row in rows]
    admitted = hosts.admit_feeds(connection, waiting, now=now, host_limits=host_limits)
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
        publish_rate=decode_publish_rate(row.publish_rate_entries, row.publish_rate_hours),
        poll_hints=decode_poll_hints(row.poll_hints),
        last_body_at=row.last_body_at,
        validators_unreliable=row.validators_unreliable,
        state=FeedState(row.state),
        state_since=row.state_since,
        moved_to=row.moved_to,
        moved_since=row.moved_since,
        publish_gaps=decode_publish_gaps(row.publish_gaps),
        site_identity=decode_site_identity(row.site_identity),
        site_changed_reason=row.site_changed_reason,
        parser_version=row.parser_version,
        request_options=_request(row),
        user_agent_trial=decode_user_agent_trial(row.user_agent_trial),
    )


def _request(row: Row[Any]) -> RequestOptions:
    """A sitemap without options of its own is asked with those of the index that names it."""
    if row.request_options is not None or row.index_request_options is None:
        return decode_options(row.request_options)
    return scoped_to(decode_options(row.index_request_options), row.url, was=row.index_url)


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
            row.key: Seen(
                key=row.key,
                content_hash=row.content_hash,
                article_id=row.article_id,
                entry_fingerprint=row.entry_fingerprint or b"",
            )
            for row in rows
        }


AppendAlerts = Callable[[Connection, Sequence[Alert]], object]
"""Makes alerts part of the transaction that stores what they tell."""


def record(
    engine: Engine,
    outcomes: Sequence[PollOutcome],
    *,
    quarantined: Sequence[QuarantineItem] = (),
    now: datetime,
    append_alerts: AppendAlerts | None = None,
) -> int:
    """Store how these polls ended, and ``tell`` what there is to tell of their feeds; how many still held their lease.

    To be called only when every message of theirs is durable in the log: what is stored here makes the next
    poll pass over them.

    Raises:
        Unavailable: the database; all of it was stored, or nothing.
    """
    return run_with_retry(
        engine, lambda connection: _record(connection, outcomes, quarantined, now, append_alerts)
    )


def _record(
    connection: Connection,
    outcomes: Sequence[PollOutcome],
    unpolled: Sequence[QuarantineItem],
    now: datetime,
    tell: AppendAlerts | None,
) -> int:
    held: dict[int, bool] = {}
    if outcomes:
        arrays = {name: [read(each) for each in outcomes] for name, _, read in _COLUMNS}
        held = {row.id: row.turned for row in connection.exec_driver_sql(_RECORD, arrays)}
    # A seen-set is only written under the lease: of two polls of one feed, the later has seen more.
    remember(connection, [outcome for outcome in outcomes if outcome.feed_id in held])
    hosts.apply_pauses(connection, outcomes)
    quarantine(connection, unpolled, now=now)
    alerts: list[Alert] = []
    for each in outcomes:
        if held.get(each.feed_id):  # of one that an operator turned meanwhile there is nothing to tell
            alerts += each.alerts
            if each.relocate is not None:
                alerts += relocate(connection, each, to=each.relocate, now=now)
    # After the seen-sets, which go with the feeds that go.
    update_children(connection, outcomes, held=held, now=now)
    # Last: the counter of the alerts is one row that all pollers wait for.
    if alerts and tell is not None:
        tell(connection, alerts)
    return len(held)


class SeenUpdate(Protocol):
    """A document that was read: by a poll, or because a hub sent it."""

    @property
    def feed_id(self) -> int: ...

    @property
    def poll_id(self) -> int: ...

    @property
    def seen(self) -> tuple[Seen, ...]: ...


def remember(connection: Connection, told: Sequence[SeenUpdate]) -> None:
    """Their rows of the seen-sets."""
    rows = {
        (each.feed_id, seen.key): (
            each.feed_id,
            seen.key,
            seen.content_hash,
            seen.article_id,
            each.poll_id,
            seen.entry_fingerprint,
        )
        for each in told
        for seen in each.seen
    }
    if rows:
        connection.exec_driver_sql(
            _REMEMBER, tuple(list(column) for column in zip(*rows.values(), strict=True))
        )


def quarantine(connection: Connection, unpolled: Sequence[QuarantineItem], *, now: datetime) -> None:
    """What could not be handled goes to quarantine."""
    if unpolled:
        connection.exec_driver_sql(
            _QUARANTINE,
            (
                now,
                [each.stage for each in unpolled],
                [each.topic for each in unpolled],
                [each.log_position for each in unpolled],
                [each.key for each in unpolled],
                [each.value for each in unpolled],
                [Jsonb(dict(each.headers)) for each in unpolled],
                [pg_text(each.error) for each in unpolled],
                [pg_text(each.detail) for each in unpolled],
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
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_RELEASE, given).rowcount)


def history(engine: Engine, feed_id: int, *, limit: int = SHOWN_POLLS) -> list[Poll]:
    """The last polls of a feed, newest first."""
    with read_transaction(engine) as connection:
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
