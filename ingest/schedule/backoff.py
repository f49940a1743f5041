"""The delay after failures, and the pause that a server requests for its host. Pure.

The delay doubles with consecutive failures, from the shorter of the feed's and the policy's interval up to the policy's
maximum. Failures that mostly pass by themselves count as a part of a doubling. ``Retry-After`` extends the delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from ingest.schedule.durations import format_duration
from ingest.schedule.policy import Policy
from ingest.types import Failed, FailureKind, Lease, Pause

MAX_DOUBLINGS: Final = 16
DOUBLINGS: Final[Mapping[FailureKind, float]] = {
    FailureKind.ADDRESS: 1.0,
    FailureKind.NOT_A_FEED: 1.0,
    FailureKind.TOO_LARGE: 1.0,
    FailureKind.REDIRECT: 1.0,
    FailureKind.CHALLENGED: 1.0,
    FailureKind.ABANDONED: 0.0,
}
"""Doublings of the delay for one failure of a kind."""
STATUS_DOUBLINGS: Final[Mapping[int, float]] = {404: 1.0, 410: 1.0, 401: 1.0, 429: 0.25, 503: 0.25}
DEFAULT_DOUBLINGS: Final = 0.5
"""Doublings for other kinds and statuses, which mostly pass by themselves."""
GONE: Final = 410
"""The status 410 Gone."""
OUTAGE_DELAY: Final = timedelta(minutes=1)
"""The delay after an outage of our own network."""
MIN_PAUSE: Final = timedelta(minutes=1)
"""The shortest pause of a host that responds with 429 or 503, and the pause without ``Retry-After``."""
MAX_PAUSE: Final = timedelta(hours=1)
"""The longest pause of a whole host. The feed that received the response waits for the whole ``Retry-After``."""


def backoff(lease: Lease, failed: Failed, failures: int, *, policy: Policy) -> tuple[timedelta, str]:
    """Return the delay after this many consecutive failures, and its reason for people."""
    if failed.kind is FailureKind.OUTAGE:
        return policy.clamp(OUTAGE_DELAY), "our own network seems to be down"
    if failed.status == GONE and failures > 1:
        return policy.maximum, "gone (410): polled rarely"
    # A feed with a long interval is retried soon after its first failure.
    shortest = policy.clamp(min(policy.interval, lease.memory.interval))
    doublings = min(_doublings(failed) * (failures - 1), MAX_DOUBLINGS)
    delay = policy.clamp(shortest * 2**doublings)
    reason = f"failed {failures} times in a row" if failures > 1 else "failed once"
    if failed.retry_after is not None and failed.retry_after > delay:
        delay = policy.clamp(failed.retry_after)
        reason = f"the server requested a wait of {format_duration(failed.retry_after)}"
        if delay < failed.retry_after:
            reason += f", limited to {format_duration(delay)}"
    return delay, reason


def pause_for(url: str, failed: Failed, *, now: datetime) -> Pause | None:
    """Return the pause of the whole host that a 429, or a 503 with ``Retry-After``, requests.

    Too many requests concern us, not one feed.
    """
    if failed.status != 429 and (failed.status != 503 or failed.retry_after is None):
        return None
    length = min(max(failed.retry_after or MIN_PAUSE, MIN_PAUSE), MAX_PAUSE)
    reason = f"{failed.status} for {url}"
    if failed.retry_after is not None:
        reason += f", Retry-After {format_duration(failed.retry_after)}"
    host = urlsplit(failed.url or url).hostname or ""
    return Pause(host=f"[{host}]" if ":" in host else host, at=now, until=now + length, reason=reason)


def _doublings(failed: Failed) -> float:
    if failed.kind is FailureKind.STATUS and failed.status is not None:
        return STATUS_DOUBLINGS.get(failed.status, DEFAULT_DOUBLINGS)
    return DOUBLINGS.get(failed.kind, DEFAULT_DOUBLINGS)
