"""Drafts against the feed's seen-set: which article each entry is, and whether the article is new or changed.

::

    named      an entry whose guid or link the seen-set has, or whose URL, keeps its article
    recognised an entry that only title and date connect to a row: its guid or link rotates, or is shared now
    new        the canonical URL is the article, else the guid, else title and date, else the text as well

The steps follow each other over the whole document, so that an article goes to the entry with the best evidence. An
article belongs to one entry of a document, or to several copies of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ingest.errors import Unusable
from ingest.identity import (
    DIGEST_BYTES,
    SHARED,
    article_id,
    has_date,
    is_different_article,
    shares_date,
    shares_title,
    title_date_mark,
)
from ingest.normalise.articles import Sighting, build_article
from ingest.normalise.drafts import draft_entries
from ingest.normalise.evidence import EntryName, are_copies, describe_identity, name_entries
from ingest.normalise.values import EntryDraft, FeedDraft
from ingest.types import Article, Entry, EntryIdentity, Evidence, ParsedFeed, Seen


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
    keys: tuple[bytes, ...]
    """The keys of all entries in the seen-set."""
    identity: EntryIdentity | None
    """The evidence that identified the entries; None: the document has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    """One draft with its article, and the rows of the seen-set that the article has."""

    draft: EntryDraft
    name: EntryName
    article_id: UUID
    rows: Sequence[Seen]
    """The row of the entry's own key; else rows of the same article under other keys; empty: the article is new."""
    is_duplicate: bool
    is_recognised: bool = False
    """Title and date alone connect it to its rows."""

    @property
    def is_new(self) -> bool:
        return not self.rows

    @property
    def is_changed(self) -> bool:
        return all(row.content_hash != self.draft.content_hash for row in self.rows)

    def row(self, key: bytes) -> Seen:
        return Seen(
            key=key,
            content_hash=self.draft.content_hash,
            article_id=self.article_id,
            entry_fingerprint=self.draft.fingerprint,
        )


class _Resolver:
    """Resolves the drafts of one document, and remembers which articles are taken."""

    def __init__(self, feed: FeedDraft, seen: Mapping[bytes, Seen]) -> None:
        self._feed = feed
        self._seen = {key: row for key, row in seen.items() if row.article_id != SHARED}
        shared = feed.shared.union(key for key, row in seen.items() if row.article_id == SHARED)
        self._names, self.shared = name_entries(feed, shared=shared)
        self._rows_by_article: defaultdict[UUID, list[Seen]] = defaultdict(list)
        self._rows_by_mark: defaultdict[bytes, list[Seen]] = defaultdict(list)
        for row in self._seen.values():
            self._rows_by_article[row.article_id].append(row)
            if row.entry_fingerprint:
                self._rows_by_mark[title_date_mark(row.entry_fingerprint)].append(row)
        self._entry_by_article: dict[UUID, int] = {}
        self._entry_by_key: dict[bytes, int] = {}
        self._resolved: dict[int, _Resolved] = {}

    def resolve(self) -> list[_Resolved]:
        """Return the drafts with their articles, in the document's order."""
        for step in (self._named, self._recognised, self._renamed, self._new):
            waiting = [number for number in range(len(self._names)) if number not in self._resolved]
            if waiting:
                step(waiting)
        return [self._resolved[number] for number in range(len(self._names))]

    def _named(self, waiting: Sequence[int]) -> None:
        """Resolve the entries whose key has a row, or whose canonical URL is an article of the feed."""
        for number in waiting:
            draft, name = self._feed.drafts[number], self._names[number]
            row = self._seen.get(name.key)
            if row is not None and not is_different_article(row.entry_fingerprint, draft.fingerprint):
                self._claim(number, row.article_id, rows=(row,))
            elif name.url is not None and self._feed.evidence not in (Evidence.GUID, Evidence.TITLE_DATE):
                by_url = article_id(url=name.url, feed_url=self._feed.feed_url)
                if rows := self._rows_by_article.get(by_url, ()):
                    self._claim(number, by_url, rows=rows)

    def _recognised(self, waiting: Sequence[int]) -> None:
        """Resolve the entries that title and date connect to a row: their guids or links rotate.

        A single entry with a guid of its own is another article, because its publisher numbers articles. Several at
        once show that the guids rotate, or that the publisher has changed them all.
        """
        rows = {number: self._rows_like(self._feed.drafts[number]) for number in waiting}
        certain = [
            number
            for number in waiting
            if rows[number] and self._is_certain(self._feed.drafts[number], rows[number])
        ]
        guids_rotate = len(certain) > 1 and 2 * len(certain) >= len(waiting)
        for number in waiting:
            draft, name = self._feed.drafts[number], self._names[number]
            if not rows[number] or self._feed.evidence is name.evidence is not Evidence.TITLE_DATE:
                continue
            if name.evidence is Evidence.TITLE_DATE or self._feed.rotates:
                accepted = number in certain or has_date(draft.fingerprint)
            else:
                accepted = number in certain and (name.evidence is not Evidence.GUID or guids_rotate)
            if accepted and (free := self._unclaimed(rows[number])):
                self._claim(number, free[0].article_id, rows=free, is_recognised=True)

    def _rows_like(self, draft: EntryDraft) -> list[Seen]:
        """The rows of one article with the draft's title and date; of several articles, those with its text too."""
        rows = self._rows_by_mark.get(draft.mark, [])
        if len({row.article_id for row in rows}) > 1:
            rows = [row for row in rows if row.content_hash == draft.content_hash]
        return sorted(rows, key=lambda row: row.article_id)

    def _is_certain(self, draft: EntryDraft, rows: Sequence[Seen]) -> bool:
        if any(row.content_hash == draft.content_hash for row in rows):
            return bool(draft.text or has_date(draft.fingerprint))
        return draft.has_time and has_date(draft.fingerprint)

    def _unclaimed(self, rows: Sequence[Seen]) -> list[Seen]:
        """The rows of the first article that no entry of the document has."""
        free = [row for row in rows if row.article_id not in self._entry_by_article]
        return [row for row in free if row.article_id == free[0].article_id]

    def _renamed(self, waiting: Sequence[int]) -> None:
        """Resolve the entries whose name is shared now, and whose row under it has their text, title or date."""
        for is_like in (_has_same_text, _has_same_title, _has_same_date):
            for number in waiting:
                draft = self._feed.drafts[number]
                if number in self._resolved or self._names[number].evidence is Evidence.GUID:
                    continue
                for key in draft.former_keys:
                    row = self._seen.get(key)
                    if (
                        row is not None
                        and row.article_id not in self._entry_by_article
                        and is_like(row, draft)
                    ):
                        self._claim(number, row.article_id, rows=(row,))
                        break

    def _new(self, waiting: Sequence[int]) -> None:
        for number in waiting:
            self._claim(number, None, rows=())

    def _claim(
        self, number: int, identity: UUID | None, *, rows: Sequence[Seen], is_recognised: bool = False
    ) -> None:
        """Give an entry its article: ``identity``, unless another entry of the document has it already.

        Then, and for a new article, the next evidence whose article is free identifies it.
        """
        draft, name = self._feed.drafts[number], self._names[number]
        namesake = self._entry_by_key.setdefault(name.key, number)
        if namesake != number:  # one name is one entry, listed twice
            identity, rows, is_recognised = self._resolved[namesake].article_id, (), False
        earlier = None if identity is None else self._entry_by_article.get(identity)
        is_taken = namesake == number and earlier is not None and not self._are_copies(earlier, number)
        if identity is None or is_taken:
            rows, is_recognised = (), False
            for identity in self._identities(draft, name):
                earlier = self._entry_by_article.get(identity)
                if earlier is not None and self._are_copies(earlier, number):
                    break
                if earlier is None and identity not in self._rows_by_article:
                    break
        assert identity is not None
        if earlier is None:
            self._entry_by_article[identity] = number
        self._resolved[number] = _Resolved(
            draft=draft,
            name=name,
            article_id=identity,
            rows=rows,
            is_duplicate=earlier is not None,
            is_recognised=is_recognised,
        )

    def _are_copies(self, first: int, second: int) -> bool:
        if self._names[first].key == self._names[second].key:
            return True
        return are_copies(self._feed.drafts[first], self._feed.drafts[second])

    def _identities(self, draft: EntryDraft, name: EntryName) -> Iterator[UUID]:
        """The ids that an entry may have, the best first; an id that an earlier entry has is passed over."""
        feed_url = self._feed.feed_url
        if name.url is not None:
            yield article_id(url=name.url, feed_url=feed_url)
        if name.guid is not None:
            yield article_id(url=None, feed_url=feed_url, guid=name.guid)
        yield article_id(url=None, feed_url=feed_url, title=draft.title, date=draft.date)
        text_hash = draft.content_hash
        yield article_id(url=None, feed_url=feed_url, title=draft.title, date=draft.date, text_hash=text_hash)


def _has_same_text(row: Seen, draft: EntryDraft) -> bool:
    return row.content_hash == draft.content_hash


def _has_same_title(row: Seen, draft: EntryDraft) -> bool:
    return shares_title(row.entry_fingerprint, draft.fingerprint)


def _has_same_date(row: Seen, draft: EntryDraft) -> bool:
    return shares_date(row.entry_fingerprint, draft.fingerprint)


def normalise(
    parsed: ParsedFeed,
    *,
    feed_id: int,
    feed_url: str,
    poll_id: int,
    seen_at: datetime,
    seen: Mapping[bytes, Seen],
    url: str | None = None,
    evidence: Evidence | None = None,
    rotates: bool = False,
) -> Normalised:
    """Both steps at once: :func:`~ingest.normalise.drafts.draft_entries`, then :func:`resolve_articles`."""
    feed = draft_entries(parsed, feed_url=feed_url, url=url, evidence=evidence, rotates=rotates)
    return resolve_articles(feed, feed_id=feed_id, poll_id=poll_id, seen_at=seen_at, seen=seen)


def resolve_articles(
    feed: FeedDraft, *, feed_id: int, poll_id: int, seen_at: datetime, seen: Mapping[bytes, Seen]
) -> Normalised:
    """The articles of a document that are new or changed.

    ``seen`` has the rows of the feed's seen-set with the document's keys, articles, or titles and dates.
    """
    sighting = Sighting(feed_id=feed_id, poll_id=poll_id, seen_at=seen_at)
    articles: list[Article] = []
    resolver = _Resolver(feed, seen)
    resolved_entries = resolver.resolve()
    rows: dict[bytes, Seen] = {
        key: Seen(key=key, content_hash=bytes(DIGEST_BYTES), article_id=SHARED)
        for key in sorted(resolver.shared)
        if key not in seen
    }
    for resolved in resolved_entries:
        draft, key = resolved.draft, resolved.name.key
        if resolved.is_duplicate:
            # Stored all the same: the next document may have this entry alone.
            if key not in rows and key not in seen:
                rows[key] = resolved.row(key)
            continue
        for row in _rows_after(resolved, rotates=feed.rotates):
            if seen.get(row.key) != row:
                rows[row.key] = row
        if resolved.is_changed:
            articles.append(build_article(draft, feed, sighting, identity=resolved.article_id, entry_key=key))
    return Normalised(
        articles=tuple(articles),
        seen=tuple(rows.values()),
        entries=len(feed.parsed.entries),
        created=sum(each.is_new and not each.is_duplicate for each in resolved_entries),
        duplicates=sum(each.is_duplicate for each in resolved_entries),
        unusable=feed.unusable,
        keys=tuple(dict.fromkeys([each.name.key for each in resolved_entries])),
        identity=describe_identity(
            feed,
            [Evidence.TITLE_DATE if each.is_recognised else each.name.evidence for each in resolved_entries],
            recognised=sum(
                each.is_recognised and each.name.evidence in (Evidence.GUID, Evidence.LINK)
                for each in resolved_entries
            ),
        ),
    )


def _rows_after(resolved: _Resolved, *, rotates: bool) -> Iterator[Seen]:
    """The rows that hold an entry's present state.

    A recognised entry also updates the rows that it was recognised by. Where names rotate with each document its own
    key is not stored, because the seen-set would grow with every poll.
    """
    if resolved.is_recognised:
        for row in resolved.rows:
            yield replace(resolved.row(row.key), entry_fingerprint=row.entry_fingerprint)
    if not (resolved.is_recognised and rotates):
        yield resolved.row(resolved.name.key)
