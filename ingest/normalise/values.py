"""Drafts of entries and documents, between the parser and the look-up in the seen-set."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.errors import Unusable
from ingest.identity import name_key, title_date_mark, title_key
from ingest.types import Attribution, Entry, Evidence, ParsedFeed, RemovedLine


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """One entry with its texts cleaned and its hashes computed."""

    entry: Entry
    content_hash: bytes
    url: str | None
    title: str
    summary: str
    text: str
    html: str
    authors: tuple[str, ...]
    attribution: Attribution | None
    removed: tuple[RemovedLine, ...]
    date: str
    """The date as it is compared: in UTC, else as the feed has it; empty: none."""
    has_time: bool
    """The date has a time of day."""
    fingerprint: bytes
    guid: str | None
    """The guid, unless it is an address that identifies no article."""
    link: str | None
    """The link for the seen-set, unless it is an address that identifies no article."""
    article_url: str | None
    """``url``, unless it identifies no article, as the address of a front page."""

    @property
    def guid_name(self) -> str | None:
        return None if self.guid is None else f"guid\n{self.guid}"

    @property
    def link_name(self) -> str | None:
        """The link as entries share it: in canonical spelling, because a fragment alone makes no other article."""
        link = self.article_url or self.link
        return None if link is None else f"link\n{link}"

    @property
    def title_name(self) -> str:
        return f"title\n{self.title}\n{self.date}"

    @property
    def title_key(self) -> bytes:
        return title_key(title=self.title, date=self.date)

    @property
    def text_key(self) -> bytes:
        return title_key(title=self.title, date=self.date, text_hash=self.content_hash)

    @property
    def former_keys(self) -> tuple[bytes, ...]:
        """The keys that the entry may have had before a document showed that its guid or link is no name."""
        names = (self.entry.guid, self.entry.link, self.entry.title or self.title)
        return tuple([name_key(name) for name in names if name])

    @property
    def mark(self) -> bytes:
        """Title and date, as the seen-set stores them."""
        return title_date_mark(self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDraft:
    """A document whose entries are drafted, and which waits for the rows of its feed's seen-set."""

    parsed: ParsedFeed
    feed_url: str
    url: str | None
    drafts: tuple[EntryDraft, ...]
    unusable: tuple[tuple[Entry, Unusable], ...] = ()
    shared: frozenset[bytes] = frozenset()
    """The names that stand for several entries of this document, as :func:`~ingest.identity.shared_key` spells them."""
    evidence: Evidence | None = None
    """The evidence that an operator chose."""
    rotates: bool = False
    """The guids or links of the feed's last document were new although its entries were not."""

    @property
    def base(self) -> str:
        """Base of relative addresses."""
        return self.url or self.feed_url
