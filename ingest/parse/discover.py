"""Find the feeds that an HTML page names, the likeliest first.

Regular expressions read the attributes of three kinds of tags, in time proportional to the size of the page. The
standard library's ``html.parser`` takes minutes for a megabyte of ``<a `` (Python 3.11), which an attacker could send.
Feeds that are named in scripts are not found.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ingest.errors import Refused
from ingest.parse.text_values import optional
from ingest.urls import absolute, feed_url

MAX_PAGE: Final = 1024**2
"""Bytes of a page that are searched."""
MAX_TAGS: Final = 20_000
MAX_CANDIDATES: Final = 20

_TAG: Final = re.compile(
    r"""<(link|base|a)\b((?:[^<>"']|"[^"<]*+"|'[^'<]*+'|["'])*+)>""",
    re.IGNORECASE,
)
_ATTRIBUTE: Final = re.compile(
    r"""([^\s"'<>/=]{1,100})(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>`]++)))?"""
)
_CHARSET: Final = re.compile(
    rb"""<meta[^<>]{0,100}charset\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE
)
_TYPES: Final = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
    "application/x.atom+xml",
    "application/x-atom+xml",
)
_LOOKS_LIKE_A_FEED: Final = re.compile(
    r"""(?:^|[/._-])(?:rss|rss2|atom|rdf|feeds?)(?:[._-]?\d)?/?$ | \.(?:rss|atom|rdf)$
    | (?:^|/)(?:feeds?|rss|atom|index)[\w.-]{0,40}\.(?:xml|json)$ | (?:^|/)(?:feed|rss)\.(?:php|aspx?)$""",
    re.IGNORECASE | re.VERBOSE,
)
_COMMENTS: Final = re.compile(r"comment|kommentar|commentaire|comentario|комментар|評論|댓글", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address that may be a feed, as the page presents it."""

    url: str
    title: str | None
    announced: bool
    """The page declares a feed (``rel=alternate``); else the address of a link looks like one."""


def is_about_comments(url: str, title: str | None) -> bool:
    """Whether the feed has readers' comments, by its address or title."""
    split = urlsplit(url)
    return bool(_COMMENTS.search(f"{split.path}?{split.query} {title or ''}"))


def discover(body: bytes, *, url: str) -> tuple[Candidate, ...]:
    """The feeds that the page at ``url`` names: announced feeds before links, comment feeds last, else in page order.

    The page's own address is left out.
    """
    page = _without_comments(_decoded(body[:MAX_PAGE]))
    base = url
    candidates: dict[str, Candidate] = {}
    for number, tag in enumerate(_TAG.finditer(page)):
        if number == MAX_TAGS:
            break
        name, attributes = tag[1].lower(), dict(_attributes(tag[2]))
        if name == "base":
            if base == url:  # only the first <base> counts
                base = absolute(attributes.get("href", ""), base=url) or base
            continue
        candidate = _announced(attributes, base) if name == "link" else _linked(attributes, base)
        if candidate is None or candidate.url == url:
            continue
        earlier = candidates.get(candidate.url)
        if earlier is None or (candidate.announced and not earlier.announced):
            candidates[candidate.url] = candidate
    ranked = sorted(candidates.values(), key=_rank)
    return tuple(ranked[:MAX_CANDIDATES])


def _rank(candidate: Candidate) -> tuple[bool, bool]:
    return is_about_comments(candidate.url, candidate.title), not candidate.announced


def _decoded(page: bytes) -> str:
    declared = _CHARSET.search(page, 0, 4_096)
    for name in (declared[1].decode() if declared else "utf-8", "utf-8"):
        try:
            return page.decode(name, "replace")
        except LookupError:
            continue
    return page.decode("latin-1")


def _without_comments(page: str) -> str:
    kept: list[str] = []
    at = 0
    while (start := page.find("<!--", at)) >= 0:
        kept.append(page[at:start])
        end = page.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        at = end + 3
    return "".join([*kept, page[at:]])


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    for match in _ATTRIBUTE.finditer(text):
        yield match[1].lower(), html.unescape(match[2] or match[3] or match[4] or "").strip()


def _announced(attributes: dict[str, str], base: str) -> Candidate | None:
    if "alternate" not in attributes.get("rel", "").lower().split() or not attributes.get("href"):
        return None
    if attributes.get("type", "").partition(";")[0].strip().lower() not in _TYPES:
        return None
    address = _address(attributes["href"], base)
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
        if not _LOOKS_LIKE_A_FEED.search(path):
            return None
    address = _address(href, base)
    if address is None:
        return None
    return Candidate(url=address, title=optional(attributes.get("title")), announced=False)


def _address(href: str, base: str) -> str | None:
    whole = href if href.lower().startswith("feed:") else absolute(href, base=base)
    try:
        return feed_url(whole or "")
    except Refused:
        return None
