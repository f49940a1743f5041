"""Detect a document's format, and parse it.

::

    bytes ─┬─ { or [ ──────────────────▶ jsonfeed ─┐
           ├─ <urlset> or <sitemapindex> ▶ sitemap ─┼─▶ ParsedFeed | Failed
           └─ all else ─────────────────▶ xml ──────┘
                                             └─ an HTML page: discover ─▶ Failed, with the feeds it names
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ingest.parse import jsonfeed, sitemap, xml
from ingest.parse.cache import EntryCache
from ingest.parse.feed_links import discover
from ingest.types import Failed, FailureKind, ParsedFeed

SHOWN_LINKS: Final = 5
"""Feeds of an HTML page that the failure's detail lists."""


def parse_feed(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
    language: str | None = None,
    cache: EntryCache | None = None,
    use_fastpath: bool = True,
) -> ParsedFeed | Failed:
    """Parse the feed at ``url``; returns a value for every input, and raises ``MemoryError`` alone.

    ``content_type`` and ``language`` are the response's ``Content-Type`` and ``Content-Language``. ``cache`` and
    ``use_fastpath`` are passed to :func:`ingest.parse.xml.parse_feed`, which describes them.
    """
    if jsonfeed.is_json(body):
        return jsonfeed.parse_json_feed(body, url=url, content_type=content_type, language=language)
    if sitemap.is_sitemap(body):
        return sitemap.parse_sitemap(body, url=url, content_type=content_type)
    parsed = xml.parse_feed(
        body,
        url=url,
        content_type=content_type,
        language=language,
        cache=cache,
        use_fastpath=use_fastpath,
    )
    if isinstance(parsed, Failed) and parsed.kind is FailureKind.NOT_A_FEED:
        return _with_feed_links(parsed, body, url=url)
    return parsed


def _with_feed_links(failed: Failed, body: bytes, *, url: str) -> Failed:
    links = tuple([candidate.url for candidate in discover(body, url=url)])
    if not links:
        return failed
    more = f" and {len(links) - SHOWN_LINKS} more" if len(links) > SHOWN_LINKS else ""
    listed = ", ".join(links[:SHOWN_LINKS]) + more
    return replace(failed, detail=f"{failed.detail}, which names {listed}"[:1_500], feed_links=links)
