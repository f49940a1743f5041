"""Bytes of a document → bytes that feedparser reads well, and the charset to declare to feedparser.

Valid UTF-8 with any non-ASCII character in it *is* UTF-8, whatever is declared: other encodings do not produce it by
chance. Otherwise the declarations count, the document's before a server's default (RFC 7303, and not RFC 3023, by
which ``text/xml`` would be US-ASCII). A document that is in its declared encoding but for a few bytes stays in it:
otherwise feedparser would decode all of it as windows-1252.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from ingest.parse.text_values import text

_ROOT: Final = re.compile(rb"<\?xml\b|<(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
# A DOCTYPE before the root is kept: its entities would be undefined without it.
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
_XML_TYPE: Final = re.compile(r"\s*(?:application|text)/(?:[\w.-]+\+)?xml(?:-\S+)?\s*(?:;|$)", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"""^<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{2,40})["']""")
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
# References that may be invalid: most numbers in use cannot be, and need no second look.
_REFERENCE: Final = re.compile(
    rb"&#(?:[xX]([0-9a-fA-F]{1,8})|(0[0-9]{0,7}|[12]?[0-9]|3[01]|5[5-7][0-9]{3}|6553[45]|[0-9]{7,8}));"
)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x1b"))
_ASCII: Final = bytes(range(128))
_WIDE_BOMS: Final = (
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF32_LE,
)
_DEFAULT_CHARSETS: Final = frozenset({"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"})
"""Charsets that servers send for any text file, whatever it contains."""
_SUPERSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949", "ks_c_5601-1987": "cp949"}
"""Supersets in use under the older name (WHATWG Encoding, §4.2)."""
_LOSS_LIMIT: Final = 20
"""An encoding is accepted if it decodes all but one in twenty non-ASCII characters."""


def prepare(body: bytes, content_type: str | None) -> tuple[bytes, str | None, list[str]]:
    """The body for feedparser, the charset to declare, and warnings about what was repaired."""
    if body.startswith(_WIDE_BOMS) or b"\0" in body[:4]:
        return body, None, []
    warnings: list[str] = []
    if content_type and not _XML_TYPE.match(content_type):
        warnings.append(text(f"served as {content_type}")[:100])
    cleaned = _without_preamble(_without_controls(body, warnings), warnings)
    own = _DECLARED.match(cleaned)
    if own and not _is_encoding(own[1].decode()):
        warnings.append(f"declared as {own[1].decode()}, which is no encoding")
    declared = _declared_encodings(cleaned, content_type)
    if cleaned.isascii():
        return cleaned, declared[0] if declared else None, warnings
    if _decodes(cleaned, "utf-8"):
        if declared and declared[0] not in {"utf-8", "utf8", "gb2312"}:
            warnings.append(f"declared as {declared[0]}, but encoded in UTF-8")
        return cleaned, "utf-8", warnings
    for name in declared:
        if name not in {"utf-8", "utf8"} and _decodes(cleaned, name):
            return cleaned, name, warnings
    recoded = _recode_leniently(cleaned, [*declared, "utf-8"])
    if recoded is not None:
        name, recoded_body, lost = recoded
        warnings.append(f"{lost} characters are not {name}")
        return recoded_body, "utf-8", warnings
    if declared:
        warnings.append(f"declared as {declared[0]}, but encoded otherwise")
    return cleaned, None, warnings


def _without_controls(body: bytes, warnings: list[str]) -> bytes:
    plain = body.removeprefix(codecs.BOM_UTF8)
    cleaned = plain.translate(None, _CONTROLS)
    if len(cleaned) != len(plain):
        warnings.append("control characters were removed")
    # A single reference to half a surrogate pair makes feedparser fail on the whole document.
    return _REFERENCE.sub(_valid_reference, cleaned)


def _without_preamble(body: bytes, warnings: list[str]) -> bytes:
    """The document from its XML declaration, DOCTYPE or root on."""
    root = _ROOT.search(body, 0, 8_192)
    if root is None or root.start() == 0:
        return body
    doctype = _DOCTYPE.search(body, 0, root.start())
    start = root.start() if doctype is None else doctype.start()
    if body[:start].strip():
        warnings.append("there was text before the document")
    return body[start:]


def _valid_reference(reference: re.Match[bytes]) -> bytes:
    """A numeric reference, or nothing where its number is no character of XML (XML 1.0, §2.2)."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    control = number < 32 and number not in (9, 10, 13)
    invalid = control or 0xD800 <= number < 0xE000 or number in (0xFFFE, 0xFFFF) or number > 0x10FFFF
    return b"" if invalid else reference[0]


def _declared_encodings(body: bytes, content_type: str | None) -> list[str]:
    """The declared encodings that Python supports, the most credible first."""
    own_match = _DECLARED.match(body)
    own = own_match[1].decode().lower() if own_match else None
    header_match = _CHARSET.search(content_type or "")
    header = header_match[1].lower() if header_match else None
    names = [own, header] if header in _DEFAULT_CHARSETS else [header, own]
    return [_SUPERSETS.get(name, name) for name in names if name is not None and _is_encoding(name)]


def _is_encoding(name: str) -> bool:
    """Whether Python has a text encoding of this name."""
    try:
        b" ".decode(name, "replace")  # Python decodes empty bytes without looking at the name
    except (LookupError, ValueError):
        return False
    return True


def _decodes(body: bytes, name: str) -> bool:
    try:
        body.decode(name)
    except (UnicodeError, LookupError):
        return False
    return True


def _recode_leniently(body: bytes, names: list[str]) -> tuple[str, bytes, int] | None:
    """The first encoding that loses few characters, the body in UTF-8, and the number of lost characters."""
    beyond_ascii = len(body.translate(None, _ASCII))
    for name in names:
        try:
            decoded = body.decode(name, "replace")
        except (UnicodeError, LookupError):
            continue
        lost = decoded.count("\ufffd") - body.count(b"\xef\xbf\xbd")
        if lost * _LOSS_LIMIT <= beyond_ascii:
            return name, decoded.encode("utf-8", "replace"), lost
    return None
