"""Bytes of a feed → bytes in UTF-8 that feedparser reads well, and warnings about what was repaired.

:mod:`ingest.charsets` decodes. This module finds the declarations: the document's counts before a server's default
(RFC 7303, and not RFC 3023, by which ``text/xml`` would be US-ASCII). It also removes what XML does not allow.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from ingest.charsets import decode_document, encoding_of, wide_encoding
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
_LANGUAGE: Final = re.compile(
    rb"""<(?:dc:)?language>\s*([A-Za-z]{2})\b|\s(?:xml:)?lang=["']([A-Za-z]{2})\b""", re.IGNORECASE
)
_LANGUAGE_BYTES: Final = 8_192
_DEFAULT_CHARSETS: Final = frozenset({"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"})
"""Charsets that servers send for any text file, whatever it contains."""
_EBCDIC: Final = b"\x4c\x6f\xa7\x94"


def prepare(body: bytes, content_type: str | None) -> tuple[bytes, str | None, list[str]]:
    """The body for feedparser, the charset to declare, and warnings about what was repaired."""
    if body.startswith(_EBCDIC):
        return body, None, []
    warnings: list[str] = []
    if content_type and not _XML_TYPE.match(content_type):
        warnings.append(text(f"served as {content_type}")[:100])
    if wide_encoding(body) is not None:
        decoded = decode_document(body, labels=())
        plain = decoded.text.encode("utf-8", "replace")
        cleaned = _without_preamble(_without_controls(plain, warnings), warnings)
        return cleaned, "utf-8", [*warnings, *decoded.warnings]
    is_marked = body.startswith(codecs.BOM_UTF8)
    cleaned = _without_preamble(_without_controls(body, warnings), warnings)
    labels = () if is_marked else declared_labels(cleaned, content_type)
    if _is_plain_utf8(cleaned, labels):
        return cleaned, "utf-8", warnings
    decoded = decode_document(cleaned, labels=labels, language=_language(cleaned))
    return decoded.text.encode("utf-8", "replace"), "utf-8", [*warnings, *decoded.warnings]


def _language(body: bytes) -> str | None:
    """The language that the document declares near its beginning."""
    match = _LANGUAGE.search(body, 0, _LANGUAGE_BYTES)
    return (match[1] or match[2]).decode() if match else None


def _is_plain_utf8(body: bytes, labels: Sequence[str]) -> bool:
    """Whether ``body`` is UTF-8 as declared, so that nothing is to convert and nothing to warn about."""
    if any(encoding_of(label) != "utf-8" for label in labels):
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x1b" not in body


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


def declared_labels(body: bytes, content_type: str | None) -> tuple[str, ...]:
    """The declared encodings as they are written, the most credible first.

    The server's declaration counts before the document's (RFC 7303), except where it is a server's default.
    """
    own_match = _DECLARED.match(body)
    own = own_match[1].decode().lower() if own_match else None
    header_match = _CHARSET.search(content_type or "")
    header = header_match[1].lower() if header_match else None
    labels = [own, header] if header in _DEFAULT_CHARSETS else [header, own]
    return tuple([label for label in labels if label is not None])
