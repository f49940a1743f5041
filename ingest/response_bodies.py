"""JSON bodies of stored objects, the same in the API and in ``--json`` output of commands."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ingest.db.article_search import ArticleRow, ResultPage
from ingest.db.ledger import Ledger
from ingest.db.status import Status
from ingest.db.topics import ListedTopic
from ingest.jsonable import jsonable
from ingest.query import encode_cursor


def article_body(article: ArticleRow) -> dict[str, Any]:
    """Return an article of a result page; only a full-text search has ``title_fragments`` and ``snippet``."""
    body: dict[str, Any] = jsonable(article)
    del body["sort_at"]  # internal; published_at and first_seen_at are there
    if article.snippet is None:
        del body["title_fragments"], body["snippet"]
    return body


def result_page_body(page: ResultPage) -> dict[str, Any]:
    """Return the members of a result page beside its articles: where it ends, and whether it is exact."""
    return {
        "next_cursor": None if page.next_cursor is None else encode_cursor(page.next_cursor),
        "exact": page.exact,
        "since": jsonable(page.since),
    }


def ledger_body(ledger: Ledger) -> dict[str, Any]:
    """Return the ledger of a URL."""
    return {"recorded": ledger.is_recorded, **jsonable(ledger)}


def topic_body(listed: ListedTopic) -> dict[str, Any]:
    """Return a topic in one object with the state of its stream."""
    body: dict[str, Any] = jsonable(listed)
    topic = body.pop("topic")
    return {**topic, **body}


def status_body(status: Status) -> dict[str, Any]:
    """Return the status of the service; durations are in seconds."""
    body = {field.name: getattr(status, field.name) for field in fields(status)}
    body["due_lag_seconds"] = body.pop("due_lag").total_seconds()
    body["polls_last_hour"] = body.pop("polls")
    body["pages_last_hour"] = body.pop("pages")
    return body
