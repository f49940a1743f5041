"""Decode an HTML page: the server's charset, then the page's own declaration, then detection."""

from __future__ import annotations

import re
from typing import Final

from ingest.charsets.decoding import Decoded, decode_document

HEAD_BYTES: Final = 4_096
"""Bytes in which a page declares its charset; browsers look at the first 1,024, and pages come with longer comments."""

_HEADER: Final = re.compile(r"""charset\s*=\s*["']?\s*([^\s"';,]{2,40})""", re.IGNORECASE)
_META: Final = re.compile(
    rb"""<meta\b[^<>]{0,500}?\bcharset\s*=\s*["']?\s*([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE
)
_XML: Final = re.compile(rb"""^\s*<\?xml\b[^<>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{2,40})""")
_COMMENT: Final = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_LANGUAGE: Final = re.compile(rb"""<html\b[^<>]{0,500}?\slang\s*=\s*["']?([A-Za-z]{2})\b""", re.IGNORECASE)


def decode_page(body: bytes, *, content_type: str | None = None) -> Decoded:
    """Decode an HTML page; returns a value for every input."""
    head = _COMMENT.sub(b"", body[:HEAD_BYTES])
    labels = [match[1] for match in (_HEADER.search(content_type or ""),) if match is not None]
    labels += [match[1].decode() for match in (_META.search(head), _XML.search(head)) if match is not None]
    language = _LANGUAGE.search(head)
    return decode_document(
        body, labels=labels, language=language[1].decode() if language is not None else None
    )
