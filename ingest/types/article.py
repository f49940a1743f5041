"""Our normalised form of an entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class CreditRole(StrEnum):
    """The part that an agency has in a text."""

    WIRE = "wire"
    """The text is the agency's: a dateline or a credit line names it."""
    CITED = "cited"
    """The text reports what the agency reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A news agency that a text credits."""

    agency: str
    role: CreditRole
    evidence: str
    """The dateline, line or sentence that names the agency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The origin that a reposted text declares, and the news agencies that it credits."""

    author: str | None
    publisher: str | None
    url: str | None
    evidence: str
    """The sentence that declares the origin, or else the first credit's evidence."""
    credits: tuple[Credit, ...] = ()

    @property
    def agency(self) -> str | None:
        """The agency whose text it is, or else the first that the text cites."""
        return self.credits[0].agency if self.credits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedLine:
    """Boilerplate that is no part of ``text``: a line, or a part of one."""

    rule: str
    """The name of the rule that removed it."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """The web page that an article's text was extracted from."""

    id: int
    """Identifies this page fetch permanently; drawn from the same sequence as poll ids."""
    content_hash: bytes
    """The content hash of the feed's version whose text the page replaces."""
    url: str
    """The page's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One version of one article, normalised. ``text`` is plain text, ``html`` is sanitised."""

    id: UUID
    feed_id: int
    feed_url: str
    poll_id: int
    entry_key: bytes
    """The entry's key in its feed's seen-set, 16 bytes."""
    content_hash: bytes
    """The hash of title, text and authors, 16 bytes. Another hash is another revision."""
    seen_at: datetime
    url: str | None
    """The canonical URL."""
    guid: str | None
    title: str
    authors: tuple[str, ...]
    publisher: str | None
    """The original publisher as far as the text declares it; else the feed's own title or host."""
    source: str
    """The host of the article's URL, or of the feed's where the article has none."""
    attribution: Attribution | None
    summary: str
    text: str
    """The story as plain text, paragraphs separated by a newline, boilerplate removed."""
    html: str
    """The entry's HTML, sanitised."""
    language: str | None
    categories: tuple[str, ...]
    image: str | None
    published_at: datetime | None
    updated_at: datetime | None
    link: str | None = None
    """The entry's own link where it differs from ``url``. Pages are fetched from it."""
    removed: tuple[RemovedLine, ...] = ()
    """The boilerplate that was removed from the text. It does not count for ``content_hash``."""
    parser_version: int = 0
    """The :data:`ingest.identity.PARSER_VERSION` of the rules that made title, text, authors and hash; 0: before 3."""
    page: PageSource | None = None
    """The page that text and HTML were extracted from; all else is the feed's in ``poll_id``. None: all is the
    feed's."""

    @property
    def sighting(self) -> int:
        """Identify this record of the article: a second record with the same number is a repeat."""
        return self.poll_id if self.page is None else self.page.id
