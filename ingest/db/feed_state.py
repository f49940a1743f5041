"""Values of ours in a feed's row: to columns and back; and what its columns say together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, case, func, literal

from ingest.db.tables import feeds
from ingest.types import Asked, Cadence, PollResult

FEED_STATES: Final = ("paused", "new", *(result.value for result in PollResult))
"""Each feed is in one of them; ``new``: never polled; else the result of its last poll."""
state_of_feed: Final[ColumnElement[str]] = case(
    (~feeds.c.enabled, literal("paused")),
    (feeds.c.polled_at.is_(None), literal("new")),
    else_=func.coalesce(feeds.c.last_outcome, literal("new")),
)
feed_fails: Final[ColumnElement[bool]] = feeds.c.enabled & (feeds.c.failures > 0)


def read_cadence(entries: float | None, hours: float | None) -> Cadence | None:
    return None if entries is None or hours is None else Cadence(entries=entries, hours=hours)


def spell_asked(asked: Asked) -> Jsonb | None:
    """As ``feeds.asked`` holds it; NULL where the feed asks for nothing."""
    if asked == Asked():
        return None
    every = None if asked.every is None else asked.every.total_seconds()
    hours, days = sorted(asked.skip_hours), sorted(asked.skip_days)
    return Jsonb({"every_seconds": every, "skip_hours": hours, "skip_days": days})


def read_asked(stored: Mapping[str, Any] | None) -> Asked:
    if stored is None:
        return Asked()
    every = stored["every_seconds"]
    return Asked(
        every=None if every is None else timedelta(seconds=every),
        skip_hours=frozenset(stored["skip_hours"]),
        skip_days=frozenset(stored["skip_days"]),
    )
