"""Migration 0018 keeps the language of existing articles as the declared one, and takes a detected one back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from ingest.db import migrate
from ingest.db.engine import transaction

pytestmark = pytest.mark.store

BEFORE, LANGUAGES = "0016", "0018"


def _languages(engine: Engine, *columns: str) -> list[tuple[object, ...]]:
    with transaction(engine) as connection:
        rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM articles ORDER BY url"))
        return [tuple(row) for row in rows]


def test_languages_of_existing_articles_are_declared_ones_and_come_back(empty: Engine) -> None:
    migrate.upgrade(empty, to=BEFORE)
    with transaction(empty) as connection:
        for number, language in enumerate(("en-us", None), 1):
            connection.execute(
                text(
                    """INSERT INTO articles (id, revision, latest, story_id, feed_id, url, source, language,
                        first_seen_at, revised_at, revised_feed_id, revised_poll_id, sort_at)
                    VALUES (:id, 1, 1, :id, 1, :url, 'a.example', :language, now(), now(), 1, 1, now())"""
                ),
                {
                    "id": f"00000000-0000-0000-0000-00000000000{number}",
                    "url": f"https://a.example/{number}",
                    "language": language,
                },
            )
    migrate.upgrade(empty, to=LANGUAGES)
    columns = ("language", "declared_language", "detected_language", "language_confidence")
    assert _languages(empty, *columns) == [("en-us", "en-us", None, None), (None, None, None, None)]
    with transaction(empty) as connection:
        connection.execute(
            text("UPDATE articles SET language = 'ko', detected_language = 'ko', language_confidence = .98")
        )
    assert _languages(empty, "language_confidence") == [(0.98,), (0.98,)]
    migrate.downgrade(empty, to=BEFORE)
    assert _languages(empty, "language") == [("en-us",), (None,)]
