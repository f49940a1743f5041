"""Which format a document is in, and what it says.

::

    bytes ─┬─ { or [ ──────────────────▶ jsonfeed ─┐
           ├─ <urlset> or <sitemapindex> ▶ sitemap ─┼─▶ ParsedFeed | Failed
           └─ all else ─────────────────▶ xml ──────┘
"""

from __future__ import annotations

from ingest.parse import jsonfeed, sitemap, xml
from ingest.types import Failed, ParsedFeed


def parse_feed(
    body: bytes, *, url: str, content_type: str | None = None, language: str | None = None
) -> ParsedFeed | Failed:
    """What the feed at ``url`` said; a value for every input, never an exception but ``MemoryError``.

    ``content_type`` and ``language`` are the response's ``Content-Type`` and ``Content-Language``. A document
    that is well-formed and has no entries is a feed that says nothing now; one that is broken and has none is
    a failure, so that its validators are not remembered.
    """
    if jsonfeed.is_json(body):
        return jsonfeed.parse_json_feed(body, url=url, language=language)
    if sitemap.is_sitemap(body):
        return sitemap.parse_sitemap(body, url=url)
    return xml.parse_feed(body, url=url, content_type=content_type, language=language)
