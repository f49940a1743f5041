"""A process that is killed while it indexes leaves an index that the next one completes.

The process ends itself at a failpoint, as ./run crash kills the other stages.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from sqlalchemy import Engine, text

from ingest import search
from ingest.db.engine import transaction
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.reindex import count_unindexed, reindex
from ingest.runtime import Stop
from tests.persist.articles import START, article, records

pytestmark = pytest.mark.store

EXIT = 9
_REINDEX = f"""
import os, sys
from ingest import reindex, runtime
from ingest.db.engine import open_engine

def end_at(label):
    if label == sys.argv[2]:
        os._exit({EXIT})

runtime._on_failpoint = end_at
reindex.BATCH = 10
print(reindex.reindex(open_engine(sys.argv[1]), runtime.Stop()))
"""


def run_until(url: str, label: str) -> int:
    """Reindex in a process of its own that ends at a failpoint; return its exit code."""
    process = subprocess.run(
        [sys.executable, "-c", _REINDEX, url, label], check=False, timeout=100, env=os.environ
    )
    return process.returncode


def consistent(engine: Engine) -> bool:
    query = """SELECT count(*) = (SELECT count(*) FROM articles) AND count(*) = (SELECT count(*) FROM article_search)
        FROM articles a JOIN article_search s ON s.article_id = a.id AND s.segment = a.search_segment
        JOIN search_segments p ON p.id = s.segment AND p.index_version = :version"""
    with transaction(engine) as connection:
        return bool(connection.execute(text(query), {"version": search.INDEX_VERSION}).scalar_one())


@pytest.mark.parametrize("label", ["segment.created", "reindex.batch-written", "segment.dropped"])
def test_a_killed_reindexing_is_completed_by_the_next(
    database: Engine, database_url: str, label: str
) -> None:
    persist = Persister(database, PostgresLog(database), clock=lambda: START)
    persist(records(*(article(f"https://news.example/{number}") for number in range(25))))
    with transaction(database) as connection:
        connection.execute(text("UPDATE search_segments SET index_version = 0"))
    assert run_until(database_url, label) == EXIT
    expected = {"segment.created": 25, "reindex.batch-written": 15, "segment.dropped": 0}
    assert count_unindexed(database) == expected[label]
    assert reindex(database, Stop()) == expected[label]
    assert consistent(database)
    with transaction(database) as connection:
        partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'article_search'::regclass"
        assert connection.execute(text(partitions)).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM search_segments")).scalar_one() == 1


def test_a_consumer_that_dies_behind_a_new_segment_repeats_its_batch(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    persist = Persister(database, PostgresLog(database), clock=lambda: START)
    batch = records(article())

    def die(label: str) -> None:
        if label == "persist.begun":
            raise KeyboardInterrupt

    monkeypatch.setattr("ingest.persist.failpoint", die)
    with pytest.raises(KeyboardInterrupt):
        persist(batch)
    monkeypatch.undo()
    assert persist(batch).created == 1
    assert consistent(database)
