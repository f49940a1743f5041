"""Segments of the search index: one for each period, of bounded size, created once and dropped when empty."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from ingest.db import search_segments
from ingest.db.engine import transaction
from ingest.db.search_segments import drop_if_empty, lock_segments, open_segments, period_of, read_segments
from ingest.search import INDEX_VERSION
from tests.library import NOON, Library

pytestmark = pytest.mark.store


def partitions(engine: Engine) -> list[str]:
    with transaction(engine) as connection:
        rows = connection.execute(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'article_search'::regclass "
                "ORDER BY 1"
            )
        )
        return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("at", "sort_from", "sort_until"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), (2026, 3), (2026, 4)),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), (2026, 12), (2027, 1)),
        (datetime(2020, 1, 1, tzinfo=UTC), (2020, 1), (2020, 2)),
        (datetime(2019, 12, 31, 23, tzinfo=UTC), (2019, 1), (2020, 1)),
        (datetime(1999, 12, 31, 23, tzinfo=UTC), (1, 1), (2000, 1)),
        (datetime(1, 1, 1, tzinfo=UTC), (1, 1), (2000, 1)),
    ],
)
def test_a_period_is_a_month_or_a_year_of_long_ago(
    at: datetime, sort_from: tuple[int, int], sort_until: tuple[int, int]
) -> None:
    period = period_of(at)
    assert period.sort_from == datetime(*sort_from, 1, tzinfo=UTC)
    assert period.sort_until == datetime(*sort_until, 1, tzinfo=UTC)
    assert period.sort_from <= at < period.sort_until


def test_any_time_that_postgresql_stores_has_a_period(database: Engine) -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC), NOON]
    segments = open_segments(database, times, index_version=INDEX_VERSION)
    assert set(segments) == {period_of(at) for at in times}
    assert len(partitions(database)) == 3


def test_a_segment_is_used_until_it_is_full(database: Engine) -> None:
    library = Library(database)
    first = open_segments(database, [NOON], index_version=INDEX_VERSION)
    assert open_segments(database, [NOON, NOON + timedelta(days=5)], index_version=INDEX_VERSION) == first
    library.article("https://a.example/1")
    second = open_segments(database, [NOON], index_version=INDEX_VERSION, segment_bytes=8_192)
    assert second != first
    assert len(partitions(database)) == 2
    another_version = open_segments(database, [NOON], index_version=INDEX_VERSION + 1)
    assert another_version not in (first, second)


def test_processes_that_need_a_segment_at_once_create_one(database: Engine) -> None:
    barrier = Barrier(4)

    def open_together(_: int) -> object:
        barrier.wait(30)
        return open_segments(database, [NOON], index_version=INDEX_VERSION)

    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(open_together, range(4)))
    assert all(segments == opened[0] for segments in opened)
    assert len(partitions(database)) == 1


def test_a_creation_that_is_interrupted_leaves_nothing(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    create = search_segments._create

    def create_and_die(*arguments: object, **options: object) -> int:
        create(*arguments, **options)  # type: ignore[arg-type]
        return interrupted()

    monkeypatch.setattr(search_segments, "_create", create_and_die)
    with pytest.raises(KeyboardInterrupt):
        open_segments(database, [NOON], index_version=INDEX_VERSION)
    monkeypatch.undo()
    assert partitions(database) == []
    with transaction(database) as connection:
        assert read_segments(connection) == ()
    assert len(open_segments(database, [NOON], index_version=INDEX_VERSION)) == 1


def test_readers_and_writers_go_on_while_a_segment_is_created(database: Engine) -> None:
    """A search and a storing transaction are open while another process creates a segment."""
    library = Library(database)
    library.article("https://a.example/1")
    with transaction(database) as reader, transaction(database) as writer:
        reader.execute(text("SELECT count(*) FROM article_search")).scalar_one()
        writer.execute(text("UPDATE article_search SET language = 'ko'"))
        with ThreadPoolExecutor(1) as pool:
            later = pool.submit(
                open_segments, database, [NOON + timedelta(days=60)], index_version=INDEX_VERSION
            )
            assert len(later.result(timeout=30)) == 1
            assert reader.execute(text("SELECT count(*) FROM article_search")).scalar_one() == 1


def test_only_an_empty_segment_is_dropped(database: Engine) -> None:
    library = Library(database)
    library.article("https://a.example/1")
    (filled,) = open_segments(database, [NOON], index_version=INDEX_VERSION).values()
    (empty,) = open_segments(database, [NOON + timedelta(days=60)], index_version=INDEX_VERSION).values()
    assert drop_if_empty(database, empty)
    assert not drop_if_empty(database, empty)
    assert not drop_if_empty(database, filled)
    assert partitions(database) == [f"article_search_{filled}"]
    with transaction(database) as connection:
        assert [segment.id for segment in read_segments(connection)] == [filled]


def test_a_segment_that_a_transaction_locked_is_dropped_only_after_it(database: Engine) -> None:
    (segment,) = open_segments(database, [NOON], index_version=INDEX_VERSION).values()
    with ThreadPoolExecutor(1) as pool:
        with transaction(database) as connection:
            assert lock_segments(connection, [segment, segment + 1]) == {segment}
            dropped = pool.submit(drop_if_empty, database, segment)
            with pytest.raises(TimeoutError):
                dropped.result(timeout=0.5)
        assert dropped.result(timeout=30)


@pytest.mark.parametrize("urls", [["https://a.example/1"], ["https://a.example/1", "https://a.example/2"]])
def test_deleting_articles_deletes_their_search_rows(database: Engine, urls: Sequence[str]) -> None:
    library = Library(database)
    for number, url in enumerate(urls):
        library.article(url, at=NOON - timedelta(days=40 * number))
    with transaction(database) as connection:
        connection.execute(text("DELETE FROM sightings"))
        connection.execute(text("DELETE FROM articles"))
        assert connection.execute(text("SELECT count(*) FROM article_search")).scalar_one() == 0
