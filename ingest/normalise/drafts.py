"""Entries → drafts: clean texts, hashes and keys, as far as an entry's own fields determine them.

Within one document a guid or a link tells articles apart only if entries do not share it (docs/polling.md, case 53):
several titles under one guid are told apart by their links, several titles under one link by their guids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import UUID

from ingest.errors import Unusable
from ingest.identity import article_id, content_hash, entry_fingerprint, entry_key
from ingest.normalise import markup
from ingest.normalise.fields import (
    MAX_SUMMARY_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    truncate,
)
from ingest.normalise.reposts import authors_of, clean_text
from ingest.types import Attribution, Entry, ParsedFeed, RemovedLine
from ingest.urls import canonical

TITLE_FROM_TEXT_CHARACTERS: Final = 120
"""Characters of the text that serve as title where an entry has none."""

_Identifier = TypeVar("_Identifier", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """One entry with its texts cleaned and its hashes computed."""

    entry: Entry
    key: bytes
    content_hash: bytes
    url: str | None
    title: str
    summary: str
    text: str
    html: str
    authors: tuple[str, ...]
    attribution: Attribution | None
    removed: tuple[RemovedLine, ...]
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDraft:
    """A document whose entries are drafted, and which waits for the rows of its feed's seen-set."""

    parsed: ParsedFeed
    feed_url: str
    url: str | None
    drafts: tuple[EntryDraft, ...]
    unusable: tuple[tuple[Entry, Unusable], ...]

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Keys to look up in the feed's seen-set."""
        return tuple(dict.fromkeys([draft.key for draft in self.drafts]))

    @property
    def article_ids(self) -> tuple[UUID, ...]:
        """Articles to look up in the seen-set: some feeds give an entry a new guid, hence a new key, each time."""
        ids = [article_id(url=draft.url, feed_url=self.feed_url) for draft in self.drafts if draft.url]
        return tuple(dict.fromkeys(ids))

    @property
    def base(self) -> str:
        """Base of relative addresses."""
        return self.url or self.feed_url


def draft_entries(parsed: ParsedFeed, *, feed_url: str, url: str | None = None) -> FeedDraft:
    """Draft each entry of a document.

    ``feed_url`` is the address in the registry, ``url`` the one that responded, after redirects. Relative links are
    resolved against ``url``; identities depend on ``feed_url``, which a redirect does not change.
    """
    drafts: list[EntryDraft] = []
    unusable: list[tuple[Entry, Unusable]] = []
    for number, entry in enumerate(_without_shared_guids(parsed.entries), 1):
        draft = _draft_entry(entry, base=url or feed_url)
        if draft is None:
            error = Unusable(f"entry {number} of {feed_url}", "the entry has no title, no text and no link")
            unusable.append((entry, error))
        else:
            drafts.append(draft)
    return FeedDraft(
        parsed=parsed, feed_url=feed_url, url=url, drafts=tuple(drafts), unusable=tuple(unusable)
    )


def _without_shared_guids(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries, without guids that stand for several links with several titles."""
    shared = ambiguous(
        (entry.guid, entry.link, entry.title) for entry in entries if entry.guid and entry.link
    )
    if not shared:
        return entries
    return [replace(entry, guid=None) if entry.guid in shared and entry.link else entry for entry in entries]


def ambiguous(named: Iterable[tuple[_Identifier, str | None, str | None]]) -> set[_Identifier]:
    """The identifiers that stand for several alternatives with several titles.

    Each item is an identifier, its alternative (a guid's link, or a link's guid) and the entry's title.
    """
    alternatives: defaultdict[_Identifier, set[str | None]] = defaultdict(set)
    titles: defaultdict[_Identifier, set[str | None]] = defaultdict(set)
    for identifier, alternative, title in named:
        alternatives[identifier].add(alternative)
        titles[identifier].add(title)
    return {
        identifier
        for identifier, values in alternatives.items()
        if len(values) > 1 and len(titles[identifier]) > 1
    }


def _draft_entry(entry: Entry, *, base: str) -> EntryDraft | None:
    """None where the entry has no title, no text and no link."""
    url = canonical(entry.link, base=base) if entry.link else None
    # Some feeds put the address into the guid only: a permalink serves where there is no link.
    if url is None and entry.guid and entry.guid.startswith(("http://", "https://")) and not entry.link:
        url = canonical(entry.guid)
    summary, text, html = _texts(entry, base=entry.base or url or base)
    title = markup.single_line(entry.title) if entry.title else ""
    story = clean_text(text, title=title, markup=html)
    text, attribution = story.text, story.attribution
    if not title:
        beginning = truncate(" ".join(text.split()), TITLE_FROM_TEXT_CHARACTERS, mark="…")
        title = beginning or url or (entry.link or "")
    if not title:
        return None
    named = entry if entry.guid or entry.link or entry.title else replace(entry, title=title)
    title, text = truncate(title, MAX_TITLE_CHARACTERS), truncate(text, MAX_TEXT_CHARACTERS)
    if summary and summary != text:
        summary = clean_text(summary, title=title, markup="").text
    authors = authors_of(entry.authors, story)
    return EntryDraft(
        entry=entry,
        key=entry_key(named),
        # A summary that is no part of the text is content of its own.
        content_hash=content_hash(title, text if summary in text else f"{summary}\n{text}", authors),
        url=url,
        title=title,
        summary=truncate(summary, MAX_SUMMARY_CHARACTERS),
        text=text,
        html=html,
        authors=authors,
        attribution=attribution,
        removed=story.removed,
        fingerprint=entry_fingerprint(
            link=url or entry.link,
            title=title,
            date=entry.published.isoformat() if entry.published is not None else entry.published_raw,
        ),
    )


def _texts(entry: Entry, *, base: str) -> tuple[str, str, str]:
    """Summary and text as plain text, and the text's HTML; the longer of summary and content is the text."""
    summary_html = markup.sanitise(entry.summary, base=base) if entry.summary else ""
    summary = markup.plain_text(summary_html)
    if entry.content == entry.summary:  # feedparser repeats the only text of an entry
        return summary, summary, summary_html
    html = markup.sanitise(entry.content, base=base) if entry.content else ""
    text = markup.plain_text(html)
    return (summary, summary, summary_html) if len(summary) > len(text) else (summary, text, html)
