"""What hosts ask of robots, as all pollers know it: one row for each origin, until it expires."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import insert

from ingest.db import hosts
from ingest.db.engine import transaction
from ingest.db.tables import robots
from ingest.robots import Robots, Rule
from ingest.urls import host_in


def load_robots(engine: Engine, origin: str, *, now: datetime) -> Robots | None:
    """What is known of ``origin``; None: nothing, or nothing any more.

    Raises:
        Unavailable: the database.
    """
    wanted = select(robots).where(robots.c.origin == origin, robots.c.expires_at > now)
    with transaction(engine) as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        return None
    return Robots(
        reachable=row.reachable,
        status=row.status,
        rules=tuple(Rule(allowed=allowed, pattern=pattern) for allowed, pattern in row.rules),
        crawl_delay=row.crawl_delay,
        expires_at=row.expires_at,
    )


def save_robots(engine: Engine, origin: str, found: Robots, *, now: datetime) -> None:
    """Keep it, and have its crawl delay kept to by everything that asks this host.

    Raises:
        Unavailable: the database.
    """
    row = {
        "fetched_at": now,
        "expires_at": found.expires_at,
        "status": found.status,
        "reachable": found.reachable,
        "rules": [[rule.allowed, rule.pattern] for rule in found.rules],
        "crawl_delay": found.crawl_delay,
    }
    with transaction(engine) as connection:
        connection.execute(
            insert(robots)
            .values(origin=origin, **row)
            .on_conflict_do_update(index_elements=[robots.c.origin], set_=row)
        )
        # Where nobody answered, what was asked for before still is.
        if found.reachable:
            hosts.set_crawl_delay(connection, host_in(origin), found.crawl_delay, now=now)


def prune_robots(engine: Engine, *, before: datetime) -> int:
    """Forget what expired before; how many origins those were."""
    with transaction(engine) as connection:
        return connection.execute(delete(robots).where(robots.c.expires_at < before)).rowcount
