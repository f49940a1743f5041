"""Due feeds are read from the index in its order, whatever the planner's statistics are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from ingest.db import polls
from tests.bench.registry import NOW, fill

pytestmark = pytest.mark.store


def test_feeds_that_are_due_are_not_sorted_to_find_the_first(database: Engine) -> None:
    fill(database, 5_000, None)  # analysed while none is due
    with database.begin() as connection:
        connection.execute(text("UPDATE feeds SET next_poll_at = :due"), {"due": NOW - timedelta(hours=1)})
        connection.exec_driver_sql(polls._IN_ORDER)
        rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {polls._DUE}", {"due_by": NOW, "limit": 500})
        plan = "\n".join(rows.scalars())
    assert "Index Scan using ix_feeds_due" in plan
    assert "Sort" not in plan
    assert "Bitmap" not in plan
