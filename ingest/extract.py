"""Extract the article from a page, as HTML. The only module that imports trafilatura.

The result is neither sanitised nor compared with the feed's text: :mod:`ingest.normalise.page_text` does both. A
hostile page may take any time and memory, so call this in a process that can be killed (:mod:`ingest.parse_pool`).
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import trafilatura

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
# The encodings that pages mean by these labels (WHATWG Encoding Standard, §4.2).
_LABELS: Final = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}


def is_html(body: bytes, content_type: str | None) -> bool:
    """Whether the body is HTML by its ``Content-Type``; without one, whether it begins with a tag."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind:
        return kind in {"text/html", "application/xhtml+xml"}
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def article_html(body: bytes, *, content_type: str | None) -> str:
    """The article with its links, emphasis, tables and pictures; empty where the page has none."""
    article = trafilatura.extract(
        _decoded(body, content_type),
        output_format="html",
        include_comments=False,
        include_formatting=True,
        include_links=True,
        include_images=True,
        include_tables=True,
    )
    return article or ""


def _decoded(body: bytes, content_type: str | None) -> str | bytes:
    """The body, decoded by the server's charset; without one, bytes, whose charset trafilatura detects."""
    charset = _CHARSET.search(content_type or "")
    if charset is None or body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body
    try:
        name = codecs.lookup(charset[1]).name
        return body.decode(_LABELS.get(name, name), "replace")
    except (LookupError, ValueError):  # unknown, or not a text encoding
        return body
