"""JSON Feed 1.0 and 1.1 (jsonfeed.org) → what the feed said.

Read tolerantly: numbers where texts belong, one author where a list belongs, a version that is missing or new, text
behind the document, bytes that are not UTF-8. ``url`` is the entry's link, and ``external_url``, the page that a
linked list speaks of, only where it has no other. ``next_url`` (older entries) is not followed: what is new stands
on the first page.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ingest.parse.text_values import MAX_HUBS, SAMPLE_BYTES, optional, optional_date, read_date, text
from ingest.types import Entry, Failed, FailureKind, ParsedFeed
from ingest.urls import absolute

MAX_ENTRIES: Final = 50_000
"""Of one document: with less than this no bytes make us more work than their number allows."""

_VERSION: Final = re.compile(
    r"(?:https?://)?(?:www\.)?jsonfeed\.org/version/(\d{1,9}(?:\.\d{1,9})?)/?", re.IGNORECASE
)
_PUBLISHES: Final = ("websub", "pubsubhubbub")
_HTTP: Final = re.compile(r"https?://", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});")
_DECODER: Final = json.JSONDecoder(
    # Numbers are texts to us: some feeds number their entries, and a number of a million digits costs nothing so.
    parse_float=str,
    parse_int=str,
    parse_constant=lambda _: None,
    strict=False,
)


def is_json(body: bytes) -> bool:
    """Whether it begins as an object or a list does."""
    return body[:64].removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\0")[:1] in (b"{", b"[") or (
        body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and b"{" in body[2:16]
    )


def parse_json_feed(body: bytes, *, url: str, language: str | None = None) -> ParsedFeed | Failed:
    """What the JSON Feed at ``url`` said; a value for every input, never an exception but ``MemoryError``."""
    warnings: list[str] = []
    try:
        said = _decoded(body, warnings)
    except (ValueError, RecursionError) as error:
        return _failed(FailureKind.UNPARSABLE, f"JSON that cannot be read: {error}", body)
    if not isinstance(said, dict):
        return _failed(FailureKind.NOT_A_FEED, "expected a feed, found JSON that is no object", body)
    version, listed = optional(said.get("version")) or "", said.get("items")
    named = _VERSION.fullmatch(version)
    if named is None:
        if not _looks_like_entries(listed):
            return _failed(FailureKind.NOT_A_FEED, "expected a feed, found JSON of another kind", body)
        warnings.append("it does not name its version")
    if not isinstance(listed, list):
        return _failed(FailureKind.UNPARSABLE, "a JSON Feed without a list of items", body)
    if len(listed) > MAX_ENTRIES:
        return _failed(FailureKind.TOO_LARGE, f"more than {MAX_ENTRIES} items", body)
    entries = [each for each in listed if isinstance(each, dict)]
    if len(entries) != len(listed):
        warnings.append(f"{len(listed) - len(entries)} items are no objects")
    if said.get("expired") is True:
        warnings.append("it says that it is finished (expired)")
    authors = tuple(_authors(said))
    return ParsedFeed(
        title=_plain(said.get("title")),
        link=_address(said.get("home_page_url"), url),
        language=optional(said.get("language")) or optional((language or "").split(",")[0]),
        entries=tuple([_entry(each, url=url, authors=authors) for each in entries]),
        warnings=tuple(warnings),
        version=f"json{named[1].replace('.', '')}" if named else "json",
        hubs=tuple(dict.fromkeys(_hubs(said, url)))[:MAX_HUBS],
        self_url=_address(said.get("feed_url"), url),
    )


def _failed(kind: FailureKind, detail: str, body: bytes) -> Failed:
    return Failed(kind=kind, detail=text(detail)[:300], sample=body[:SAMPLE_BYTES])


def _decoded(body: bytes, warnings: list[str]) -> Any:
    """
    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested beyond all reason; Python stops at about a thousand levels.
    """
    encoding = json.detect_encoding(body)
    try:
        written = body.decode(encoding)
    except UnicodeDecodeError:
        written = body.decode(encoding, "replace")
        warnings.append(f"it is not all {encoding}")
    written = written.strip(" \t\r\n\0\ufeff")
    said, end = _DECODER.raw_decode(written)
    if written[end:].strip():
        warnings.append("there was text behind the document")
    return said


def _looks_like_entries(listed: object) -> bool:
    """Whether it is a list of what can only be entries: some forget to say which version they are."""
    return isinstance(listed, list) and any(
        isinstance(each, dict)
        and ("content_html" in each or "content_text" in each or "date_published" in each)
        and ("id" in each or "url" in each)
        for each in listed[:10]
    )


def _entry(said: Mapping[str, Any], *, url: str, authors: tuple[str, ...]) -> Entry:
    guid = optional(said.get("id"))
    link = optional(said.get("url")) or (guid if guid is not None and _HTTP.match(guid) else None)
    published_raw = optional(said.get("date_published"))
    return Entry(
        guid=guid,
        link=link or optional(said.get("external_url")),
        title=_plain(said.get("title")),
        summary=_plain(said.get("summary")),
        content=optional(said.get("content_html")) or _plain(said.get("content_text")),
        authors=tuple(dict.fromkeys(_authors(said))) or authors,
        categories=tuple(dict.fromkeys(_names(said.get("tags")))),
        published=read_date(published_raw),
        published_raw=published_raw,
        updated=optional_date(said.get("date_modified")),
        language=optional(said.get("language")),
        image=_image(said, url),
    )


def _plain(value: object) -> str | None:
    """Plain text as HTML. Some write HTML's entities there; nobody means to show ``&#8211;``."""
    found = optional(value)
    if found is not None and _REFERENCE.search(found):
        return found.replace("<", "&lt;").replace(">", "&gt;")
    return None if found is None else html.escape(found, quote=False)


def _address(value: object, url: str) -> str | None:
    return absolute(optional(value) or "", base=url) if optional(value) else None


def _authors(said: Mapping[str, Any]) -> Iterator[str]:
    """The names of ``authors`` (1.1) and of ``author`` (1.0); who gives both means the same people, mostly."""
    for each in (*_listed(said.get("authors")), *_listed(said.get("author"))):
        name = optional(each.get("name")) if isinstance(each, dict) else optional(each)
        if name is not None:
            yield name


def _names(value: object) -> Iterator[str]:
    for each in _listed(value):
        name = optional(each.get("name") or each.get("label")) if isinstance(each, dict) else optional(each)
        if name is not None:
            yield name


def _listed(value: object) -> Sequence[Any]:
    """A list, or what should have been one."""
    return value if isinstance(value, list) else [value] if isinstance(value, dict | str) else []


def _image(said: Mapping[str, Any], url: str) -> str | None:
    for name in ("image", "banner_image"):
        found = _address(said.get(name), url)
        if found is not None:
            return found
    for each in _listed(said.get("attachments")):
        if isinstance(each, dict) and (optional(each.get("mime_type")) or "").startswith("image/"):
            return _address(each.get("url"), url)
    return None


def _hubs(said: Mapping[str, Any], url: str) -> Iterator[str]:
    for each in _listed(said.get("hubs")):
        if isinstance(each, dict) and (optional(each.get("type")) or "websub").lower() in _PUBLISHES:
            address = _address(each.get("url"), url)
            if address is not None:
                yield address
