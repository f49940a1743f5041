"""Import and export of feeds as OPML, the exchange format of feed readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ingest.db import feeds as registry
from ingest.db.engine import Engine
from ingest.db.feed_tags import merge_feed_tags
from ingest.errors import Refused
from ingest.feed_tags import MAX_TAGS
from ingest.opml import USER_AGENT, ExportRow, Outline, read_opml, write_opml
from ingest.request_options import NOTHING_SHOWN, read_user_agent
from ingest.types import MaskedOptions, RequestOptions
from ingest.urls import feed_url

TITLE = "Feeds of news-ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableLine:
    """A line of the file that cannot be imported."""

    line: int
    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDocument:
    """An OPML document: its usable lines with their normalised URLs, request options and tags by URL, other lines."""

    usable: tuple[tuple[Outline, str], ...]
    requests: Mapping[str, RequestOptions]
    tags: Mapping[str, tuple[str, ...]]
    unusable: tuple[UnusableLine, ...]
    error: str | None
    """Why the document is not well-formed XML; its lines were read one by one. None: it is well-formed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateLine:
    """A line whose feed was registered before, or by an earlier line, perhaps under another spelling."""

    line: int
    url: str
    feed: str | None
    """URL of the registered feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of an import: each line is counted once."""

    added: frozenset[str]
    duplicates: tuple[DuplicateLine, ...]
    unusable: tuple[UnusableLine, ...]
    tagged: frozenset[str]
    """URLs of lines whose feeds were registered before and have new tags."""

    @property
    def lines(self) -> int:
        """Number of lines that name a feed."""
        return len(self.added) + len(self.duplicates) + len(self.unusable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An OPML document of all feeds."""

    document: bytes
    feeds: int
    with_private_options: int
    """Number of feeds with headers, a proxy or TLS exceptions, which the document leaves out."""


def read_import(document: bytes, *, name: str) -> ReadDocument:
    """Read the feeds of an OPML document, without a database; lines that are not usable are kept with the reason.

    Args:
        name: the name of the document in error messages.

    Raises:
        Refused: the document is not OPML.
    """
    usable: list[tuple[Outline, str]] = []
    requests: dict[str, RequestOptions] = {}
    tags: dict[str, tuple[str, ...]] = {}
    opml = read_opml(document, name=name)
    unusable = [UnusableLine(line=each.line, url=each.text, reason=each.reason) for each in opml.damaged]
    for outline in opml.outlines:
        try:
            url = feed_url(outline.url)
            if outline.user_agent is not None:
                user_agent = read_user_agent(USER_AGENT, outline.user_agent)
                requests.setdefault(url, RequestOptions(user_agent=user_agent))
            # A feed stands in each of its folders.
            tags[url] = tuple(sorted({*tags.get(url, ()), *outline.tags}))[:MAX_TAGS]
            usable.append((outline, url))
        except Refused as refused:
            unusable.append(UnusableLine(line=outline.line, url=outline.url, reason=str(refused)))
    unusable.sort(key=lambda line: line.line)
    return ReadDocument(
        usable=tuple(usable), requests=requests, tags=tags, unusable=tuple(unusable), error=opml.error
    )


def import_feeds(engine: Engine, read: ReadDocument, *, now: datetime, interval: timedelta) -> Imported:
    """Register the feeds of an OPML document. Feeds that are registered already stay as they are, but for new tags."""
    added = registry.add_feeds(
        engine,
        [(url, outline.title) for outline, url in read.usable],
        requests=read.requests,
        tags=read.tags,
        now=now,
        interval=interval,
    )
    tagged = merge_feed_tags(engine, {url: names for url, names in read.tags.items() if url not in added})
    return Imported(
        added=added,
        duplicates=_duplicates(engine, read.usable, added),
        unusable=read.unusable,
        tagged=tagged,
    )


def _duplicates(
    engine: Engine, usable: Sequence[tuple[Outline, str]], added: frozenset[str]
) -> tuple[DuplicateLine, ...]:
    unmatched = set(added)
    duplicates: list[tuple[Outline, str]] = []
    for outline, url in usable:
        if url in unmatched:
            unmatched.remove(url)
        else:
            duplicates.append((outline, url))
    registered = registry.registered_at(engine, [url for _, url in duplicates])
    return tuple(
        DuplicateLine(line=outline.line, url=outline.url, feed=registered.get(url))
        for outline, url in duplicates
    )


def export_feeds(engine: Engine, *, now: datetime) -> Exported:
    """Return all feeds as OPML: tags as folders, and the user agents of feeds that have their own.

    Sitemaps of an index are left out: an import of the index brings them back. Headers, proxies and TLS exceptions are
    left out because they may be secrets.
    """
    feeds = registry.list_feeds(engine)
    requests = {feed.url: feed.request_options for feed in feeds if feed.request_options is not None}
    rows = [
        ExportRow(
            url=feed.url, title=feed.title, tags=feed.tags, user_agent=_user_agent(requests.get(feed.url))
        )
        for feed in feeds
        if feed.parent_id is None
    ]
    document = write_opml(rows, title=TITLE, now=now)
    with_private_options = sum(
        1 for request in requests.values() if replace(request, user_agent=None) != NOTHING_SHOWN
    )
    return Exported(document=document, feeds=len(rows), with_private_options=with_private_options)


def _user_agent(request: MaskedOptions | None) -> str | None:
    return None if request is None else request.user_agent
