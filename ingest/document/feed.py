"""Read a feed document: ``prepare`` needs its bytes alone, ``finish`` needs the rows of the seen-set too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Final

from ingest.document.completeness import is_complete, without_cut_entry
from ingest.document.values import Document, ParsedDocument, RejectedEntry, SeenLookup
from ingest.errors import Unusable
from ingest.identity import article_id
from ingest.normalise import FeedDraft, Normalised, draft_entries, keys_to_look_up, resolve_articles
from ingest.parse import EntryCache, parse_feed
from ingest.schedule.hints import hints_of
from ingest.types import Article, DocumentSummary, Entry, Failed, ParsedFeed, Seen, SiteIdentity
from ingest.urls import host_of
from ingest.wire import encode

SITE_LINKS: Final = 20
"""Links of the first entries that count for the site's identity."""
SITE_HOSTS: Final = 8
SITE_CHARACTERS: Final = 200
"""Longest title and language of a site's identity: it is stored for every feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDocument:
    """A parsed document that waits for the rows of its feed's seen-set."""

    document: Document
    parsed: ParsedFeed
    is_complete: bool
    draft: FeedDraft

    @property
    def lookup(self) -> SeenLookup:
        """The rows of the feed's seen-set that the entries need."""
        drafts = self.draft.drafts
        ids = [article_id(url=draft.url, feed_url=self.draft.feed_url) for draft in drafts if draft.url]
        return SeenLookup(
            keys=keys_to_look_up(self.draft),
            article_ids=tuple(dict.fromkeys(ids)),
            marks=tuple(dict.fromkeys([draft.mark for draft in drafts])),
        )

    @property
    def needs_lookup(self) -> bool:
        return bool(self.draft.drafts) and not self.document.first


def prepare(document: Document, *, cache: EntryCache | None = None) -> PreparedDocument | Failed:
    """Parse a document and draft its entries. ``cache`` holds entries of earlier documents."""
    parsed = parse_feed(
        document.body,
        content_type=document.content_type,
        url=document.url,
        language=document.language,
        cache=cache,
    )
    if isinstance(parsed, Failed):
        return parsed
    complete = is_complete(parsed, document.body)
    if not complete:
        parsed = without_cut_entry(parsed, document.body)
    return PreparedDocument(
        document=document,
        parsed=parsed,
        is_complete=complete,
        draft=draft_entries(
            parsed,
            feed_url=document.feed_url,
            url=document.url,
            evidence=document.identity,
            rotates=document.rotates,
        ),
    )


def finish(prepared: PreparedDocument, seen: Mapping[bytes, Seen]) -> ParsedDocument:
    """Encode the articles that are new or changed against ``seen``: rows of the feed's seen-set by their keys."""
    document, parsed = prepared.document, prepared.parsed
    normalised = resolve_articles(
        prepared.draft,
        feed_id=document.feed_id,
        poll_id=document.poll_id,
        seen_at=document.seen_at,
        seen=seen,
    )
    if document.pushed:
        normalised = _without_emptied_articles(normalised, seen)
    messages = tuple([encode(article) for article in normalised.articles])
    return ParsedDocument(
        summary=DocumentSummary(
            title=parsed.title,
            entries=normalised.entries,
            appended=len(messages),
            created=normalised.created,
            duplicates=normalised.duplicates,
            complete=prepared.is_complete,
            has_seen_entries=bool(seen),
            dates=tuple([date for entry in parsed.entries if (date := entry.published or entry.updated)]),
            poll_hints=hints_of(parsed.hints),
            site_identity=_site_identity(parsed),
            entry_identity=normalised.identity,
            new_entry_keys=_new_keys(normalised.articles, seen),
            hubs=parsed.hubs,
            self_url=parsed.self_url,
            warnings=parsed.warnings,
            seen=normalised.seen,
            children=parsed.children if parsed.version == "sitemapindex" else None,
        ),
        messages=messages,
        rejected=tuple([_rejected(entry, error) for entry, error in normalised.unusable]),
        keys=normalised.keys if document.pushed else (),
    )


def _without_emptied_articles(normalised: Normalised, seen: Mapping[bytes, Seen]) -> Normalised:
    """``normalised`` without seen articles that have no text: hubs may leave texts out (YouTube's hub does)."""
    emptied = {
        article.entry_key for article in normalised.articles if not article.text and article.entry_key in seen
    }
    return replace(
        normalised,
        articles=tuple([article for article in normalised.articles if article.entry_key not in emptied]),
        seen=tuple([row for row in normalised.seen if row.key not in emptied]),
    )


def _new_keys(articles: tuple[Article, ...], seen: Mapping[bytes, Seen]) -> tuple[bytes, ...]:
    stored_ids = {row.article_id for row in seen.values()}
    return tuple(
        [
            article.entry_key
            for article in articles
            if article.id not in stored_ids and article.entry_key not in seen
        ]
    )


def _site_identity(parsed: ParsedFeed) -> SiteIdentity:
    links = (parsed.link, *(entry.link for entry in parsed.entries[:SITE_LINKS]))
    counted = Counter(host_of(link) for link in links if link)
    title, language = parsed.title, parsed.language
    return SiteIdentity(
        title=title and title[:SITE_CHARACTERS],
        hosts=tuple(host for host, _ in counted.most_common(SITE_HOSTS) if host),
        language=language and language[:SITE_CHARACTERS],
    )


def _rejected(entry: Entry, error: Unusable) -> RejectedEntry:
    value = json.dumps(asdict(entry), default=str, ensure_ascii=False).encode("utf-8", "replace")
    return RejectedEntry(
        key=blake2b(value, digest_size=16).hexdigest(),
        value=value,
        error=type(error).__name__,
        detail=str(error),
    )
