"""A document in UTF-8, cut into its entries' bytes and what stands around them, without reading it."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree import ElementTree as ET

MARK: Final = "ingest-mark-3c1f"
"""The element that stands where an entry was; a document that has the word in it is not cut."""
MARK_BYTES: Final = MARK.encode()
_ROOT: Final = re.compile(rb"<(?:(rss|rdf:RDF)|(feed))[\s>]")
_DECLARATION: Final = re.compile(rb"\A<\?xml[^>]*?>")
_COUNTS: Final = re.compile(
    rb'<media:(statistics|starRating)(?: (?:views|count|average|min|max)="[0-9.]*")+ ?/>'
)


def utf8(prepared: bytes, charset: str | None) -> bytes | None:
    """The document in UTF-8 without its declaration, where there is no doubt about its encoding."""
    if prepared.startswith((b"\xfe\xff", b"\xff\xfe")) or b"\0" in prepared[:4]:
        return None
    if charset is None:
        if not prepared.isascii() or b"encoding" in prepared[:200]:
            return None
    elif charset not in ("utf-8", "utf8"):
        try:
            text = prepared.decode(charset)
            if prepared.isascii() and text.encode("ascii", "replace") != prepared:  # UTF-7 and the like
                return None
            prepared = text.encode("utf-8")
        except (UnicodeError, LookupError):
            return None
    # With a mark of its own, and behind it another: neither is text.
    return None if prepared.startswith(b"\xef\xbb\xbf") else _DECLARATION.sub(b"", prepared, count=1)


class SplitError(Exception):
    """The bytes of an entry are not those of one element."""


class Split:
    """A document with marks in its entries' places, and these."""

    __slots__ = ("around", "counted", "entries")

    def __init__(self, around: bytes, entries: list[bytes], *, counted: bool = False) -> None:
        self.around = around
        self.entries = entries
        self.counted = counted
        """Entries say how often their films were seen."""

    @classmethod
    def of(cls, document: bytes) -> Split | None:
        """None where nothing can be cut out."""
        root = _ROOT.search(document, 0, 8_192)
        if root is None or MARK_BYTES in document:
            return None
        opening, closing = (b"<entry", b"</entry>") if root[2] else (b"<item", b"</item>")
        entries: list[bytes] = []
        around: list[bytes] = []
        position = 0
        after = len(opening)
        while (start := document.find(opening, position)) >= 0:
            if document[start + after : start + after + 1] not in (b">", b" ", b"\n", b"\r", b"\t"):
                around.append(document[position : start + after])
                position = start + after
                continue
            end = document.find(closing, start)
            if end < 0:
                return None
            end += len(closing)
            around += (document[position:start], b'<%b n="%d"/>' % (MARK_BYTES, len(entries)))
            entries.append(document[start:end])
            position = end
        if not entries:
            return None
        around.append(document[position:])
        return cls(b"".join(around), entries, counted=b"<media:statistics " in document)


def without_counts(entry: bytes) -> bytes:
    """An entry but for how often its film was seen: without that each poll of YouTube would be new from end to end.

    Only where it is mark-up for certain; then it means nothing to any field.
    """
    return entry if b"<!" in entry or b"<?" in entry else _COUNTS.sub(rb"<media:\1/>", entry)


def tree(document: bytes) -> tuple[ET.Element, dict[ET.Element, list[tuple[str, str]]]]:
    """The root, and which namespaces which element declares."""
    # Bounded without defusing: no DOCTYPE comes here, and the caller bounds the attributes of a tag.
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start-ns", "start"))
    parser.feed(document)
    parser.close()
    root: ET.Element | None = None
    declared: dict[ET.Element, list[tuple[str, str]]] = {}
    waiting: list[tuple[str, str]] = []
    found: Any
    for event, found in parser.read_events():  # type: ignore[misc]
        if event == "start-ns":
            waiting.append(found)
            continue
        if root is None:
            root = found
        if waiting:
            declared[found], waiting = waiting, []
    assert root is not None
    return root, declared
