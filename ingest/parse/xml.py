"""RSS and Atom in XML → the feed's own values.

::

    bytes ─bounds.refusal─▶ ─encodings.prepare─▶ bytes ─feedparser─▶ its dictionaries ─to_entry─▶ ParsedFeed[Entry…]
                                                   └─fastpath.read─▶ equal dictionaries, for documents of the usual form

feedparser is the reference for a feed's values. The fast path reads documents of the usual form to equal values. Two
passes of feedparser are switched off, because ``normalise`` does their work: sanitising HTML and resolving relative
addresses (28 → 13 ms for a 169 kB feed). ``bounds`` and ``encodings`` add what feedparser lacks. Parsing still runs in
a process that may be killed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ingest.parse import fastpath, feedparser_adapter
from ingest.parse.bounds import refusal
from ingest.parse.cache import EntryCache
from ingest.parse.dates import complete_dates
from ingest.parse.encodings import prepare
from ingest.parse.entry_fields import alternate_link, to_entry
from ingest.parse.text_values import MAX_HUBS, SAMPLE_BYTES, optional, text
from ingest.types import Entry, Failed, FailureKind, FeedHints, ParsedFeed
from ingest.urls import absolute

_CDF: Final = re.compile(rb"(?:<[!?][^>]*>\s*)*<channel\b", re.IGNORECASE)
_FEED_ROOT: Final = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
# Without such a tag feedparser finds no version, however loosely it reads. It takes a second for a megabyte of HTML.
_VERSIONED: Final = re.compile(rb"[<:](?:rss|feed|rdf|channel)\b", re.IGNORECASE)
# Media RSS: the caption of a picture or film. feedparser takes it for another description of the entry, so a caption
# longer than the summary would become the article's text. Renamed and without attributes it stays as it is.
_CAPTION: Final = re.compile(rb"<(/?)media:description\b[^<>]*?(/?)>")
_SKIP_HOURS: Final = re.compile(rb"<skiphours\s*>([^!]{0,2000}?)</skiphours", re.IGNORECASE)
_SKIP_DAYS: Final = re.compile(rb"<skipdays\s*>([^!]{0,2000}?)</skipdays", re.IGNORECASE)
_SKIPPED: Final = re.compile(rb"<(?:hour|day)\s*>\s*([A-Za-z0-9]{1,9})\s*<", re.IGNORECASE)
_CATEGORY_WITH_MARKUP: Final = re.compile(
    rb"(<category\b[^<>]*+>)\s*+<([a-z]\w*+)>([^<]*+)</\2>\s*+(?=</category>)"
)
_MISMATCHED_LEAF: Final = re.compile(
    rb"<([A-Za-z][\w:.-]*+)((?:\s[^<>]*+)?)>([^<]*+)</(?!\1\s*>)[\w:.-]++\s*>"
)


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

    ``content_type`` and ``language`` are the response's ``Content-Type`` and ``Content-Language``. A well-formed
    document without entries is an empty feed. A broken one without entries is a failure, so that its validators are
    not stored. ``cache`` holds entries of earlier documents and takes those of this one. Without ``use_fastpath``
    feedparser reads all of the document, to an equal value.
    """
    if not body.strip(b" \t\r\n\0"):
        return Failed(kind=FailureKind.EMPTY, detail="the body is empty")
    reason = refusal(body)
    if reason is not None:
        return Failed(kind=FailureKind.UNPARSABLE, detail=reason, sample=body[:SAMPLE_BYTES])
    prepared, charset, warnings = prepare(body, content_type)
    prepared = _rewrite_for_feedparser(prepared)
    if _HTML.search(body, 0, 4_096) and not _VERSIONED.search(prepared):
        return _not_a_feed(body, None)
    try:
        if use_fastpath:
            read = fastpath.read(
                prepared, charset=charset, url=url, make=partial(to_entry, url=url), cache=cache
            )
            if read is not None:
                return _parsed_feed(
                    read.feed,
                    read.entries,
                    body,
                    url=url,
                    version=read.version,
                    language=language,
                    warnings=warnings,
                )
        return _parse_by_feedparser(prepared, charset, body, url=url, language=language, warnings=warnings)
    except MemoryError:  # not caused by the document's form: the caller, which bounds our memory, must see it
        raise
    # On hostile bytes feedparser and its libraries raise nearly anything (AssertionError, re.error, LookupError,
    # RecursionError …). Each of them means that this document cannot be parsed.
    except Exception as error:  # noqa: BLE001
        detail = f"the parser gave up: {type(error).__name__}: {error}"[:500]
        return Failed(kind=FailureKind.UNPARSABLE, detail=text(detail), sample=body[:SAMPLE_BYTES])


def takes_fastpath(body: bytes, *, url: str, content_type: str | None = None) -> bool:
    """Whether :func:`parse_feed` reads this document without feedparser."""
    if not body.strip(b" \t\r\n\0") or refusal(body) is not None:
        return False
    prepared, charset, _ = prepare(body, content_type)
    make = partial(to_entry, url=url)
    return fastpath.read(_rewrite_for_feedparser(prepared), charset=charset, url=url, make=make) is not None


def _rewrite_for_feedparser(body: bytes) -> bytes:
    """Rename and simplify elements that feedparser misreads."""
    if b"media:description" in body:
        body = body.replace(b"<media:description>", b"<media:caption>")
        body = body.replace(b"</media:description>", b"</media:caption>")
        body = _CAPTION.sub(rb"<\1media:caption\2>", body)
    if b"<category" in body:
        body = _CATEGORY_WITH_MARKUP.sub(rb"\1\3", body)  # feedparser would drop the text
    return body


def _parse_by_feedparser(
    prepared: bytes, charset: str | None, body: bytes, *, url: str, language: str | None, warnings: list[str]
) -> ParsedFeed | Failed:
    # Without a Content-Location feedparser leaves relative addresses alone, and guids that are no addresses. With one,
    # a redirect would change all of their identities.
    headers = {"content-type": f"application/xml; charset={charset}" if charset else "application/xml"}
    result = _run_feedparser(prepared, headers)
    if result.get("bozo") and not feedparser_adapter.is_about_encoding(result.get("bozo_exception")):
        # A single end tag with another name makes feedparser read all of the document loosely.
        repaired = _MISMATCHED_LEAF.sub(rb"<\1\2>\3</\1>", prepared)
        retried = _run_feedparser(repaired, headers) if repaired != prepared else result
        if not retried.get("bozo"):
            result = retried
            warnings.append("not well-formed: an element ends under the name of another")
    return _from_feedparser(result, body, url=url, language=language, warnings=warnings)


def _run_feedparser(prepared: bytes, headers: Mapping[str, str]) -> Any:
    return feedparser_adapter.read(
        io.BytesIO(prepared), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )


def _from_feedparser(
    result: Mapping[str, Any], body: bytes, *, url: str, language: str | None, warnings: list[str]
) -> ParsedFeed | Failed:
    # feedparser takes the version of CDF from attributes that a document may lack.
    version = str(result.get("version") or ("cdf" if _CDF.match(body) else ""))
    entries = result["entries"]
    error = result.get("bozo_exception") if result.get("bozo") else None
    if not version and (not entries or _HTML.search(body, 0, 4_096)):
        return _not_a_feed(body, error)
    malformed = error is not None and not feedparser_adapter.is_about_encoding(error)
    if malformed:
        warnings.append(text(f"not well-formed: {error}")[:300])
    if malformed and not entries:
        return Failed(
            kind=FailureKind.UNPARSABLE, detail=f"no entries, and {warnings[-1]}", sample=body[:SAMPLE_BYTES]
        )
    return _parsed_feed(
        result["feed"],
        [to_entry(entry, url=url) for entry in entries],
        body,
        url=url,
        version=version,
        language=language,
        warnings=warnings,
    )


def _parsed_feed(
    feed: Any,
    entries: Sequence[Entry],
    body: bytes,
    *,
    url: str,
    version: str,
    language: str | None,
    warnings: list[str],
) -> ParsedFeed:
    feed_language = optional(dict.get(feed, "language")) or _first_language(language)
    completed = complete_dates(entries, url=url, languages=(feed_language,), warnings=warnings)
    return ParsedFeed(
        title=optional(feed.get("title")),
        link=optional(feed.get("link")) or alternate_link(feed),
        language=feed_language,
        entries=tuple(completed),
        warnings=tuple(warnings),
        version=version,
        hints=_hints(feed, body),
        hubs=_linked_urls(feed, "hub", url=url)[:MAX_HUBS],
        self_url=next(iter(_linked_urls(feed, "self", url=url)), None),
    )


def _linked_urls(feed: Any, relation: str, *, url: str) -> tuple[str, ...]:
    """The absolute addresses of the feed's links of this relation, in document order."""
    addresses = [
        absolute(optional(link.get("href")) or "", base=url)
        for link in dict.get(feed, "links") or ()
        if relation in str(link.get("rel") or "").lower().split()
    ]
    return tuple(dict.fromkeys([address for address in addresses if address is not None]))


def _hints(feed: Any, body: bytes) -> FeedHints:
    return FeedHints(
        ttl=optional(dict.get(feed, "ttl")),
        update_period=optional(dict.get(feed, "sy_updateperiod")),
        update_frequency=optional(dict.get(feed, "sy_updatefrequency")),
        skip_hours=_skipped(_SKIP_HOURS, body) if "skiphours" in feed else (),
        skip_days=_skipped(_SKIP_DAYS, body) if "skipdays" in feed else (),
    )


def _skipped(element: re.Pattern[bytes], body: bytes) -> tuple[str, ...]:
    """The hours or days in such an element. feedparser keeps only the last of several equal elements."""
    match = element.search(body)
    return tuple(value.decode("ascii") for value in _SKIPPED.findall(match[1])) if match else ()


def _not_a_feed(body: bytes, error: object) -> Failed:
    sample = body[:SAMPLE_BYTES]
    if _FEED_ROOT.search(body, 0, 8_192):
        detail = text(f"the first tag is a feed's, but {error or 'no element is supported'}")[:300]
        return Failed(kind=FailureKind.UNPARSABLE, detail=detail, sample=sample)
    start = body.lstrip()[:1]
    if _HTML.search(body, 0, 8_192):
        kind = "an HTML page"
    elif start in (b"{", b"["):
        kind = "JSON"
    elif start == b"<":
        kind = "XML of another kind"
    else:
        kind = "no XML"
    return Failed(kind=FailureKind.NOT_A_FEED, detail=f"expected a feed, found {kind}", sample=sample)


def _first_language(header: str | None) -> str | None:
    return optional((header or "").split(",")[0])
