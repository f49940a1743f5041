"""A draft whose article id is resolved → the article."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from ingest.errors import Refused
from ingest.identity import PARSER_VERSION
from ingest.normalise.fields import MAX_GUID_CHARACTERS, clean_name, clean_names, language_tag, truncate
from ingest.normalise.values import EntryDraft, FeedDraft
from ingest.types import Article
from ingest.urls import absolute, feed_url, host_of

MAX_AHEAD: Final = timedelta(hours=1)
"""A date further ahead comes from a wrong clock or zone, and would stay on top of every list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The poll that fetched a document."""

    feed_id: int
    poll_id: int
    seen_at: datetime


def build_article(
    draft: EntryDraft, feed: FeedDraft, sighting: Sighting, *, identity: UUID, entry_key: bytes
) -> Article:
    entry, attribution = draft.entry, draft.attribution
    source = host_of(draft.url or feed.feed_url)
    publisher = attribution.publisher if attribution is not None else None
    publisher = publisher or clean_name(entry.source_title) or clean_name(feed.parsed.title) or source or None
    latest = sighting.seen_at + MAX_AHEAD
    published = entry.published or entry.updated
    return Article(
        id=identity,
        feed_id=sighting.feed_id,
        feed_url=feed.feed_url,
        poll_id=sighting.poll_id,
        entry_key=entry_key,
        content_hash=draft.content_hash,
        seen_at=sighting.seen_at,
        url=draft.url,
        guid=None if entry.guid is None else truncate(entry.guid, MAX_GUID_CHARACTERS),
        title=draft.title,
        authors=draft.authors,
        publisher=publisher,
        source=source,
        attribution=attribution,
        summary=draft.summary,
        text=draft.text,
        html=draft.html,
        language=language_tag(entry.language) or language_tag(feed.parsed.language),
        categories=clean_names(entry.categories),
        image=absolute(entry.image, base=feed.base) if entry.image else None,
        published_at=published if published is not None and published <= latest else None,
        updated_at=entry.updated if entry.updated is not None and entry.updated <= latest else None,
        removed=draft.removed,
        parser_version=PARSER_VERSION,
        link=_fetchable_link(draft, base=feed.base),
    )


def _fetchable_link(draft: EntryDraft, *, base: str) -> str | None:
    """The entry's address with the scheme and parameters that the feed has; None where ``url`` is the same."""
    address = draft.entry.link or draft.entry.guid
    if draft.url is None or address is None or address == draft.url:
        return None
    resolved = absolute(address, base=base)
    try:
        link = None if resolved is None else feed_url(resolved)
    except Refused:
        return None
    return None if link == draft.url else link
