"""The interval between two polls of a feed that responds, with its reason. Pure.

The interval follows the publishing rate (:mod:`ingest.schedule.publish_rate`). Server and feed may extend it
(:mod:`ingest.schedule.hints`). It is short enough that entries are not replaced unseen, and within the policy's bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingest.schedule import hints, publish_rate
from ingest.schedule.durations import format_duration, rounded
from ingest.schedule.policy import Policy, with_jitter
from ingest.types import PollHints, PublishRate

TURNOVER_SHARE: Final = 0.5
"""The longest interval as a share of the time in which the document replaces all its entries. A poll that late still
sees half of the entries of the last one."""
MAX_SKIPPED: Final = timedelta(days=3)
"""The longest delay for ``skipHours`` and ``skipDays``; a longer one is taken for a mistake."""
CONFIGURED: Final = "configured interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The interval of a feed that responds."""

    interval: timedelta
    reason: str
    turnover: timedelta | None
    """The time in which the document replaces all its entries; None: practically never."""


def plan_interval(
    rate: PublishRate,
    *,
    poll_hints: PollHints,
    freshness: timedelta | None,
    entries: int,
    policy: Policy,
) -> Plan:
    """Choose the interval between two polls, and give its reason for people.

    Args:
        rate: the publishing rate after this poll.
        poll_hints: the poll times that the document requests.
        freshness: how long the response stays fresh (RFC 9111).
        entries: the number of entries in the last document.
        policy: the operator's settings.
    """
    interval, reason = policy.interval, CONFIGURED
    turnover = publish_rate.window_turnover(rate, entries=entries)
    if policy.adaptive:
        interval = publish_rate.interval_for(rate, interval=policy.interval, longest=policy.maximum)
        reason = f"publishes {publish_rate.format_rate(rate)}"
    for requested, explanation in (
        (poll_hints.interval, "requested by the feed"),
        (freshness, "the response stays fresh that long"),
    ):
        if requested is not None and requested > interval:
            interval, reason = requested, explanation
    if policy.interval_with_hub is not None and policy.interval_with_hub > interval:
        interval, reason = policy.interval_with_hub, "its hub pushes new entries, polls are a fallback"
    bounded = policy.clamp(interval)
    if bounded != interval and reason != CONFIGURED:
        reason = f"{'minimum' if bounded > interval else 'maximum'} interval; {reason}"
    # Entries that a hub lost must still be in the document when the fallback poll comes.
    bounded_by_turnover = policy.adaptive or policy.interval_with_hub
    if bounded_by_turnover and turnover is not None and bounded > turnover * TURNOVER_SHARE:
        bounded = policy.clamp(turnover * TURNOVER_SHARE)
        reason = f"its {entries} entries are replaced within {format_duration(rounded(turnover))}"
    return Plan(
        interval=bounded, reason=f"every {format_duration(rounded(bounded))}: {reason}", turnover=turnover
    )


def next_poll(
    feed_id: int, plan: Plan, *, poll_hints: PollHints, now: datetime, policy: Policy
) -> tuple[datetime, str]:
    """Return the time of the next poll, outside the feed's ``skipHours`` and ``skipDays``, and its reason."""
    due = now + with_jitter(feed_id, plan.interval, policy=policy)
    allowed = hints.after_skipped(due, poll_hints)
    if allowed == due:
        return due, plan.reason
    longest = MAX_SKIPPED if plan.turnover is None else min(MAX_SKIPPED, plan.turnover * TURNOVER_SHARE)
    if allowed - now > longest:
        return due, plan.reason
    return allowed, f"{plan.reason}; delayed by the feed's skipHours or skipDays"
