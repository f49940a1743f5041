"""An article's page → the HTML of the article in it. The only module that knows trafilatura.

What comes out is neither sanitised nor judged: :mod:`ingest.normalise.page_text` does that. Pages are other
people's, and reading one may take any time and memory: call this in a process that can be killed
(:mod:`ingest.parse_pool`).
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import trafilatura

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
# What these labels stand for in pages (WHATWG Encoding Standard, §4.2).
_MEANT: Final = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}


def is_html(body: bytes, content_type: str | None) -> bool:
    """Whether this is a page, as its server says, or as it looks where the server says nothing."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind:
        return kind in {"text/html", "application/xhtml+xml"}
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def article_html(body: bytes, *, content_type: str | None) -> str:
    """The article in a page, as HTML with its links, emphasis, tables and pictures; empty where none is found."""
    found = trafilatura.extract(
        _decoded(body, content_type),
        output_format="html",
        include_comments=False,
        include_formatting=True,
        include_links=True,
        include_images=True,
        include_tables=True,
    )
    return found or ""


def _decoded(body: bytes, content_type: str | None) -> str | bytes:
    """As its server says; where it says nothing the page does, which the library reads."""
    said = _CHARSET.search(content_type or "")
    if said is None or body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body
    try:
        name = codecs.lookup(said[1]).name
        return body.decode(_MEANT.get(name, name), "replace")
    except (LookupError, ValueError):  # no such encoding, or one that is none of text
        return body
