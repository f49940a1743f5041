"""Values of ours in a feed's row: to columns and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from ingest.types import Asked, Cadence


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
