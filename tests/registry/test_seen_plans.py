"""Rows of a large seen-set with the titles and dates of a document are read from their index."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from ingest.db import seen

pytestmark = pytest.mark.store

ROWS = 60_000


@pytest.mark.parametrize("analysed", [False, True])
@pytest.mark.parametrize("entries", [1, 100])
def test_rows_are_found_by_key_article_title_and_date(database: Engine, analysed: bool, entries: int) -> None:
    with database.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO feeds (url, added_at, next_poll_at, interval)
                VALUES ('https://a.example/', now(), now(), '1h')"""
            )
        )
        connection.execute(
            text(
                """INSERT INTO seen SELECT 1, sha256(convert_to(n || '', 'UTF8')), 'h', gen_random_uuid(), 1,
                substring(sha256(convert_to(n || '', 'UTF8')) for 24) FROM generate_series(1, :rows) AS n"""
            ),
            {"rows": ROWS},
        )
        if analysed:
            connection.execute(text("ANALYZE seen"))
        marks = [b"%016d" % number for number in range(entries)]
        parameters = {"feed": 1, "keys": marks, "ids": [], "marks": marks}
        rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {seen._SELECT}", parameters)
        plan = "\n".join(rows.scalars())
    assert "ix_seen_title_date" in plan
    assert "Seq Scan on seen" not in plan
    if analysed:
        assert "Rows Removed by Filter" not in plan, plan
