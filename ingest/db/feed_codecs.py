"""Encode and decode JSON columns of a feed's row, and name conditions on its columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement

from ingest.db.tables import feeds
from ingest.types import (
    EntryIdentity,
    Evidence,
    FeedState,
    PollHints,
    PublishGaps,
    SiteIdentity,
    UserAgentState,
    UserAgentTrial,
)

FEED_STATES: Final = tuple(state.value for state in FeedState)
"""All states of a feed."""
WAITS: Final = "the server requested a wait until then"
"""The reason for a poll that is later than requested."""
feed_fails: Final[ColumnElement[bool]] = feeds.c.enabled & (feeds.c.failures > 0)


def encode_poll_hints(poll_hints: PollHints) -> Jsonb | None:
    """Encode for ``feeds.poll_hints``; NULL where the feed requests nothing."""
    if poll_hints == PollHints():
        return None
    interval = None if poll_hints.interval is None else poll_hints.interval.total_seconds()
    hours, days = sorted(poll_hints.skip_hours), sorted(poll_hints.skip_days)
    return Jsonb({"interval_seconds": interval, "skip_hours": hours, "skip_days": days})


def decode_poll_hints(stored: Mapping[str, Any] | None) -> PollHints:
    """Decode ``feeds.poll_hints``."""
    if stored is None:
        return PollHints()
    seconds = stored["interval_seconds"]
    return PollHints(
        interval=None if seconds is None else timedelta(seconds=seconds),
        skip_hours=frozenset(stored["skip_hours"]),
        skip_days=frozenset(stored["skip_days"]),
    )


def encode_publish_gaps(gaps: PublishGaps | None) -> Jsonb | None:
    """Encode for ``feeds.publish_gaps``."""
    if gaps is None:
        return None
    return Jsonb(
        {
            "last_new_at": gaps.last_new_at.isoformat(),
            "mean_seconds": gaps.mean.total_seconds(),
            "deviation_seconds": gaps.deviation.total_seconds(),
            "count": gaps.count,
        }
    )


def decode_publish_gaps(stored: Mapping[str, Any] | None) -> PublishGaps | None:
    """Decode ``feeds.publish_gaps``."""
    if stored is None:
        return None
    return PublishGaps(
        last_new_at=datetime.fromisoformat(stored["last_new_at"]),
        mean=timedelta(seconds=stored["mean_seconds"]),
        deviation=timedelta(seconds=stored["deviation_seconds"]),
        count=stored["count"],
    )


def encode_site_identity(identity: SiteIdentity | None) -> Jsonb | None:
    """Encode for ``feeds.site_identity``."""
    if identity is None:
        return None
    return Jsonb({"title": identity.title, "hosts": list(identity.hosts), "language": identity.language})


def decode_site_identity(stored: Mapping[str, Any] | None) -> SiteIdentity | None:
    """Decode ``feeds.site_identity``."""
    if stored is None:
        return None
    return SiteIdentity(title=stored["title"], hosts=tuple(stored["hosts"]), language=stored["language"])


def encode_user_agent_trial(trial: UserAgentTrial | None) -> Jsonb | None:
    """Encode for ``feeds.user_agent_trial``."""
    if trial is None:
        return None
    return Jsonb({"state": trial.state.value, "since": trial.since.isoformat()})


def decode_user_agent_trial(stored: Mapping[str, Any] | None) -> UserAgentTrial | None:
    """Decode ``feeds.user_agent_trial``."""
    if stored is None:
        return None
    return UserAgentTrial(
        state=UserAgentState(stored["state"]), since=datetime.fromisoformat(stored["since"])
    )


def encode_entry_identity(identity: EntryIdentity | None) -> Jsonb | None:
    """Encode for ``feeds.entry_identity``."""
    if identity is None:
        return None
    return Jsonb(
        {"evidence": identity.evidence.value, "reason": identity.reason, "rotates": identity.rotates}
    )


def decode_entry_identity(stored: Mapping[str, Any] | None) -> EntryIdentity | None:
    """Decode ``feeds.entry_identity``."""
    if stored is None:
        return None
    return EntryIdentity(
        evidence=Evidence(stored["evidence"]), reason=stored["reason"], rotates=stored["rotates"]
    )
