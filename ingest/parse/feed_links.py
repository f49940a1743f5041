"""Discovery of the feeds that an HTML page names, the likeliest first.

Only the attributes of three kinds of tags are read, with lxml's event interface. Its time is proportional to the page,
for hostile pages too (docs/decisions/dependencies.md). The standard library's ``html.parser`` takes minutes for a
megabyte of ``<a `` (Python 3.11). Scripts are not executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from ingest.charsets import decode_page
from ingest.errors import Refused
from ingest.parse.text_values import optional
from ingest.urls import absolute, feed_url

MAX_PAGE: Final = 1024**2
"""Bytes of a page that are read."""
MAX_TAGS: Final = 20_000
MAX_CANDIDATES: Final = 20

_TAGS: Final = frozenset({"link", "base", "a"})
CHUNK_BYTES: Final = 64 * 1024
"""Bytes between two checks of the number of tags."""
_TYPES: Final = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/x.atom+xml",
    "application/x-atom+xml",
)
_FEED_PATH: Final = re.compile(
    r"""(?:^|[/._-])(?:rss|rss2|atom|rdf|feeds?)(?:[._-]?\d)?/?$ | \.(?:rss|atom|rdf)$
    | (?:^|/)(?:feeds?|rss|atom|index)[\w.-]{0,40}\.(?:xml|json)$ | (?:^|/)(?:feed|rss)\.(?:php|aspx?)$""",
    re.IGNORECASE | re.VERBOSE,
)
_COMMENTS: Final = re.compile(r"comment|kommentar|commentaire|comentario|комментар|評論|댓글", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible feed, as a page describes it."""

    url: str
    title: str | None
    announced: bool
    """The page declares the feed (``rel=alternate``); otherwise an ordinary link looks like a feed."""


def is_about_comments(url: str, title: str | None) -> bool:
    """Return whether URL or title name a feed of readers' comments."""
    split = urlsplit(url)
    return bool(_COMMENTS.search(f"{split.path}?{split.query} {title or ''}"))


def discover(body: bytes, *, url: str) -> tuple[Candidate, ...]:
    """Return the feeds that the page at ``url`` names, without the page itself.

    Announced feeds come before mere links and feeds of comments come last; otherwise the order is that of the page.
    """
    base_url: str | None = None
    candidates: dict[str, Candidate] = {}
    for name, attributes in islice(_tags(_utf8(body)), MAX_TAGS):
        base = base_url or url
        if name == "base":
            # The first base with an address counts; others have a target window alone.
            if base_url is None and attributes.get("href"):
                base_url = absolute(attributes["href"], base=url)
            continue
        candidate = _announced(attributes, base) if name == "link" else _linked(attributes, base)
        if candidate is None or candidate.url == url:
            continue
        previous = candidates.get(candidate.url)
        if previous is None or (candidate.announced and not previous.announced):
            candidates[candidate.url] = candidate
    ranked = sorted(
        candidates.values(), key=lambda each: (is_about_comments(each.url, each.title), not each.announced)
    )
    return tuple(ranked[:MAX_CANDIDATES])


def _utf8(page: bytes) -> bytes:
    return decode_page(page[:MAX_PAGE]).text.encode("utf-8", "replace")


def _tags(page: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield name and attributes of every ``link``, ``base`` and ``a``, in document order.

    lxml builds no tree here, so memory does not depend on the nesting. It is imported for the first page only: parser
    processes hardly ever read one, and lxml takes 7 MB.
    """
    from lxml import etree  # type: ignore[import-untyped]

    collector = _TagCollector()
    parser = etree.HTMLParser(target=collector, encoding="utf-8")
    with suppress(etree.LxmlError):  # raised for a page without any element
        for start in range(0, len(page), CHUNK_BYTES):
            parser.feed(page[start : start + CHUNK_BYTES])
            yield from collector.take()
        parser.close()
    yield from collector.take()


class _TagCollector:
    """Target of lxml's parser that keeps the tags of interest."""

    def __init__(self) -> None:
        self._tags: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _TAGS:
            self._tags.append((name, {key: value.strip() for key, value in attributes.items()}))

    def take(self) -> list[tuple[str, dict[str, str]]]:
        tags, self._tags = self._tags, []
        return tags

    def close(self) -> None:
        """End of the document; lxml requires the method."""


def _announced(attributes: dict[str, str], base: str) -> Candidate | None:
    if "alternate" not in attributes.get("rel", "").lower().split() or not attributes.get("href"):
        return None
    if attributes.get("type", "").partition(";")[0].strip().lower() not in _TYPES:
        return None
    address = _feed_address(attributes["href"], base)
    if address is None:
        return None
    return Candidate(url=address, title=optional(attributes.get("title")), announced=True)


def _linked(attributes: dict[str, str], base: str) -> Candidate | None:
    href = attributes.get("href", "")
    if not href.lower().startswith("feed:"):
        try:
            path = urlsplit(href).path
        except ValueError:
            return None
        if not _FEED_PATH.search(path):
            return None
    address = _feed_address(href, base)
    if address is None:
        return None
    return Candidate(url=address, title=optional(attributes.get("title")), announced=False)


def _feed_address(href: str, base: str) -> str | None:
    resolved = href if href.lower().startswith("feed:") else absolute(href, base=base)
    try:
        return feed_url(resolved or "")
    except Refused:
        return None
