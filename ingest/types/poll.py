"""The lease on a feed before a poll, and the outcome after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ingest.types.feed import Alert
from ingest.types.fetch import FailureKind
from ingest.types.memory import Evidence, FeedMemory
from ingest.types.parsed import Seen
from ingest.types.request import DEFAULT_REQUEST, RequestOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The exclusive right to poll one feed until ``until``. ``poll_id`` identifies this poll permanently."""

    feed_id: int
    poll_id: int
    url: str
    leased_at: datetime
    until: datetime
    memory: FeedMemory
    first: bool = False
    """No poll of this feed was ever recorded, so its seen-set is empty."""
    request_options: RequestOptions = DEFAULT_REQUEST
    identity: Evidence | None = None
    """The evidence by which an operator has the feed's entries identified; None: chosen for each document."""
    config_version: int = 0
    """The number of changes that operators had made to the feed before the lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSitemap:
    """A sitemap of a sitemap index that is polled as a feed of its own."""

    url: str
    first_poll_at: datetime
    interval: timedelta


class PollResult(StrEnum):
    """The kind of end that a poll came to."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not-modified"
    UNCHANGED = "unchanged"  # 200 with the same bytes as before
    FAILED = "failed"
    PUSHED = "pushed"  # a push from a hub, not a poll


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause of a host for all pollers and all its feeds."""

    host: str
    at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """The result of one poll and its consequences for the feed. Every poll ends in exactly one outcome."""

    lease: Lease
    result: PollResult
    finished_at: datetime
    next_poll_at: datetime
    reason: str
    """The explanation of ``next_poll_at``."""
    memory: FeedMemory
    """The memory to store; on a failure mostly the lease's."""
    feed_title: str | None = None
    status: int | None = None
    failure: FailureKind | None = None
    detail: str | None = None
    sample: bytes | None = None
    body_bytes: int = 0
    entries: int = 0
    """Entries of the document of this poll."""
    appended: int = 0
    created: int = 0
    """Entries that were never seen before."""
    duplicates: int = 0
    """Entries that are the same article as an earlier entry of the document."""
    missed: int = 0
    """Estimated number of entries that appeared and disappeared between two polls."""
    retry_after_until: datetime | None = None
    """The server requested no further polls of this feed until then."""
    pause: Pause | None = None
    """The server requested a pause for its whole host."""
    children: tuple[ChildSitemap, ...] | None = None
    """All sitemaps of the index that are to be polled; None: the document is not an index."""
    seen: tuple[Seen, ...] = ()
    """New and changed rows of the seen-set."""
    relocate: str | None = None
    """The feed's new address."""
    alerts: tuple[Alert, ...] = ()

    @property
    def feed_id(self) -> int:
        """The polled feed."""
        return self.lease.feed_id

    @property
    def poll_id(self) -> int:
        """The poll's permanent number."""
        return self.lease.poll_id
