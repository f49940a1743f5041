"""The rules of robots.txt that all pollers share: one row per origin, until it expires."""

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
    """Return the stored rules of ``origin``; None: there are none, or they have expired.

    Raises:
        Unavailable: the database.
    """
    statement = select(robots).where(robots.c.origin == origin, robots.c.expires_at > now)
    with transaction(engine) as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return Robots(
        reachable=row.reachable,
        status=row.status,
        rules=tuple(Rule(allowed=allowed, pattern=pattern) for allowed, pattern in row.rules),
        crawl_delay=row.crawl_delay,
        expires_at=row.expires_at,
    )


def save_robots(engine: Engine, origin: str, rules: Robots, *, now: datetime) -> None:
    """Store the rules of ``origin``, and its crawl delay as a rate limit of the host.

    Raises:
        Unavailable: the database.
    """
    row = {
        "fetched_at": now,
        "expires_at": rules.expires_at,
        "status": rules.status,
        "reachable": rules.reachable,
        "rules": [[rule.allowed, rule.pattern] for rule in rules.rules],
        "crawl_delay": rules.crawl_delay,
    }
    with transaction(engine) as connection:
        connection.execute(
            insert(robots)
            .values(origin=origin, **row)
            .on_conflict_do_update(index_elements=[robots.c.origin], set_=row)
        )
        # A server that does not respond keeps the crawl delay that it declared before.
        if rules.reachable:
            hosts.set_crawl_delay(connection, host_in(origin), rules.crawl_delay, now=now)


def prune_robots(engine: Engine, *, before: datetime) -> int:
    """Delete rules that expired before ``before``. Return the number of origins."""
    with transaction(engine) as connection:
        return connection.execute(delete(robots).where(robots.c.expires_at < before)).rowcount
