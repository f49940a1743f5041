"""The memory of a feed: the values that one poll leaves for the next.

A poll reads the memory from its :class:`ingest.types.Lease` and returns the next one in its
:class:`ingest.types.PollOutcome`. :mod:`ingest.db.feed_memory` maps it to columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """The validators of the last response. They are opaque and sent back byte for byte (RFC 9110 §8.8)."""

    etag: str | None = None
    last_modified: str | None = None
    unreliable: bool = False
    """The server sent unchanged validators with a changed body, so they are no longer sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBody:
    """The last response with a body, and the last document that was parsed."""

    hash: bytes | None = None
    at: datetime | None = None
    """The time of the last response with a body."""
    entries: int = 0
    """The number of entries in the last document."""
    parser_version: int = 0
    """The :data:`ingest.identity.PARSER_VERSION` that parsed the last document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRate:
    """The publishing rate of a feed: entries per observed hours, with older hours weighted less."""

    entries: float
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishGaps:
    """Statistics of the gaps between the times at which a feed had new entries."""

    last_new_at: datetime
    """The last time at which the feed had new entries."""
    mean: timedelta = timedelta(0)
    """The mean gap, with newer gaps weighted more."""
    deviation: timedelta = timedelta(0)
    """The mean deviation from the mean gap, with newer gaps weighted more."""
    count: int = 0
    """The number of gaps observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollHints:
    """The poll times that a document requests, as far as they are valid."""

    interval: timedelta | None = None
    """``ttl`` or ``sy:updatePeriod``, whichever is longer."""
    skip_hours: frozenset[int] = frozenset()
    """Hours of the day in GMT, 0 to 23."""
    skip_days: frozenset[int] = frozenset()
    """Days of the week; Monday is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteIdentity:
    """The site that a document declares itself to belong to."""

    title: str | None = None
    hosts: tuple[str, ...] = ()
    """Hosts of the site and of the entries' links, without ``www.``."""
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The site that a feed belongs to, and the evidence that its content now comes from another site."""

    identity: SiteIdentity | None = None
    changed_reason: str | None = None
    """The evidence that the content comes from another site; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentMove:
    """The address that a feed's server redirects to permanently."""

    to: str
    since: datetime
    """The first poll in the unbroken run of permanent redirects to this address."""


class FeedState(StrEnum):
    """The state of a feed (docs/polling.md, *Feed states*)."""

    NEW = "new"  # never polled
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # occasional failures, a truncated document or another site's content
    BACKING_OFF = "backing-off"  # repeated failures
    MUTED = "muted"  # not polled until an operator resumes it
    MOVED = "moved"  # permanently redirected to another address
    GONE = "gone"  # 410; polled rarely
    CHALLENGED = "challenged"  # served only to browsers
    SILENT = "silent"  # responds, but nothing new for longer than its publishing gaps explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of a feed, and the successes and failures that led to it."""

    state: FeedState = FeedState.NEW
    since: datetime | None = None
    reason: str | None = None
    failures: int = 0
    """Consecutive failures."""
    succeeded_at: datetime | None = None
    """The last poll that showed the feed's content or that nothing changed."""


class Evidence(StrEnum):
    """The part of an entry by which it is recognised in the next document."""

    GUID = "guid"
    LINK = "link"
    TITLE_DATE = "title-date"
    TEXT = "text"  # title, date and text, where several entries share title and date


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryIdentity:
    """The evidence that identified the entries of a feed's last document."""

    evidence: Evidence
    """The evidence that identified most entries."""
    reason: str
    rotates: bool = False
    """Guids or links changed from one document to the next, while titles and dates stayed."""


class UserAgentState(StrEnum):
    """The result of offering the configured user agent to a feed without a user agent of its own."""

    TRYING = "trying"  # the configured one was refused: the next poll tries the fall-back
    FALLBACK = "fallback"  # the fall-back is accepted
    NEITHER = "neither"  # both were refused


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgentTrial:
    """A feed's reaction to our user agents, where it refused one; ``since`` is the last poll that showed it."""

    state: UserAgentState
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMemory:
    """Everything that one poll of a feed leaves for the next."""

    interval: timedelta
    """The time between two polls, without jitter and back-off."""
    validators: Validators = Validators()
    body: LastBody = LastBody()
    publish_rate: PublishRate | None = None
    publish_gaps: PublishGaps | None = None
    poll_hints: PollHints = PollHints()
    site: Site = Site()
    move: PermanentMove | None = None
    health: Health = Health()
    user_agent_trial: UserAgentTrial | None = None
    """None: the feed accepts the configured user agent as far as is known."""
    entry_identity: EntryIdentity | None = None
    """None: no document was read yet."""
