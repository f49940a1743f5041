"""Detect documents that were cut although their HTTP framing was complete.

NUL bytes are removed before searching: between them UTF-16 is ASCII, as far as tags go.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ingest.types import ParsedFeed

_ENTRY_TAG: Final = re.compile(rb"<(/?)(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_CLOSING_ROOT: Final = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf|urlset|sitemapindex)\s*>", re.IGNORECASE)


def is_complete(parsed: ParsedFeed, body: bytes) -> bool:
    """Whether the body reaches its end: it is well-formed, or JSON (cut JSON is not JSON), or its root is closed."""
    return not parsed.warnings or parsed.version.startswith("json") or has_closing_root(body)


def without_cut_entry(parsed: ParsedFeed, body: bytes) -> ParsedFeed:
    """``parsed``, without its last entry where the cut is inside that entry.

    Half a text would become a revision, and half a guid another article. The next poll requests the whole document.
    """
    return replace(parsed, entries=parsed.entries[:-1]) if ends_within_entry(body) else parsed


def has_closing_root(body: bytes) -> bool:
    return _CLOSING_ROOT.search(body.replace(b"\0", b"")) is not None


def ends_within_entry(body: bytes) -> bool:
    slashes = _ENTRY_TAG.findall(body.replace(b"\0", b""))
    return bool(slashes) and not slashes[-1]
