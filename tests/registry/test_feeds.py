"""The registry in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, insert, select, text

from ingest.db.feeds import add_feed, add_feeds, find_feed, list_feeds, make_due, remove_feed
from ingest.db.polls import lease_due
from ingest.db.tables import seen
from ingest.schedule.rate_limit import HostLimits

pytestmark = pytest.mark.store
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
URL = "https://a.example/rss"


def test_a_new_feed_is_due_at_once(database: Engine) -> None:
    feed, new = add_feed(database, URL, title="A", now=NOW, interval=INTERVAL)
    assert new
    assert (feed.url, feed.title, feed.next_poll_at, feed.interval) == (URL, "A", NOW, INTERVAL)
    assert (feed.failures, feed.polled_at, feed.last_outcome, feed.enabled) == (0, None, None, True)


def test_a_feed_is_added_once_and_keeps_what_it_has(database: Engine) -> None:
    first, _ = add_feed(database, URL, title="A", now=NOW, interval=INTERVAL)
    again, new = add_feed(database, URL, title="B", now=NOW + INTERVAL, interval=2 * INTERVAL)
    assert not new
    assert again == first
    assert list_feeds(database) == [first]


def test_many_are_added_in_order_and_twice_named_ones_once(database: Engine) -> None:
    rows: list[tuple[str, str | None]] = [(f"https://{n}.example/", None) for n in range(5000)]
    rows += [("https://7.example/", "seven"), ("https://8.example/", "eight")]
    assert len(add_feeds(database, rows, now=NOW, interval=INTERVAL)) == 5000
    assert add_feeds(database, rows, now=NOW, interval=INTERVAL) == frozenset()
    found = list_feeds(database)
    assert [feed.url for feed in found] == [f"https://{n}.example/" for n in range(5000)]
    assert [feed.title for feed in found[6:9]] == [None, "seven", "eight"]


def test_a_removed_feed_takes_its_seen_set_along(database: Engine) -> None:
    feed, _ = add_feed(database, URL, now=NOW, interval=INTERVAL)
    with database.begin() as connection:
        row = {
            "feed_id": feed.id,
            "key": b"k" * 16,
            "content_hash": b"d" * 16,
            "article_id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
            "poll_id": 1,
        }
        connection.execute(insert(seen).values(row))
    assert remove_feed(database, feed.id)
    assert not remove_feed(database, feed.id)
    assert find_feed(database, url=URL) is None
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(seen)) == 0


def test_feeds_are_made_due_unless_they_are_being_polled(database: Engine) -> None:
    for number in range(3):
        add_feed(database, f"https://{number}.example/", now=NOW + timedelta(days=number), interval=INTERVAL)
    lease_due(database, now=NOW, limit=1, lease=INTERVAL, host_limits=HostLimits())
    assert make_due(database, now=NOW) == 2
    assert [
        lease.url for lease in lease_due(database, now=NOW, limit=9, lease=INTERVAL, host_limits=HostLimits())
    ] == [
        "https://1.example/",
        "https://2.example/",
    ]


def test_the_query_for_due_feeds_reads_an_index(database: Engine) -> None:
    rows = [(f"https://{n}.example/", None) for n in range(20_000)]
    add_feeds(database, rows, now=NOW, interval=INTERVAL)
    with database.connect() as connection:
        connection.execute(text("ANALYZE feeds"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT id FROM feeds WHERE enabled AND next_poll_at <= :now "
                "ORDER BY next_poll_at LIMIT 100 FOR UPDATE SKIP LOCKED"
            ),
            {"now": NOW},
        ).scalars()
        shown = "\n".join(plan)
    assert "ix_feeds_due" in shown


def test_one_address_under_http_and_https_is_one_feed(database: Engine) -> None:
    first, _ = add_feed(database, "http://a.example/rss", now=NOW, interval=INTERVAL)
    again, new = add_feed(database, "https://a.example/rss", now=NOW, interval=INTERVAL)
    assert (again, new) == (first, False)
    rows: list[tuple[str, str | None]] = [("https://b.example/", None), ("http://b.example/", "B")]
    assert add_feeds(database, rows, now=NOW, interval=INTERVAL) == {"https://b.example/"}
    assert [feed.url for feed in list_feeds(database)] == ["http://a.example/rss", "https://b.example/"]
    found = find_feed(database, url="http://b.example/")
    assert found is not None
    assert found.url == "https://b.example/"
