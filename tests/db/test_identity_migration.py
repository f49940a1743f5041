"""The migration of identities keeps every entry, and removes marks and aliases on the way back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from ingest.db import migrate
from ingest.db.engine import transaction
from tests.db.test_migrations import _rows, empty

__all__ = ["empty"]

pytestmark = pytest.mark.store


def test_marks_of_shared_names_and_aliases_go_with_the_evidence_of_feeds(empty: Engine) -> None:
    migrate.upgrade(empty, to="0016")
    entry, mark, article = ("00000000-0000-0000-0000-00000000000" + number for number in "101")
    insert = "INSERT INTO seen VALUES (1, :key, 'd', :article, 1, :fingerprint)"
    with transaction(empty) as connection:
        connection.execute(
            text(
                """INSERT INTO feeds (url, added_at, next_poll_at, interval)
                VALUES ('https://a.example/1', now(), now(), '1h')"""
            )
        )
        connection.execute(text(insert), {"key": b"k", "article": entry, "fingerprint": bytes(range(24))})
        connection.execute(text(insert), {"key": b"n", "article": entry, "fingerprint": None})
        before = _rows(connection, "seen")
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        connection.execute(text(insert), {"key": b"m", "article": mark, "fingerprint": None})
        connection.execute(
            text(
                """INSERT INTO articles (id, revision, latest, story_id, feed_id, source, first_seen_at, revised_at,
                    revised_feed_id, revised_poll_id, sort_at)
                VALUES (:id, 1, 1, :id, 1, 'a.example', now(), now(), 1, 1, now())"""
            ),
            {"id": article},
        )
        connection.execute(
            text("INSERT INTO article_aliases VALUES (:alias, :id)"), {"alias": mark, "id": article}
        )
        like = "SELECT key FROM seen WHERE substring(entry_fingerprint from 9) = :mark"
        assert [bytes(key) for key in connection.scalars(text(like), {"mark": bytes(range(8, 24))})] == [b"k"]
        connection.execute(text("DELETE FROM articles"))
        assert _rows(connection, "article_aliases") == []
    migrate.downgrade(empty, to="0016")
    with transaction(empty) as connection:
        assert _rows(connection, "seen") == before
