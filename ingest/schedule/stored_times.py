"""Bounds of stored times: how far from the present clock a stored time is believed. Pure.

A clock that was wrong leaves times that lie years ahead. Each column of the schema with a time is listed here, with the
role that it has, so that none is believed without a bound (a test compares the list with the schema)::

    DUE      work is due then               at most its limit ahead; beyond it the work is due now
    EXPIRES  something ends then            at most its limit ahead; beyond it it has ended
    PAST     something happened then        not in the future; beyond ``MAX_CLOCK_SKEW`` it happened now
    HISTORY  shown or ordered, decides no work

:mod:`ingest.db.stored_times` corrects rows whose times are beyond their bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Final

from ingest.schedule import page_fetch, websub
from ingest.schedule.backoff import MAX_PAUSE
from ingest.schedule.interval import MAX_SKIPPED
from ingest.schedule.policy import Policy
from ingest.types import MAX_CLOCK_SKEW

ROBOTS_LIFETIME: Final = timedelta(hours=24)
"""The lifetime of stored rules of robots.txt (:data:`ingest.robots.CACHE_LIFETIME`)."""


class Role(Enum):
    """The use of a stored time."""

    DUE = "due"
    EXPIRES = "expires"
    PAST = "past"
    HISTORY = "history"


class Limit(Enum):
    """The farthest time ahead that policy stores in a column."""

    POLL = "the longest interval of a feed"
    LEASE = "a poll lease"
    PAUSE = "the longest pause of a host"
    QUEUE = "the longest interval, or the longest queue of a host"
    PAGE = "the longest wait of a page"
    HUB = "the longest lease of a hub"
    ROBOTS = "the lifetime of robots.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTime:
    """The bound of one column."""

    role: Role
    limit: Limit | None = None
    limit_while: Mapping[str, Limit] = field(default_factory=dict)
    """Other limits under conditions in SQL; the first condition that holds counts."""
    key: str | None = None
    """The key of the time in a column of JSON objects."""


def _due(limit: Limit, limit_while: Mapping[str, Limit] | None = None) -> StoredTime:
    return StoredTime(role=Role.DUE, limit=limit, limit_while=limit_while or {})


def _expires(limit: Limit) -> StoredTime:
    return StoredTime(role=Role.EXPIRES, limit=limit)


_PAST: Final = StoredTime(role=Role.PAST)
_HISTORY: Final = StoredTime(role=Role.HISTORY)

STORED_TIMES: Final[Mapping[str, Mapping[str, StoredTime]]] = {
    "feeds": {
        "added_at": _HISTORY,
        "next_poll_at": _due(
            Limit.POLL, {"slot_at IS NOT NULL": Limit.QUEUE, "lease_poll_id IS NOT NULL": Limit.LEASE}
        ),
        "leased_at": _PAST,
        "slot_at": _expires(Limit.QUEUE),
        "retry_after_until": _expires(Limit.POLL),
        "polled_at": _PAST,
        "succeeded_at": _PAST,
        "last_body_at": _PAST,
        "state_since": _PAST,
        "moved_since": _PAST,
        "publish_gaps": StoredTime(role=Role.PAST, key="last_new_at"),
        "user_agent_trial": StoredTime(role=Role.PAST, key="since"),
    },
    "hosts": {
        "next_slot_at": _due(Limit.QUEUE),
        "queue_end": _due(Limit.QUEUE),
        "page_queue_end": _expires(Limit.QUEUE),
        "paused_until": _expires(Limit.PAUSE),
    },
    "pages": {
        "wanted_at": _HISTORY,
        "due_at": _due(Limit.PAGE, {"slot_at IS NOT NULL": Limit.PAGE, "leased_at IS NOT NULL": Limit.LEASE}),
        "leased_at": _PAST,
        "slot_at": _expires(Limit.PAGE),
        "tried_at": _PAST,
    },
    "robots": {"fetched_at": _HISTORY, "expires_at": _due(Limit.ROBOTS)},
    "websub_subscriptions": {
        "next_try_at": _due(Limit.HUB),
        "slot_at": _expires(Limit.QUEUE),
        "requested_at": _PAST,
        "verified_at": _PAST,
        "lease_until": _due(Limit.HUB),
        "last_push_at": _PAST,
        "last_ping_at": _PAST,
    },
    "websub_pushes": {"received_at": _PAST, "lease_until": _expires(Limit.LEASE)},
    "hub_misses": {"missed_at": _PAST},
    "polls": {"started_at": _HISTORY, "finished_at": _HISTORY, "next_poll_at": _HISTORY},
    # A revised_at in the future is not compared with later versions (db/article_store.py).
    "articles": dict.fromkeys(("published_at", "first_seen_at", "revised_at", "sort_at"), _HISTORY),
    "revisions": {"seen_at": _HISTORY, "updated_at": _HISTORY},
    "sightings": {"seen_at": _HISTORY},
    "topics": {"changed_at": _HISTORY},
    "search_segments": {"sort_from": _HISTORY, "sort_until": _HISTORY},
    "article_search": {"sort_at": _HISTORY},
    "matches": {"matched_at": _HISTORY, "sort_at": _HISTORY},
    "log_records": {"appended_at": _HISTORY},
    "quarantine": {"quarantined_at": _HISTORY, "replayed_at": _HISTORY},
}
"""By table and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """The settings that determine how far ahead a time may be stored."""

    policy: Policy
    lease: timedelta
    interval_with_hub: timedelta = timedelta(0)
    spacing: timedelta = timedelta(seconds=1)
    """Between two requests to a host without a spacing of its own."""

    def lengths(self, *, queue: timedelta) -> Mapping[Limit, timedelta]:
        """Return each limit, where the longest queue of a host has this length. Clocks of pollers may differ."""
        policy = self.policy
        poll = max(
            policy.maximum,
            policy.child_stagger * policy.max_children,
            self.interval_with_hub,
            MAX_SKIPPED,
            self.lease,
        )
        hub = max(websub.MAX_LEASE, websub.DENIAL_RETRY, websub.MAX_RETRY)
        longest_queue = max(poll, MAX_PAUSE) + queue
        lengths = {
            Limit.POLL: poll,
            Limit.LEASE: self.lease,
            Limit.PAUSE: MAX_PAUSE,
            Limit.QUEUE: longest_queue,
            Limit.PAGE: max(page_fetch.MAX_WAIT, *page_fetch.RETRIES) + longest_queue,
            Limit.HUB: hub,
            Limit.ROBOTS: ROBOTS_LIFETIME,
        }
        return {limit: length + MAX_CLOCK_SKEW for limit, length in lengths.items()}
