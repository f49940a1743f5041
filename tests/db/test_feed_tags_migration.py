"""The migration that adds the tags of feeds, with data."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from ingest.db import migrate
from ingest.db.engine import open_engine

pytestmark = pytest.mark.store


def test_feeds_have_no_tags_after_the_upgrade_and_lose_them_with_the_downgrade(
    empty_database_url: str,
) -> None:
    engine = open_engine(empty_database_url)
    try:
        migrate.upgrade(engine)
        migrate.downgrade(engine, to="0016")
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO feeds (url, added_at, next_poll_at, interval)"
                    " VALUES ('https://a.example/', now(), now(), '15 minutes')"
                )
            )
        migrate.upgrade(engine)
        with engine.begin() as connection:
            assert connection.scalar(text("SELECT tags FROM feeds")) == []
            connection.execute(text("UPDATE feeds SET tags = '{Asia}'"))
        migrate.downgrade(engine, to="0016")
        migrate.upgrade(engine)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT tags FROM feeds")) == []
    finally:
        engine.dispose()
