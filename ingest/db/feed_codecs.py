"""Values of ours in a feed's row: to columns and back; and what its columns say together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement

from ingest.db.tables import feeds
from ingest.types import About, Asked, Cadence, FeedState, Rhythm

FEED_STATES: Final = tuple(state.value for state in FeedState)
"""Each feed is in one of them."""
WAITS: Final = "its server asked to wait until then"
"""Why what was asked for is not done sooner."""
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


def spell_rhythm(rhythm: Rhythm | None) -> Jsonb | None:
    """As ``feeds.rhythm`` holds it."""
    if rhythm is None:
        return None
    return Jsonb(
        {
            "fresh_at": rhythm.fresh_at.isoformat(),
            "gap_seconds": rhythm.gap.total_seconds(),
            "deviation_seconds": rhythm.deviation.total_seconds(),
            "gaps": rhythm.gaps,
        }
    )


def read_rhythm(stored: Mapping[str, Any] | None) -> Rhythm | None:
    if stored is None:
        return None
    return Rhythm(
        fresh_at=datetime.fromisoformat(stored["fresh_at"]),
        gap=timedelta(seconds=stored["gap_seconds"]),
        deviation=timedelta(seconds=stored["deviation_seconds"]),
        gaps=stored["gaps"],
    )


def spell_about(about: About | None) -> Jsonb | None:
    """As ``feeds.about`` holds it."""
    if about is None:
        return None
    return Jsonb({"title": about.title, "hosts": list(about.hosts), "language": about.language})


def read_about(stored: Mapping[str, Any] | None) -> About | None:
    if stored is None:
        return None
    return About(title=stored["title"], hosts=tuple(stored["hosts"]), language=stored["language"])
