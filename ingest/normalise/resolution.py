"""Drafts against the feed's seen-set: which article each entry is, and whether the article is new or changed.

An entry that the seen-set has keeps the article that it first was. Otherwise its canonical URL is the article, unless
the URL is ambiguous within the document or a front page; then guid, or title and date, are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ingest.errors import Unusable
from ingest.identity import article_id, is_different_article
from ingest.normalise.articles import Sighting, build_article
from ingest.normalise.drafts import EntryDraft, FeedDraft, ambiguous, draft_entries
from ingest.types import Article, Entry, ParsedFeed, Seen
from ingest.urls import canonical, is_home


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """The result of one document."""

    articles: tuple[Article, ...]
    """The articles that are new or changed against the seen-set, in the document's order."""
    seen: tuple[Seen, ...]
    """The rows of the seen-set that are new or changed."""
    entries: int
    created: int
    """Articles whose entries were never seen before."""
    duplicates: int
    """Entries that are the same article as an earlier entry of the document."""
    unusable: tuple[tuple[Entry, Unusable], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    """One draft with its article, and the rows of the seen-set that the article has."""

    article_id: UUID
    row: Seen | None
    """The row of the entry's own key."""
    sibling_rows: Sequence[Seen]
    """Where there is no such row: rows of the same article under another key."""
    is_duplicate: bool

    @property
    def is_new(self) -> bool:
        return self.row is None and not self.sibling_rows

    def is_changed(self, content_hash: bytes) -> bool:
        rows = self.sibling_rows if self.row is None else (self.row,)
        return all(row.content_hash != content_hash for row in rows)


class _Resolver:
    """Resolves the drafts of one document in turn, and remembers which articles are taken."""

    def __init__(self, feed: FeedDraft, seen: Mapping[bytes, Seen]) -> None:
        self._feed_url = feed.feed_url
        self._seen = seen
        self._home_urls = {
            canonical(url, base=feed.base) for url in (feed.parsed.link, feed.feed_url, feed.url) if url
        }
        self._ambiguous_urls = ambiguous(
            (draft.url, draft.entry.guid, draft.title) for draft in feed.drafts if draft.url is not None
        )
        self._rows_by_article: defaultdict[UUID, list[Seen]] = defaultdict(list)
        for row in seen.values():
            self._rows_by_article[row.article_id].append(row)
        self._drafts_by_article: dict[UUID, EntryDraft] = {}

    def resolve(self, draft: EntryDraft) -> _Resolved:
        url = self._identifying_url(draft)
        row = self._seen.get(draft.key)
        if row is not None and is_different_article(row.entry_fingerprint, draft.fingerprint):
            row = None
        sibling_rows: Sequence[Seen] = ()
        if row is None and url is not None:
            sibling_rows = self._rows_by_article.get(article_id(url=url, feed_url=self._feed_url), ())
        identity = self._identity(draft, url=url) if row is None else row.article_id
        earlier = self._drafts_by_article.get(identity)
        if earlier is not None and _are_distinct(earlier, draft):
            identity = self._identity(draft, url=None)
            row = None if row is None or row.article_id != identity else row
            earlier = self._drafts_by_article.get(identity)
        if earlier is None:
            self._drafts_by_article[identity] = draft
        return _Resolved(
            article_id=identity, row=row, sibling_rows=sibling_rows, is_duplicate=earlier is not None
        )

    def _identifying_url(self, draft: EntryDraft) -> str | None:
        """The draft's URL, where it tells this article from others."""
        if draft.url is None or draft.url in self._ambiguous_urls or draft.url in self._home_urls:
            return None
        return None if is_home(draft.url) else draft.url

    def _identity(self, draft: EntryDraft, *, url: str | None) -> UUID:
        entry = draft.entry
        return article_id(
            url=url,
            feed_url=self._feed_url,
            guid=entry.guid,
            title=draft.title,
            published=entry.published,
            published_raw=entry.published_raw,
        )


def normalise(
    parsed: ParsedFeed,
    *,
    feed_id: int,
    feed_url: str,
    poll_id: int,
    seen_at: datetime,
    seen: Mapping[bytes, Seen],
    url: str | None = None,
) -> Normalised:
    """Both steps at once: :func:`~ingest.normalise.drafts.draft_entries`, then :func:`resolve_articles`."""
    feed = draft_entries(parsed, feed_url=feed_url, url=url)
    return resolve_articles(feed, feed_id=feed_id, poll_id=poll_id, seen_at=seen_at, seen=seen)


def resolve_articles(
    feed: FeedDraft, *, feed_id: int, poll_id: int, seen_at: datetime, seen: Mapping[bytes, Seen]
) -> Normalised:
    """The articles of a document that are new or changed.

    ``seen`` has the rows of the feed's seen-set whose keys or articles the document has.
    """
    sighting = Sighting(feed_id=feed_id, poll_id=poll_id, seen_at=seen_at)
    resolver = _Resolver(feed, seen)
    keys: set[bytes] = set()
    articles: list[Article] = []
    rows: list[Seen] = []
    created = duplicates = 0
    for draft in feed.drafts:
        resolved = resolver.resolve(draft)
        row = Seen(
            key=draft.key,
            content_hash=draft.content_hash,
            article_id=resolved.article_id,
            entry_fingerprint=draft.fingerprint,
        )
        if resolved.is_duplicate:
            duplicates += 1
            # Stored all the same: the next document may have this entry alone.
            if draft.key not in keys and resolved.row is None:
                rows.append(row)
        else:
            created += resolved.is_new
            if resolved.row != row:
                rows.append(row)
            if resolved.is_changed(draft.content_hash):
                articles.append(build_article(draft, feed, sighting, identity=resolved.article_id))
        keys.add(draft.key)
    return Normalised(
        articles=tuple(articles),
        seen=tuple(rows),
        entries=len(feed.parsed.entries),
        created=created,
        duplicates=duplicates,
        unusable=feed.unusable,
    )


def _are_distinct(earlier: EntryDraft, later: EntryDraft) -> bool:
    return earlier.entry.guid != later.entry.guid and earlier.title != later.title
