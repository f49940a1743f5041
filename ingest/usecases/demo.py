"""Reads of the demo: the results that it shows at its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from ingest.db.engine import Engine

_REPOST: Final = """
    SELECT r.title, a.url, r.authors, r.publisher, r.attribution ->> 'evidence', m.explanation,
           ARRAY(SELECT o.url FROM articles o WHERE o.story_id = a.story_id AND o.id <> a.id ORDER BY o.sort_at)
    FROM matches m JOIN articles a ON a.id = m.article_id JOIN revisions r ON r.article_id = a.id AND r.current
    WHERE m.topic = %s AND r.attribution ->> 'publisher' IS NOT NULL
    ORDER BY cardinality(ARRAY(SELECT 1 FROM articles o WHERE o.story_id = a.story_id)) DESC, a.sort_at LIMIT 1"""
_POLL_RESULTS: Final = """
    SELECT result, coalesce(failure, ''), count(*) FROM polls JOIN feeds f ON f.id = feed_id
    WHERE f.url = %s GROUP BY 1, 2 ORDER BY 3 DESC"""
_CURRENT: Final = """
    SELECT a.url, r.title FROM articles a JOIN revisions r ON r.article_id = a.id AND r.current"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repost:
    """An article that names its source, with the match and the other articles of its story."""

    title: str
    url: str
    authors: tuple[str, ...]
    publisher: str
    evidence: str
    explanation: Mapping[str, Any]
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """How often polls of a feed ended in one result."""

    result: str
    failure: str
    count: int


def find_repost(engine: Engine, topic: str) -> Repost | None:
    """Return the repost in ``topic`` whose story has most copies."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql(_REPOST, (topic,)).fetchone()
    if row is None:
        return None
    title, url, authors, publisher, evidence, explanation, copies = row
    return Repost(
        title=title,
        url=url,
        authors=tuple(authors),
        publisher=publisher,
        evidence=evidence,
        explanation=explanation,
        copies=tuple(copies),
    )


def poll_results(engine: Engine, url: str) -> list[PollResult]:
    """Return the results of all polls of one feed, the most frequent first."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(_POLL_RESULTS, (url,)).fetchall()
    return [PollResult(result=result, failure=failure, count=count) for result, failure, count in rows]


def missing_articles(engine: Engine, published: Collection[tuple[str, str]]) -> set[str]:
    """Return the URLs of published articles (URL and last title) that are not stored with that title."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(_CURRENT).fetchall()
    stored = {(_host_and_path(url), title) for url, title in rows}
    return {url for url, title in published if (_host_and_path(url), " ".join(title.split())) not in stored}


def count_articles(engine: Engine) -> tuple[int, int]:
    """Return the numbers of stored articles and stories."""
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT count(*), count(DISTINCT story_id) FROM articles").one()
    return row[0], row[1]


def _host_and_path(url: str) -> str:
    split = urlsplit(url)
    return f"{split.hostname}{split.path}".rstrip("/")
