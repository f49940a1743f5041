"""The store's view of an article before and after a record is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from ingest.types.article import Article
from ingest.types.log import Record
from ingest.types.topic import Match


class Effect(StrEnum):
    """The effect of one record on the store."""

    CREATED = "created"
    UPDATED = "updated"
    REVERTED = "reverted"  # an earlier revision became current again
    UNCHANGED = "unchanged"
    LATE = "late"  # an older text arrived late: a revision that was never current


MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""The clocks of two machines may differ by this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """A stored version of an article: its content hash, and the texts that the hash was made of."""

    content_hash: bytes
    parser_version: int
    title: str
    summary: str
    text: str
    html: str
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArticle:
    """A stored article before a record is applied."""

    id: UUID
    revision: int
    """The number of the current revision."""
    latest: int
    """The highest revision number. Exceeds ``revision`` where the article returned to an earlier text."""
    revisions: Mapping[bytes, int]
    """Revision numbers by content hash."""
    story_id: UUID
    first_seen_at: datetime
    published_at: datetime | None
    revised_at: datetime | None
    """The time at which the current revision became current, again or for the first time. None: it is in the future,
    so the clock was wrong."""
    feed_id: int
    """The feed whose record made the current revision current, in the poll ``poll_id``."""
    poll_id: int
    topics: frozenset[str]
    """Topics that the article matches."""
    pages: Mapping[bytes, int] = field(default_factory=dict)
    """Revision numbers of page texts, by the content hash of the feed's version that the page replaces."""
    versions_by_text: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    """Content hashes of the versions that name authors, in revision order, by their hash without authors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleChange:
    """The rows to write for one record. ``revision`` is the number of the current revision afterwards."""

    record: Record
    article: Article
    effect: Effect
    revision: int
    latest: int
    feed_id: int
    """The feed whose record makes the current revision current, in the poll ``poll_id``."""
    poll_id: int
    story_id: UUID
    joins_story: bool
    """The article is new in a story that has other articles."""
    first_seen_at: datetime
    published_at: datetime | None
    """The first date that the publisher declared. Later dates do not move an article."""
    matches: tuple[Match, ...]
    topics_joined: frozenset[str]
    """Topics that the article did not match before."""
    topics_left: frozenset[str]
    """Topics that the article matched before and no longer matches."""

    @property
    def brings_revision(self) -> bool:
        """The change has a revision row to write: number ``latest``."""
        return self.effect in (Effect.CREATED, Effect.UPDATED, Effect.LATE)
