"""Read an article's page: extract the article, and put its text in place of the feed's where it is longer."""

from __future__ import annotations

from ingest.document.values import PageBody
from ingest.extract import article_html, is_html
from ingest.normalise.page_text import merge_page_text
from ingest.types import Failed, FailureKind, Message
from ingest.wire import encode


def read_page(page: PageBody) -> Message | Failed:
    """The message that carries the article with its page's text; a failure where the feed's text stays."""
    if not is_html(page.body, page.content_type):
        return Failed(
            kind=FailureKind.NOT_HTML, detail=f"the page is {page.content_type or 'not HTML'}"[:200]
        )
    merged = merge_page_text(
        page.article,
        article_html(page.body, content_type=page.content_type),
        page_url=page.url,
        page_id=page.page_id,
        seen_at=page.seen_at,
    )
    return merged if isinstance(merged, Failed) else encode(merged)
