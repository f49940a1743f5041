"""Decide a batch of records in order: each record meets the state that the record before it left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from ingest.revise.changes import Classify, apply_change, decide_change
from ingest.types import Article, ArticleChange, Record, StoredArticle


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedRecord:
    """A record with its article and the story of the article's text."""

    record: Record
    article: Article
    story: UUID

    @property
    def sighting(self) -> tuple[UUID, int]:
        """The key that a repeat of this record has too."""
        return self.article.id, self.article.sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """The stored state that a batch of records meets."""

    sightings: frozenset[tuple[UUID, int]]
    """The (article, poll) pairs of the batch that are stored: repeats."""
    articles: Mapping[UUID, StoredArticle]
    stories: frozenset[UUID]
    """The stories of the batch that have an article."""
    rehashed: Mapping[tuple[UUID, bytes], Sequence[bytes]] = field(default_factory=dict)
    """Content hashes that other rules give a version of the batch, by article and the hash of its record."""


def decide_batch(
    batch: Sequence[DecodedRecord], stored: StoredBatch, *, classify: Classify
) -> list[ArticleChange]:
    """Return the changes of a batch, without its repeats."""
    sightings, articles, stories = set(stored.sightings), dict(stored.articles), set(stored.stories)
    changes: list[ArticleChange] = []
    for decoded in batch:
        if decoded.sighting in sightings:
            continue
        article = _as_stored(decoded.article, articles.get(decoded.article.id), stored.rehashed)
        change = decide_change(
            decoded.record,
            article,
            articles.get(article.id),
            story=decoded.story,
            story_exists=decoded.story in stories,
            classify=classify,
        )
        changes.append(change)
        sightings.add(decoded.sighting)
        stories.add(decoded.story)
        articles[article.id] = apply_change(change, articles.get(article.id))
    return changes


def _as_stored(
    article: Article,
    stored: StoredArticle | None,
    rehashed: Mapping[tuple[UUID, bytes], Sequence[bytes]],
) -> Article:
    """Return the article with the content hash under which other rules stored the same version, if they did."""
    if stored is None or article.content_hash in stored.revisions:
        return article
    hashes = rehashed.get((article.id, article.content_hash), ())
    return next(
        (replace(article, content_hash=hashed) for hashed in hashes if hashed in stored.revisions), article
    )


def articles_to_classify(
    batch: Sequence[DecodedRecord], *, stored_texts: Collection[tuple[UUID, bytes]]
) -> list[Article]:
    """Return the articles of a batch that :func:`decide_batch` may classify.

    ``stored_texts`` are the (article, content hash) pairs of the batch that are revisions already: repeats and
    unchanged texts, which are never classified again.
    """
    return [
        decoded.article
        for decoded in batch
        if (decoded.article.id, decoded.article.content_hash) not in stored_texts
    ]
