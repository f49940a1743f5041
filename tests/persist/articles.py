"""Articles and records for tests of the store, with every field filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ingest.identity import article_id, content_hash
from ingest.types import Article, Record
from ingest.wire import encode

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

LONG_TEXT = " ".join(f"word{number}" for number in range(60))
"""Long enough for a story id of its own, so that copies can join the story."""


AUTHORS = ("Ann Author", "Bo Byline")


def article(
    url: str = "https://news.example/a",
    *,
    poll_id: int = 1,
    title: str = "A title",
    text: str = "Text.",
    authors: tuple[str, ...] = AUTHORS,
) -> Article:
    """Return the version of the article at ``url`` that poll ``poll_id`` brought; polls are a minute apart."""
    return Article(
        id=article_id(url=url, feed_url="https://news.example/feed", title=title),
        feed_id=7,
        feed_url="https://news.example/feed",
        poll_id=poll_id,
        entry_key=bytes(16),
        content_hash=content_hash(title, text, authors),
        seen_at=START + timedelta(minutes=poll_id),
        url=url,
        guid=f"guid of {url}",
        title=title,
        authors=authors,
        publisher="News Example",
        source="news.example",
        attribution=None,
        summary=text[:100],
        text=text,
        html=f"<p>{text}</p>",
        language="en",
        categories=("world",),
        image=None,
        published_at=START,
        updated_at=None,
    )


def record(of: Article, *, offset: int) -> Record:
    message = encode(of)
    return Record(
        topic="news.articles",
        partition=0,
        offset=offset,
        key=message.key,
        value=message.value,
        headers=message.headers,
        appended_at=of.seen_at,
    )


def records(*articles: Article, first: int = 1) -> list[Record]:
    return [record(one, offset=offset) for offset, one in enumerate(articles, first)]
