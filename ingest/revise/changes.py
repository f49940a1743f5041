"""Decide the change that one record makes to its article, and apply the change to the stored state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from ingest.identity import with_authors
from ingest.revise.versions import equivalent_version, shown_revision, shows_page
from ingest.types import MAX_CLOCK_SKEW, Article, ArticleChange, Effect, Match, Record, StoredArticle

Classify = Callable[[Article], tuple[Match, ...]]


def decide_change(
    record: Record,
    article: Article,
    stored: StoredArticle | None,
    *,
    story: UUID,
    story_exists: bool,
    classify: Classify,
) -> ArticleChange:
    """Return the change that a record makes to the store; the record must not be a repeat.

    ``classify`` is called only where the article is new or has a new text.
    """
    if stored is None:
        return _create(record, article, story=story, story_exists=story_exists, matches=classify(article))
    if article.page is None:
        hash_without_authors = with_authors(article.content_hash, article.authors)
        version = equivalent_version(stored, article.content_hash, hash_without_authors=hash_without_authors)
        if version != article.content_hash:
            article = replace(article, content_hash=version)
    late = is_late(article, stored)
    bare = _is_bare(article, stored)
    # A feed's version whose page was stored is shown with the page's text, whichever feed brings it again.
    revision = (
        shown_revision(stored, article.content_hash)
        if article.page is None
        else stored.revisions.get(article.content_hash)
    )
    if late or bare:
        return _keep(record, article, stored, story=story, revision=stored.revision, bare=bare)
    if revision is not None:
        # Publishers alternate between headlines: the earlier text becomes current again, without an event.
        return _keep(record, article, stored, story=story, revision=revision, bare=False)
    return _update(record, article, stored, story=story, story_exists=story_exists, matches=classify(article))


def _create(
    record: Record, article: Article, *, story: UUID, story_exists: bool, matches: tuple[Match, ...]
) -> ArticleChange:
    return ArticleChange(
        record=record,
        article=article,
        effect=Effect.CREATED,
        revision=1,
        latest=1,
        feed_id=article.feed_id,
        poll_id=article.poll_id,
        story_id=story,
        joins_story=story_exists and story != article.id,
        first_seen_at=article.seen_at,
        published_at=article.published_at,
        matches=matches,
        topics_joined=frozenset(match.topic for match in matches),
        topics_left=frozenset(),
    )


def _keep(
    record: Record, article: Article, stored: StoredArticle, *, story: UUID, revision: int, bare: bool
) -> ArticleChange:
    """Return a change without a new current text: unchanged, reverted to ``revision``, or late."""
    reverted = revision != stored.revision
    is_new_text = article.content_hash not in stored.revisions and not bare
    return ArticleChange(
        record=record,
        article=article,
        effect=Effect.LATE if is_new_text else Effect.REVERTED if reverted else Effect.UNCHANGED,
        revision=revision,
        latest=stored.latest + is_new_text,
        feed_id=article.feed_id if reverted else stored.feed_id,
        poll_id=article.poll_id if reverted else stored.poll_id,
        story_id=story if reverted else stored.story_id,
        joins_story=False,
        first_seen_at=stored.first_seen_at,
        published_at=stored.published_at,
        matches=(),
        topics_joined=frozenset(),
        topics_left=frozenset(),
    )


def _update(
    record: Record,
    article: Article,
    stored: StoredArticle,
    *,
    story: UUID,
    story_exists: bool,
    matches: tuple[Match, ...],
) -> ArticleChange:
    matched = frozenset(match.topic for match in matches)
    is_page = article.page is not None
    return ArticleChange(
        record=record,
        article=article,
        effect=Effect.UPDATED,
        revision=stored.latest + 1,
        latest=stored.latest + 1,
        # A page's text belongs to the version that is current, whichever poll brought that version last.
        feed_id=stored.feed_id if is_page else article.feed_id,
        poll_id=stored.poll_id if is_page else article.poll_id,
        story_id=story,
        joins_story=story_exists and story not in (article.id, stored.story_id),
        first_seen_at=stored.first_seen_at,
        published_at=stored.published_at or article.published_at,
        matches=matches,
        topics_joined=matched - stored.topics,
        # A feed's short text does not show that the article left a topic which the page's text had matched.
        topics_left=frozenset() if shows_page(stored) and not is_page else stored.topics - matched,
    )


def is_late(article: Article, stored: StoredArticle) -> bool:
    """Return whether the record is older than the current text: replayed, or appended after its lease ended.

    Polls of one feed are numbered in order. Clocks of two pollers may differ a little. A page's text is late if the
    feed's version to which it belongs is not current.
    """
    if article.page is not None:
        return shown_revision(stored, article.page.content_hash) != stored.revision
    if article.feed_id == stored.feed_id:
        return article.poll_id < stored.poll_id
    return stored.revised_at is not None and article.seen_at < stored.revised_at - MAX_CLOCK_SKEW


def _is_bare(article: Article, stored: StoredArticle) -> bool:
    """Return whether another feed brings a title alone, as sitemaps do: such a version removes no stored text."""
    return article.feed_id != stored.feed_id and not article.text and not article.summary


def apply_change(change: ArticleChange, stored: StoredArticle | None) -> StoredArticle:
    """Return the stored state of the article after ``change`` is written."""
    revisions = _revisions_after(change, stored)
    pages = stored.pages if stored is not None else {}
    if change.article.page is not None:
        pages = {**pages, change.article.page.content_hash: revisions[change.article.content_hash]}
    versions_by_text = _versions_by_text_after(change, stored)
    if stored is not None and change.effect in (Effect.UNCHANGED, Effect.LATE):
        return replace(
            stored,
            latest=change.latest,
            revisions=revisions,
            pages=pages,
            versions_by_text=versions_by_text,
        )
    topics = stored.topics if stored is not None else frozenset()
    return StoredArticle(
        id=change.article.id,
        revision=change.revision,
        latest=change.latest,
        revisions=revisions,
        story_id=change.story_id,
        first_seen_at=change.first_seen_at,
        published_at=change.published_at,
        revised_at=change.article.seen_at,
        feed_id=change.feed_id,
        poll_id=change.poll_id,
        topics=(topics - change.topics_left) | change.topics_joined,
        pages=pages,
        versions_by_text=versions_by_text,
    )


def _versions_by_text_after(
    change: ArticleChange, stored: StoredArticle | None
) -> Mapping[bytes, Sequence[bytes]]:
    article, versions = change.article, stored.versions_by_text if stored is not None else {}
    if not article.authors or not change.brings_revision:
        return versions
    hash_without_authors = with_authors(article.content_hash, article.authors)
    same_text = (*versions.get(hash_without_authors, ()), article.content_hash)
    return {**versions, hash_without_authors: same_text}


def _revisions_after(change: ArticleChange, stored: StoredArticle | None) -> Mapping[bytes, int]:
    revisions = stored.revisions if stored is not None else {}
    return {**revisions, change.article.content_hash: change.latest} if change.brings_revision else revisions
