"""WebSub subscriptions in the database. :mod:`ingest.schedule.websub` decides every change.

::

    offer                  a poll found a hub: a new row, or a replaced one where the feed declares other hubs
    claim_due              requests that are due, within the limits of the hubs' hosts; one process sends each
    change                 a hub's response, an operator's command, a push: the row is locked, changed, stored
    record_hub_misses      entries that polls found and no push contained so far
    count_missed_entries   those that no push contained within the grace

A change that ends :func:`ingest.schedule.websub.is_reliable` makes the feed due in the same transaction, because its
polls were rare while its hub was reliable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, case, func, select, true, update
from sqlalchemy.dialects.postgresql import insert

from ingest.db import hosts
from ingest.db.engine import pg_text, run_with_retry
from ingest.db.feed_codecs import WAITS
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import feeds, websub_subscriptions
from ingest.schedule import websub
from ingest.schedule.hub_offer import Offer
from ingest.schedule.rate_limit import DueRequest, HostLimits
from ingest.schedule.websub import Subscription, SubscriptionState

_COLUMN_NAMES: Final = tuple(column.name for column in fields(Subscription))
_COLUMNS: Final = tuple(websub_subscriptions.c[name] for name in _COLUMN_NAMES)

_SELECT_DUE: Final = f"""
    SELECT {", ".join(f"s.{name}" for name in _COLUMN_NAMES)}, s.slot_at FROM websub_subscriptions s
    JOIN feeds f ON f.id = s.feed_id
    WHERE s.next_try_at <= %(now)s AND (f.enabled OR s.state = '{SubscriptionState.CANCELLED}')
    ORDER BY s.next_try_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED"""  # noqa: S608
_DELETE_LATE_MISSES: Final = """
    WITH late AS (
        SELECT feed_id, key FROM hub_misses WHERE missed_at <= %(before)s
        ORDER BY feed_id, key LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), deleted AS (
        DELETE FROM hub_misses m USING late WHERE m.feed_id = late.feed_id AND m.key = late.key RETURNING m.feed_id
    )
    SELECT feed_id, count(*) AS missed FROM deleted GROUP BY feed_id ORDER BY feed_id"""
_INSERT_MISSES: Final = """
    INSERT INTO hub_misses (feed_id, key, missed_at)
    SELECT misses.feed_id, misses.key, %(now)s
    FROM unnest(%(feeds)b::bigint[], %(keys)b::bytea[]) AS misses(feed_id, key)
    JOIN feeds ON feeds.id = misses.feed_id ORDER BY misses.feed_id, misses.key ON CONFLICT DO NOTHING"""
MISSED_BATCH: Final = 1000
_SELECT_WITH_FEED: Final = select(*_COLUMNS, feeds.c.url).join(
    feeds, feeds.c.id == websub_subscriptions.c.feed_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription as operators see it: without the token and the secret, which only the hub may know."""

    feed_id: int
    feed_url: str
    hub: str
    topic: str
    state: str
    reliable: bool
    """Polls of the feed are only a backup."""
    verified_at: datetime | None
    lease_until: datetime | None
    next_try_at: datetime | None
    failures: int
    trust: float
    push_count: int
    last_push_at: datetime | None
    missed_entries: int
    invalid_pushes: int
    detail: str | None


def offer(engine: Engine, feed_id: int, declared: Offer, *, token: str, secret: str, now: datetime) -> bool:
    """Create or replace the subscription of a feed by the hubs that it declares. Return whether a new one was stored.

    ``token`` and ``secret`` are those of a new subscription. A subscription at other hubs, or with another topic, is
    replaced; pushes from there no longer have a callback.
    """

    def store_offer(connection: Connection) -> bool:
        new = websub.new_subscription(feed_id, declared, token=token, secret=secret, now=now)
        if connection.execute(select(feeds.c.id).where(feeds.c.id == feed_id)).first() is None:
            return False
        stored = _lock(connection, feed_id=feed_id)
        if stored is None:
            statement = insert(websub_subscriptions).values(_values(new)).on_conflict_do_nothing()
            inserted = connection.execute(statement.returning(websub_subscriptions.c.feed_id))
            return inserted.first() is not None
        if websub.matches_offer(stored, declared):
            _store(connection, stored, replace(stored, hubs=declared.hubs), now=now)
            return False
        # An operator's cancellation outlives a change of hubs.
        if stored.state is SubscriptionState.CANCELLED:
            new = replace(new, state=SubscriptionState.CANCELLED, next_try_at=None)
        _store(connection, stored, new, now=now)
        return True

    return run_with_retry(engine, store_offer)


def claim_due(engine: Engine, *, now: datetime, limit: int, host_limits: HostLimits) -> list[Subscription]:
    """Claim up to ``limit`` subscriptions with a request that is due, for this process alone.

    Subscriptions whose hubs have no capacity now get a slot, and are due again then.

    Raises:
        Unavailable: the database.
    """

    def claim(connection: Connection) -> list[Subscription]:
        rows = connection.exec_driver_sql(_SELECT_DUE, {"now": now, "limit": limit}).mappings().all()
        requests: dict[int, tuple[Subscription, Subscription]] = {}
        due: list[DueRequest] = []
        for row in rows:
            stored = _subscription(row)
            changed, needs_request = websub.begin_request(stored, now=now)
            if needs_request:
                requests[stored.feed_id] = stored, changed
                has_slot = row["slot_at"] is not None and row["slot_at"] == stored.next_try_at
                due.append(DueRequest(id=stored.feed_id, host=_host(stored.hub), has_slot=has_slot))
            else:
                _store(connection, stored, changed, now=now)
        admission = hosts.admit(connection, due, now=now, host_limits=host_limits)
        for feed_id, slot_at in admission.slots.items():
            statement = update(websub_subscriptions).where(websub_subscriptions.c.feed_id == feed_id)
            connection.execute(statement.values(next_try_at=slot_at, slot_at=slot_at))
        for feed_id in admission.admitted:
            stored, changed = requests[feed_id]
            _store(connection, stored, changed, now=now)
        return [requests[feed_id][1] for feed_id in admission.admitted]

    return run_with_retry(engine, claim)


def change(
    engine: Engine,
    apply: Callable[[Subscription], Subscription | None],
    *,
    now: datetime,
    feed_id: int | None = None,
    token: str | None = None,
) -> Subscription | None:
    """Lock the subscription of this feed, or with this token, and store the result of ``apply``.

    ``apply`` returns None to change nothing. None: there is no subscription, or nothing was changed.

    Raises:
        Unavailable: the database.
    """

    def change_locked(connection: Connection) -> Subscription | None:
        stored = _lock(connection, feed_id=feed_id, token=token)
        changed = None if stored is None else apply(stored)
        if stored is None or changed is None:
            return None
        _store(connection, stored, changed, now=now)
        return changed

    return run_with_retry(engine, change_locked)


def change_in(
    connection: Connection, feed_id: int, apply: Callable[[Subscription], Subscription], *, now: datetime
) -> None:
    """Change the subscription of this feed, if it has one, within the caller's transaction."""
    stored = _lock(connection, feed_id=feed_id)
    if stored is not None:
        _store(connection, stored, apply(stored), now=now)


def find(engine: Engine, *, feed_id: int | None = None, token: str | None = None) -> Subscription | None:
    """Return the subscription of this feed, or with this token."""
    with read_transaction(engine) as connection:
        row = connection.execute(select(*_COLUMNS).where(_matches(feed_id, token))).mappings().one_or_none()
    return None if row is None else _subscription(row)


def subscriptions_of(engine: Engine, feed_ids: Sequence[int]) -> dict[int, Subscription]:
    """Return the subscriptions of these feeds, by feed id."""
    with read_transaction(engine) as connection:
        rows = connection.execute(
            select(*_COLUMNS).where(websub_subscriptions.c.feed_id.in_(feed_ids))
        ).mappings()
        return {row["feed_id"]: _subscription(row) for row in rows}


def list_subscriptions(engine: Engine, *, now: datetime, state: str | None = None) -> list[SubscriptionView]:
    """Return all subscriptions (``state``: in this state), by ascending feed id."""
    statement = (
        _SELECT_WITH_FEED if state is None else _SELECT_WITH_FEED.where(websub_subscriptions.c.state == state)
    )
    with read_transaction(engine) as connection:
        rows = connection.execute(statement.order_by(websub_subscriptions.c.feed_id)).mappings().all()
    return [_view(_subscription(row), feed_url=row["url"], now=now) for row in rows]


def subscription_view(connection: Connection, feed_id: int, *, now: datetime) -> SubscriptionView | None:
    """Return the subscription of one feed, within the caller's transaction."""
    statement = _SELECT_WITH_FEED.where(websub_subscriptions.c.feed_id == feed_id)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _view(_subscription(row), feed_url=row["url"], now=now)


def _view(subscription: Subscription, *, feed_url: str, now: datetime) -> SubscriptionView:
    values = {
        name: getattr(subscription, name)
        for name in SubscriptionView.__dataclass_fields__
        if name in _COLUMN_NAMES
    }
    values["state"] = subscription.state.value
    return SubscriptionView(**values, feed_url=feed_url, reliable=websub.is_reliable(subscription, now=now))


def count_states(connection: Connection) -> dict[str, int]:
    """Count the subscriptions in each state."""
    rows = connection.execute(
        select(websub_subscriptions.c.state, func.count()).group_by(websub_subscriptions.c.state)
    )
    return {**{state.value: 0 for state in SubscriptionState}, **{row[0]: row[1] for row in rows}}


def record_hub_misses(engine: Engine, keys_by_feed: Mapping[int, Sequence[bytes]], *, now: datetime) -> None:
    """Store entries that polls found and no push contained so far, by feed id."""
    pairs = [(feed_id, key) for feed_id, keys in keys_by_feed.items() for key in keys]
    if pairs:
        parameters = {"now": now, "feeds": [pair[0] for pair in pairs], "keys": [pair[1] for pair in pairs]}
        run_with_retry(
            engine, lambda connection: connection.exec_driver_sql(_INSERT_MISSES, parameters).rowcount
        )


def count_missed_entries(engine: Engine, *, now: datetime, grace: timedelta = websub.PUSH_GRACE) -> int:
    """Lower the trust in hubs by entries that polls found longer than ``grace`` ago and no push contained.

    Return the number of those entries.
    """

    def count(connection: Connection) -> int:
        parameters = {"before": now - grace, "limit": MISSED_BATCH}
        total = 0
        for feed_id, missed in connection.exec_driver_sql(_DELETE_LATE_MISSES, parameters).all():
            total += missed
            change_in(connection, feed_id, partial(websub.after_missed_entries, missed=missed), now=now)
        return total

    return run_with_retry(engine, count)


def _matches(feed_id: int | None, token: str | None) -> Any:
    return (
        websub_subscriptions.c.token == token
        if feed_id is None
        else websub_subscriptions.c.feed_id == feed_id
    )


def _lock(
    connection: Connection, *, feed_id: int | None = None, token: str | None = None
) -> Subscription | None:
    statement = select(*_COLUMNS).where(_matches(feed_id, token)).with_for_update()
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _subscription(row)


def _store(connection: Connection, stored: Subscription, changed: Subscription, *, now: datetime) -> None:
    if changed == stored:
        return
    values = {**_values(changed), "slot_at": None}
    connection.execute(
        update(websub_subscriptions).where(websub_subscriptions.c.feed_id == stored.feed_id).values(values)
    )
    if websub.is_reliable(stored, now=now) and not websub.is_reliable(changed, now=now):
        poll_now(connection, stored.feed_id, at=now, reason="its hub is no longer reliable")


def poll_now(connection: Connection, feed_id: int, *, at: datetime, reason: str) -> None:
    """Move the next poll of a feed forward to ``at``, or to the end of its server's Retry-After.

    A feed with a poll in flight stays as it is.
    """
    soonest = func.greatest(at, feeds.c.retry_after_until)
    statement = update(feeds).where(
        feeds.c.id == feed_id,
        feeds.c.enabled == true(),
        feeds.c.lease_poll_id.is_(None),
        feeds.c.next_poll_at > soonest,
    )
    explained = case((feeds.c.retry_after_until > at, f"{reason}; {WAITS}"), else_=reason)
    connection.execute(statement.values(next_poll_at=soonest, slot_at=None, last_reason=explained))


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def _subscription(row: Mapping[Any, Any]) -> Subscription:
    values = {name: row[name] for name in _COLUMN_NAMES}
    return Subscription(**{**values, "state": SubscriptionState(row["state"]), "hubs": tuple(row["hubs"])})


def _values(subscription: Subscription) -> dict[str, Any]:
    values: Iterable[tuple[str, Any]] = ((name, getattr(subscription, name)) for name in _COLUMN_NAMES)
    return {
        **dict(values),
        "state": subscription.state.value,
        "hubs": list(subscription.hubs),
        "detail": pg_text(subscription.detail),
    }
