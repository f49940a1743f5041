"""Read stored versions of articles that a batch is compared with before it is decided; lock nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from ingest.db.engine import driver_of
from ingest.identity import PARSER_VERSION
from ingest.types import StoredText

_TEXTS: Final = """
    SELECT r.article_id, r.content_hash FROM revisions r
    JOIN unnest(%b::uuid[], %b::bytea[]) AS n(article_id, content_hash) USING (article_id, content_hash)"""
_OLDER_TEXTS: Final = """
    SELECT a.id, r.content_hash, coalesce(r.parser_version, 0), r.title, r.summary, r.text, r.html, r.authors
    FROM unnest(%b::uuid[]) AS a(id) CROSS JOIN LATERAL (
        SELECT * FROM revisions
        WHERE article_id = a.id AND coalesce(parser_version, 0) < %s
        ORDER BY current DESC, number DESC LIMIT %s) AS r"""

MAX_OLDER_TEXTS: Final = 10
"""Versions of one article that older rules made and that a record is compared with."""


def stored_texts(
    connection: Connection, texts: Sequence[tuple[UUID, bytes]]
) -> frozenset[tuple[UUID, bytes]]:
    """Return those of the texts (article, content hash) that are revisions of their articles."""
    articles, hashes = [article for article, _ in texts], [content_hash for _, content_hash in texts]
    rows = driver_of(connection).execute(_TEXTS, (articles, hashes))
    return frozenset((row[0], bytes(row[1])) for row in rows)


def older_texts(connection: Connection, articles: Collection[UUID]) -> Mapping[UUID, tuple[StoredText, ...]]:
    """Return the versions of these articles that older rules made, the current first, then the latest."""
    texts: dict[UUID, tuple[StoredText, ...]] = {}
    rows = driver_of(connection).execute(_OLDER_TEXTS, (list(articles), PARSER_VERSION, MAX_OLDER_TEXTS))
    for article_id, content_hash, parser_version, title, summary, text, html, authors in rows:
        stored = StoredText(
            content_hash=bytes(content_hash),
            parser_version=parser_version,
            title=title,
            summary=summary,
            text=text,
            html=html,
            authors=tuple(authors),
        )
        texts[article_id] = (*texts.get(article_id, ()), stored)
    return texts
