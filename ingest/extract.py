"""Extract the article from a page, as HTML. The only module that imports trafilatura.

The result is neither sanitised nor compared with the feed's text: :mod:`ingest.normalise.page_text` does both. A
hostile page may take any time and memory, so call this in a process that can be killed (:mod:`ingest.parse_pool`).
"""

from __future__ import annotations

import trafilatura

from ingest.charsets import decode_page


def is_html(body: bytes, content_type: str | None) -> bool:
    """Whether the body is HTML by its ``Content-Type``; without one, whether it begins with a tag."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind:
        return kind in {"text/html", "application/xhtml+xml"}
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def article_html(body: bytes, *, content_type: str | None) -> str:
    """The article with its links, emphasis, tables and pictures; empty where the page has none."""
    article = trafilatura.extract(
        decode_page(body, content_type=content_type).text,
        output_format="html",
        include_comments=False,
        include_formatting=True,
        include_links=True,
        include_images=True,
        include_tables=True,
    )
    return article or ""
