"""The operator's polling policy, and the jitter that spreads polls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Final

JITTER: Final = 0.1
"""The largest share of a delay that is added, so that feeds added together spread out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings that determine how often a feed is polled."""

    interval: timedelta = timedelta(minutes=15)
    """The interval of a feed with one entry an hour; of every feed where ``adaptive`` is off."""
    minimum: timedelta = timedelta(minutes=1)
    maximum: timedelta = timedelta(days=1)
    adaptive: bool = True
    """Poll feeds that publish more more often, and feeds that publish less less often."""
    fallback_user_agent: str | None = None
    """The user agent for feeds that refuse the configured one (:mod:`ingest.schedule.user_agents`); None: none."""
    max_children: int = 50
    """The largest number of sitemaps of one index that are polled."""
    child_stagger: timedelta = timedelta(minutes=1)
    """The time between the first polls of two sitemaps of one index."""
    interval_with_hub: timedelta | None = None
    """The interval of a feed whose trusted hub pushes new entries, where it is longer than the others."""

    def clamp(self, delay: timedelta) -> timedelta:
        """Return ``delay`` within ``minimum`` and ``maximum``."""
        return min(max(delay, self.minimum), self.maximum)


def with_jitter(feed_id: int, delay: timedelta, *, policy: Policy) -> timedelta:
    """Add up to ``JITTER`` to ``delay``, always the same share for one feed, and never beyond the maximum."""
    share = blake2b(feed_id.to_bytes(8, "big", signed=True), digest_size=2).digest()
    longer = delay * (1 + JITTER * int.from_bytes(share, "big") / 0xFFFF)
    return max(delay, min(longer, policy.maximum))
