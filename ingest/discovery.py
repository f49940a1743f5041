"""From a site's address to its feeds: what a person means who gives the front page.

::

    URL ─get─▶ document ─┬─ a feed ─────────────────▶ itself
                         ├─ a page that names some ─▶ each asked for and read ─▶ those that are feeds
                         └─ a page that names none ─▶ the usual places, until one is a feed

Every request goes through the guarded fetcher, one after the other; every document is read by the parser pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urljoin

from ingest.fetch import Fetcher
from ingest.parse.discover import is_about_comments
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.request_options import scoped_to
from ingest.types import DEFAULT_REQUEST, Failed, FailureKind, RequestOptions, WebPage

ACCEPT: Final = (
    "text/html, application/xhtml+xml;q=0.9, application/rss+xml;q=0.9, application/atom+xml;q=0.9, */*;q=0.5"
)
USUAL_PLACES: Final = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/feed.json",
    "/news-sitemap.xml",
    "/sitemap-news.xml",
)
MAX_ASKED: Final = 10
"""Of the feeds that a page names, so many are asked for; the likeliest stand first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A feed that answered as one."""

    url: str
    title: str | None
    entries: int
    about_comments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What became of an address."""

    url: str
    feeds: tuple[Found, ...] = ()
    """The likeliest first."""
    is_feed: bool = False
    """The address is a feed itself, the only one of :attr:`feeds`."""
    failed: Failed | None = None
    """Why it could not be looked at."""

    @property
    def likely(self) -> tuple[Found, ...]:
        """Those of articles; where there are none, those of comments."""
        return tuple([feed for feed in self.feeds if not feed.about_comments]) or self.feeds


class Discoverer:
    """Finds feeds, on the running event loop.

    Args:
        request: what the site is asked with.
        spacing: between two requests.
        clock: the present.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        parsers: ParserPool,
        *,
        request: RequestOptions = DEFAULT_REQUEST,
        spacing: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._fetcher = fetcher
        self._parsers = parsers
        self._request = request
        self._spacing = spacing.total_seconds()
        self._clock = clock

    async def discover(self, url: str) -> Discovery:
        """The feeds of what is at ``url``."""
        page = await self._get(url, site=url)
        if isinstance(page, Failed):
            return Discovery(url=url, failed=page)
        read = await self._read(page)
        if isinstance(read, ParsedDocument):
            return Discovery(url=url, feeds=(_found(url, read),), is_feed=True)
        if read.kind is not FailureKind.NOT_A_FEED:
            return Discovery(url=url, failed=read)
        feeds = [found async for found in self._those_that_are(read.feed_links[:MAX_ASKED], site=url)]
        if not feeds:
            usual = [urljoin(page.url, place) for place in USUAL_PLACES]
            unnamed = [each for each in usual if each not in read.feed_links]
            async for found in self._those_that_are(unnamed, site=url):
                feeds = [found]
                break
        return Discovery(url=url, feeds=tuple(feeds))

    async def _those_that_are(self, urls: Iterable[str], *, site: str) -> AsyncIterator[Found]:
        for url in urls:
            await asyncio.sleep(self._spacing)
            page = await self._get(url, site=site)
            if isinstance(page, Failed):
                continue
            read = await self._read(page)
            if isinstance(read, ParsedDocument):
                yield _found(url, read)

    async def _get(self, url: str, *, site: str) -> WebPage | Failed:
        options = scoped_to(self._request, url, was=site)
        return await self._fetcher.get(url, accept=ACCEPT, now=self._clock(), options=options)

    async def _read(self, page: WebPage) -> ParsedDocument | Failed:
        document = Document(
            feed_id=0,
            feed_url=page.url,
            poll_id=0,
            seen_at=self._clock(),
            url=page.url,
            content_type=page.content_type,
            language=page.headers.get("content-language"),
            body=page.body,
            first=True,
        )
        return await self._parsers.parse(document)


def _found(url: str, read: ParsedDocument) -> Found:
    title = read.summary.title
    return Found(
        url=url, title=title, entries=read.summary.entries, about_comments=is_about_comments(url, title)
    )
