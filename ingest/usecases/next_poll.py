"""Time and reason of a feed's next poll: its schedule, the poll in progress, and the rate limit of its host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest.db import hosts
from ingest.db.engine import Engine
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Feed
from ingest.urls import host_in

NEW_FEED = "new feeds are polled at once"


class PollPhase(StrEnum):
    """Whether and how a feed waits for its next poll."""

    MUTED = "muted"
    IN_PROGRESS = "in-progress"
    """A poll has begun and its lease holds; another poller takes over at ``NextPoll.at``."""
    UNFINISHED = "unfinished"
    """A poll has begun, and its lease expired."""
    SCHEDULED = "scheduled"
    LIMITED = "limited"
    """The feed is due before its host may be requested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPoll:
    """The next poll of one feed."""

    phase: PollPhase
    at: datetime
    since: datetime | None = None
    """Begin of the poll in progress."""
    reason: str = ""
    host: str = ""
    pause_reason: str | None = None
    """Why the host is paused; None: its rate limit applies."""


def is_in_progress(feed: Feed, *, now: datetime) -> bool:
    """Tell whether a poll of the feed has begun and its lease still holds."""
    return feed.polling_since is not None and feed.next_poll_at > now


def next_polls(
    engine: Engine, feeds: Sequence[Feed], *, limits: HostLimits, now: datetime
) -> dict[int, NextPoll]:
    """Return the next poll of each feed by feed id."""
    hosts_by_feed = {feed.id: host_in(feed.url) for feed in feeds}
    busy = hosts.busy_hosts(engine, hosts_by_feed, now=now, host_limits=limits)
    return {feed.id: _next_poll(feed, hosts_by_feed[feed.id], busy.get(feed.id), now=now) for feed in feeds}


def _next_poll(feed: Feed, host: str, busy_host: hosts.BusyHost | None, *, now: datetime) -> NextPoll:
    if not feed.enabled:
        return NextPoll(phase=PollPhase.MUTED, at=feed.next_poll_at)
    if feed.polling_since is not None:
        phase = PollPhase.IN_PROGRESS if is_in_progress(feed, now=now) else PollPhase.UNFINISHED
        return NextPoll(phase=phase, at=feed.next_poll_at, since=feed.polling_since)
    reason = feed.last_reason or NEW_FEED
    if busy_host is None or busy_host.at <= feed.next_poll_at:
        return NextPoll(phase=PollPhase.SCHEDULED, at=feed.next_poll_at, reason=reason)
    # A poller that finds the feed due assigns it a slot of its host, and records the reason.
    return NextPoll(
        phase=PollPhase.LIMITED,
        at=busy_host.at,
        reason=reason,
        host=host,
        pause_reason=busy_host.pause_reason,
    )
