"""An entry as feedparser returns it → :class:`~ingest.types.Entry`. The fast path's entries have the same form."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from ingest.parse.alternates import alternate_links, entry_link
from ingest.parse.dates import read_usual_date
from ingest.parse.namespaces import FULL_TEXTS
from ingest.parse.text_values import OLDEST, as_html, optional
from ingest.types import Entry
from ingest.urls import MAX_URL_CHARACTERS, absolute

_MARKUP: Final = re.compile(r"</[A-Za-z]\w*\s*>|<(?:br|hr|img|p)\b[^<>]*>|&#?\w{2,8};", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?:|/", re.IGNORECASE)
_NAME_WITH_MAILBOX: Final = re.compile(
    r"[^\s@()<>]{1,100}@[^\s@()<>]{1,200}\s{0,9}\(([^()@]{1,500})\)"
    r"|([^()<>@]{1,500}?)\s{0,9}[(<](?:mailto:)?[^\s@()<>]{1,100}@[^\s@()<>]{1,200}[)>]"
    r"|[^\s@()<>]{1,100}@[^\s@()<>]{1,200}"
)


MIN_FULL_CAPTION: Final = 600
FULL_CAPTION_RATIO: Final = 2
"""A ``media:description`` this many characters long, and this many times the other texts, is no caption of a picture
but the entry's text."""
_KEPT_TEXTS: Final = frozenset({*FULL_TEXTS, "media_caption"})


def to_entry(entry: Any, *, url: str) -> Entry:
    # dict.get, because feedparser's own method returns another key's value, with a warning, for a missing key.
    get = dict.get
    published_raw = optional(get(entry, "published"))
    updated_raw = optional(get(entry, "updated"))
    contents = get(entry, "content") or ()
    source = get(entry, "source") or {}
    authors, author = get(entry, "authors") or (), optional(get(entry, "author"))
    tags = get(entry, "tags")
    return Entry(
        guid=optional(get(entry, "id")),
        link=_link(entry),
        title=_title(entry.get("title"), get(entry, "title_detail")),
        summary=_summary(entry),
        content=_content(entry, contents),
        authors=tuple(dict.fromkeys(_authors(authors, author))) if authors or author else (),
        categories=tuple(dict.fromkeys(_categories(tags))) if tags else (),
        published=_date(published_raw),
        published_raw=published_raw,
        updated=_date(updated_raw),
        updated_raw=updated_raw,
        language=optional(get(entry, "language"))
        or next(filter(None, (optional(detail.get("language")) for detail in _details(entry))), None),
        source_title=optional(get(source, "title")) if source else None,
        source_url=(optional(get(source, "href")) or optional(get(source, "link"))) if source else None,
        image=_image(entry),
        base=_base(contents, get(entry, "summary_detail"), url),
    )


def alternate_link(element: Any) -> str | None:
    """The first ``rel=alternate`` link of a feed or entry, whatever its type."""
    return next(alternate_links(_links(element)), None)


def _links(element: Any) -> list[Mapping[str, Any]]:
    """The links of a feed or entry, also one under an undeclared prefix."""
    links = dict.get(element, "links") or []
    undeclared = dict.get(element, "atom_link")
    return [*links, undeclared] if isinstance(undeclared, Mapping) else links


def _summary(entry: Any) -> str | None:
    """The entry's summary; where it has no text at all, the caption of its picture or film (YouTube's feeds)."""
    summary = _as_html(dict.get(entry, "summary"), dict.get(entry, "summary_detail"))
    if summary is None and not dict.get(entry, "content"):
        return _kept_text(entry, "media_caption")
    return summary


def _kept_text(entry: Any, name: str) -> str | None:
    """The text of an element that feedparser keeps without interpreting it, as HTML."""
    text = optional(dict.get(entry, name))
    return text if text is None or _MARKUP.search(text) else html.escape(text, quote=False)


def _content(entry: Any, contents: Sequence[Any]) -> str | None:
    """The longest of the entry's contents and full texts: several are alternatives of one text."""
    values = [_as_html(content.get("value"), content) for content in contents]
    if not _KEPT_TEXTS.isdisjoint(entry):
        values += [_kept_text(entry, name) for name in FULL_TEXTS]
        caption = _kept_text(entry, "media_caption") or ""
        lengths = [len(value) for value in (*values, optional(dict.get(entry, "summary"))) if value]
        if lengths and len(caption) >= max(MIN_FULL_CAPTION, FULL_CAPTION_RATIO * max(lengths)):
            values.append(caption)
    return _longest(values) if values else None


def _longest(values: Sequence[str | None]) -> str | None:
    return max((value for value in values if value), key=len, default=None)


def _link(entry: Any) -> str | None:
    """The article's address: behind FeedBurner's counter, else the best of the entry's links."""
    original = optional(dict.get(entry, "feedburner_origlink"))
    if original is not None and original.lower().startswith(("http://", "https://")):
        return original
    link = optional(dict.get(entry, "link"))
    # feedparser takes a guid for a permalink unless it declares otherwise, even where it is no address.
    if link is not None and dict.get(entry, "guidislink") and not _ADDRESS.match(link):
        link = None
    languages = (optional(detail.get("language")) for detail in _details(entry))
    return entry_link(
        _links(entry),
        link=link,
        guid=optional(dict.get(entry, "id")),
        language=next(filter(None, languages), None),
    )


def _details(entry: Any) -> tuple[Any, ...]:
    """feedparser's details of the entry's texts: title, contents, summary."""
    contents = dict.get(entry, "content") or ()
    return (dict.get(entry, "title_detail") or {}, *contents, dict.get(entry, "summary_detail") or {})


def _base(contents: Sequence[Any], summary: Any, url: str) -> str | None:
    """``xml:base`` of the entry's HTML; None if it is the feed's own address."""
    for detail in (*contents, summary) if summary else contents:
        base = _absolute(optional(detail.get("base")) or "", url)
        if base is not None and base != url:
            return base
    return None


def _absolute(base: str, url: str) -> str | None:
    return None if len(base) > MAX_URL_CHARACTERS else _cached_absolute(base, url)


@lru_cache(maxsize=256)
def _cached_absolute(base: str, url: str) -> str | None:
    return absolute(base, base=url)


def _authors(authors: Sequence[Any], author: str | None) -> Iterator[str]:
    # feedparser separates a mailbox from a name only where it ends in four letters or less, and leaves "(mailto:".
    match = _NAME_WITH_MAILBOX.fullmatch(author) if author and "@" in author else None
    if match and len(authors) <= 1:
        yield match[1] or match[2] or match[0]
        return
    if not authors and author:
        yield author
    for detail in authors:
        name = optional(detail.get("name")) or optional(detail.get("email"))
        if name is not None:
            yield name


def _categories(tags: Sequence[Any]) -> Iterator[str]:
    for tag in tags:
        name = optional(tag.get("label")) or optional(tag.get("term"))
        if name is not None:
            yield name


def _image(entry: Any) -> str | None:
    for name in ("media_thumbnail", "media_content"):
        for media in dict.get(entry, name) or ():
            kind = str(media.get("medium") or media.get("type") or "image")
            address = optional(media.get("url"))
            if address is not None and kind.startswith("image"):
                return address
    for link in dict.get(entry, "links") or ():
        if link.get("rel") == "enclosure" and str(link.get("type") or "").startswith("image"):
            return optional(link.get("href"))
    picture = dict.get(entry, "image") or {}
    return optional(picture.get("href")) if isinstance(picture, dict) else None


def _as_html(value: object, detail: Any) -> str | None:
    """``value`` as HTML: text that the feed declares as plain has its ``<`` and ``&`` escaped, unless it is HTML."""
    text = optional(value)
    return as_html(text) if text is not None and _is_plain(value, detail) else text


def _title(value: object, detail: Any) -> str | None:
    """As :func:`_as_html`; tags in a title that is declared as plain are words until the title becomes one line."""
    text = optional(value)
    return html.escape(text, quote=False) if text is not None and _is_plain(value, detail) else text


def _is_plain(value: object, detail: Any) -> bool:
    """Return whether the feed declares this value as plain text.

    feedparser keeps the value of the first of several elements and the details of the last. ``detail`` counts only
    where its value is this value.
    """
    return bool(detail) and detail.get("type") == "text/plain" and detail.get("value") == value


def _date(raw: str | None) -> datetime | None:
    """A date of the usual form; :func:`ingest.parse.dates.complete_dates` reads the others."""
    date = read_usual_date(raw) if raw is not None else None
    return date if date is not None and date >= OLDEST else None
