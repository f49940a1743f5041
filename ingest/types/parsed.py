"""A parsed document: the values as the feed publishes them, and the summary of one document for the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ingest.types.memory import EntryIdentity, PollHints, SiteIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item as the feed publishes it. Strings are the parser's; they contain HTML where the feed has HTML."""

    guid: str | None
    link: str | None
    title: str | None
    summary: str | None
    content: str | None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published: datetime | None = None
    published_raw: str | None = None
    updated: datetime | None = None
    updated_raw: str | None = None
    language: str | None = None
    source_title: str | None = None
    """``<source>`` of RSS or ``atom:source``: the feed that this entry was taken from."""
    source_url: str | None = None
    image: str | None = None
    base: str | None = None
    """``xml:base`` in force for the HTML, where it differs from the feed's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHints:
    """Declarations about poll times, verbatim (RSS 2.0; RSS 1.0 syndication module)."""

    ttl: str | None = None
    update_period: str | None = None
    update_frequency: str | None = None
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SitemapLink:
    """A sitemap that a sitemap index lists."""

    url: str
    updated: datetime | None = None
    """The declared time of the sitemap's last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """One document of a feed, parsed."""

    title: str | None
    link: str | None
    language: str | None
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()
    """Well-formedness problems that the parser recovered from."""
    version: str = ""
    hints: FeedHints = FeedHints()
    hubs: tuple[str, ...] = ()
    """Hubs that offer subscriptions, in document order (WebSub: ``rel=hub``; JSON Feed: ``hubs``)."""
    self_url: str | None = None
    """The feed's declared own address (``rel=self``; JSON Feed: ``feed_url``), by which hubs identify it."""
    children: tuple[SitemapLink, ...] = ()
    """The sitemaps of a sitemap index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One row of a feed's seen-set: the entry as it was last sent to the log."""

    key: bytes
    content_hash: bytes
    article_id: UUID
    entry_fingerprint: bytes = b""
    """Fingerprint of link, title and date (:func:`ingest.identity.entry_fingerprint`); empty where none is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSummary:
    """Results of parsing and normalising one document against its feed's seen-set."""

    title: str | None
    entries: int
    appended: int
    duplicates: int
    seen: tuple[Seen, ...]
    complete: bool
    """False: the document is truncated although its HTTP framing was complete; the feed may have more entries."""
    created: int = 0
    """Entries that were never seen before."""
    has_seen_entries: bool = True
    """At least one entry was seen before."""
    dates: tuple[datetime, ...] = ()
    """Publication dates that the entries declare."""
    poll_hints: PollHints = PollHints()
    site_identity: SiteIdentity | None = None
    entry_identity: EntryIdentity | None = None
    """None: the document has no entries."""
    children: tuple[SitemapLink, ...] | None = None
    """The sitemaps of a sitemap index; None: the document is not an index."""
    new_entry_keys: tuple[bytes, ...] = ()
    """Keys of the entries that were never seen before."""
    hubs: tuple[str, ...] = ()
    """Hubs that the document declares."""
    self_url: str | None = None
    """The document's declared own address."""
    warnings: tuple[str, ...] = ()
    """The parser's warnings: what was repaired, and which dates are unknown."""
