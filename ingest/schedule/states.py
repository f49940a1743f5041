"""The state of a feed after a poll, and the alerts for its operator. Pure.

::

    a failure  410 again              gone           a success  another site's, truncated  degraded
               a challenge            challenged                redirected permanently     moved
               5th and more in a row  backing-off               nothing new for too long   silent
               2nd to 4th             degraded                  else                       healthy
               1st                    unchanged

An outage of our own network leaves the state unchanged. ``muted`` is set by an operator, or for a feed that moved onto
the address of another feed; no poll changes it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ingest.schedule import silence
from ingest.schedule.backoff import GONE
from ingest.types import (
    Alert,
    AlertKind,
    Failed,
    FailureKind,
    FeedState,
    Lease,
    PermanentMove,
    PublishGaps,
    Site,
)

DEGRADED_FROM: Final = 2
BACKING_OFF_FROM: Final = 5
"""Consecutive failures."""
TRUNCATED: Final = "the document is truncated"


def state_after_success(
    site: Site, move: PermanentMove | None, gaps: PublishGaps | None, *, complete: bool, now: datetime
) -> tuple[FeedState, str | None]:
    """Return the state of a feed that responded, and its reason for people."""
    if site.changed_reason is not None:
        return FeedState.DEGRADED, f"content looks like another site's: {site.changed_reason}"
    if not complete:
        return FeedState.DEGRADED, TRUNCATED
    if move is not None:
        return FeedState.MOVED, f"redirected permanently to {move.to} since {move.since:%Y-%m-%d}"
    expected = silence.expected_by(gaps)
    if gaps is not None and expected is not None and now > expected:
        since, by = (at.isoformat(" ", "minutes")[:16] for at in (gaps.last_new_at, expected))
        return FeedState.SILENT, f"nothing new since {since}; new entries were expected by {by}"
    return FeedState.HEALTHY, None


def state_after_failure(lease: Lease, failed: Failed, failures: int) -> tuple[FeedState, str | None]:
    """Return the state of a feed after this many consecutive failures, and its reason for people."""
    health = lease.memory.health
    explanation = f"{failed.kind}: {failed.detail}" if failed.detail else str(failed.kind)
    if failed.kind is FailureKind.OUTAGE:
        return health.state, health.reason
    if failed.status == GONE and failures > 1:
        return FeedState.GONE, explanation
    if failed.kind is FailureKind.CHALLENGED:
        return FeedState.CHALLENGED, explanation
    if failures >= BACKING_OFF_FROM:
        return FeedState.BACKING_OFF, f"failed {failures} times in a row; {explanation}"
    if failures >= DEGRADED_FROM:
        return FeedState.DEGRADED, f"failed {failures} times in a row; {explanation}"
    return (FeedState.DEGRADED if health.state is FeedState.NEW else health.state), explanation


def since_when(lease: Lease, state: FeedState, *, now: datetime) -> datetime:
    """Return the time since which a feed that is in ``state`` now is in it."""
    health = lease.memory.health
    return health.since if state is health.state and health.since is not None else now


def missed_reason(missed: int) -> str:
    """Explain the estimate of missed entries."""
    return f"the oldest entry is newer than the last poll: about {missed} entries were missed"


def alerts_after(
    lease: Lease,
    state: FeedState,
    reason: str | None,
    *,
    move: PermanentMove | None,
    site_changed: bool = False,
    missed: int = 0,
    now: datetime,
) -> tuple[Alert, ...]:
    """Return the alerts of a poll after which the feed is in ``state`` because of ``reason``.

    Args:
        lease: the lease that the poll began with.
        state, reason: the state after the poll.
        move: the permanent redirect after the poll.
        site_changed: the document of this poll looks like another site's.
        missed: the estimated number of missed entries.
        now: the end of the poll.
    """
    before = lease.memory.health.state
    # A site change is reported once, also for a feed that was degraded for another reason.
    newly_changed = site_changed and lease.memory.site.changed_reason is None
    # The first success of a new feed is not worth an alert.
    expected = before is FeedState.NEW and state is FeedState.HEALTHY
    state_changed = state is not before and not expected
    if not newly_changed and not state_changed and not missed:
        return ()

    def alert(kind: AlertKind, reason: str, *, missed: int = 0) -> Alert:
        return Alert(
            kind=kind,
            feed_id=lease.feed_id,
            url=lease.url,
            at=now,
            before=before,
            after=state,
            reason=reason,
            poll_id=lease.poll_id,
            missed=missed,
            moved_to=None if move is None else move.to,
        )

    alerts: list[Alert] = []
    if newly_changed or state_changed:
        kind = AlertKind.SITE_CHANGED if newly_changed else AlertKind.STATE
        alerts.append(alert(kind, reason or "polls succeed"))
    if missed:
        alerts.append(alert(AlertKind.MISSED, missed_reason(missed), missed=missed))
    return tuple(alerts)
