"""Input and result of reading one document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ingest.types import Article, DocumentSummary, Evidence, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed's body as it was received, with everything that parsing depends on."""

    feed_id: int
    feed_url: str
    """Address in the registry: article identities depend on it."""
    poll_id: int
    seen_at: datetime
    url: str
    """Address that responded, after redirects: the base of relative addresses."""
    content_type: str | None
    language: str | None
    """The response's ``Content-Language``."""
    body: bytes
    identity: Evidence | None = None
    """The evidence by which an operator has the feed's entries identified; None: chosen for this document."""
    rotates: bool = False
    """Guids or links of the feed's last document were new although its entries were not."""
    first: bool = False
    """The feed's seen-set is empty, so no look-up is needed."""
    pushed: bool = False
    """A WebSub hub sent the body: it may be a part of the feed, and its entries may lack their texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLookup:
    """The rows of a feed's seen-set that a document needs: with one of these keys, articles, or titles and dates."""

    keys: tuple[bytes, ...]
    article_ids: tuple[UUID, ...]
    """Articles of the entries' URLs: some feeds give an entry a new guid, hence a new key, each time."""
    marks: tuple[bytes, ...]
    """Titles and dates (:func:`ingest.identity.title_date_mark`): some feeds change guids and links each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBody:
    """The body of an article's page, with the article as its feed published it."""

    article: Article
    page_id: int
    seen_at: datetime
    url: str
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEntry:
    """An entry that cannot become an article: its original as JSON, and the reason."""

    key: str
    value: bytes
    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """The result of one document: messages to append, and memory to store once the messages are durable."""

    summary: DocumentSummary
    messages: tuple[Message, ...]
    rejected: tuple[RejectedEntry, ...]
    keys: tuple[bytes, ...] = ()
    """Keys of all entries, if a hub sent the document; else empty."""
