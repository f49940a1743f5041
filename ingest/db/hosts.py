"""The state of hosts that all pollers share: pace, pauses, and slots in the hosts' queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from ingest.db.engine import run_with_retry, transaction
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import feeds, hosts, pages
from ingest.schedule import rate_limit
from ingest.schedule.rate_limit import Admission, DueRequest, Host, HostLimits, is_bounded
from ingest.types import Pause, PollOutcome

LEASE_ROUNDS: Final = 20
"""Queries of one call for leases, where rows that are due must wait for their hosts."""
_Lease = TypeVar("_Lease")

_SELECT_HOSTS: Final = """
    SELECT host, next_slot_at, queue_end, paused_until, pause_reason, spacing, crawl_delay, page_queue_end FROM hosts
    WHERE host = ANY(%(hosts)b::text[]) ORDER BY host"""
# All pollers lock in the order of the names, so that none waits in a circle.
_LOCK_HOSTS: Final = f"{_SELECT_HOSTS} FOR UPDATE"
_INSERT_HOSTS: Final = """
    INSERT INTO hosts (host, next_slot_at, queue_end) SELECT host, %(now)s, %(now)s
    FROM unnest(%(hosts)b::text[]) AS new_hosts(host) ORDER BY host ON CONFLICT (host) DO NOTHING"""
_SELECT_FEEDS_WITH_SLOT: Final = "SELECT id FROM feeds WHERE id = ANY(%(ids)s) AND slot_at = next_poll_at"
# A feed that waits for its slot may still carry an expired lease.
_COUNT_IN_FLIGHT: Final = """
    SELECT host, count(*) AS requests FROM (
        SELECT host FROM feeds WHERE lease_poll_id IS NOT NULL AND host = ANY(%(hosts)b::text[])
            AND next_poll_at > %(now)s AND slot_at IS NULL
        UNION ALL
        SELECT host FROM pages WHERE leased_at IS NOT NULL AND host = ANY(%(hosts)b::text[]) AND due_at > %(now)s
    ) AS in_flight GROUP BY host"""
_UPDATE_QUEUES: Final = """
    UPDATE hosts SET next_slot_at = queues.next_slot_at, queue_end = queues.queue_end,
        page_queue_end = queues.page_queue_end
    FROM unnest(%(hosts)b::text[], %(next_slot_at)b::timestamptz[], %(queue_end)b::timestamptz[],
        %(page_queue_end)b::timestamptz[]) AS queues(host, next_slot_at, queue_end, page_queue_end)
    WHERE hosts.host = queues.host"""
_ASSIGN_FEED_SLOTS: Final = """
    UPDATE feeds SET next_poll_at = slots.slot_at, slot_at = slots.slot_at,
        last_reason = 'waits for a slot at ' || feeds.host || ', which is ' || coalesce(
            (SELECT 'paused until ' || to_char(paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
                || ': ' || pause_reason FROM hosts WHERE hosts.host = feeds.host AND paused_until > %(now)s),
            'rate-limited')
    FROM unnest(%(ids)b::bigint[], %(slots)b::timestamptz[]) AS slots(id, slot_at) WHERE feeds.id = slots.id"""
_ASSIGN_PAGE_SLOTS: Final = """
    UPDATE pages SET due_at = slots.slot_at, slot_at = slots.slot_at
    FROM unnest(%(ids)b::bigint[], %(slots)b::timestamptz[]) AS slots(id, slot_at) WHERE pages.id = slots.id"""
_PAUSE_HOSTS: Final = """
    INSERT INTO hosts (host, next_slot_at, queue_end, paused_until, pause_reason)
    SELECT host, at, at, until, reason
    FROM unnest(%(hosts)b::text[], %(at)b::timestamptz[], %(until)b::timestamptz[], %(reasons)b::text[])
        AS pauses(host, at, until, reason) ORDER BY host
    ON CONFLICT (host) DO UPDATE SET paused_until = excluded.paused_until, pause_reason = excluded.pause_reason
        WHERE hosts.paused_until IS NULL OR hosts.paused_until < excluded.paused_until"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """The state of a host as operators see it."""

    host: str
    feeds: int
    paused_until: datetime | None
    pause_reason: str | None
    spacing: timedelta | None
    """Set for this host; None: the default of all hosts."""
    crawl_delay: timedelta | None
    """Declared by the host's robots.txt, if it was read. An operator's spacing has priority."""
    pages: int
    """Articles' pages that wait to be fetched from the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyHost:
    """When a host that has no capacity for a feed now will have it."""

    at: datetime
    pause_reason: str | None
    """None: the host is rate-limited but not paused."""


def lease_in_rounds(
    engine: Engine, claim: Callable[..., tuple[list[_Lease], int]], *, limit: int, **arguments: Any
) -> list[_Lease]:
    """Return up to ``limit`` leases from calls of ``claim(connection, limit=…, **arguments)``.

    ``claim`` returns its leases and the number of rows it examined. Where some rows had to wait for their hosts, the
    next round examines more.

    Raises:
        Unavailable: the database.
    """
    leases: list[_Lease] = []
    for _ in range(LEASE_ROUNDS):
        missing = limit - len(leases)
        # Each round is a transaction of its own, because hosts are locked in one order only within one.
        claimed, examined = run_with_retry(engine, partial(claim, limit=missing, **arguments))
        leases += claimed
        if examined < missing or len(leases) == limit:
            break
    return leases


def admit_feeds(
    connection: Connection, due: Sequence[DueRequest], *, now: datetime, host_limits: HostLimits
) -> tuple[int, ...]:
    """Return the ids of the feeds that may be polled now, and assign slots to the rest. The feeds' rows are locked."""
    admission = admit(connection, due, now=now, host_limits=host_limits)
    return _assign_slots(connection, admission, statement=_ASSIGN_FEED_SLOTS, now=now)


def admit_pages(
    connection: Connection, due: Sequence[DueRequest], *, now: datetime, host_limits: HostLimits
) -> tuple[int, ...]:
    """Return the ids of the pages that may be fetched now, and assign slots to the rest. The pages' rows are locked."""
    admission = admit(connection, due, decide=rate_limit.admit_pages, now=now, host_limits=host_limits)
    return _assign_slots(connection, admission, statement=_ASSIGN_PAGE_SLOTS, now=now)


def _assign_slots(
    connection: Connection, admission: Admission, *, statement: str, now: datetime
) -> tuple[int, ...]:
    if admission.slots:
        parameters = {"ids": list(admission.slots), "slots": list(admission.slots.values()), "now": now}
        connection.exec_driver_sql(statement, parameters)
    return admission.admitted


def admit(
    connection: Connection,
    due: Sequence[DueRequest],
    *,
    now: datetime,
    host_limits: HostLimits,
    decide: Callable[..., Admission] = rate_limit.admit,
) -> Admission:
    """Decide which of these may send a request to their hosts now, and store the hosts' new state."""
    bounded = sorted({request.host for request in due if is_bounded(request.host, host_limits=host_limits)})
    locked = _lock_hosts(connection, bounded, now=now) if bounded else {}
    admission = decide(due, locked, now=now, host_limits=host_limits)
    if admission.hosts:
        changed = admission.hosts.values()
        connection.exec_driver_sql(
            _UPDATE_QUEUES,
            {
                "hosts": list(admission.hosts),
                "next_slot_at": [host.next_slot_at for host in changed],
                "queue_end": [host.queue_end for host in changed],
                "page_queue_end": [host.page_queue_end for host in changed],
            },
        )
    return admission


def _lock_hosts(connection: Connection, names: list[str], *, now: datetime) -> dict[str, Host]:
    """Lock these hosts, and insert those that are new."""
    parameters = {"hosts": names, "now": now}
    rows = connection.exec_driver_sql(_LOCK_HOSTS, parameters).all()
    if len(rows) < len(names):
        connection.exec_driver_sql(_INSERT_HOSTS, parameters)
        rows = connection.exec_driver_sql(_LOCK_HOSTS, parameters).all()
    return _with_in_flight(connection, rows, parameters)


def _with_in_flight(
    connection: Connection, rows: Sequence[Row[Any]], parameters: Mapping[str, Any]
) -> dict[str, Host]:
    """Return these rows with the number of requests in flight at each host."""
    counts = connection.exec_driver_sql(_COUNT_IN_FLIGHT, parameters).all()
    in_flight = {row.host: row.requests for row in counts}
    return {
        row.host: Host(
            next_slot_at=row.next_slot_at,
            queue_end=row.queue_end,
            paused_until=row.paused_until,
            spacing=row.spacing,
            in_flight=in_flight.get(row.host, 0),
            crawl_delay=row.crawl_delay,
            page_queue_end=row.page_queue_end,
        )
        for row in rows
    }


def busy_hosts(
    engine: Engine, host_by_feed: Mapping[int, str], *, now: datetime, host_limits: HostLimits
) -> dict[int, BusyHost]:
    """Return the hosts that have no capacity for these feeds now, by feed id. Nothing is changed.

    A feed that has a slot is polled then, however many feeds wait. Only a pause that began since can delay the poll.
    """
    names = {name for name in host_by_feed.values() if is_bounded(name, host_limits=host_limits)}
    parameters = {"hosts": sorted(names), "now": now}
    with read_transaction(engine) as connection:
        rows = {row.host: row for row in connection.exec_driver_sql(_SELECT_HOSTS, parameters).all()}
        state = _with_in_flight(connection, list(rows.values()), parameters)
        with_slot = set(
            connection.exec_driver_sql(_SELECT_FEEDS_WITH_SLOT, {"ids": list(host_by_feed)}).scalars()
        )
    busy: dict[int, BusyHost] = {}
    for feed_id, name in host_by_feed.items():
        if name not in state:
            continue
        host = state[name]
        pause_end = host.paused_until or now
        has_slot = feed_id in with_slot
        at = pause_end if has_slot else rate_limit.next_slot(host, now=now, host_limits=host_limits)
        if at > now:
            reason = rows[name].pause_reason if pause_end > now else None
            busy[feed_id] = BusyHost(at=at, pause_reason=reason)
    return busy


def apply_pauses(connection: Connection, outcomes: Sequence[PollOutcome]) -> None:
    """Pause the hosts that responded with a request to slow down."""
    pause_hosts(connection, [outcome.pause for outcome in outcomes if outcome.pause is not None])


def pause_hosts(connection: Connection, requested: Sequence[Pause]) -> None:
    """Pause these hosts. The longest of several pauses applies."""
    longest: dict[str, Pause] = {}
    for pause in sorted(requested, key=lambda pause: pause.until):
        longest[pause.host] = pause
    pauses = list(longest.values())
    if pauses:
        connection.exec_driver_sql(
            _PAUSE_HOSTS,
            {
                "hosts": [pause.host for pause in pauses],
                "at": [pause.at for pause in pauses],
                "until": [pause.until for pause in pauses],
                "reasons": [pause.reason for pause in pauses],
            },
        )


def list_hosts(engine: Engine) -> list[HostStatus]:
    """Return every host that has a feed, a waiting page, a spacing or a crawl delay, by descending number of feeds."""
    feed_counts = select(feeds.c.host, func.count().label("feeds")).group_by(feeds.c.host).subquery()
    page_counts = (
        select(pages.c.host, func.count().label("pages"))
        .where(pages.c.state == "waiting")
        .group_by(pages.c.host)
        .subquery()
    )
    joined = feed_counts.join(hosts, hosts.c.host == feed_counts.c.host, full=True)
    name = func.coalesce(feed_counts.c.host, hosts.c.host)
    rows = (
        select(
            func.coalesce(feed_counts.c.host, hosts.c.host).label("host"),
            func.coalesce(feed_counts.c.feeds, 0).label("feeds"),
            hosts.c.paused_until,
            hosts.c.pause_reason,
            hosts.c.spacing,
            hosts.c.crawl_delay,
            func.coalesce(page_counts.c.pages, 0).label("pages"),
        )
        .select_from(joined.outerjoin(page_counts, page_counts.c.host == name))
        .where(
            feed_counts.c.host.is_not(None)
            | hosts.c.spacing.is_not(None)
            | hosts.c.crawl_delay.is_not(None)
            | page_counts.c.host.is_not(None)
        )
        .order_by(func.coalesce(feed_counts.c.feeds, 0).desc(), "host")
    )
    with read_transaction(engine) as connection:
        return [HostStatus(**row) for row in connection.execute(rows).mappings()]


def set_spacing(engine: Engine, host: str, spacing: timedelta | None, *, now: datetime) -> None:
    """Set the time between two requests to ``host``; None: the default of all hosts."""
    row = {"host": host, "next_slot_at": now, "queue_end": now, "spacing": spacing}
    statement = insert(hosts).values(row)
    with transaction(engine) as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=[hosts.c.host], set_={"spacing": spacing})
        )


def set_crawl_delay(connection: Connection, host: str, delay: timedelta | None, *, now: datetime) -> None:
    """Store the crawl delay that the robots.txt of ``host`` declares now; None: it declares none."""
    row = {"host": host, "next_slot_at": now, "queue_end": now, "crawl_delay": delay}
    statement = insert(hosts).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[hosts.c.host],
            set_={"crawl_delay": delay},
            where=hosts.c.crawl_delay.is_distinct_from(delay),
        )
    )


def unpause(engine: Engine, host: str, *, now: datetime) -> bool:
    """End the pause of ``host``; feeds that wait for it are due. False: it was not paused."""
    end_pause = (
        hosts.update()
        .where(hosts.c.host == host, hosts.c.paused_until > now)
        .values(paused_until=None, pause_reason=None, queue_end=now, page_queue_end=None)
    )
    # Slots were assigned behind the pause: the feeds are due and get new slots.
    free_feeds = (
        feeds.update()
        .where(feeds.c.host == host, feeds.c.slot_at > now)
        .values(next_poll_at=now, slot_at=None)
    )

    def unpause_host(connection: Connection) -> bool:
        if connection.execute(end_pause).rowcount == 0:
            return False
        connection.execute(free_feeds)
        connection.execute(
            pages.update()
            .where(pages.c.host == host, pages.c.state == "waiting", pages.c.slot_at > now)
            .values(due_at=now, slot_at=None)
        )
        return True

    return run_with_retry(engine, unpause_host)


def prune_hosts(engine: Engine, *, before: datetime) -> int:
    """Delete hosts without requests since ``before`` and without a spacing. Return their number.

    Each link to a page may name another host, so their number would grow without bound.
    """
    last_used_at = func.greatest(
        hosts.c.next_slot_at, hosts.c.queue_end, hosts.c.paused_until, hosts.c.page_queue_end
    )
    old = hosts.delete().where(hosts.c.spacing.is_(None), last_used_at < before)
    # Retried after a deadlock: pollers lock hosts in the order of their names, and this statement does not.
    return run_with_retry(engine, lambda connection: connection.execute(old).rowcount)
