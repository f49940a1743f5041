"""The migration that adds removed lines to stored texts keeps the rows, in both directions."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from ingest.db import migrate
from ingest.db.engine import open_engine, transaction

pytestmark = pytest.mark.store


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


def _rows(connection: Connection, table: str) -> list[dict[str, object]]:
    """Return every row of a table in a stable order."""
    rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).mappings()
    return [dict(row) for row in rows]


def test_stored_texts_have_no_removed_lines_and_going_back_drops_them(empty: Engine) -> None:
    migrate.upgrade(empty, to="0016")
    article_id = "00000000-0000-0000-0000-000000000001"
    origin = {"author": None, "publisher": "Evening Paper", "url": None, "evidence": "e"}
    credit = {"agency": "AP", "role": "wire", "evidence": "(AP) -"}
    with transaction(empty) as connection:
        connection.execute(
            text(
                """INSERT INTO articles (id, revision, latest, story_id, feed_id, source, first_seen_at, revised_at,
                    revised_feed_id, revised_poll_id, sort_at)
                VALUES (:id, 1, 3, :id, 1, 'a.example', now(), now(), 1, 1, now())"""
            ),
            {"id": article_id},
        )
        for number, attribution in enumerate((origin, None, None), 1):
            connection.execute(
                text(
                    """INSERT INTO revisions (article_id, number, current, content_hash, seen_at, feed_id, poll_id,
                        title, authors, attribution, summary, text, html, categories)
                    VALUES (:id, :number, :number = 1, int4send(:number), now(), 1, 1, 'T', '{}', :attribution, '', '',
                        '', '{}')"""
                ),
                {"id": article_id, "number": number, "attribution": attribution and json.dumps(attribution)},
            )
        before = _rows(connection, "revisions")
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        assert [(row["removed"], row["parser_version"]) for row in _rows(connection, "revisions")] == [
            (None, None)
        ] * 3
        for number, credited in (
            (1, {**origin, "credits": [credit]}),
            (2, {**origin, "publisher": None, "credits": [credit]}),
        ):
            connection.execute(
                text(
                    "UPDATE revisions SET attribution = :attribution, parser_version = 3 WHERE number = :number"
                ),
                {"number": number, "attribution": json.dumps(credited)},
            )
    migrate.downgrade(empty, to="0016")
    with transaction(empty) as connection:
        assert _rows(connection, "revisions") == before
