"""Migration 0017 with articles in the database, in both directions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from ingest.db import migrate
from ingest.db.engine import open_engine, transaction
from ingest.reindex import reindex
from ingest.runtime import Stop

pytestmark = pytest.mark.store


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_articles_from_before_the_search_table_wait_to_be_indexed(empty: Engine) -> None:
    migrate.upgrade(empty, to="0016")
    with transaction(empty) as connection:
        for statement in (
            """INSERT INTO articles (id, revision, latest, story_id, feed_id, source, first_seen_at, revised_at,
                revised_feed_id, revised_poll_id, sort_at)
            SELECT lpad(n::text, 32, '0')::uuid, 1, 1, lpad(n::text, 32, '0')::uuid, 1, 'a.example', now(), now(), 1, 1,
                '2026-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 3) AS n""",
            """INSERT INTO revisions (article_id, number, current, content_hash, seen_at, feed_id, poll_id, title,
                authors, summary, text, html, categories)
            SELECT id, 1, true, '', now(), 1, 1, 'Summit', '{}', '', 'Журнал', '', '{}' FROM articles""",
            "INSERT INTO topics (slug, title, rule, changed_at) VALUES ('all', '', '{}', now())",
            """INSERT INTO matches (topic, article_id, revision, explanation, matched_at)
            SELECT 'all', id, 1, '{}', now() FROM articles""",
        ):
            connection.execute(text(statement))
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        waiting = connection.execute(text("SELECT count(*) FROM articles WHERE search_segment IS NULL"))
        assert waiting.scalar_one() == 3
        moved = "SELECT bool_and(m.sort_at = a.sort_at) FROM matches m JOIN articles a ON a.id = m.article_id"
        assert connection.execute(text(moved)).scalar_one() is True
    assert reindex(empty, Stop()) == 3
    migrate.downgrade(empty, to="0016")
    with transaction(empty) as connection:
        found = "SELECT count(*) FROM revisions WHERE current AND search @@ plainto_tsquery('simple', 'summit журнал')"
        assert connection.execute(text(found)).scalar_one() == 3
        assert connection.execute(text("SELECT to_regclass('article_search')")).scalar_one() is None
    migrate.upgrade(empty)
    assert reindex(empty, Stop()) == 3
