"""Each stored article has one search row, of its current revision; articles without a row are indexed later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ingest import reindex as reindexing
from ingest import search
from ingest.db import article_search, search_reindex
from ingest.db.engine import transaction
from ingest.db.search_segments import open_segments
from ingest.db.status import read_status
from ingest.identity import content_hash
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.query import ArticleQuery
from ingest.reindex import Reindexing, reindex
from ingest.runtime import Stop
from ingest.search import parse_search
from ingest.types import Article
from tests.persist.articles import START, article, records

pytestmark = pytest.mark.store


class Store:
    """A consumer of articles, and searches over them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.persist = Persister(engine, PostgresLog(engine), clock=lambda: START)

    def add(self, *articles: Article) -> None:
        self.persist(records(*articles))

    def found(self, q: str) -> list[str]:
        page = article_search.find(self.engine, ArticleQuery(q=parse_search(q)))
        return [each.title for each in page.articles]

    def page(self, q: str) -> article_search.ResultPage:
        return article_search.find(self.engine, ArticleQuery(q=parse_search(q)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with transaction(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def consistent(self) -> bool:
        """Whether every article has one row, in the segment that it names, with its date."""
        (counts,) = self.rows(
            """SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM article_search), count(*)
            FROM articles a JOIN article_search s
                ON s.article_id = a.id AND s.segment = a.search_segment AND s.sort_at = a.sort_at
            JOIN search_segments p ON p.id = s.segment AND s.sort_at >= p.sort_from AND s.sort_at < p.sort_until"""
        )
        return len(set(counts)) == 1


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


def test_a_stored_article_is_found_at_once(store: Store) -> None:
    store.add(article(title="Summit opens"), article("https://news.example/b", title="Cup final"))
    assert store.found("summits") == ["Summit opens"]
    assert store.page("summits").exact
    assert store.consistent()


def test_an_update_replaces_the_search_row(store: Store) -> None:
    store.add(article(title="Summit opens"))
    store.add(article(title="Meeting opens", poll_id=2))
    assert store.found("summit") == []
    assert store.found("meeting") == ["Meeting opens"]
    assert store.consistent()


def test_two_versions_in_one_batch_leave_the_row_of_the_last(store: Store) -> None:
    store.add(article(title="Summit opens"), article(title="Meeting opens", poll_id=2))
    assert (store.found("summit"), store.found("meeting")) == ([], ["Meeting opens"])
    assert store.consistent()


def test_a_return_to_an_earlier_text_is_found_by_it(store: Store) -> None:
    store.add(article(title="Summit opens"))
    store.add(article(title="Meeting opens", poll_id=2))
    store.add(article(title="Summit opens", poll_id=3))
    assert (store.found("summit"), store.found("meeting")) == (["Summit opens"], [])
    assert store.consistent()


def test_a_repeated_or_late_record_leaves_the_row(store: Store) -> None:
    old, new = article(title="Summit opens"), article(title="Meeting opens", poll_id=2)
    store.add(old, new)
    store.add(old)
    assert store.found("meeting") == ["Meeting opens"]
    assert store.consistent()


def test_changed_authors_are_found(store: Store) -> None:
    store.add(article())
    changed = article(poll_id=2, authors=("Cy Correspondent",))
    store.add(changed)
    assert store.found("author:correspondent") == ["A title"]
    assert store.found("author:byline") == []


@pytest.mark.parametrize("months", [-1, -14, -400])
def test_an_article_that_gets_an_earlier_date_moves_to_the_segment_of_its_period(
    store: Store, months: int
) -> None:
    undated = replace(article(title="Summit opens"), published_at=None)
    store.add(undated, article("https://news.example/b", title="Summit ends"))
    earlier = START + timedelta(days=30 * months)
    moved = replace(article(title="Summit began", poll_id=2), published_at=earlier)
    store.add(moved)
    assert store.found("summit") == ["Summit ends", "Summit began"]
    assert store.consistent()
    assert len(store.rows("SELECT FROM search_segments")) == 2


def test_the_dates_of_matches_follow_the_article(store: Store) -> None:
    with transaction(store.engine) as connection:
        values = """('all', '', '{"everything": true}', now())"""
        connection.execute(text(f"INSERT INTO topics (slug, title, rule, changed_at) VALUES {values}"))
    store.add(replace(article(), published_at=None))
    store.add(replace(article(title="Another", poll_id=2), published_at=START - timedelta(days=3)))
    assert store.rows("SELECT sort_at FROM articles") == [(START - timedelta(days=3),)]
    assert store.rows("SELECT m.sort_at = a.sort_at FROM matches m JOIN articles a ON a.id = article_id") == [
        (True,)
    ]


def test_full_segments_are_followed_by_new_ones(database: Engine) -> None:
    store = Store(database)
    store.persist = Persister(database, PostgresLog(database), segment_bytes=8_192, clock=lambda: START)
    for number in range(4):
        store.add(article(f"https://news.example/{number}", title=f"Summit {number}"))
    assert len(store.rows("SELECT FROM search_segments")) == 4
    assert len(store.found("summit")) == 4
    assert store.consistent()


def test_consumers_that_store_at_once_leave_one_row_each(store: Store) -> None:
    def add(number: int) -> None:
        mine = [
            article(f"https://news.example/{each}", poll_id=number, title=f"Summit {number}")
            for each in range(8)
        ]
        store.add(*mine)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(1, 9)))
    assert store.consistent()
    assert len(store.found("summit")) == 8


@pytest.fixture
def unindexed(store: Store) -> Store:
    """A store after the migration: articles without search rows."""
    store.add(*(article(f"https://news.example/{n}", title=f"Summit {n}") for n in range(25)))
    with transaction(store.engine) as connection:
        connection.execute(text("DELETE FROM article_search"))
        connection.execute(text("UPDATE articles SET search_segment = NULL"))
    return store


def test_articles_without_rows_are_announced_and_then_indexed(unindexed: Store) -> None:
    page = unindexed.page("summit")
    assert (page.articles, page.exact, page.since) == ((), False, START)
    assert read_status(unindexed.engine, now=START).articles_unindexed == 25
    progress: list[int] = []
    assert reindex(unindexed.engine, Stop(), progress=progress.append) == 25
    assert progress[-1] == 25
    assert len(unindexed.found("summit")) == 25
    assert unindexed.page("summit").exact
    assert read_status(unindexed.engine, now=START).articles_unindexed == 0
    assert unindexed.consistent()
    assert reindex(unindexed.engine, Stop()) == 0


def test_an_interrupted_reindexing_continues(unindexed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reindexing, "BATCH", 10)
    stop = Stop()
    assert reindex(unindexed.engine, stop, progress=lambda _: stop.request()) == 10
    assert not unindexed.page("summit").exact
    assert reindex(unindexed.engine, Stop()) == 15
    assert unindexed.consistent()


def test_an_article_that_is_stored_during_its_reindexing_keeps_its_new_row(unindexed: Store) -> None:
    """The consumer wins: a batch that was read before an update does not bring the old text back."""
    engine = unindexed.engine
    batch = search_reindex.read_batch(engine, limit=100, index_version=search.INDEX_VERSION)
    unindexed.add(article("https://news.example/3", title="Meeting 3", poll_id=2))
    segments = open_segments(engine, {each.sort_at for each in batch}, index_version=search.INDEX_VERSION)
    written = search_reindex.write_batch(
        engine, batch, reindexing._vectors(batch), segments=segments, index_version=search.INDEX_VERSION
    )
    assert written == 24
    assert unindexed.found("meeting") == ["Meeting 3"]
    assert unindexed.consistent()


def test_a_raised_index_version_reindexes_every_article(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(*(article(f"https://news.example/{n}", title=f"Summit {n}") for n in range(25)))
    before = store.rows("SELECT id FROM search_segments")
    raised = search.INDEX_VERSION + 1
    for module in (search, article_search):
        monkeypatch.setattr(module, "INDEX_VERSION", raised)
    page = store.page("summit")
    assert (len(page.articles), page.exact) == (25, False), "found by the former index, and said so"
    store.add(article("https://news.example/new", title="Summit new"))
    assert reindex(store.engine, Stop()) == 25
    assert store.rows("SELECT DISTINCT index_version FROM search_segments") == [(raised,)]
    assert not set(before) & set(store.rows("SELECT id FROM search_segments"))
    assert len(store.found("summit")) == 26
    assert store.page("summit").exact
    assert store.consistent()


def test_one_process_at_a_time_reindexes(unindexed: Store) -> None:
    with search_reindex.only_one(unindexed.engine) as selected:
        assert selected
        assert reindex(unindexed.engine, Stop()) is None
    assert reindex(unindexed.engine, Stop()) == 25


def test_the_consumer_reindexes_by_itself(unindexed: Store) -> None:
    stop = Stop()
    with Reindexing(unindexed.engine, stop) as thread:
        for _ in range(200):
            if unindexed.page("summit").exact:
                break
            assert not stop.wait(0.05)
    thread.check()
    assert unindexed.consistent()


def test_a_vector_that_the_database_refuses_does_not_stop_the_others(
    unindexed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_document = search.index_document

    def with_one_broken(**values: Any) -> search.IndexDocument:
        document = index_document(**values)
        return replace(document, vector="x" * 3_000) if values["title"] == "Summit 7" else document

    monkeypatch.setattr(search, "index_document", with_one_broken)
    assert reindex(unindexed.engine, Stop()) == 25
    assert len(unindexed.found("summit")) == 24


def test_a_text_that_is_too_long_for_the_index_is_stored_and_found_by_its_beginning(store: Store) -> None:
    compounds = " ".join(f"Donau-dampf-schiff-fahrt-{n:05}-kapitäns-mütze-{n * 7:06}" for n in range(4_500))
    assert len(compounds) > 200_000
    long = article(title="Long", text=f"Pjöngjang {compounds}")
    store.add(replace(long, content_hash=content_hash("Long", long.text, long.authors)))
    assert store.rows("SELECT count(*) FROM quarantine") == [(0,)]
    assert store.found("pjongjang") == ["Long"]
    assert store.found("mütze-000021") == ["Long"]
