"""What hubs sent: durable before the hub is told that we have it, forgotten when its articles are in the log.

::

    store ─▶ lease ─▶ (read, appended to the log) ─▶ record    history, seen-set, trust; the push is forgotten
                └───▶ release                                   when the poller stops; else the lease runs out

A push has a poll id from the start: however often it is read, its articles come from one "poll". A feed's pushes are
read one after the other, in the order they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine

from ingest.db.engine import pg_text, run_with_retry
from ingest.db.quarantine import QuarantineItem, insert_items
from ingest.db.seen import remember
from ingest.db.tables import websub_pushes
from ingest.db.websub import subscriptions
from ingest.schedule import websub
from ingest.types import FailureKind, PollResult, Seen

WAITING_AT_MOST: Final = 100
WAITING_BYTES: Final = 64 * 1024**2
"""Of one feed; what comes beyond is not taken, so its hub keeps it and sends it again."""
AGAIN: Final = timedelta(seconds=10)

_STORE: Final = """
    WITH waiting AS (
        SELECT count(*) AS pushes, coalesce(sum(octet_length(body)), 0) AS bytes FROM websub_pushes
        WHERE feed_id = %(feed)s
    )
    INSERT INTO websub_pushes (id, feed_id, received_at, content_type, language, body)
    SELECT nextval('poll_ids'), feeds.id, %(now)s, %(type)s, %(language)s, %(body)s FROM feeds, waiting
    WHERE feeds.id = %(feed)s AND waiting.pushes < %(most)s
        AND (waiting.pushes = 0 OR waiting.bytes + %(size)s <= %(bytes)s)
    RETURNING id"""
# The oldest of each feed. One without bytes asks for a poll: while one is under way it may have come too early.
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
        p.body"""
# A poll under way may have come too early for what the push says, and would overwrite when the next one is.
_AGAIN: Final = """
    UPDATE websub_pushes p SET lease_until = %(again)s FROM feeds WHERE p.id = %(id)s AND p.lease_until = %(until)s
        AND feeds.id = p.feed_id AND feeds.lease_poll_id IS NOT NULL"""
_FORGET: Final = "DELETE FROM websub_pushes WHERE id = %(id)s AND lease_until = %(until)s"
_HISTORY: Final = f"""
    INSERT INTO polls (id, feed_id, started_at, finished_at, result, failure, detail, sample, body_bytes, entries,
        appended, created, duplicates, next_poll_at, reason)
    SELECT %(id)s, id, %(started)s, %(now)s, '{PollResult.PUSHED}', %(failure)s, %(detail)s, %(sample)s, %(size)s,
        %(entries)s, %(appended)s, %(created)s, %(duplicates)s, next_poll_at, %(reason)s
    FROM feeds WHERE id = %(feed)s ON CONFLICT (id) DO NOTHING"""  # noqa: S608
# What a hub brought the feed published: without this it would look idle, and be polled as such once its hub is gone.
_CADENCE: Final = (
    "UPDATE feeds SET publish_rate_entries = publish_rate_entries + %(created)s WHERE id = %(feed)s"
)
_TOLD: Final = "DELETE FROM hub_misses WHERE feed_id = %(feed)s AND key = ANY(%(keys)b::bytea[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What a hub sent, ours to read until ``until``."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutcome:
    """What a push came to; ``keys`` are those of all its entries, ``seen`` the rows that are new or other."""

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
    """When the feed is polled because of it; None: when it would be anyway."""

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
    """Keep what a hub sent; False: so much of this feed waits that it has to come again.

    Raises:
        Unavailable: the database; it is not kept, or nobody knows.
    """
    given: dict[str, Any] = {
        "feed": feed_id,
        "now": now,
        "type": pg_text(content_type),
        "language": pg_text(language),
        "body": body,
        "size": len(body),
        "most": WAITING_AT_MOST,
        "bytes": WAITING_BYTES,
    }
    return (
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_STORE, given).first())
        is not None
    )


def lease(engine: Engine, *, now: datetime, limit: int, lease: timedelta) -> list[Push]:
    """Up to ``limit`` pushes, one of a feed, ours until ``now + lease``.

    Raises:
        Unavailable: the database.
    """
    given = {"now": now, "until": now + lease, "limit": limit}
    rows = run_with_retry(
        engine, lambda connection: connection.exec_driver_sql(_LEASE, given).mappings().all()
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
        )
        for row in rows
    ]


def record(
    engine: Engine, outcome: PushOutcome, *, quarantined: Sequence[QuarantineItem] = (), now: datetime
) -> bool:
    """Store what a push came to, and forget it; False: it was somebody else's by then, or asks for a poll while one is
    under way and is read again after ``AGAIN``.

    To be called only when every message of it is durable in the log. What is remembered of the feed's own answers
    (validators, hash, when it last answered) stays: a push is none.

    Raises:
        Unavailable: the database; all of it was stored, or nothing.
    """
    return run_with_retry(engine, lambda connection: _record(connection, outcome, quarantined, now))


def _record(
    connection: Connection, outcome: PushOutcome, unpolled: Sequence[QuarantineItem], now: datetime
) -> bool:
    pushed, feed_id = outcome.push, outcome.feed_id
    tells = outcome.failure is None and outcome.entries > 0
    if outcome.poll_at is not None and not tells:
        again = {"id": pushed.id, "until": pushed.until, "again": now + AGAIN}
        if connection.exec_driver_sql(_AGAIN, again).rowcount:
            return False
    if connection.exec_driver_sql(_FORGET, {"id": pushed.id, "until": pushed.until}).rowcount == 0:
        return False
    after = websub.after_push if tells else websub.after_ping
    subscriptions.change_in(connection, feed_id, lambda known: after(known, at=pushed.received_at), now=now)
    if outcome.keys:
        connection.exec_driver_sql(_TOLD, {"feed": feed_id, "keys": list(outcome.keys)})
    if outcome.created:
        connection.exec_driver_sql(_CADENCE, {"feed": feed_id, "created": outcome.created})
    if outcome.poll_at is not None:
        reason = (
            "its hub says that there is something" if not tells else "its document follows what its hub sent"
        )
        subscriptions.poll_now(connection, feed_id, at=outcome.poll_at, reason=reason)
    connection.exec_driver_sql(
        _HISTORY,
        {
            "id": pushed.id,
            "feed": feed_id,
            "started": pushed.received_at,
            "now": outcome.finished_at,
            "failure": None if outcome.failure is None else outcome.failure.value,
            "detail": pg_text(outcome.detail),
            "sample": outcome.sample,
            "size": len(pushed.body),
            "entries": outcome.entries,
            "appended": outcome.appended,
            "created": outcome.created,
            "duplicates": outcome.duplicates,
            "reason": f"sent by {pushed.hub}" if pushed.hub else "sent by its hub",
        },
    )
    remember(connection, [outcome])
    insert_items(connection, unpolled, now=now)
    return True


def release(engine: Engine, given_back: Sequence[Push]) -> None:
    """Let others read these at once.

    Raises:
        Unavailable: the database; they are given to others when their leases run out.
    """

    def give_back(connection: Connection) -> None:
        for each in given_back:
            statement = websub_pushes.update().where(
                websub_pushes.c.id == each.id, websub_pushes.c.lease_until == each.until
            )
            connection.execute(statement.values(lease_until=None))

    run_with_retry(engine, give_back)
