"""How a feed stands after a poll, and what of it its operator should be told. Pure.

::

    a failure  410 again              gone           a success  another site's, or cut   degraded
               a challenge            challenged                redirected for good      moved
               5th and more in a row  backing-off               nothing new for too long silent
               2nd to 4th             degraded                  else                     healthy
               1st                    as before

Our own network's outage is nobody's failure. ``muted`` is an operator's word, or ours for a feed that moved onto
another one: no poll changes it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from ingest.schedule import silence
from ingest.types import Alert, AlertKind, FailureKind, FeedState, Lease, PollOutcome, PollResult, PublishGaps

DEGRADED_FROM: Final = 2
BACKING_OFF_FROM: Final = 5
"""Failures in a row."""
GONE: Final = 410
"""The status."""


def apply_state(lease: Lease, ended: PollOutcome, *, whole: bool) -> PollOutcome:
    """``ended`` with the state that its feed is in now, and alerts where that changed or entries were missed."""
    state, reason = _state(lease, ended, whole=whole)
    changed = state is not lease.state
    since = since_when(lease, state, now=ended.finished_at)
    if (state, since, reason) != (ended.state, ended.state_since, ended.state_reason):
        ended = replace(ended, state=state, state_since=since, state_reason=reason)
    alerts: list[Alert] = []
    # Told once, also of a feed that was degraded before because of something else.
    drifts = ended.site_changed_reason is not None and lease.site_changed_reason is None
    # A first success is what everybody expects.
    expected = lease.state is FeedState.NEW and state is FeedState.HEALTHY
    if drifts or (changed and not expected):
        kind = AlertKind.SITE_CHANGED if drifts else AlertKind.STATE
        alerts.append(_alert(lease, ended, kind, reason or "it answers as it should"))
    if ended.missed:
        reason = f"its oldest entry is newer than the last poll: about {ended.missed} were missed"
        alerts.append(_alert(lease, ended, AlertKind.MISSED, reason))
    return replace(ended, alerts=tuple(alerts)) if alerts else ended


def _state(lease: Lease, ended: PollOutcome, *, whole: bool) -> tuple[FeedState, str | None]:
    if ended.result is PollResult.FAILED:
        return _failed_state(lease, ended)
    if ended.site_changed_reason:
        return FeedState.DEGRADED, f"what it says looks like another site's: {ended.site_changed_reason}"
    if not whole:
        return FeedState.DEGRADED, "its document was cut short"
    if ended.moved_to:
        since = f"{ended.moved_since:%Y-%m-%d}" if ended.moved_since else "now"
        return FeedState.MOVED, f"it answers at {ended.moved_to}, for good as its server says since {since}"
    return idle_state(ended.publish_gaps, now=ended.finished_at)


def idle_state(rhythm: PublishGaps | None, *, now: datetime) -> tuple[FeedState, str | None]:
    """How a feed stands that answers, where all that could be said of it is how long it has been quiet."""
    expected = silence.expected_by(rhythm)
    if expected is not None and rhythm is not None and now > expected:
        return FeedState.SILENT, _silence(rhythm.last_new_at, expected)
    return FeedState.HEALTHY, None


def since_when(lease: Lease, state: FeedState, *, now: datetime) -> datetime:
    """Since when a feed that is in ``state`` ``now`` is in it."""
    return lease.state_since if state is lease.state and lease.state_since is not None else now


def _failed_state(lease: Lease, ended: PollOutcome) -> tuple[FeedState, str | None]:
    why = f"{ended.failure}: {ended.detail}" if ended.detail else str(ended.failure)
    if ended.failure is FailureKind.OUTAGE:
        return lease.state, None
    if ended.status == GONE and ended.failures > 1:
        return FeedState.GONE, why
    if ended.failure is FailureKind.CHALLENGED:
        return FeedState.CHALLENGED, why
    if ended.failures >= BACKING_OFF_FROM:
        return FeedState.BACKING_OFF, f"failed {ended.failures} times in a row; {why}"
    if ended.failures >= DEGRADED_FROM:
        return FeedState.DEGRADED, f"failed {ended.failures} times in a row; {why}"
    return (FeedState.DEGRADED if lease.state is FeedState.NEW else lease.state), why


def _silence(fresh_at: datetime, expected: datetime) -> str:
    since, by = (at.isoformat(" ", "minutes")[:16] for at in (fresh_at, expected))
    return f"nothing new since {since}; something was expected by {by}"


def _alert(lease: Lease, ended: PollOutcome, kind: AlertKind, reason: str) -> Alert:
    return Alert(
        kind=kind,
        feed_id=lease.feed_id,
        url=lease.url,
        at=ended.finished_at,
        before=lease.state,
        after=ended.state,
        reason=reason,
        poll_id=lease.poll_id,
        missed=ended.missed if kind is AlertKind.MISSED else 0,
        moved_to=ended.moved_to,
    )
