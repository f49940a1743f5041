"""Feed discovery: from the URL of a site's page to its feeds.

::

    URL ─get─▶ document ─┬─ a feed ──────────────────▶ itself
                         ├─ a page that links feeds ─▶ each is fetched and parsed ─▶ those that are feeds
                         └─ a page without links ────▶ the common paths, until one is a feed

Requests are sent one after another by the guarded fetcher, and documents are parsed by the parser pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urljoin

from ingest.fetch import Fetcher
from ingest.parse.feed_links import is_about_comments
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.request_options import scoped_to
from ingest.types import DEFAULT_REQUEST, Failed, FailureKind, RequestOptions, WebPage

ACCEPT: Final = (
    "text/html, application/xhtml+xml;q=0.9, application/rss+xml;q=0.9, application/atom+xml;q=0.9, */*;q=0.5"
)
COMMON_PATHS: Final = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/feed.json",
    "/news-sitemap.xml",
    "/sitemap-news.xml",
)
MAX_LINKS: Final = 10
"""Number of linked feeds that are fetched at most, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredFeed:
    """A URL whose response was parsed as a feed."""

    url: str
    title: str | None
    entries: int
    about_comments: bool = False
    """The feed has readers' comments instead of articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The result for one URL."""

    url: str
    feeds: tuple[DiscoveredFeed, ...] = ()
    """The likeliest first."""
    is_feed: bool = False
    """The URL is a feed itself, and the only one of :attr:`feeds`."""
    failed: Failed | None = None
    """Why the URL could not be fetched or parsed."""

    @property
    def preferred(self) -> tuple[DiscoveredFeed, ...]:
        """Feeds of articles; feeds of comments where a site has no others."""
        return tuple([feed for feed in self.feeds if not feed.about_comments]) or self.feeds


class Discoverer:
    """Discovers feeds, on the running event loop.

    Args:
        request: the request options of the site.
        spacing: the time between two requests.
        clock: returns the current time.
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
        """Return the feeds of the document at ``url``."""
        page = await self._get(url, site=url)
        if isinstance(page, Failed):
            return Discovery(url=url, failed=page)
        parsed = await self._parse(page)
        if isinstance(parsed, ParsedDocument):
            return Discovery(url=url, feeds=(_discovered(url, parsed),), is_feed=True)
        if parsed.kind is not FailureKind.NOT_A_FEED:
            return Discovery(url=url, failed=parsed)
        feeds = [feed async for feed in self._fetch_feeds(parsed.feed_links[:MAX_LINKS], site=url)]
        if not feeds:
            common = [urljoin(page.url, path) for path in COMMON_PATHS]
            untried = [common_url for common_url in common if common_url not in parsed.feed_links]
            async for feed in self._fetch_feeds(untried, site=url):
                feeds = [feed]
                break
        return Discovery(url=url, feeds=tuple(feeds))

    async def _fetch_feeds(self, urls: Iterable[str], *, site: str) -> AsyncIterator[DiscoveredFeed]:
        for url in urls:
            await asyncio.sleep(self._spacing)
            page = await self._get(url, site=site)
            if isinstance(page, Failed):
                continue
            parsed = await self._parse(page)
            if isinstance(parsed, ParsedDocument):
                yield _discovered(url, parsed)

    async def _get(self, url: str, *, site: str) -> WebPage | Failed:
        options = scoped_to(self._request, url, was=site)
        return await self._fetcher.get(url, accept=ACCEPT, now=self._clock(), options=options)

    async def _parse(self, page: WebPage) -> ParsedDocument | Failed:
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


def _discovered(url: str, parsed: ParsedDocument) -> DiscoveredFeed:
    title = parsed.summary.title
    return DiscoveredFeed(
        url=url, title=title, entries=parsed.summary.entries, about_comments=is_about_comments(url, title)
    )
