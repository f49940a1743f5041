"""Subscriptions with hubs: rows of ``websub_subscriptions``, changed by :mod:`ingest.schedule.websub` alone.

::

    offer       a poll found a hub: a row, or another one where the feed changed its mind
    claim_due   whom to ask now, within the budgets of their hosts; each is asked by one process
    change      what a hub said, an operator wants, a push showed: the row is locked, changed, stored
    judge       entries that polls found and no push brought within the grace

Whatever ends :func:`ingest.schedule.websub.covers` for a feed makes that feed due in the same transaction: its polls
were rare because its hub was believed.
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
from ingest.schedule.rate_limit import DueFeed, HostLimits
from ingest.schedule.websub import Offer, Subscription, SubscriptionState

_NAMES: Final = tuple(each.name for each in fields(Subscription))
_ROW: Final = tuple(websub_subscriptions.c[name] for name in _NAMES)

_DUE: Final = f"""
    SELECT {", ".join(f"s.{name}" for name in _NAMES)}, s.slot_at FROM websub_subscriptions s
    JOIN feeds f ON f.id = s.feed_id
    WHERE s.next_try_at <= %(now)s AND (f.enabled OR s.state = '{SubscriptionState.CANCELLED}')
    ORDER BY s.next_try_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED"""  # noqa: S608
_JUDGED: Final = """
    WITH late AS (
        SELECT feed_id, key FROM hub_misses WHERE missed_at <= %(before)s
        ORDER BY feed_id, key LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM hub_misses u USING late WHERE u.feed_id = late.feed_id AND u.key = late.key RETURNING u.feed_id
    )
    SELECT feed_id, count(*) AS missed FROM gone GROUP BY feed_id ORDER BY feed_id"""
_NOTE: Final = """
    INSERT INTO hub_misses (feed_id, key, missed_at)
    SELECT found.feed_id, found.key, %(now)s FROM unnest(%(feeds)b::bigint[], %(keys)b::bytea[]) AS found(feed_id, key)
    JOIN feeds ON feeds.id = found.feed_id ORDER BY found.feed_id, found.key ON CONFLICT DO NOTHING"""
MISSED_BATCH: Final = 1000
_WITH_FEED: Final = select(*_ROW, feeds.c.url).join(feeds, feeds.c.id == websub_subscriptions.c.feed_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription as an operator sees it: without what only its hub may know."""

    feed_id: int
    feed_url: str
    hub: str
    topic: str
    state: str
    covers: bool
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


def offer(engine: Engine, feed_id: int, offered: Offer, *, token: str, secret: str, now: datetime) -> bool:
    """Take up what a feed offers; whether that made a difference. ``token`` and ``secret`` are used for a new row.

    A subscription to other hubs, or of another name, is forgotten: what comes from there has no callback any more.
    """

    def take_up(connection: Connection) -> bool:
        wanted = websub.new_subscription(feed_id, offered, token=token, secret=secret, now=now)
        if connection.execute(select(feeds.c.id).where(feeds.c.id == feed_id)).first() is None:
            return False
        known = _locked(connection, feed_id=feed_id)
        if known is None:
            statement = insert(websub_subscriptions).values(_values(wanted)).on_conflict_do_nothing()
            added = connection.execute(statement.returning(websub_subscriptions.c.feed_id))
            return added.first() is not None
        if websub.matches_offer(known, offered):
            _store(connection, known, replace(known, hubs=offered.hubs), now=now)
            return False
        if known.state is SubscriptionState.CANCELLED:  # an operator's word outlives a change of the feed's
            wanted = replace(wanted, state=SubscriptionState.CANCELLED, next_try_at=None)
        _store(connection, known, wanted, now=now)
        return True

    return run_with_retry(engine, take_up)


def claim_due(engine: Engine, *, now: datetime, limit: int, host_limits: HostLimits) -> list[Subscription]:
    """Up to ``limit`` subscriptions whose hubs are to be asked now, by us: whoever looks meanwhile gets others.

    Those whose hubs have no room are due again when their turn comes.

    Raises:
        Unavailable: the database.
    """

    def claim(connection: Connection) -> list[Subscription]:
        rows = connection.exec_driver_sql(_DUE, {"now": now, "limit": limit}).mappings().all()
        asking: dict[int, tuple[Subscription, Subscription]] = {}
        waiting: list[DueFeed] = []
        for row in rows:
            known = _read(row)
            changed, ask = websub.begin_request(known, now=now)
            if ask:
                asking[known.feed_id] = known, changed
                came = row["slot_at"] is not None and row["slot_at"] == known.next_try_at
                waiting.append(DueFeed(feed_id=known.feed_id, host=_host(known.hub), has_slot=came))
            else:
                _store(connection, known, changed, now=now)
        admission = hosts.admit(connection, waiting, now=now, host_limits=host_limits)
        for feed_id, turn in admission.slots.items():
            statement = update(websub_subscriptions).where(websub_subscriptions.c.feed_id == feed_id)
            connection.execute(statement.values(next_try_at=turn, slot_at=turn))
        for feed_id in admission.admitted:
            known, changed = asking[feed_id]
            _store(connection, known, changed, now=now)
        return [asking[feed_id][1] for feed_id in admission.admitted]

    return run_with_retry(engine, claim)


def change(
    engine: Engine,
    by: Callable[[Subscription], Subscription | None],
    *,
    now: datetime,
    feed_id: int | None = None,
    token: str | None = None,
) -> Subscription | None:
    """Let ``by`` change the subscription of this feed, or with this token, while nobody else does; it returns None to
    leave it. None: there is none, or it was left.

    Raises:
        Unavailable: the database.
    """

    def apply(connection: Connection) -> Subscription | None:
        known = _locked(connection, feed_id=feed_id, token=token)
        changed = None if known is None else by(known)
        if known is None or changed is None:
            return None
        _store(connection, known, changed, now=now)
        return changed

    return run_with_retry(engine, apply)


def change_in(
    connection: Connection, feed_id: int, by: Callable[[Subscription], Subscription], *, now: datetime
) -> None:
    """The same within a transaction that does more; nothing where there is none."""
    known = _locked(connection, feed_id=feed_id)
    if known is not None:
        _store(connection, known, by(known), now=now)


def find(engine: Engine, *, feed_id: int | None = None, token: str | None = None) -> Subscription | None:
    """The subscription of this feed, or with this token."""
    with read_transaction(engine) as connection:
        row = connection.execute(select(*_ROW).where(_named(feed_id, token))).mappings().one_or_none()
    return None if row is None else _read(row)


def subscriptions_of(engine: Engine, feed_ids: Sequence[int]) -> dict[int, Subscription]:
    """Those of these feeds that have one."""
    with read_transaction(engine) as connection:
        rows = connection.execute(
            select(*_ROW).where(websub_subscriptions.c.feed_id.in_(feed_ids))
        ).mappings()
        return {row["feed_id"]: _read(row) for row in rows}


def list_subscriptions(engine: Engine, *, now: datetime, state: str | None = None) -> list[SubscriptionView]:
    """All of them, in the order of their feeds."""
    wanted = _WITH_FEED if state is None else _WITH_FEED.where(websub_subscriptions.c.state == state)
    with read_transaction(engine) as connection:
        rows = connection.execute(wanted.order_by(websub_subscriptions.c.feed_id)).mappings().all()
    return [_shown(_read(row), feed_url=row["url"], now=now) for row in rows]


def subscription_view(connection: Connection, feed_id: int, *, now: datetime) -> SubscriptionView | None:
    """That of one feed, within a snapshot that has more in it."""
    wanted = _WITH_FEED.where(websub_subscriptions.c.feed_id == feed_id)
    row = connection.execute(wanted).mappings().one_or_none()
    return None if row is None else _shown(_read(row), feed_url=row["url"], now=now)


def _shown(known: Subscription, *, feed_url: str, now: datetime) -> SubscriptionView:
    plain = {name: getattr(known, name) for name in SubscriptionView.__dataclass_fields__ if name in _NAMES}
    plain["state"] = known.state.value
    return SubscriptionView(**plain, feed_url=feed_url, covers=websub.covers(known, now=now))


def count_states(connection: Connection) -> dict[str, int]:
    """How many there are in each state."""
    rows = connection.execute(
        select(websub_subscriptions.c.state, func.count()).group_by(websub_subscriptions.c.state)
    )
    return {**{state.value: 0 for state in SubscriptionState}, **{row[0]: row[1] for row in rows}}


def record_hub_misses(engine: Engine, found: Mapping[int, Sequence[bytes]], *, now: datetime) -> None:
    """Polls found these entries, by feed, which their hubs have not told yet."""
    pairs = [(feed_id, key) for feed_id, keys in found.items() for key in keys]
    if pairs:
        given = {"now": now, "feeds": [pair[0] for pair in pairs], "keys": [pair[1] for pair in pairs]}
        run_with_retry(engine, lambda connection: connection.exec_driver_sql(_NOTE, given).rowcount)


def count_missed_entries(engine: Engine, *, now: datetime, grace: timedelta = websub.PUSH_GRACE) -> int:
    """Count against their hubs the entries that polls found longer than ``grace`` ago and no push brought; how many
    those are."""

    def apply(connection: Connection) -> int:
        given = {"before": now - grace, "limit": MISSED_BATCH}
        total = 0
        for feed_id, missed in connection.exec_driver_sql(_JUDGED, given).all():
            total += missed
            change_in(connection, feed_id, partial(websub.after_missed_entries, missed=missed), now=now)
        return total

    return run_with_retry(engine, apply)


def _named(feed_id: int | None, token: str | None) -> Any:
    return (
        websub_subscriptions.c.token == token
        if feed_id is None
        else websub_subscriptions.c.feed_id == feed_id
    )


def _locked(
    connection: Connection, *, feed_id: int | None = None, token: str | None = None
) -> Subscription | None:
    wanted = select(*_ROW).where(_named(feed_id, token)).with_for_update()
    row = connection.execute(wanted).mappings().one_or_none()
    return None if row is None else _read(row)


def _store(connection: Connection, known: Subscription, changed: Subscription, *, now: datetime) -> None:
    if changed == known:
        return
    values = {**_values(changed), "slot_at": None}
    connection.execute(
        update(websub_subscriptions).where(websub_subscriptions.c.feed_id == known.feed_id).values(values)
    )
    if websub.covers(known, now=now) and not websub.covers(changed, now=now):
        poll_now(connection, known.feed_id, at=now, reason="its hub is no longer relied on")


def poll_now(connection: Connection, feed_id: int, *, at: datetime, reason: str) -> None:
    """Let a feed be polled at ``at`` where it would be polled later, but not before its server allows; one of which a
    poll is under way stays as it is."""
    soonest = func.greatest(at, feeds.c.retry_after_until)
    statement = update(feeds).where(
        feeds.c.id == feed_id,
        feeds.c.enabled == true(),
        feeds.c.lease_poll_id.is_(None),
        feeds.c.next_poll_at > soonest,
    )
    why = case((feeds.c.retry_after_until > at, f"{reason}; {WAITS}"), else_=reason)
    connection.execute(statement.values(next_poll_at=soonest, slot_at=None, last_reason=why))


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def _read(row: Mapping[Any, Any]) -> Subscription:
    values = {name: row[name] for name in _NAMES}
    return Subscription(**{**values, "state": SubscriptionState(row["state"]), "hubs": tuple(row["hubs"])})


def _values(known: Subscription) -> dict[str, Any]:
    values: Iterable[tuple[str, Any]] = ((name, getattr(known, name)) for name in _NAMES)
    return {
        **dict(values),
        "state": known.state.value,
        "hubs": list(known.hubs),
        "detail": pg_text(known.detail),
    }
