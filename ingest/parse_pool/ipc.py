"""What goes between the service and its parsers, and how it is packed: builtin types, as ``marshal`` takes them."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ingest.types import (
    Article,
    DocumentSummary,
    Message,
    ParsedFeed,
    PollHints,
    Seen,
    SiteIdentity,
    SitemapLink,
)
from ingest.wire import encode

LENGTH_BYTES: Final = 8
"""Before each frame, big-endian: how many bytes it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A body to read, and what there is to know about it."""

    feed_id: int
    feed_url: str
    poll_id: int
    seen_at: datetime
    url: str
    """Where it came from, after redirects: the base of its relative addresses."""
    content_type: str | None
    language: str | None
    body: bytes
    first: bool = False
    """Nothing of the feed was ever seen: there is nothing to look up."""
    pushed: bool = False
    """A hub sent it: it may be a part of the feed, and its entries may say less than the feed's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBody:
    """An article's page to read, and the article as its feed has it."""

    article: Article
    page_id: int
    seen_at: datetime
    url: str
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEntry:
    """One entry that could not be made an article: its original as JSON, and why."""

    key: str
    value: bytes
    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """What a document came to: the messages to append, and what to remember once they are durable."""

    reading: DocumentSummary
    messages: tuple[Message, ...]
    rejected: tuple[RejectedEntry, ...]
    keys: tuple[bytes, ...] = ()
    """Of all its entries, where a hub sent it."""


def pack(document: Document) -> bytes:
    return marshal.dumps(
        (
            document.feed_id,
            document.feed_url,
            document.poll_id,
            document.seen_at.timestamp(),
            document.url,
            document.content_type,
            document.language,
            document.body,
            document.first,
            document.pushed,
        )
    )


def pack_page(page: PageBody) -> bytes:
    value = encode(page.article).value
    seen_at = page.seen_at.timestamp()
    return marshal.dumps(("page", value, page.page_id, seen_at, page.url, page.content_type, page.body))


def pack_seen(seen: Mapping[bytes, Seen]) -> bytes:
    return marshal.dumps(
        {key: (row.content_hash, row.article_id.bytes, row.entry_fingerprint) for key, row in seen.items()}
    )


def unpack(answer: tuple[Any, ...]) -> ParsedDocument:
    (_, title, entries, created, duplicates, whole, known, dates, asked, about, *rest) = answer
    name, hosts, language = about
    messages, seen, unreadable, children, fresh, hubs, self_url, keys = rest
    return ParsedDocument(
        reading=DocumentSummary(
            title=title,
            entries=entries,
            appended=len(messages),
            created=created,
            duplicates=duplicates,
            complete=whole,
            has_seen_entries=known,
            dates=tuple([datetime.fromtimestamp(date, UTC) for date in dates]),
            poll_hints=_unpack_asked(asked),
            site_identity=SiteIdentity(title=name, hosts=hosts, language=language),
            new_entry_keys=fresh,
            hubs=hubs,
            self_url=self_url,
            seen=tuple(
                [
                    Seen(
                        key=key,
                        content_hash=digest,
                        article_id=UUID(bytes=article_id),
                        entry_fingerprint=marks,
                    )
                    for key, digest, article_id, marks in seen
                ]
            ),
            children=_unpack_children(children),
        ),
        messages=tuple([Message(key=key, value=value, headers=headers) for key, value, headers in messages]),
        rejected=tuple(
            [
                RejectedEntry(key=key, value=value, error=error, detail=detail)
                for key, value, error, detail in unreadable
            ]
        ),
        keys=keys,
    )


def pack_asked(asked: PollHints) -> tuple[Any, ...]:
    every = None if asked.interval is None else asked.interval.total_seconds()
    return every, sorted(asked.skip_hours), sorted(asked.skip_days)


def _unpack_asked(packed: tuple[Any, ...]) -> PollHints:
    every, hours, days = packed
    return PollHints(
        interval=None if every is None else timedelta(seconds=every),
        skip_hours=frozenset(hours),
        skip_days=frozenset(days),
    )


def pack_children(parsed: ParsedFeed) -> list[tuple[str, float | None]] | None:
    if parsed.version != "sitemapindex":
        return None
    return [
        (child.url, None if child.updated is None else child.updated.timestamp()) for child in parsed.children
    ]


def _unpack_children(packed: list[tuple[str, float | None]] | None) -> tuple[SitemapLink, ...] | None:
    if packed is None:
        return None
    return tuple(
        [
            SitemapLink(url=url, updated=None if at is None else datetime.fromtimestamp(at, UTC))
            for url, at in packed
        ]
    )
