"""The rows of OPML that is not well-formed XML.

A scanner of our own, because recovering parsers lose a part of a row without a report: libxml2 makes ``?a=1=2`` of
``?a=1&b=2``. It reads start tags and end tags of outlines only, and keeps what it does not understand. Entity
declarations are never read. Its time is proportional to the document.
"""

from __future__ import annotations

import codecs
import re
from html.entities import html5
from typing import Final

from ingest.opml.rows import Damage, Rows

SHOWN_CHARACTERS: Final = 80
"""Characters of a damaged row that its report shows."""
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE
)
# Supersets in use under the older name (WHATWG Encoding, §4.2).
_SUPERSETS: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_MIN_UTF8_CHARACTERS: Final = 4
"""So many non-ASCII characters in valid UTF-8 are not another encoding by chance."""
_MARKUP: Final = re.compile(
    r"<(?:(?P<comment>!--)|(?P<cdata>!\[CDATA\[)|(?P<doctype>!DOCTYPE\b)|(?P<instruction>\?)"
    r"|(?P<end>/)?(?P<tag>opml|outline)(?![\w.:-]))",
    re.IGNORECASE,
)
_NEXT_TAG: Final = re.compile(r"</?(?:opml|head|body|outline)(?![\w.:-])|<!--", re.IGNORECASE)
_DOCTYPE_END: Final = re.compile(r"""(?:[^\[\]<>"']|"[^"]*"|'[^']*')*(?P<subset>\[)?""")
_ENTITY: Final = re.compile(r"<!ENTITY\b", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""([^\s=<>"'/]+)\s*(=\s*)?""")
# A quote that ends a value is followed by the next attribute or the end of the tag. Other quotes belong to the value.
_AFTER_VALUE: Final = r"(?=\s*(?:[/?]?>|[\w.:-]+\s*=|$)|\s+(?:[\w.:-]+\s+){1,3}(?:[\w.:-]+\s*=|[/?]?>))"
_CLOSING: Final = {quote: re.compile(quote + _AFTER_VALUE) for quote in "\"'"}
_UNQUOTED: Final = re.compile(r"[^\s>]*")
# An attribute within a value: the quote that ends the value is missing.
_SWALLOWED: Final = re.compile(r"\s(?:xmlUrl|htmlUrl|type|title|text|category)\s*=\s*[\"']", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class RecoveredRows(Rows):
    """The rows of a damaged document, and what it declares about itself."""

    def __init__(self) -> None:
        super().__init__()
        self.is_opml = False
        """There is an ``opml`` tag, or an outline that names a feed."""
        self.declares_entities = False


def recover_rows(document: bytes) -> RecoveredRows:
    """Return every row that can be read, and the others with their lines."""
    return _Scanner(decode(document)).scan()


def decode(document: bytes) -> str:
    """Decode a document by its byte order mark, content and declaration. Bytes that do not fit stay readable."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if document.startswith(mark):
            return _decode_leniently(document[len(mark) :], name)
    for start, name in ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if document.startswith(start):
            return document.decode(name, "replace")
    declared = _declared_encoding(document)
    try:
        decoded = document.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_leniently(document, declared)
    if declared == "utf-8" or decoded.isascii():
        return decoded
    wide = [character for character in decoded if character > "\x7f"]
    if len(wide) >= _MIN_UTF8_CHARACTERS or max(wide) >= "\u0800":
        return decoded
    return _decode_leniently(document, declared)


def _declared_encoding(document: bytes) -> str:
    """Return the declared encoding; UTF-8 where none is declared, or none that exists."""
    declaration = _DECLARED.search(document[:1000])
    if declaration is None:
        return "utf-8"
    try:
        name = codecs.lookup(declaration[1].decode("ascii")).name
        name = _SUPERSETS.get(name, name)
        "".encode(name)
        b"".decode(name)
    except (LookupError, UnicodeError):  # also codecs that are no text encodings, such as hex
        return "utf-8"
    return "utf-8" if name.startswith(("utf-16", "utf-32", "utf_16", "utf_32")) else name


def _decode_leniently(document: bytes, name: str) -> str:
    try:
        return document.decode(name)
    except UnicodeDecodeError:
        if name == "utf-8":
            return document.decode("utf-8", _STRAY_BYTES)
        return document.decode(name, "replace")


_STRAY_BYTES: Final = "ingest-opml-windows-1252"


def _decode_stray_bytes(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as windows-1252, the most frequent other encoding of Western titles."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_STRAY_BYTES, _decode_stray_bytes)


class _Scanner:
    """Scans one decoded document from its begin to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = RecoveredRows()
        self._line = 1
        self._line_at = 0
        """The position up to which lines are counted."""
        self._absent: set[str] = set()
        """Terminators that do not occur any more, so that none is searched for again."""

    def scan(self) -> RecoveredRows:
        position = 0
        while (markup := _MARKUP.search(self._text, position)) is not None:
            position = self._read(markup)
        self._rows.is_opml = self._rows.is_opml or bool(self._rows.outlines)
        return self._rows

    def _read(self, markup: re.Match[str]) -> int:
        """Read what begins here, and return the position behind it."""
        if markup["comment"]:
            return self._behind("-->", markup.end())
        if markup["cdata"]:
            return self._behind("]]>", markup.end())
        if markup["instruction"]:
            return self._behind("?>", markup.end())
        if markup["doctype"]:
            return self._skip_doctype(markup.end())
        is_outline = markup["tag"].lower() == "outline"
        if not is_outline:
            self._rows.is_opml = True
            return markup.end()
        if markup["end"]:
            self._rows.end()
            return markup.end()
        return self._read_outline(markup)

    def _behind(self, terminator: str, position: int) -> int:
        """Return the position behind ``terminator``; ``position`` itself where the terminator is missing."""
        if terminator in self._absent:
            return position
        at = self._text.find(terminator, position)
        if at < 0:
            self._absent.add(terminator)
            return position
        return at + len(terminator)

    def _skip_doctype(self, position: int) -> int:
        head = _DOCTYPE_END.match(self._text, position)
        if head is None or not head["subset"]:
            return position if head is None else head.end()
        end = self._behind("]", head.end())
        is_unclosed = end == head.end()
        if not is_unclosed or "subset" not in self._absent:
            subset_end = len(self._text) if is_unclosed else end
            if _ENTITY.search(self._text, head.end(), subset_end):
                self._rows.declares_entities = True
        if is_unclosed:
            self._absent.add("subset")
        return end

    def _read_outline(self, markup: re.Match[str]) -> int:
        """Read the start tag of an outline; a tag that cannot be read is reported."""
        line = self._line_of(markup.start())
        following = _NEXT_TAG.search(self._text, markup.end())
        limit = len(self._text) if following is None else following.start()
        attributes, end, closed = self._read_attributes(markup.end(), limit)
        reason = None
        if end is None:
            reason = "a value without its closing quote"
        elif following is None and not closed and end >= limit:
            reason = "the file ends within the row"
        if reason is not None:
            shown = " ".join(
                self._text[markup.start() : min(limit, markup.start() + SHOWN_CHARACTERS)].split()
            )
            self._rows.damaged.append(Damage(line=line, text=shown, reason=reason))
            return limit
        self._rows.begin(attributes, line=line)
        assert end is not None
        # A start tag without its end: the next tag decides whether this row contains it.
        if closed == "/>" or (not closed and "xmlurl" in {name.lower() for name in attributes}):
            self._rows.end()
        return end

    def _read_attributes(self, position: int, limit: int) -> tuple[dict[str, str], int | None, str]:
        """Return the attributes of a tag, the position behind it and its end (``>``, ``/>``, or ``""``).

        The position is None where a value has no closing quote.
        """
        text = self._text
        attributes: dict[str, str] = {}
        while position < limit:
            if text[position] == ">":
                return attributes, position + 1, ">"
            if text.startswith("/>", position):
                return attributes, position + 2, "/>"
            attribute = _ATTRIBUTE.match(text, position, limit)
            if attribute is None:  # white space, or a character that belongs to no attribute
                position += 1
                continue
            position = attribute.end()
            if attribute[2] is None:
                continue
            value, position_after = self._read_value(position, limit)
            if position_after is None:
                return attributes, None, ""
            position = position_after
            attributes[attribute[1]] = attributes.get(attribute[1]) or _resolved(value)
        return attributes, limit, ""

    def _read_value(self, position: int, limit: int) -> tuple[str, int | None]:
        """Return the value that begins here and the position behind it; None: its closing quote is missing."""
        text = self._text
        quote = text[position : position + 1]
        if quote not in _CLOSING or position >= limit:
            unquoted = _UNQUOTED.match(text, position, limit)
            value = "" if unquoted is None else unquoted[0]
            end = position + len(value)
            if value.endswith("/") and text.startswith(">", end):
                return value[:-1], end - 1
            return value, end
        begin = position + 1
        closing = _CLOSING[quote].search(text, begin, limit)
        swallowed = _SWALLOWED.search(text, begin, limit if closing is None else closing.start())
        if swallowed is not None:
            return text[begin : swallowed.start()].rstrip(quote), swallowed.start()
        if closing is None:
            return "", None
        return text[begin : closing.start()], closing.end()

    def _line_of(self, position: int) -> int:
        self._line += self._text.count("\n", self._line_at, position)
        self._line_at = position
        return self._line


def _resolved(value: str) -> str:
    """Resolve the character references of a value. A bare ampersand stays, and so does a reference to no character."""
    return _CONTROLS.sub("", _REFERENCE.sub(_character, value) if "&" in value else value)


def _character(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if name is not None:
        return html5.get(f"{name};", reference[0])
    number = int(decimal) if decimal else int(hexadecimal, 16)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000 or number == 0:
        return ""
    return chr(number)
