"""Which format a document is in, and what it says.

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
from ingest.parse.discover import discover
from ingest.types import Failed, FailureKind, ParsedFeed

TOLD: Final = 5
"""Feeds of a page that its failure tells."""


def parse_feed(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
    language: str | None = None,
    cache: EntryCache | None = None,
    quick: bool = True,
) -> ParsedFeed | Failed:
    """What the feed at ``url`` said; a value for every input, never an exception but ``MemoryError``.

    ``content_type`` and ``language`` are the response's ``Content-Type`` and ``Content-Language``. A document
    that is well-formed and has no entries is a feed that says nothing now; one that is broken and has none is
    a failure, so that its validators are not remembered. ``cache`` and ``quick``: as
    :func:`ingest.parse.xml.parse_feed` takes them.
    """
    if jsonfeed.is_json(body):
        return jsonfeed.parse_json_feed(body, url=url, language=language)
    if sitemap.is_sitemap(body):
        return sitemap.parse_sitemap(body, url=url)
    read = xml.parse_feed(
        body, url=url, content_type=content_type, language=language, cache=cache, quick=quick
    )
    if isinstance(read, Failed) and read.kind is FailureKind.NOT_A_FEED:
        return _with_what_it_names(read, body, url=url)
    return read


def _with_what_it_names(failed: Failed, body: bytes, *, url: str) -> Failed:
    found = tuple([candidate.url for candidate in discover(body, url=url)])
    if not found:
        return failed
    named = ", ".join(found[:TOLD]) + (f" and {len(found) - TOLD} more" if len(found) > TOLD else "")
    return replace(failed, detail=f"{failed.detail}, which names {named}"[:1_500], feed_links=found)
