"""News sitemaps and sitemap indexes → the feed's own values, by the standard library's expat.

::

    <urlset>       url ─ loc, news:news ─▶ Entry            (Google's news sitemaps; sitemaps.org)
    <sitemapindex> sitemap ─ loc, lastmod ─▶ SitemapLink    polled as feeds of their own

Only a ``url`` with ``news:news`` is an entry. A plain sitemap lists every page of a site, without titles and with dates
of any change, and is refused. Namespace prefixes are ignored, since some documents do not declare them: only the
nesting of elements counts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from xml.parsers import expat

from ingest.charsets import decode_document
from ingest.dates import read_date
from ingest.parse.dates import complete_dates
from ingest.parse.text_values import OLDEST, SAMPLE_BYTES, optional, read_iso_date, text
from ingest.types import Entry, Failed, FailureKind, ParsedFeed, SitemapLink
from ingest.urls import absolute

MAX_ENTRIES: Final = 50_000
"""Entries of one document (sitemaps.org); a longer document is refused."""
MAX_DEPTH: Final = 50
MAX_ATTRIBUTES: Final = 1_000
"""Attributes of one tag."""
MAX_VALUE: Final = 20_000
"""Characters of one element; the rest is dropped. Addresses have at most 2,048."""
MAX_CATEGORIES: Final = 100

_ROOT: Final = re.compile(rb"<(?:[\w.-]+:)?(urlset|sitemapindex)(?=[\s>/])")
_ANY_ROOT: Final = re.compile(
    rb"<(?:[\w.-]+:)?(rss|feed|rdf|channel|html|urlset|sitemapindex)(?=[\s>/])", re.IGNORECASE
)
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{2,40})["'][^>]{0,100}>"""
)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_HEAD_BYTES: Final = 8_192
_BARE_AMPERSAND: Final = re.compile(rb"&(?!(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,8}|amp|lt|gt|quot|apos);)")
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r"))

# The path of a value below the root, and our name for it.
_PLACES: Final[Mapping[tuple[str, ...], str]] = {
    ("url", "loc"): "loc",
    ("url", "lastmod"): "lastmod",
    ("url", "image", "loc"): "image",
    ("url", "news", "title"): "title",
    ("url", "news", "publication_date"): "published",
    ("url", "news", "keywords"): "keywords",
    ("url", "news", "publication", "name"): "publication",
    ("url", "news", "publication", "language"): "language",
    ("sitemap", "loc"): "loc",
    ("sitemap", "lastmod"): "lastmod",
}


class _Refused(Exception):
    """The document exceeds the bounds of a sitemap."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


def is_sitemap(body: bytes) -> bool:
    """Whether the root is that of a sitemap or an index; text such as a PHP warning may precede it."""
    root = _ANY_ROOT.search(body[:8_192].replace(b"\0", b""))
    return root is not None and root[1] in (b"urlset", b"sitemapindex")


def parse_sitemap(body: bytes, *, url: str, content_type: str | None = None) -> ParsedFeed | Failed:
    """Parse the sitemap at ``url``; returns a value for every input, and raises ``MemoryError`` alone."""
    warnings: list[str] = []
    reader = _Reader(url)
    prepared = _prepare(body, content_type, warnings)
    try:
        error = reader.read(prepared)
        if error is not None and _BARE_AMPERSAND.search(prepared):
            warnings.append("addresses with a bare & in them")
            reader = _Reader(url)
            error = reader.read(_BARE_AMPERSAND.sub(b"&amp;", prepared))
    except _Refused as refused:
        return Failed(kind=refused.kind, detail=refused.detail, sample=body[:SAMPLE_BYTES])
    if error is not None:
        warnings.append(f"not well-formed: {error}")
        if not reader.entries and not reader.children:
            detail = f"no entries, and {warnings[-1]}"
            return Failed(kind=FailureKind.UNPARSABLE, detail=detail, sample=body[:SAMPLE_BYTES])
    if reader.pages and not reader.entries:
        detail = f"a sitemap of {reader.pages} addresses, and no news in it (news:news)"
        return Failed(kind=FailureKind.NOT_A_FEED, detail=detail, sample=body[:SAMPLE_BYTES])
    if reader.pages:
        warnings.append(f"{reader.pages} addresses without news:news were left out")
    entries = complete_dates(reader.entries, url=url, languages=(), warnings=warnings)
    publications = {entry.source_title for entry in reader.entries}
    return ParsedFeed(
        title=publications.pop() if len(publications) == 1 else None,
        link=None,
        language=None,
        entries=tuple(entries),
        warnings=tuple(warnings),
        version="sitemapindex" if reader.is_index else "sitemap",
        children=tuple({child.url: child for child in reader.children}.values()),
    )


def _prepare(body: bytes, content_type: str | None, warnings: list[str]) -> bytes:
    """The document from its root on, for expat: in UTF-8 without a declaration."""
    head = body[:_HEAD_BYTES].replace(b"\0", b"")
    own, header = _DECLARED.search(head), _CHARSET.search(content_type or "")
    labels = [match for match in (header and header[1], own and own[1].decode()) if match]
    decoded = decode_document(body, labels=labels)
    warnings.extend(decoded.warnings)
    document = decoded.text.encode("utf-8", "replace").translate(None, _CONTROLS)
    root = _ROOT.search(document)
    start = root.start() if root is not None else 0
    doctype = document.find(b"<!DOCTYPE", 0, start)
    if doctype >= 0:  # kept, so that its entities are refused
        start = doctype
    return document[start:]


class _Reader:
    """Handlers of one pass over a document."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._path: list[str] = []
        self._values: dict[str, str] = {}
        self._text: list[str] | None = None
        self._size = 0
        self._news = False
        self.is_index = False
        self.entries: list[Entry] = []
        self.children: list[SitemapLink] = []
        self.pages = 0
        """Addresses without ``news:news``."""

    def read(self, body: bytes) -> str | None:
        """Parse the document up to its first error, and return that error.

        Raises:
            _Refused: the document exceeds a bound.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._append_text
        parser.EntityDeclHandler = self._refuse_entity
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            return text(str(error))[:200]
        return None

    def _refuse_entity(self, *_: object) -> None:
        raise _Refused(FailureKind.UNPARSABLE, "the document declares entities, which no sitemap needs")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(attributes) > MAX_ATTRIBUTES:
            raise _Refused(FailureKind.UNPARSABLE, f"a tag has more than {MAX_ATTRIBUTES} attributes")
        if len(self._path) >= MAX_DEPTH:
            raise _Refused(FailureKind.UNPARSABLE, f"more than {MAX_DEPTH} elements in each other")
        local = name.rpartition(":")[2]
        self._path.append(local)
        if len(self._path) == 1:
            self.is_index = local == "sitemapindex"
        elif len(self._path) == 2:
            self._values, self._news = {}, False
        elif len(self._path) == 3 and local == "news":
            self._news = True
        self._text = [] if tuple(self._path[1:]) in _PLACES else None
        self._size = 0

    def _append_text(self, piece: str) -> None:
        if self._text is not None and self._size < MAX_VALUE:
            self._text.append(piece)
            self._size += len(piece)

    def _end(self, _name: str) -> None:
        if self._text is not None:
            place = _PLACES[tuple(self._path[1:])]
            self._values.setdefault(place, "".join(self._text)[:MAX_VALUE])
            self._text = None
        if len(self._path) == 2:
            self._add(self._path[1])
        self._path.pop()

    def _add(self, element: str) -> None:
        """Add the element below the root that has just ended."""
        address = absolute(self._values.get("loc", ""), base=self._url) if self._values.get("loc") else None
        if address is None:
            return
        if element == "sitemap" and self.is_index:
            self.children.append(SitemapLink(url=address, updated=_modified(self._values.get("lastmod"))))
        elif element == "url" and self._news:
            self.entries.append(self._entry(address))
        elif element == "url":
            self.pages += 1
        if len(self.entries) + len(self.children) + self.pages > MAX_ENTRIES:
            raise _Refused(
                FailureKind.TOO_LARGE, f"more than {MAX_ENTRIES} addresses, which no sitemap may have"
            )

    def _entry(self, address: str) -> Entry:
        values = self._values
        published_raw, updated_raw = optional(values.get("published")), optional(values.get("lastmod"))
        keywords = [
            optional(keyword) for keyword in (values.get("keywords") or "").split(",", MAX_CATEGORIES)
        ]
        image = values.get("image")
        return Entry(
            guid=None,
            link=address,
            title=_plain(values.get("title")),
            summary=None,
            content=None,
            categories=tuple(dict.fromkeys([name for name in keywords[:MAX_CATEGORIES] if name is not None])),
            published=read_iso_date(published_raw),
            published_raw=published_raw,
            updated=read_iso_date(updated_raw),
            updated_raw=updated_raw,
            language=optional(values.get("language")),
            source_title=_plain(values.get("publication")),
            image=absolute(image, base=self._url) if image else None,
        )


def _modified(raw: str | None) -> datetime | None:
    date = read_iso_date(raw) or (read_date(raw.strip()) if raw else None)
    return date if date is not None and date >= OLDEST else None


def _plain(value: str | None) -> str | None:
    plain = optional(value)
    return None if plain is None else html.escape(html.unescape(plain), quote=False)
