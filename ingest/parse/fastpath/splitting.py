"""Split a document in UTF-8 into the bytes of its entries and the document around them, without parsing it."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree import ElementTree as ET

MARK: Final = "ingest-mark-3c1f"
"""Name of the element that replaces an entry; a document that contains this name is not split."""
MARK_BYTES: Final = MARK.encode()
_ROOT: Final = re.compile(rb"<(?:(rss|rdf:RDF)|(feed))[\s>]")
_DECLARATION: Final = re.compile(rb"\A<\?xml[^>]*?>")
_COUNTS: Final = re.compile(
    rb'<media:(statistics|starRating)(?: (?:views|count|average|min|max)="[0-9.]*")+ ?/>'
)


def utf8(prepared: bytes, charset: str | None) -> bytes | None:
    """The document in UTF-8 without its declaration; None where its encoding is in doubt."""
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
    # A second byte order mark is not text either.
    return None if prepared.startswith(b"\xef\xbb\xbf") else _DECLARATION.sub(b"", prepared, count=1)


class SplitError(Exception):
    """The bytes between two marks are not one element."""


class Split:
    """A document with marks in place of its entries, and the entries."""

    __slots__ = ("around", "counted", "entries")

    def __init__(self, around: bytes, entries: list[bytes], *, counted: bool = False) -> None:
        self.around = around
        self.entries = entries
        self.counted = counted
        """Entries contain view counts of their films."""

    @classmethod
    def of(cls, document: bytes) -> Split | None:
        """Split a document; None where no entry can be separated."""
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
    """An entry without its film's view counts, which change with each poll of YouTube and are part of no field.

    An entry with CDATA or comments stays as it is: there the counts may be text.
    """
    return entry if b"<!" in entry or b"<?" in entry else _COUNTS.sub(rb"<media:\1/>", entry)


def tree(document: bytes) -> tuple[ET.Element, dict[ET.Element, list[tuple[str, str]]]]:
    """The root element, and the namespaces that each element declares."""
    # Safe without defusedxml: no DOCTYPE gets here, and the caller bounds the attributes of a tag.
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start-ns", "start"))
    parser.feed(document)
    parser.close()
    root: ET.Element | None = None
    declared: dict[ET.Element, list[tuple[str, str]]] = {}
    waiting: list[tuple[str, str]] = []
    item: Any
    for event, item in parser.read_events():  # type: ignore[misc]
        if event == "start-ns":
            waiting.append(item)
            continue
        if root is None:
            root = item
        if waiting:
            declared[item], waiting = waiting, []
    assert root is not None
    return root, declared
