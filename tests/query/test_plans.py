"""Frequent queries use their indexes: the tests read PostgreSQL's plans over ten thousand articles, not the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, text

from ingest.db import article_search
from ingest.db.engine import open_engine
from ingest.db.ledger import read_ledger
from ingest.db.read_transaction import read_transaction
from ingest.db.search_plans import Plans
from ingest.db.search_segments import open_segments
from ingest.db.status import read_status
from ingest.errors import Unavailable
from ingest.query import ArticleQuery, PageCursor
from ingest.search import INDEX_VERSION, parse_search
from tests.conftest import Postgres
from tests.library import NOON, Library

pytestmark = pytest.mark.store

ARTICLES = 10_000
SOME_ID = UUID(int=77)

_FILL = f"""
    INSERT INTO articles
        (id, revision, latest, story_id, feed_id, url, source, first_seen_at, revised_at,
        revised_feed_id, revised_poll_id, sort_at, language)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 1, lpad(to_hex(n), 32, '0')::uuid, 1,
        'https://h' || n % 100 || '.example/' || n, 'h' || n % 100 || '.example',
        '2026-01-01'::timestamptz + n * interval '8 minutes', now(), 1, 1,
        '2026-01-01'::timestamptz + n * interval '8 minutes', CASE WHEN n % 1000 = 7 THEN 'is' ELSE 'en-GB' END
    FROM generate_series(1, {ARTICLES}) AS n;
    INSERT INTO revisions
        (article_id, number, current, content_hash, seen_at, feed_id, poll_id, title, authors, summary, text, html,
         categories)
    SELECT id, 1, true, uuid_send(id), first_seen_at, 1, 1, 'title ' || substr(url, 9), '{{}}', '',
        'common words of article w' || md5(url), '', '{{}}' FROM articles;
    INSERT INTO sightings (article_id, poll_id, feed_id, seen_at, effect, revision, log_position)
    SELECT id, 1, 1, first_seen_at, 'created', 1, '' FROM articles;
    INSERT INTO polls (id, feed_id, started_at, finished_at, result, next_poll_at, reason)
    SELECT n, 1, t, t, 'unchanged', t, '' FROM
        (SELECT n, '2026-01-01'::timestamptz + n * interval '1 minute' AS t FROM generate_series(1, 20000) AS n) AS p;
    INSERT INTO topics (slug, title, rule, changed_at)
    SELECT slug, slug, '{{}}', now() FROM unnest('{{common,rare}}'::text[]) AS slug;
    INSERT INTO matches (topic, article_id, revision, explanation, matched_at, sort_at)
    SELECT 'common', id, 1, '{{}}', now(), sort_at FROM articles;
    INSERT INTO matches (topic, article_id, revision, explanation, matched_at, sort_at)
    SELECT 'rare', id, 1, '{{}}', now(), sort_at FROM articles WHERE url LIKE '%007';
    INSERT INTO log_topics (name, next_offset) VALUES ('news.topic.rare', {ARTICLES}), ('news.articles', {ARTICLES});
    INSERT INTO log_records (topic_id, "offset", key, value, headers, appended_at)
    SELECT t.id, n, lpad(to_hex(n), 32, '0')::uuid::text, '{{}}',
        CASE WHEN t.name = 'news.articles' THEN '{{}}' ELSE '{{"kind": "created"}}' END::jsonb, now()
    FROM log_topics AS t, generate_series(1, {ARTICLES - 1}) AS n;
"""


_INDEX = """
    UPDATE articles SET search_segment = s.id FROM search_segments s
    WHERE sort_at >= s.sort_from AND sort_at < s.sort_until;
    INSERT INTO article_search (segment, article_id, sort_at, language, vector)
    SELECT search_segment, id, sort_at, language, to_tsvector('simple', r.title || ' ' || r.text)
    FROM articles JOIN revisions r ON article_id = id
"""


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Iterator[Engine]:
    """Fill a database and let the statistics of the search index be those of an empty table.

    PostgreSQL then estimates one hit for every word, as it estimates 5,000 for a word of 46 in a million articles.
    """
    url = postgres.create()
    engine = open_engine(url, name="test")
    months = [datetime(2026, month, 2, tzinfo=UTC) for month in (1, 2, 3)]
    open_segments(engine, months, index_version=INDEX_VERSION)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE article_search"))
        for statement in f"{_FILL};\n{_INDEX}".split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
    tables = "articles, revisions, matches, sightings, polls, log_records, topics"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM ANALYZE {tables}"))
    yield engine
    engine.dispose()
    postgres.drop(url)


@pytest.fixture
def search_plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the plan of each statement of a search, explained in its transaction and with its settings."""
    collected: list[str] = []
    execute = Plans._execute

    def explained(self: Plans, sql: str, parameters: Any = None) -> Any:
        if "set_config" not in sql:
            rows = execute(self, f"EXPLAIN (COSTS OFF) {sql}", parameters)
            collected.append("\n".join(row[0] for row in rows))
        return execute(self, sql, parameters)

    monkeypatch.setattr(Plans, "_execute", explained)
    return collected


def plans(engine: Engine, call: Callable[[Engine], object]) -> list[str]:
    """Return the plan of each SELECT that ``call`` executes, with its parameters."""
    made: list[tuple[str, Any]] = []

    def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        if statement.lstrip().startswith("SELECT") and "set_config" not in statement:
            made.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        call(engine)
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    with engine.connect() as connection:
        return [_explained(connection, statement, parameters) for statement, parameters in made]


def _explained(connection: Connection, statement: str, parameters: Any) -> str:
    rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", parameters)
    return "\n".join(row[0] for row in rows)


PLACE = PageCursor(sort_at=NOON - timedelta(days=57), id=SOME_ID)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (ArticleQuery(), "ix_articles_sort"),
        (ArticleQuery(after=PLACE), "ix_articles_sort"),
        (ArticleQuery(since=NOON - timedelta(days=55), until=NOON - timedelta(days=54)), "ix_articles_sort"),
        (ArticleQuery(source="h7.example"), "ix_articles_source"),
        (ArticleQuery(language="is"), "ix_articles_language"),
        (ArticleQuery(language="is", after=PLACE), "ix_articles_language"),
        (ArticleQuery(language="en-gb"), "ix_articles_language"),
        (ArticleQuery(topic="rare"), "ix_matches_sort"),
        (ArticleQuery(topic="common", after=PLACE), "ix_matches_sort"),
        (ArticleQuery(topic="common", source="h7.example", limit=100), "ix_articles_source"),
        (ArticleQuery(topic="rare", source="h7.example"), "ix_matches_sort"),
        (ArticleQuery(story=SOME_ID), "ix_articles_story"),
    ],
)
def test_a_list_walks_an_index_in_its_order(
    filled: Engine, search_plans: list[str], query: ArticleQuery, index: str
) -> None:
    article_search.find(filled, query)
    plan = search_plans[-1]
    assert index in plan
    assert "Seq Scan" not in plan
    assert "Bitmap" not in plan
    assert "Sort Key" not in plan, "the index has this order"
    if query.after is not None:
        assert "ROW(" in plan.split("CTE Scan")[0], "the scan begins after the cursor"


@pytest.mark.parametrize(
    "q", ["w" + "0" * 32, "h7.example/7", "w000*", "absent or missing", "common -article"]
)
def test_a_rare_word_is_found_by_the_inverted_index(filled: Engine, search_plans: list[str], q: str) -> None:
    article_search.find(filled, ArticleQuery(q=parse_search(q)))
    *walks, look_up, _unindexed = search_plans
    assert len(walks) == 2, "one window, and the comparison of its vectors"
    assert look_up.count("Bitmap Index Scan on article_search_") == 2, "January and February"
    for plan in (*walks, look_up):
        assert "Seq Scan" not in plan


def test_the_inverted_index_is_used_because_the_search_forces_it(
    filled: Engine, search_plans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statistics mislead PostgreSQL here: a guard that the plans above come from the settings."""
    monkeypatch.setattr(Plans, "_set", lambda self, *, walking: None)
    article_search.find(filled, ArticleQuery(q=parse_search("absent")))
    assert any("Seq Scan on article_search_" in plan for plan in search_plans)


@pytest.mark.parametrize("query", [{}, {"topic": "common"}, {"language": "en"}, {"source": "h7.example"}])
def test_a_word_that_is_everywhere_is_found_by_date(
    filled: Engine, search_plans: list[str], query: dict[str, Any]
) -> None:
    page = article_search.find(filled, ArticleQuery(q=parse_search("common"), limit=20, **query))
    assert page.exact
    assert len(page.articles) == 20
    assert not any("ix_article_search" in plan or "vector_idx" in plan for plan in search_plans)
    assert not any("Seq Scan" in plan for plan in search_plans)


def test_an_article_and_its_ledger_read_no_table_through(filled: Engine) -> None:
    made = plans(filled, lambda engine: read_ledger(engine, "https://h7.example/7"))
    whole = "\n".join(made)
    assert len(made) >= 8
    for index in (
        "ix_articles_url",
        "pk_revisions",
        "pk_sightings",
        "ix_matches_article",
        "ix_log_records_event",
    ):
        assert index in whole, index
    for table in ("articles", "revisions", "sightings", "matches", "log_records", "polls"):
        assert f"Seq Scan on {table}" not in whole, table


def test_status_counts_the_last_hour_of_polls_by_their_index(filled: Engine) -> None:
    whole = "\n".join(plans(filled, lambda engine: read_status(engine, now=NOON)))
    assert "ix_polls_finished_at" in whole
    assert "Seq Scan on polls" not in whole
    assert "Seq Scan on log_records" not in whole


def test_pages_of_every_query_together_are_the_whole(filled: Engine) -> None:
    for query, total in ((ArticleQuery(source="h7.example"), 100), (ArticleQuery(topic="rare"), 9)):
        ids: list[UUID] = []
        next_query = replace(query, limit=7)
        while True:
            page = article_search.find(filled, next_query)
            ids += [article.id for article in page.articles]
            if page.next_cursor is None:
                break
            next_query = replace(next_query, after=page.next_cursor)
        assert len(ids) == len(set(ids)) == total


def test_a_query_that_takes_too_long_ends(database: Engine) -> None:
    with (
        pytest.raises(Unavailable, match=r"longer than 0\.05 s"),
        read_transaction(database, timeout=timedelta(milliseconds=50)) as connection,
    ):
        connection.execute(text("SELECT pg_sleep(20)"))


def test_reading_writes_nothing(database: Engine) -> None:
    Library(database).topic("football")
    with pytest.raises(Unavailable, match="read-only transaction"), read_transaction(database) as connection:
        connection.execute(text("DELETE FROM topics"))
