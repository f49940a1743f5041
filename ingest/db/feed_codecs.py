"""Values of ours in a feed's row: to columns and back; and what its columns say together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement

from ingest.db.tables import feeds
from ingest.types import FeedState, PollHints, PublishGaps, PublishRate, SiteIdentity

FEED_STATES: Final = tuple(state.value for state in FeedState)
"""Each feed is in one of them."""
WAITS: Final = "its server asked to wait until then"
"""Why what was asked for is not done sooner."""
feed_fails: Final[ColumnElement[bool]] = feeds.c.enabled & (feeds.c.failures > 0)


def decode_publish_rate(entries: float | None, hours: float | None) -> PublishRate | None:
    return None if entries is None or hours is None else PublishRate(entries=entries, hours=hours)


def encode_poll_hints(asked: PollHints) -> Jsonb | None:
    """As ``feeds.poll_hints`` holds it; NULL where the feed asks for nothing."""
    if asked == PollHints():
        return None
    every = None if asked.interval is None else asked.interval.total_seconds()
    hours, days = sorted(asked.skip_hours), sorted(asked.skip_days)
    return Jsonb({"interval_seconds": every, "skip_hours": hours, "skip_days": days})


def decode_poll_hints(stored: Mapping[str, Any] | None) -> PollHints:
    if stored is None:
        return PollHints()
    every = stored["interval_seconds"]
    return PollHints(
        interval=None if every is None else timedelta(seconds=every),
        skip_hours=frozenset(stored["skip_hours"]),
        skip_days=frozenset(stored["skip_days"]),
    )


def encode_publish_gaps(rhythm: PublishGaps | None) -> Jsonb | None:
    """As ``feeds.publish_gaps`` holds it."""
    if rhythm is None:
        return None
    return Jsonb(
        {
            "last_new_at": rhythm.last_new_at.isoformat(),
            "mean_seconds": rhythm.mean.total_seconds(),
            "deviation_seconds": rhythm.deviation.total_seconds(),
            "count": rhythm.count,
        }
    )


def decode_publish_gaps(stored: Mapping[str, Any] | None) -> PublishGaps | None:
    if stored is None:
        return None
    return PublishGaps(
        last_new_at=datetime.fromisoformat(stored["last_new_at"]),
        mean=timedelta(seconds=stored["mean_seconds"]),
        deviation=timedelta(seconds=stored["deviation_seconds"]),
        count=stored["count"],
    )


def encode_site_identity(about: SiteIdentity | None) -> Jsonb | None:
    """As ``feeds.site_identity`` holds it."""
    if about is None:
        return None
    return Jsonb({"title": about.title, "hosts": list(about.hosts), "language": about.language})


def decode_site_identity(stored: Mapping[str, Any] | None) -> SiteIdentity | None:
    if stored is None:
        return None
    return SiteIdentity(title=stored["title"], hosts=tuple(stored["hosts"]), language=stored["language"])
