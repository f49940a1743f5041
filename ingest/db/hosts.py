"""What all pollers know of the hosts they ask, and the places in their queues."""

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
from ingest.schedule import rate_limit as budgets
from ingest.schedule.rate_limit import Admission, DueFeed, Host, HostLimits, is_bounded
from ingest.types import Pause, PollOutcome

LEASE_ROUNDS: Final = 20
"""How often one call looks for others, where those it found must wait for their hosts."""
_Leased = TypeVar("_Leased")

_KNOWN: Final = """
    SELECT host, next_slot_at, queue_end, paused_until, pause_reason, spacing, crawl_delay, page_queue_end FROM hosts
    WHERE host = ANY(%(hosts)b::text[]) ORDER BY host"""
# In one order, so that two pollers wait for each other and never in a circle.
_LOCK: Final = f"{_KNOWN} FOR UPDATE"
_MEET: Final = """
    INSERT INTO hosts (host, next_slot_at, queue_end) SELECT host, %(now)s, %(now)s
    FROM unnest(%(hosts)b::text[]) AS met(host) ORDER BY host ON CONFLICT (host) DO NOTHING"""
# A feed that waits for its turn may still carry a lease that ran out.
_WITH_TURN: Final = "SELECT id FROM feeds WHERE id = ANY(%(ids)s) AND slot_at = next_poll_at"
_UNDER_WAY: Final = """
    SELECT host, count(*) AS polls FROM (
        SELECT host FROM feeds WHERE lease_poll_id IS NOT NULL AND host = ANY(%(hosts)b::text[])
            AND next_poll_at > %(now)s AND slot_at IS NULL
        UNION ALL
        SELECT host FROM pages WHERE leased_at IS NOT NULL AND host = ANY(%(hosts)b::text[]) AND due_at > %(now)s
    ) AS under_way GROUP BY host"""
_KEEP: Final = """
    UPDATE hosts SET next_slot_at = given.next_slot_at, queue_end = given.queue_end,
        page_queue_end = given.page_queue_end
    FROM unnest(%(hosts)b::text[], %(next_slot_at)b::timestamptz[], %(queue_end)b::timestamptz[],
        %(page_queue_end)b::timestamptz[]) AS given(host, next_slot_at, queue_end, page_queue_end)
    WHERE hosts.host = given.host"""
_WAIT: Final = """
    UPDATE feeds SET next_poll_at = given.turn, slot_at = given.turn,
        last_reason = 'its turn at ' || feeds.host || ', which is ' || coalesce(
            (SELECT 'left alone until ' || to_char(paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
                || ': ' || pause_reason FROM hosts WHERE hosts.host = feeds.host AND paused_until > %(now)s),
            'not asked more often')
    FROM unnest(%(ids)b::bigint[], %(turns)b::timestamptz[]) AS given(id, turn) WHERE feeds.id = given.id"""
_PAGES_WAIT: Final = """
    UPDATE pages SET due_at = given.turn, slot_at = given.turn
    FROM unnest(%(ids)b::bigint[], %(turns)b::timestamptz[]) AS given(id, turn) WHERE pages.id = given.id"""
_PAUSE: Final = """
    INSERT INTO hosts (host, next_slot_at, queue_end, paused_until, pause_reason)
    SELECT host, now, now, until, reason
    FROM unnest(%(hosts)b::text[], %(now)b::timestamptz[], %(until)b::timestamptz[], %(reasons)b::text[])
        AS given(host, now, until, reason) ORDER BY host
    ON CONFLICT (host) DO UPDATE SET paused_until = excluded.paused_until, pause_reason = excluded.pause_reason
        WHERE hosts.paused_until IS NULL OR hosts.paused_until < excluded.paused_until"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """A host as an operator sees it."""

    host: str
    feeds: int
    paused_until: datetime | None
    pause_reason: str | None
    spacing: timedelta | None
    """Set for this host; None: as for all."""
    crawl_delay: timedelta | None
    """What its robots.txt asks for, as far as it was read; an operator's spacing goes before it."""
    pages: int
    """Articles' pages that wait to be fetched from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyHost:
    """When a host may be asked for a feed."""

    at: datetime
    pause_reason: str | None
    """None: it only is asked as often as it may be."""


def lease_in_rounds(
    engine: Engine, claim: Callable[..., tuple[list[_Leased], int]], *, limit: int, **given: Any
) -> list[_Leased]:
    """Up to ``limit`` leases of ``claim(connection, limit=…, **given)``, which tells how many rows it looked at:
    others are looked for where those had to wait for their hosts.

    Raises:
        Unavailable: the database.
    """
    leases: list[_Leased] = []
    for _ in range(LEASE_ROUNDS):
        wanted = limit - len(leases)
        # A transaction of its own for each round: hosts are locked in one order only within one.
        found, looked_at = run_with_retry(engine, partial(claim, limit=wanted, **given))
        leases += found
        if looked_at < wanted or len(leases) == limit:
            break
    return leases


def admit_feeds(
    connection: Connection, waiting: Sequence[DueFeed], *, now: datetime, host_limits: HostLimits
) -> tuple[int, ...]:
    """Of feeds whose rows are locked, those that may be polled now; the others get their turns."""
    return _given(
        connection, admit(connection, waiting, now=now, host_limits=host_limits), move=_WAIT, now=now
    )


def admit_pages(
    connection: Connection, waiting: Sequence[DueFeed], *, now: datetime, host_limits: HostLimits
) -> tuple[int, ...]:
    """The same for pages whose rows are locked, by their ids."""
    admission = admit(connection, waiting, by=budgets.admit_pages, now=now, host_limits=host_limits)
    return _given(connection, admission, move=_PAGES_WAIT, now=now)


def _given(connection: Connection, admission: Admission, *, move: str, now: datetime) -> tuple[int, ...]:
    """Whoever is admitted; the others have their turns in their rows."""
    if admission.slots:
        given = {"ids": list(admission.slots), "turns": list(admission.slots.values()), "now": now}
        connection.exec_driver_sql(move, given)
    return admission.admitted


def admit(
    connection: Connection,
    waiting: Sequence[DueFeed],
    *,
    now: datetime,
    host_limits: HostLimits,
    by: Callable[..., Admission] = budgets.admit,
) -> Admission:
    """Who of these may ask their hosts now, and when the others' turns are; the hosts know of it."""
    bounded = sorted({feed.host for feed in waiting if is_bounded(feed.host, host_limits=host_limits)})
    known = _known(connection, bounded, now=now) if bounded else {}
    admission = by(waiting, known, now=now, host_limits=host_limits)
    if admission.hosts:
        changed = admission.hosts.values()
        connection.exec_driver_sql(
            _KEEP,
            {
                "hosts": list(admission.hosts),
                "next_slot_at": [host.next_slot_at for host in changed],
                "queue_end": [host.queue_end for host in changed],
                "page_queue_end": [host.page_queue_end for host in changed],
            },
        )
    return admission


def _known(connection: Connection, names: list[str], *, now: datetime) -> dict[str, Host]:
    """These hosts, locked; new ones are made."""
    given = {"hosts": names, "now": now}
    rows = connection.exec_driver_sql(_LOCK, given).all()
    if len(rows) < len(names):
        connection.exec_driver_sql(_MEET, given)
        rows = connection.exec_driver_sql(_LOCK, given).all()
    return _with_counts(connection, rows, given)


def _with_counts(
    connection: Connection, rows: Sequence[Row[Any]], given: Mapping[str, Any]
) -> dict[str, Host]:
    """These hosts, with what is under way at each."""
    counts = connection.exec_driver_sql(_UNDER_WAY, given).all()
    under_way = {row.host: row.polls for row in counts}
    return {
        row.host: Host(
            next_slot_at=row.next_slot_at,
            queue_end=row.queue_end,
            paused_until=row.paused_until,
            spacing=row.spacing,
            in_flight=under_way.get(row.host, 0),
            crawl_delay=row.crawl_delay,
            page_queue_end=row.page_queue_end,
        )
        for row in rows
    }


def busy_hosts(
    engine: Engine, hosts_of: Mapping[int, str], *, now: datetime, host_limits: HostLimits
) -> dict[int, BusyHost]:
    """Of these feeds, by their ids, those whose host has no room for them now: when it has. Nothing is changed.

    One that has its turn is asked then, whoever else waits; only a pause that began since can put it off.
    """
    given = {
        "hosts": sorted({name for name in hosts_of.values() if is_bounded(name, host_limits=host_limits)}),
        "now": now,
    }
    with read_transaction(engine) as connection:
        rows = {row.host: row for row in connection.exec_driver_sql(_KNOWN, given).all()}
        known = _with_counts(connection, list(rows.values()), given)
        turns = set(connection.exec_driver_sql(_WITH_TURN, {"ids": list(hosts_of)}).scalars())
    found: dict[int, BusyHost] = {}
    for feed_id, name in hosts_of.items():
        if name not in known:
            continue
        pause_end = known[name].paused_until or now
        at = (
            pause_end
            if feed_id in turns
            else budgets.next_slot(known[name], now=now, host_limits=host_limits)
        )
        if at > now:
            why = rows[name].pause_reason if pause_end > now else None
            found[feed_id] = BusyHost(at=at, pause_reason=why)
    return found


def apply_pauses(connection: Connection, outcomes: Sequence[PollOutcome]) -> None:
    """Leave those hosts alone that asked for it."""
    pause_hosts(connection, [outcome.pause for outcome in outcomes if outcome.pause is not None])


def pause_hosts(connection: Connection, asked: Sequence[Pause]) -> None:
    """Leave these hosts alone; of several pauses the longest counts."""
    longest: dict[str, Pause] = {}
    for each in sorted(asked, key=lambda pause: pause.until):
        longest[each.host] = each
    pauses = list(longest.values())
    if pauses:
        connection.exec_driver_sql(
            _PAUSE,
            {
                "hosts": [each.host for each in pauses],
                "now": [each.at for each in pauses],
                "until": [each.until for each in pauses],
                "reasons": [each.reason for each in pauses],
            },
        )


def list_hosts(engine: Engine) -> list[HostStatus]:
    """Every host that has a feed, or that an operator gave a spacing; those with most feeds first."""
    counted = select(feeds.c.host, func.count().label("feeds")).group_by(feeds.c.host).subquery()
    wanted = (
        select(pages.c.host, func.count().label("pages"))
        .where(pages.c.state == "waiting")
        .group_by(pages.c.host)
        .subquery()
    )
    joined = counted.join(hosts, hosts.c.host == counted.c.host, full=True)
    name = func.coalesce(counted.c.host, hosts.c.host)
    rows = (
        select(
            func.coalesce(counted.c.host, hosts.c.host).label("host"),
            func.coalesce(counted.c.feeds, 0).label("feeds"),
            hosts.c.paused_until,
            hosts.c.pause_reason,
            hosts.c.spacing,
            hosts.c.crawl_delay,
            func.coalesce(wanted.c.pages, 0).label("pages"),
        )
        .select_from(joined.outerjoin(wanted, wanted.c.host == name))
        .where(
            counted.c.host.is_not(None)
            | hosts.c.spacing.is_not(None)
            | hosts.c.crawl_delay.is_not(None)
            | wanted.c.host.is_not(None)
        )
        .order_by(func.coalesce(counted.c.feeds, 0).desc(), "host")
    )
    with read_transaction(engine) as connection:
        return [HostStatus(**row) for row in connection.execute(rows).mappings()]


def set_spacing(engine: Engine, host: str, spacing: timedelta | None, *, now: datetime) -> None:
    """Ask ``host`` once in ``spacing``; None: as often as others."""
    row = {"host": host, "next_slot_at": now, "queue_end": now, "spacing": spacing}
    statement = insert(hosts).values(row)
    with transaction(engine) as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=[hosts.c.host], set_={"spacing": spacing})
        )


def set_crawl_delay(connection: Connection, host: str, delay: timedelta | None, *, now: datetime) -> None:
    """What the robots.txt of ``host`` asks for now; None: nothing."""
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
    """Ask ``host`` again, those first that wait for it; False: it was not paused."""
    ended = (
        hosts.update()
        .where(hosts.c.host == host, hosts.c.paused_until > now)
        .values(paused_until=None, pause_reason=None, queue_end=now, page_queue_end=None)
    )
    # Their turns lie behind the pause: they are due, and get others.
    again = (
        feeds.update()
        .where(feeds.c.host == host, feeds.c.slot_at > now)
        .values(next_poll_at=now, slot_at=None)
    )

    def resume(connection: Connection) -> bool:
        if connection.execute(ended).rowcount == 0:
            return False
        connection.execute(again)
        connection.execute(
            pages.update()
            .where(pages.c.host == host, pages.c.state == "waiting", pages.c.slot_at > now)
            .values(due_at=now, slot_at=None)
        )
        return True

    return run_with_retry(engine, resume)


def prune_hosts(engine: Engine, *, before: datetime) -> int:
    """Forget hosts that nobody asked since, unless an operator set their spacing; how many those were. Each link to
    a page may name another one, so they would be ever more."""
    asked_at = func.greatest(
        hosts.c.next_slot_at, hosts.c.queue_end, hosts.c.paused_until, hosts.c.page_queue_end
    )
    old = hosts.delete().where(hosts.c.spacing.is_(None), asked_at < before)
    # Pollers lock them in the order of their names.
    return run_with_retry(engine, lambda connection: connection.execute(old).rowcount)
