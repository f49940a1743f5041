"""RSS and Atom in XML → what the feed said.

::

    bytes ─_refusal─▶ ─_prepare─▶ bytes feedparser reads well ─▶ its dictionaries ─_entry─▶ ParsedFeed[Entry…]
                                        └─fast.read─▶ the same, where the document is of the usual kind

feedparser is the reference for what a feed says; ``fast`` reads what is written as most feeds are, to the same
values. Two of the reference's passes are switched off, because ``normalise``
does that work itself: HTML sanitising and relative addresses (28 → 13 ms for a 169 kB feed). Around it
stands what it does not do: encodings that are declared wrongly, and inputs made to exhaust it. It is still
run in a process that may be killed.
"""

from __future__ import annotations

import codecs
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from time import struct_time
from typing import Any, Final
from xml.parsers import expat

from ingest.parse import fastpath, feedparser_adapter
from ingest.parse.cache import EntryCache
from ingest.parse.text_values import MAX_HUBS, OLDEST, SAMPLE_BYTES, read_date
from ingest.parse.text_values import optional as _optional
from ingest.parse.text_values import text as _text
from ingest.types import Entry, Failed, FailureKind, FeedHints, ParsedFeed
from ingest.urls import MAX_URL_CHARACTERS, absolute

MAX_DEPTH: Final = 1_000
"""Elements in each other. No feed has a hundred; 100,000 cost feedparser 3.4 s (measured)."""
MAX_ATTRIBUTES: Final = 1_000
"""Of one tag. feedparser takes quadratic time over them: 8,000 cost 1.3 s, 50,000 cost 40 s (measured)."""

_ROOT: Final = re.compile(rb"<\?xml\b|<(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
# Entities that it declares would be unknown without it.
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
_CDF: Final = re.compile(rb"(?:<[!?][^>]*>\s*)*<channel\b", re.IGNORECASE)
_XML_TYPE: Final = re.compile(r"\s*(?:application|text)/(?:[\w.-]+\+)?xml(?:-\S+)?\s*(?:;|$)", re.IGNORECASE)
_FEED_ROOT: Final = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
# Without such a tag feedparser finds no version, however loosely it reads; it takes a second for a megabyte of a page.
_VERSIONED: Final = re.compile(rb"[<:](?:rss|feed|rdf|channel)\b", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"""^<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{2,40})["']""")
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_MARKED_UP: Final = re.compile(r"</[A-Za-z]\w*\s*>|<(?:br|hr|img|p)\b[^<>]*>|&#?\w{2,8};", re.IGNORECASE)
_FIRST_ELEMENT: Final = re.compile(rb"<\w")
_ENTITY: Final = re.compile(rb"<!ENTITY\s+([^>]{0,300})", re.IGNORECASE)
_HARMLESS_ENTITY: Final = re.compile(
    rb"""%\s*[\w.-]+\s+(?:PUBLIC|SYSTEM)\s|[\w.-]+\s+(?:"(?:&\#\w{1,8};|[^&"]){0,64}"|'(?:&\#\w{1,8};|[^&']){0,64}')""",
    re.IGNORECASE,
)
_MAX_ENTITIES: Final = 512
_PIECE: Final = 4_096
_LONG: Final = 5_000
"""Bytes of a tag that may have more than so many attributes."""
_TAG: Final = re.compile(rb"<[A-Za-z][^<>]*")
_ATTRIBUTE: Final = re.compile(rb"""\s[\w:.-]+\s*=\s*["']""")
# What Media RSS says of a picture or a film. feedparser takes it for one more description of the entry, so that a
# caption that is longer than the summary would be the article's text. Without attributes the element is kept as it
# stands, under a name of its own.
_CAPTION: Final = re.compile(rb"<(/?)media:description\b[^<>]*?(/?)>")
_SKIP_HOURS: Final = re.compile(rb"<skiphours\s*>([^!]{0,2000}?)</skiphours", re.IGNORECASE)
_SKIP_DAYS: Final = re.compile(rb"<skipdays\s*>([^!]{0,2000}?)</skipdays", re.IGNORECASE)
_SKIPPED: Final = re.compile(rb"<(?:hour|day)\s*>\s*([A-Za-z0-9]{1,9})\s*<", re.IGNORECASE)
# Those that may name no character: most numbers in use need no second look.
_REFERENCE: Final = re.compile(
    rb"&#(?:[xX]([0-9a-fA-F]{1,8})|(0[0-9]{0,7}|[12]?[0-9]|3[01]|5[5-7][0-9]{3}|6553[45]|[0-9]{7,8}));"
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x1b"))
_ASCII: Final = bytes(range(128))
_WIDE: Final = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF32_LE)
# What servers send about any text file, whatever is in it.
_DEFAULT_CHARSETS: Final = frozenset({"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"})
_SLASHED: Final = re.compile(r"\s*(\d{4})/(\d{1,2})/(\d{1,2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?\s*")
_ADDRESS: Final = re.compile(r"https?:|/", re.IGNORECASE)
_BESIDE_ADDRESS: Final = re.compile(
    r"[^\s@()<>]{1,100}@[^\s@()<>]{1,200}\s{0,9}\(([^()@]{1,500})\)"
    r"|([^()<>@]{1,500}?)\s{0,9}[(<](?:mailto:)?[^\s@()<>]{1,100}@[^\s@()<>]{1,200}[)>]"
    r"|[^\s@()<>]{1,100}@[^\s@()<>]{1,200}"
)
_MARKED_CATEGORY: Final = re.compile(
    rb"(<category\b[^<>]*+>)\s*+<([a-z]\w*+)>([^<]*+)</\2>\s*+(?=</category>)"
)
_LEAF: Final = re.compile(rb"<([A-Za-z][\w:.-]*+)((?:\s[^<>]*+)?)>([^<]*+)</(?!\1\s*>)[\w:.-]++\s*>")
_EPOCH: Final = re.compile(r"\s*(\d{9,10})\s*")


class _TooDeep(Exception):
    """There is no need to read on."""


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
    a failure, so that its validators are not remembered. ``cache`` holds entries of earlier documents, and
    gets those of this one. Without ``quick`` the reference reads all of it, to the same value.
    """
    if not body.strip(b" \t\r\n\0"):
        return Failed(kind=FailureKind.EMPTY, detail="the body is empty")
    refusal = _refusal(body)
    if refusal is not None:
        return Failed(kind=FailureKind.UNPARSABLE, detail=refusal, sample=body[:SAMPLE_BYTES])
    prepared, charset, warnings = _prepare(body, content_type)
    prepared = _reworded(prepared)
    if _HTML.search(body, 0, 4_096) and not _VERSIONED.search(prepared):
        return _no_feed(body, None)
    try:
        if quick:
            said = fastpath.read(
                prepared, charset=charset, url=url, make=partial(_entry, url=url), cache=cache
            )
            if said is not None:
                about, entries, version = said.feed, said.entries, said.version
                return _parsed(
                    about, entries, body, url=url, version=version, language=language, warnings=warnings
                )
        return _by_reference(prepared, charset, body, url=url, language=language, warnings=warnings)
    except MemoryError:  # no fault of the document's form: whoever bounds our memory has to hear of it
        raise
    # On hostile bytes feedparser and what it stands on raise nearly anything (AssertionError, re.error,
    # LookupError, RecursionError …). All of it says the same: this document cannot be read.
    except Exception as error:  # noqa: BLE001
        detail = f"the parser gave up: {type(error).__name__}: {error}"[:500]
        return Failed(kind=FailureKind.UNPARSABLE, detail=_text(detail), sample=body[:SAMPLE_BYTES])


def takes_the_fast_lane(body: bytes, *, url: str, content_type: str | None = None) -> bool:
    """Whether :func:`parse_feed` reads this document without the reference."""
    if not body.strip(b" \t\r\n\0") or _refusal(body) is not None:
        return False
    prepared, charset, _ = _prepare(body, content_type)
    make = partial(_entry, url=url)
    return fastpath.read(_reworded(prepared), charset=charset, url=url, make=make) is not None


def _reworded(body: bytes) -> bytes:
    """The document in words that feedparser takes for what they are."""
    if b"media:description" in body:
        body = body.replace(b"<media:description>", b"<media:caption>")
        body = body.replace(b"</media:description>", b"</media:caption>")
        body = _CAPTION.sub(rb"<\1media:caption\2>", body)
    if b"<category" in body:
        body = _MARKED_CATEGORY.sub(rb"\1\3", body)  # it would have nothing of it
    return body


def _by_reference(
    prepared: bytes, charset: str | None, body: bytes, *, url: str, language: str | None, warnings: list[str]
) -> ParsedFeed | Failed:
    # Without a Content-Location feedparser leaves relative addresses alone, and with them every guid that is no
    # address: else a redirect would give them all other names.
    headers = {"content-type": f"application/xml; charset={charset}" if charset else "application/xml"}
    found = _found(prepared, headers)
    if found.get("bozo") and not feedparser_adapter.is_about_encoding(found.get("bozo_exception")):
        # One element that ends under the name of another, and all of the document is read loosely.
        mended = _LEAF.sub(rb"<\1\2>\3</\1>", prepared)
        again = _found(mended, headers) if mended != prepared else found
        if not again.get("bozo"):
            found = again
            warnings.append("not well-formed: an element ends under the name of another")
    return _feed(found, body, url=url, language=language, warnings=warnings)


def _found(prepared: bytes, headers: Mapping[str, str]) -> Any:
    return feedparser_adapter.read(
        io.BytesIO(prepared), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )


def _refusal(body: bytes) -> str | None:
    """Why a document is not even tried: what it takes would be ours, not its sender's."""
    first = _FIRST_ELEMENT.search(body)
    head = body[: first.start()] if first else body[:100_000]
    if b"<!ENTITY" in head or b"<!entity" in head:
        for declared, declaration in enumerate(_ENTITY.finditer(head), 1):
            if declared > _MAX_ENTITIES or not _HARMLESS_ENTITY.match(declaration[1]):
                return "it declares entities that we do not expand: nested, external, long or too many"
    for tag in _long_tags(body):
        if sum(1 for _ in _ATTRIBUTE.finditer(tag)) > MAX_ATTRIBUTES:
            return f"a tag has more than {MAX_ATTRIBUTES} attributes"
    if _is_deep(body):
        return f"more than {MAX_DEPTH} elements in each other"
    return None


def _long_tags(body: bytes) -> Iterator[bytes]:
    """Those of :data:`_LONG` bytes and more. From one ``<`` to the last within as many there can be none."""
    start = body.find(b"<")
    while start >= 0:
        after = body.rfind(b"<", start + 1, start + 1 + _LONG)
        if after < 0:
            tag = _TAG.match(body, start)
            if tag is not None and len(tag[0]) >= _LONG:
                yield tag[0]
            after = body.find(b"<", start + 1)
        start = after


def _is_deep(body: bytes) -> bool:
    """Whether it has more than so many elements in each other. Counting tags, a piece at a time, rules that out for
    nearly every document; where it does not (markup in CDATA that nobody closes) it is read."""
    return _may_be_deep(body, exact=False) and _may_be_deep(body, exact=True) and _reads_deep(body)


def _may_be_deep(body: bytes, *, exact: bool) -> bool:
    """``exact``: what is no element, or closes itself, is not counted either. It takes as long again, and more."""
    opened = 0
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE]
        opened += piece.count(b"<") - 2 * piece.count(b"</")
        if exact:
            opened -= piece.count(b"/>") + piece.count(b"<!") + piece.count(b"<?")
        if opened > MAX_DEPTH:
            return True
    return False


def _reads_deep(body: bytes) -> bool:
    depth = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _TooDeep

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)
    except _TooDeep:
        return True
    except expat.ExpatError:  # what comes then is read loosely, and nothing is in anything
        return False
    return False


def _prepare(body: bytes, content_type: str | None) -> tuple[bytes, str | None, list[str]]:
    """The body as feedparser reads it best, the charset to tell it, and what we had to overlook.

    Valid UTF-8 with any non-ASCII character in it *is* UTF-8, whatever is declared: other encodings do not
    produce it by chance. Otherwise the declarations count, the document's before a server's default (RFC
    7303, and not RFC 3023, by which ``text/xml`` would be US-ASCII). A document that is in its encoding but
    for a few bytes stays in it; else feedparser would take all of it for windows-1252.
    """
    if body.startswith(_WIDE) or b"\0" in body[:4]:
        return body, None, []
    warnings: list[str] = []
    if content_type and not _XML_TYPE.match(content_type):
        warnings.append(_text(f"served as {content_type}")[:100])
    plain = body.removeprefix(codecs.BOM_UTF8)
    cleaned = plain.translate(None, _CONTROLS)
    if len(cleaned) != len(plain):
        warnings.append("control characters were removed")
    # One reference to half a surrogate pair, and feedparser gives up the whole document.
    cleaned = _REFERENCE.sub(_possible, cleaned)
    root = _ROOT.search(cleaned, 0, 8_192)
    if root is not None and root.start() > 0:
        doctype = _DOCTYPE.search(cleaned, 0, root.start())
        start = root.start() if doctype is None else doctype.start()
        if cleaned[:start].strip():
            warnings.append("there was text before the document")
        cleaned = cleaned[start:]
    named = _DECLARED.match(cleaned)
    if named and not _known(named[1].decode()):
        warnings.append(f"declared as {named[1].decode()}, which is no encoding")
    declared = _declared(cleaned, content_type)
    if cleaned.isascii():
        return cleaned, declared[0] if declared else None, warnings
    if _decodes(cleaned, "utf-8"):
        if declared and declared[0] not in {"utf-8", "utf8", "gb2312"}:
            warnings.append(f"declared as {declared[0]}, but it is UTF-8")
        return cleaned, "utf-8", warnings
    for name in declared:
        if name not in {"utf-8", "utf8"} and _decodes(cleaned, name):
            return cleaned, name, warnings
    mended = _mended(cleaned, [*declared, "utf-8"])
    if mended is not None:
        name, text, lost = mended
        warnings.append(f"{lost} characters are not {name}")
        return text, "utf-8", warnings
    if declared:
        warnings.append(f"declared as {declared[0]}, which it is not")
    return cleaned, None, warnings


def _possible(reference: re.Match[bytes]) -> bytes:
    """A numeric reference, or nothing where it names no character that XML has (XML 1.0, §2.2)."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    control = number < 32 and number not in (9, 10, 13)
    impossible = control or 0xD800 <= number < 0xE000 or number in (0xFFFE, 0xFFFF) or number > 0x10FFFF
    return b"" if impossible else reference[0]


def _declared(body: bytes, content_type: str | None) -> list[str]:
    """The declared encodings that Python knows, the most credible first."""
    found = _DECLARED.match(body)
    own = found[1].decode().lower() if found else None
    sent = _CHARSET.search(content_type or "")
    servers = sent[1].lower() if sent else None
    names = [own, servers] if servers in _DEFAULT_CHARSETS else [servers, own]
    return [_superset(name) for name in names if name is not None and _known(name)]


def _superset(name: str) -> str:
    """The encoding that people mean: supersets in use under the older name (WHATWG Encoding, §4.2)."""
    supersets = {"gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949", "ks_c_5601-1987": "cp949"}
    return supersets.get(name, name)


def _known(name: str) -> bool:
    """Whether Python has a text encoding of this name."""
    try:
        b" ".decode(name, "replace")  # of no bytes at all Python makes text without looking at the name
    except (LookupError, ValueError):
        return False
    return True


def _decodes(body: bytes, name: str) -> bool:
    try:
        body.decode(name)
    except (UnicodeError, LookupError):
        return False
    return True


def _mended(body: bytes, names: list[str]) -> tuple[str, bytes, int] | None:
    """The body as UTF-8 where one of these encodings reads all but a twentieth of what is not ASCII."""
    beyond_ascii = len(body.translate(None, _ASCII))
    for name in names:
        try:
            text = body.decode(name, "replace")
        except (UnicodeError, LookupError):
            continue
        lost = text.count("\ufffd") - body.count(b"\xef\xbf\xbd")
        if lost * 20 <= beyond_ascii:
            return name, text.encode("utf-8", "replace"), lost
    return None


def _feed(
    found: Mapping[str, Any], body: bytes, *, url: str, language: str | None, warnings: list[str]
) -> ParsedFeed | Failed:
    # feedparser names the format of CDF by attributes that it may lack.
    version = str(found.get("version") or ("cdf" if _CDF.match(body) else ""))
    entries = found["entries"]
    broken = found.get("bozo_exception") if found.get("bozo") else None
    if not version and (not entries or _HTML.search(body, 0, 4_096)):
        return _no_feed(body, broken)
    malformed = broken is not None and not feedparser_adapter.is_about_encoding(broken)
    if malformed:
        warnings.append(_text(f"not well-formed: {broken}")[:300])
    if malformed and not entries:
        return Failed(
            kind=FailureKind.UNPARSABLE, detail=f"no entries, and {warnings[-1]}", sample=body[:SAMPLE_BYTES]
        )
    return _parsed(
        found["feed"],
        [_entry(entry, url=url) for entry in entries],
        body,
        url=url,
        version=version,
        language=language,
        warnings=warnings,
    )


def _parsed(
    about: Any,
    entries: Sequence[Entry],
    body: bytes,
    *,
    url: str,
    version: str,
    language: str | None,
    warnings: list[str],
) -> ParsedFeed:
    return ParsedFeed(
        title=_optional(about.get("title")),
        link=_optional(about.get("link")) or _alternate(about),
        language=_optional(dict.get(about, "language")) or _first_language(language),
        entries=tuple(entries),
        warnings=tuple(warnings),
        version=version,
        hints=_hints(about, body),
        hubs=_related(about, "hub", url=url)[:MAX_HUBS],
        self_url=next(iter(_related(about, "self", url=url)), None),
    )


def _related(about: Any, relation: str, *, url: str) -> tuple[str, ...]:
    """The addresses of the feed's links of this relation, whole, in its order."""
    named = [
        absolute(_optional(link.get("href")) or "", base=url)
        for link in dict.get(about, "links") or ()
        if relation in str(link.get("rel") or "").lower().split()
    ]
    return tuple(dict.fromkeys([address for address in named if address is not None]))


def _hints(about: Any, body: bytes) -> FeedHints:
    return FeedHints(
        ttl=_optional(dict.get(about, "ttl")),
        update_period=_optional(dict.get(about, "sy_updateperiod")),
        update_frequency=_optional(dict.get(about, "sy_updatefrequency")),
        skip_hours=_skipped(_SKIP_HOURS, body) if "skiphours" in about else (),
        skip_days=_skipped(_SKIP_DAYS, body) if "skipdays" in about else (),
    )


def _skipped(listed: re.Pattern[bytes], body: bytes) -> tuple[str, ...]:
    """The hours or days of such a list. Of several like elements feedparser keeps the last one alone."""
    found = listed.search(body)
    return tuple(each.decode("ascii") for each in _SKIPPED.findall(found[1])) if found else ()


def _no_feed(body: bytes, broken: object) -> Failed:
    sample = body[:SAMPLE_BYTES]
    if _FEED_ROOT.search(body, 0, 8_192):
        detail = _text(f"a feed by its first tag, but {broken or 'nothing in it is known'}")[:300]
        return Failed(kind=FailureKind.UNPARSABLE, detail=detail, sample=sample)
    start = body.lstrip()[:1]
    if _HTML.search(body, 0, 8_192):
        what = "an HTML page"
    elif start in (b"{", b"["):
        what = "JSON"
    elif start == b"<":
        what = "XML of another kind"
    else:
        what = "no XML"
    return Failed(kind=FailureKind.NOT_A_FEED, detail=f"expected a feed, found {what}", sample=sample)


def _entry(entry: Any, *, url: str) -> Entry:
    # dict.get, where feedparser's own would answer for a missing key with another one and a warning.
    get = dict.get
    published_raw = _optional(get(entry, "published"))
    updated_raw = _optional(get(entry, "updated"))
    title_detail = get(entry, "title_detail")
    contents = get(entry, "content") or ()
    source = get(entry, "source") or {}
    authors, author = get(entry, "authors") or (), _optional(get(entry, "author"))
    tags = get(entry, "tags")
    return Entry(
        guid=_optional(get(entry, "id")),
        link=_link(entry),
        title=_marked_up(entry.get("title"), title_detail),
        summary=_summary(entry),
        # The longest of the entry's bodies: several are alternatives of one text.
        content=_longest([_marked_up(each.get("value"), each) for each in contents]) if contents else None,
        authors=tuple(dict.fromkeys(_authors(authors, author))) if authors or author else (),
        categories=tuple(dict.fromkeys(_categories(tags))) if tags else (),
        published=_date(published_raw, get(entry, "published_parsed")),
        published_raw=published_raw,
        updated=_date(updated_raw, get(entry, "updated_parsed")),
        language=_optional(get(entry, "language"))
        or next(filter(None, (_optional(each.get("language")) for each in _details(entry))), None),
        source_title=_optional(get(source, "title")) if source else None,
        source_url=(_optional(get(source, "href")) or _optional(get(source, "link"))) if source else None,
        image=_image(entry),
        base=_base(contents, get(entry, "summary_detail"), url),
    )


def _summary(entry: Any) -> str | None:
    """The entry's summary; where it has no text at all, what it says of its picture or film (YouTube's feeds)."""
    said = _marked_up(dict.get(entry, "summary"), dict.get(entry, "summary_detail"))
    if said is None and not dict.get(entry, "content"):
        caption = _optional(dict.get(entry, "media_caption"))
        return caption if caption is None or _MARKED_UP.search(caption) else html.escape(caption, quote=False)
    return said


def _longest(values: Sequence[str | None]) -> str | None:
    return max((value for value in values if value), key=len, default=None)


def _link(entry: Any) -> str | None:
    """Where the article is: the address behind FeedBurner's counter, else the entry's link."""
    original = _optional(dict.get(entry, "feedburner_origlink"))
    if original is not None and original.lower().startswith(("http://", "https://")):
        return original
    link = _optional(dict.get(entry, "link"))
    # A guid that does not say it is none counts as a permalink, though it is but a name.
    is_a_name = link is not None and dict.get(entry, "guidislink") and not _ADDRESS.match(link)
    return _alternate(entry) if link is None or is_a_name else link


def _alternate(of: Any) -> str | None:
    """The link that stands for it, of whatever type; or under a prefix that nobody declared."""
    for link in (*(dict.get(of, "links") or ()), dict.get(of, "atom_link") or {}):
        if isinstance(link, Mapping) and link.get("rel") == "alternate":
            return _optional(link.get("href"))
    return None


def _details(entry: Any) -> tuple[Any, ...]:
    """What feedparser says of the entry's texts: title, contents, summary."""
    contents = dict.get(entry, "content") or ()
    return (dict.get(entry, "title_detail") or {}, *contents, dict.get(entry, "summary_detail") or {})


def _base(contents: Sequence[Any], summary: Any, url: str) -> str | None:
    """``xml:base`` of the entry's HTML, where it is not the feed's own address."""
    for detail in (*contents, summary) if summary else contents:
        base = _absolute(_optional(detail.get("base")) or "", url)
        if base is not None and base != url:
            return base
    return None


def _absolute(base: str, url: str) -> str | None:
    return None if len(base) > MAX_URL_CHARACTERS else _remembered_absolute(base, url)


@lru_cache(maxsize=256)
def _remembered_absolute(base: str, url: str) -> str | None:
    return absolute(base, base=url)


def _authors(authors: Sequence[Any], author: str | None) -> Iterator[str]:
    # feedparser takes an address out of a name only where it ends in four letters or less, and leaves "(mailto:".
    beside = _BESIDE_ADDRESS.fullmatch(author) if author and "@" in author else None
    if beside and len(authors) <= 1:
        yield beside[1] or beside[2] or beside[0]
        return
    if not authors and author:
        yield author
    for each in authors:
        name = _optional(each.get("name")) or _optional(each.get("email"))
        if name is not None:
            yield name


def _categories(tags: Sequence[Any]) -> Iterator[str]:
    for tag in tags:
        name = _optional(tag.get("label")) or _optional(tag.get("term"))
        if name is not None:
            yield name


def _image(entry: Any) -> str | None:
    for name in ("media_thumbnail", "media_content"):
        for media in dict.get(entry, name) or ():
            kind = str(media.get("medium") or media.get("type") or "image")
            address = _optional(media.get("url"))
            if address is not None and kind.startswith("image"):
                return address
    for link in dict.get(entry, "links") or ():
        if link.get("rel") == "enclosure" and str(link.get("type") or "").startswith("image"):
            return _optional(link.get("href"))
    picture = dict.get(entry, "image") or {}
    return _optional(picture.get("href")) if isinstance(picture, dict) else None


def _marked_up(value: object, detail: Any) -> str | None:
    """``value`` as HTML: what the feed marked as plain text has its ``<`` and ``&`` escaped.

    feedparser keeps the first of several elements and the details of the last: ``detail`` is believed only
    where it speaks of this value.
    """
    text = _optional(value)
    if text is not None and detail and detail.get("type") == "text/plain" and detail.get("value") == value:
        return html.escape(text, quote=False)
    return text


def _date(raw: str | None, parsed: struct_time | datetime | None) -> datetime | None:
    """The date, or None where it is missing or absurd; feedparser's reading but for what it gets wrong."""
    try:
        if raw is not None and raw[0].isdigit():
            if not raw.isascii():
                parsed = feedparser_adapter.parse_local_date(raw)
            slashed = _SLASHED.fullmatch(raw)
            if slashed:  # feedparser#75: read as the first of some month
                return _plausible(datetime(*(int(part or 0) for part in slashed.groups()), tzinfo=UTC))  # type: ignore[misc,arg-type]
            epoch = _EPOCH.fullmatch(raw)
            if epoch:
                return _plausible(datetime.fromtimestamp(int(epoch[1]), UTC))
        if parsed is None:  # weekdays and zones in other languages, mostly
            return read_date(raw)
        if isinstance(parsed, datetime):
            return _plausible(parsed)
        leap = timedelta(seconds=max(0, parsed.tm_sec - 59))
        return _plausible(datetime(*parsed[:5], min(parsed.tm_sec, 59), tzinfo=UTC) + leap)
    except (ValueError, OverflowError):
        return None


def _plausible(date: datetime) -> datetime | None:
    return date if date >= OLDEST else None


def _first_language(header: str | None) -> str | None:
    return _optional((header or "").split(",")[0])
