"""JSON Feed 1.0 and 1.1 (jsonfeed.org) → the feed's own values.

The parser tolerates numbers in place of texts, one author in place of a list, a missing or new version, text after the
document, and bytes that are not UTF-8. ``url`` is the link of an entry; ``external_url``, the target of a link blog,
serves where there is no ``url``. ``next_url`` (older entries) is not followed: new entries are in the first document.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ingest.charsets import decode_document
from ingest.parse.dates import complete_dates
from ingest.parse.text_values import MAX_HUBS, SAMPLE_BYTES, is_html, optional, read_iso_date, text
from ingest.types import Entry, Failed, FailureKind, ParsedFeed
from ingest.urls import absolute

MAX_ENTRIES: Final = 50_000
"""Entries of one document. Below this limit the work stays proportional to the number of bytes."""

_VERSION: Final = re.compile(
    r"(?:https?://)?(?:www\.)?jsonfeed\.org/version/(\d{1,9}(?:\.\d{1,9})?)/?", re.IGNORECASE
)
_HUB_TYPES: Final = ("websub", "pubsubhubbub")
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_HTTP: Final = re.compile(r"https?://", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});")
_DECODER: Final = json.JSONDecoder(
    # Numbers stay texts: some feeds number their entries, and converting a million digits would be slow.
    parse_float=str,
    parse_int=str,
    parse_constant=lambda _: None,
    strict=False,
)


def is_json(body: bytes) -> bool:
    """Whether the document begins like a JSON object or list."""
    return body[:64].removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\0")[:1] in (b"{", b"[") or (
        body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and b"{" in body[2:16]
    )


def parse_json_feed(
    body: bytes, *, url: str, content_type: str | None = None, language: str | None = None
) -> ParsedFeed | Failed:
    """Parse the JSON Feed at ``url``; returns a value for every input, and raises ``MemoryError`` alone."""
    warnings: list[str] = []
    try:
        feed = _decoded(body, content_type, warnings)
    except (ValueError, RecursionError) as error:
        return _failed(FailureKind.UNPARSABLE, f"JSON that cannot be read: {error}", body)
    if not isinstance(feed, dict):
        return _failed(FailureKind.NOT_A_FEED, "expected a feed, found JSON that is no object", body)
    version, listed = optional(feed.get("version")) or "", feed.get("items")
    version_match = _VERSION.fullmatch(version)
    if version_match is None:
        if not _looks_like_entries(listed):
            return _failed(FailureKind.NOT_A_FEED, "expected a feed, found JSON of another kind", body)
        warnings.append("the document does not name its version")
    if not isinstance(listed, list):
        return _failed(FailureKind.UNPARSABLE, "a JSON Feed without a list of items", body)
    if len(listed) > MAX_ENTRIES:
        return _failed(FailureKind.TOO_LARGE, f"more than {MAX_ENTRIES} items", body)
    entries = [item for item in listed if isinstance(item, dict)]
    if len(entries) != len(listed):
        warnings.append(f"{len(listed) - len(entries)} items are no objects")
    if feed.get("expired") is True:
        warnings.append("the feed declares that it has ended (expired)")
    authors = tuple(_authors(feed))
    feed_language = optional(feed.get("language")) or optional((language or "").split(",")[0])
    drafts = [_entry(item, url=url, authors=authors) for item in entries]
    completed = complete_dates(drafts, url=url, languages=(feed_language,), warnings=warnings)
    return ParsedFeed(
        title=_plain(feed.get("title")),
        link=_address(feed.get("home_page_url"), url),
        language=feed_language,
        entries=tuple(completed),
        warnings=tuple(warnings),
        version=f"json{version_match[1].replace('.', '')}" if version_match else "json",
        hubs=tuple(dict.fromkeys(_hubs(feed, url)))[:MAX_HUBS],
        self_url=_address(feed.get("feed_url"), url),
    )


def _failed(kind: FailureKind, detail: str, body: bytes) -> Failed:
    return Failed(kind=kind, detail=text(detail)[:300], sample=body[:SAMPLE_BYTES])


def _decoded(body: bytes, content_type: str | None, warnings: list[str]) -> Any:
    """
    Raises:
        ValueError: not JSON.
        RecursionError: nested too deeply; Python stops at about a thousand levels.
    """
    # JSON is UTF-8 (RFC 8259): a declared charset counts only for bytes that are not.
    charset = _CHARSET.search(content_type or "")
    decoded = decode_document(body, labels=["utf-8"] if charset is None else [charset[1]])
    warnings.extend(decoded.warnings)
    written = decoded.text.strip(" \t\r\n\0\ufeff")
    value, end = _DECODER.raw_decode(written)
    if written[end:].strip():
        warnings.append("there was text behind the document")
    return value


def _looks_like_entries(listed: object) -> bool:
    """Whether a document without a version has items that can only be entries: some feeds omit the version."""
    return isinstance(listed, list) and any(
        isinstance(item, dict)
        and ("content_html" in item or "content_text" in item or "date_published" in item)
        and ("id" in item or "url" in item)
        for item in listed[:10]
    )


def _entry(item: Mapping[str, Any], *, url: str, authors: tuple[str, ...]) -> Entry:
    guid = optional(item.get("id"))
    link = optional(item.get("url")) or (guid if guid is not None and _HTTP.match(guid) else None)
    published_raw = optional(item.get("date_published"))
    updated_raw = optional(item.get("date_modified"))
    return Entry(
        guid=guid,
        link=link or optional(item.get("external_url")),
        title=_plain(item.get("title")),
        summary=_plain(item.get("summary")),
        content=optional(item.get("content_html")) or _plain(item.get("content_text")),
        authors=tuple(dict.fromkeys(_authors(item))) or authors,
        categories=tuple(dict.fromkeys(_names(item.get("tags")))),
        published=read_iso_date(published_raw),
        published_raw=published_raw,
        updated=read_iso_date(updated_raw),
        updated_raw=updated_raw,
        language=optional(item.get("language")),
        image=_image(item, url),
    )


def _plain(value: object) -> str | None:
    """Plain text as HTML. Character references in it are kept: no feed means to show ``&#8211;``."""
    plain = optional(value)
    if plain is None or is_html(plain):
        return plain
    if _REFERENCE.search(plain):
        return plain.replace("<", "&lt;").replace(">", "&gt;")
    return html.escape(plain, quote=False)


def _address(value: object, url: str) -> str | None:
    return absolute(optional(value) or "", base=url) if optional(value) else None


def _authors(item: Mapping[str, Any]) -> Iterator[str]:
    """The names of ``authors`` (1.1) and of ``author`` (1.0); feeds with both mostly name the same people."""
    for author in (*_listed(item.get("authors")), *_listed(item.get("author"))):
        name = optional(author.get("name")) if isinstance(author, dict) else optional(author)
        if name is not None:
            yield name


def _names(value: object) -> Iterator[str]:
    for tag in _listed(value):
        name = optional(tag.get("name") or tag.get("label")) if isinstance(tag, dict) else optional(tag)
        if name is not None:
            yield name


def _listed(value: object) -> Sequence[Any]:
    """A list; a single value as a list of one."""
    return value if isinstance(value, list) else [value] if isinstance(value, dict | str) else []


def _image(item: Mapping[str, Any], url: str) -> str | None:
    for name in ("image", "banner_image"):
        address = _address(item.get(name), url)
        if address is not None:
            return address
    for attachment in _listed(item.get("attachments")):
        if isinstance(attachment, dict) and (optional(attachment.get("mime_type")) or "").startswith(
            "image/"
        ):
            return _address(attachment.get("url"), url)
    return None


def _hubs(feed: Mapping[str, Any], url: str) -> Iterator[str]:
    for hub in _listed(feed.get("hubs")):
        if isinstance(hub, dict) and (optional(hub.get("type")) or "websub").lower() in _HUB_TYPES:
            address = _address(hub.get("url"), url)
            if address is not None:
                yield address
