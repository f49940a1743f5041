"""A feed as the registry shows it, and the alerts about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ingest.types.memory import (
    EntryIdentity,
    Evidence,
    FeedState,
    PollHints,
    PublishGaps,
    PublishRate,
    UserAgentTrial,
)
from ingest.types.request import MaskedOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed of the registry. Its fields are flat because commands and the API serialise them as they are."""

    id: int
    url: str
    title: str | None
    enabled: bool
    added_at: datetime
    next_poll_at: datetime
    polled_at: datetime | None
    interval: timedelta
    failures: int
    last_outcome: str | None
    last_reason: str | None
    succeeded_at: datetime | None
    """The last poll that showed the feed's content or that nothing changed."""
    entries: int
    """The number of entries in the last document."""
    publish_rate: PublishRate | None
    poll_hints: PollHints
    state: FeedState
    state_since: datetime | None
    state_reason: str | None
    moved_to: str | None
    """The address that the server redirects to permanently, since ``moved_since``."""
    moved_since: datetime | None
    publish_gaps: PublishGaps | None
    request_options: MaskedOptions | None = None
    """An operator's request options; None: the default."""
    user_agent_trial: UserAgentTrial | None = None
    """None: the feed accepts the configured user agent as far as is known."""
    parent_id: int | None = None
    """The sitemap index that lists this feed, if one does."""
    full_text: bool = False
    """The pages of its articles are fetched too."""
    tags: tuple[str, ...] = ()
    """Names by which an operator groups feeds, sorted (:mod:`ingest.feed_tags`)."""
    identity: Evidence | None = None
    """The evidence by which an operator has its entries identified; None: chosen for each document."""
    entry_identity: EntryIdentity | None = None
    """The evidence that identified the entries of its last document."""
    polling_since: datetime | None = None
    """Start of a poll that has not ended. After ``next_poll_at`` another poller takes the feed."""


class AlertKind(StrEnum):
    """The subject of an alert."""

    STATE = "state"  # the state changed
    SITE_CHANGED = "site-changed"  # the content looks like another site's
    MISSED = "missed"  # entries appeared and disappeared between two polls
    RELOCATED = "relocated"  # the address changed after a week of permanent redirects
    CLOCK = "clock"  # the clock was wrong, so stored times were corrected; not about one feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A change of a feed that its operator should know."""

    kind: AlertKind
    feed_id: int
    url: str
    at: datetime
    before: FeedState
    after: FeedState
    reason: str
    poll_id: int | None = None
    """The poll that caused the alert; None: an operator's action."""
    missed: int = 0
    """Estimated number of missed entries."""
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAlert:
    """A clock that was or is wrong."""

    at: datetime
    reason: str
