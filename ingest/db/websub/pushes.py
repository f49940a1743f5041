"""Pushes from hubs: stored before we respond to the hub, deleted when their articles are in the log.

::

    store ─▶ lease ─▶ (parsed, appended to the log) ─▶ record    history, seen-set, trust; the push is deleted
                └───▶ release                                     when the poller stops; else the lease expires

A push gets a poll id when it is stored. However often it is read, its articles therefore come from one "poll". A feed's
pushes are read one after the other, in the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine

from ingest.db.engine import pg_text, run_with_retry
from ingest.db.quarantine import QuarantineItem, insert_items
from ingest.db.seen import update_seen
from ingest.db.tables import websub_pushes
from ingest.db.websub import subscriptions
from ingest.schedule import websub
from ingest.types import Evidence, FailureKind, PollResult, Seen

MAX_WAITING: Final = 100
MAX_WAITING_BYTES: Final = 64 * 1024**2
"""Limits per feed. Pushes beyond them are refused, so the hub sends them again later."""
REREAD_DELAY: Final = timedelta(seconds=10)

_INSERT: Final = """
    WITH waiting AS (
        SELECT count(*) AS pushes, coalesce(sum(octet_length(body)), 0) AS bytes FROM websub_pushes
        WHERE feed_id = %(feed)s
    )
    INSERT INTO websub_pushes (id, feed_id, received_at, content_type, language, body)
    SELECT nextval('poll_ids'), feeds.id, %(now)s, %(type)s, %(language)s, %(body)s FROM feeds, waiting
    WHERE feeds.id = %(feed)s AND waiting.pushes < %(most)s
        AND (waiting.pushes = 0 OR waiting.bytes + %(size)s <= %(bytes)s)
    RETURNING id"""
# The oldest push of each feed. A push without entries starts a poll; a poll in flight may have begun before the change,
# so the push waits for its end.
_LEASE: Final = """
    WITH next AS (
        SELECT p.id FROM websub_pushes p JOIN feeds f ON f.id = p.feed_id
        WHERE (p.lease_until IS NULL OR p.lease_until <= %(now)s)
            AND NOT EXISTS (SELECT FROM websub_pushes older WHERE older.feed_id = p.feed_id AND older.id < p.id)
            AND (octet_length(p.body) > 0 OR f.lease_poll_id IS NULL)
        ORDER BY p.id LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED
    )
    UPDATE websub_pushes p SET lease_until = %(until)s
    FROM next, feeds f LEFT JOIN websub_subscriptions s ON s.feed_id = f.id
    WHERE p.id = next.id AND f.id = p.feed_id
    RETURNING p.id, p.feed_id, f.url, f.enabled, coalesce(s.hub, '') AS hub, p.received_at, p.content_type, p.language,
        p.body, f.identity"""
# A poll in flight may have begun before the change that the push announces, and would overwrite the next due time.
_POSTPONE: Final = """
    UPDATE websub_pushes p SET lease_until = %(retry_at)s FROM feeds WHERE p.id = %(id)s AND p.lease_until = %(until)s
        AND feeds.id = p.feed_id AND feeds.lease_poll_id IS NOT NULL"""
_DELETE: Final = "DELETE FROM websub_pushes WHERE id = %(id)s AND lease_until = %(until)s"
_INSERT_POLL: Final = f"""
    INSERT INTO polls (id, feed_id, started_at, finished_at, result, failure, detail, sample, body_bytes, entries,
        appended, created, duplicates, next_poll_at, reason)
    SELECT %(id)s, id, %(started)s, %(now)s, '{PollResult.PUSHED}', %(failure)s, %(detail)s, %(sample)s, %(size)s,
        %(entries)s, %(appended)s, %(created)s, %(duplicates)s, next_poll_at, %(reason)s
    FROM feeds WHERE id = %(feed)s ON CONFLICT (id) DO NOTHING"""  # noqa: S608
# Entries in pushes count as published. Otherwise the feed would look idle, and be polled rarely once its hub is gone.
_COUNT_ENTRIES: Final = (
    "UPDATE feeds SET publish_rate_entries = publish_rate_entries + %(created)s WHERE id = %(feed)s"
)
_DELETE_MISSES: Final = "DELETE FROM hub_misses WHERE feed_id = %(feed)s AND key = ANY(%(keys)b::bytea[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push that is leased to this poller until ``until``."""

    id: int
    feed_id: int
    feed_url: str
    enabled: bool
    """The feed is not muted."""
    hub: str
    received_at: datetime
    until: datetime
    content_type: str | None
    language: str | None
    body: bytes
    identity: Evidence | None = None
    """The evidence by which an operator has the feed's entries identified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutcome:
    """The outcome of a push. ``keys``: of all its entries; ``seen``: rows of the seen-set that are new or changed."""

    push: Push
    finished_at: datetime
    failure: FailureKind | None = None
    detail: str | None = None
    sample: bytes | None = None
    entries: int = 0
    appended: int = 0
    created: int = 0
    duplicates: int = 0
    keys: tuple[bytes, ...] = ()
    seen: tuple[Seen, ...] = ()
    poll_at: datetime | None = None
    """When the push makes the feed due; None: the schedule stays."""

    @property
    def feed_id(self) -> int:
        return self.push.feed_id

    @property
    def poll_id(self) -> int:
        return self.push.id


def store(
    engine: Engine,
    feed_id: int,
    body: bytes,
    *,
    content_type: str | None,
    language: str | None,
    now: datetime,
) -> bool:
    """Store a push. False: too many pushes of this feed wait, so the hub has to send it again.

    Raises:
        Unavailable: the database; the push was not stored, or the result is unknown.
    """
    parameters: dict[str, Any] = {
        "feed": feed_id,
        "now": now,
        "type": pg_text(content_type),
        "language": pg_text(language),
        "body": body,
        "size": len(body),
        "most": MAX_WAITING,
        "bytes": MAX_WAITING_BYTES,
    }
    return (
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_INSERT, parameters).first())
        is not None
    )


def lease(engine: Engine, *, now: datetime, limit: int, lease: timedelta) -> list[Push]:
    """Lease up to ``limit`` pushes until ``now + lease``, at most one per feed.

    Raises:
        Unavailable: the database.
    """
    parameters = {"now": now, "until": now + lease, "limit": limit}
    rows = run_with_retry(
        engine, lambda connection: connection.exec_driver_sql(_LEASE, parameters).mappings().all()
    )
    return [
        Push(
            id=row["id"],
            feed_id=row["feed_id"],
            feed_url=row["url"],
            enabled=row["enabled"],
            hub=row["hub"],
            received_at=row["received_at"],
            until=now + lease,
            content_type=row["content_type"],
            language=row["language"],
            body=bytes(row["body"]),
            identity=None if row["identity"] is None else Evidence(row["identity"]),
        )
        for row in rows
    ]


def record(
    engine: Engine, outcome: PushOutcome, *, quarantined: Sequence[QuarantineItem] = (), now: datetime
) -> bool:
    """Store the outcome of a push and delete the push. Call it only when all its messages are durable in the log.

    False: the lease has expired; or the push starts a poll while one is in flight, and is read again after
    ``REREAD_DELAY``. The feed's memory of its server's responses (validators, hash, time of the last response) stays,
    because a push is no such response.

    Raises:
        Unavailable: the database; all was stored, or nothing.
    """
    return run_with_retry(engine, lambda connection: _record(connection, outcome, quarantined, now))


def _record(
    connection: Connection, outcome: PushOutcome, quarantined: Sequence[QuarantineItem], now: datetime
) -> bool:
    push, feed_id = outcome.push, outcome.feed_id
    has_entries = outcome.failure is None and outcome.entries > 0
    if outcome.poll_at is not None and not has_entries:
        parameters = {"id": push.id, "until": push.until, "retry_at": now + REREAD_DELAY}
        if connection.exec_driver_sql(_POSTPONE, parameters).rowcount:
            return False
    if connection.exec_driver_sql(_DELETE, {"id": push.id, "until": push.until}).rowcount == 0:
        return False
    after = websub.after_push if has_entries else websub.after_ping
    subscriptions.change_in(connection, feed_id, partial(after, at=push.received_at), now=now)
    if outcome.keys:
        connection.exec_driver_sql(_DELETE_MISSES, {"feed": feed_id, "keys": list(outcome.keys)})
    if outcome.created:
        connection.exec_driver_sql(_COUNT_ENTRIES, {"feed": feed_id, "created": outcome.created})
    if outcome.poll_at is not None:
        reason = "its document lags behind its hub" if has_entries else "its hub announced a change"
        subscriptions.poll_now(connection, feed_id, at=outcome.poll_at, reason=reason)
    connection.exec_driver_sql(
        _INSERT_POLL,
        {
            "id": push.id,
            "feed": feed_id,
            "started": push.received_at,
            "now": outcome.finished_at,
            "failure": None if outcome.failure is None else outcome.failure.value,
            "detail": pg_text(outcome.detail),
            "sample": outcome.sample,
            "size": len(push.body),
            "entries": outcome.entries,
            "appended": outcome.appended,
            "created": outcome.created,
            "duplicates": outcome.duplicates,
            "reason": f"pushed by {push.hub}" if push.hub else "pushed by its hub",
        },
    )
    update_seen(connection, [outcome])
    insert_items(connection, quarantined, now=now)
    return True


def release(engine: Engine, leased: Sequence[Push]) -> None:
    """Give back leases on pushes that were not read.

    Raises:
        Unavailable: the database; the pushes are leased again when the leases expire.
    """

    def end_leases(connection: Connection) -> None:
        for push in leased:
            statement = websub_pushes.update().where(
                websub_pushes.c.id == push.id, websub_pushes.c.lease_until == push.until
            )
            connection.execute(statement.values(lease_until=None))

    run_with_retry(engine, end_leases)
