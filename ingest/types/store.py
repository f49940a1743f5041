"""The store's view of an article before and after a record is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
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
    revised_at: datetime
    """The time at which the current revision became current, again or for the first time."""
    feed_id: int
    """The feed whose record made the current revision current, in the poll ``poll_id``."""
    poll_id: int
    topics: frozenset[str]
    """Topics that the article matches."""
    pages: Mapping[bytes, int] = field(default_factory=dict)
    """Revision numbers of page texts, by the content hash of the feed's version that the page replaces."""
    versions_by_text: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    """Content hashes of the versions that name authors, in revision order, by their hash without authors."""

    @property
    def shows_page(self) -> bool:
        """Its current text is a page's."""
        return self.revision in self.pages.values()

    def number_of(self, digest: bytes) -> int | None:
        """The revision that a feed's version is shown as: its page's, where there is one; None: it is unknown."""
        return self.pages.get(digest, self.revisions.get(digest))

    def version_of(self, digest: bytes, told: bytes) -> bytes:
        """The version that a feed's version is taken for: its own, or one of the same title and text (``told``: their
        digest). Of those the one that is shown, else the last.

        One whose page was read stands for all of them, or an edited byline would bring the feed's few words back. And
        a version that names nobody takes no author away.
        """
        alike = [
            version for version in (told, *self.versions_by_text.get(told, ())) if version in self.revisions
        ]
        read = [version for version in alike if version in self.pages]
        if digest in self.pages or not (read or (alike and digest == told)):
            return digest
        candidates = read or alike
        shown = (version for version in candidates if self.number_of(version) == self.revision)
        return next(shown, candidates[-1])


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
