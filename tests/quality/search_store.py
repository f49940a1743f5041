"""A store to search: articles go from feed documents through parser, log and consumer into a database of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

from ingest.db.article_search import find
from ingest.db.engine import transaction
from ingest.document import Document
from ingest.document.feed import finish, prepare
from ingest.log.api import ARTICLES
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.query import encode_cursor, read_query
from ingest.types import Failed, Message
from tests.bench.figures import corpus_file, read_jsonl_zst, read_tar_zst

BATCH: Final = 500
RESULT_PAGE: Final = "100"
LONGEST_DOCUMENT: Final = 2_000_000
POLL_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """A feed's bytes, with the declared language in them."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """The searchable text of a stored article."""

    id: UUID
    url: str | None
    title: str
    text: str


def json_feed(name: str, items: Iterable[Mapping[str, Any]], *, language: str | None = None) -> FeedDocument:
    """Return a JSON Feed with ``items`` of the keys ``id``, ``title`` and ``content_text``."""
    url = f"https://{name}.quality.example/feed.json"
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": name, "language": language}
    return FeedDocument(
        url=url, body=json.dumps({**feed, "items": [_item(name, each) for each in items]}).encode()
    )


def _item(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    url = f"https://{name}.quality.example/{row['id']}"
    return {**row, "id": url, "url": url, "date_published": "2026-08-12T06:00:00Z"}


def store(engine: Engine, documents: Iterable[FeedDocument]) -> None:
    """Parse, append and consume ``documents`` with the code of the service."""
    log = PostgresLog(engine)
    messages = [message for number, each in enumerate(documents, 1) for message in _messages(each, number)]
    for first in range(0, len(messages), BATCH):
        log.append(ARTICLES, messages[first : first + BATCH])
    persist = Persister(engine, log)
    with log.subscribe(ARTICLES, group="quality") as subscription:
        consumed = 0
        while consumed < len(messages):
            records = subscription.poll(timeout=POLL_SECONDS, limit=BATCH)
            if not records:
                raise RuntimeError(f"the log has {consumed} of {len(messages)} articles")
            persist(records)
            subscription.commit(records)
            consumed += len(records)


def _messages(document: FeedDocument, number: int) -> tuple[Message, ...]:
    prepared = prepare(
        Document(
            body=document.body,
            content_type=None,
            language=None,
            url=document.url,
            feed_url=document.url,
            feed_id=number,
            poll_id=number,
            seen_at=datetime.now(UTC),
            first=True,
        )
    )
    return () if isinstance(prepared, Failed) else finish(prepared, {}).messages


def stored_texts(engine: Engine) -> list[StoredText]:
    """Return the texts of all articles, ordered by id."""
    statement = """
        SELECT a.id, a.url, r.title, r.text FROM articles a
        JOIN revisions r ON r.article_id = a.id AND r.number = a.revision ORDER BY a.id"""
    with transaction(engine) as connection:
        rows = connection.execute(text(statement)).all()
    return [StoredText(id=row[0], url=row[1], title=row[2], text=row[3]) for row in rows]


def search(engine: Engine, query: str) -> Iterator[UUID]:
    """Yield the articles that the product finds, over all result pages.

    Raises:
        Refused: the product does not accept the query.
    """
    parameters = {"q": query, "limit": RESULT_PAGE}
    while True:
        result = find(engine, read_query(parameters))
        yield from (article.id for article in result.articles)
        if result.next_cursor is None:
            return
        parameters["cursor"] = encode_cursor(result.next_cursor)


def corpus_documents(corpus: Path) -> Iterator[FeedDocument]:
    """Yield ``lede-stream`` and the multilingual part of the corpus."""
    lede = read_jsonl_zst(corpus_file(corpus, "lede-stream.jsonl.zst"))
    yield json_feed("lede", _items(lede, text_key="summary"))
    labelled = read_jsonl_zst(corpus_file(corpus, "russia-north-korea.jsonl.zst"))
    yield json_feed("labelled", _items(row for row in labelled if row["lang"] != "en"))
    updates = read_jsonl_zst(corpus_file(corpus, "yonhap-updates.jsonl.zst"))
    yield json_feed(
        "yonhap", _items((article for row in updates for article in row["articles"]), text_key="summary")
    )
    yield json_feed("kcna", _items(read_jsonl_zst(corpus_file(corpus, "kcna-same-text.jsonl.zst"))))
    numbers = count(1)
    for _, body in read_tar_zst(corpus_file(corpus, "wild-feeds.tar.zst")):
        if len(body) <= LONGEST_DOCUMENT:
            yield FeedDocument(url=f"https://wild-{next(numbers)}.quality.example/feed", body=body)


def _items(rows: Iterable[Mapping[str, Any]], *, text_key: str = "text") -> Iterator[dict[str, Any]]:
    for row in rows:
        title, content = str(row.get("title") or ""), str(row.get(text_key) or "")
        key = blake2b(f"{row.get('url')}\0{title}\0{content}".encode(), digest_size=8).hexdigest()
        yield {"id": key, "title": title, "content_text": content}
