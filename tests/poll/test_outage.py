"""An outage of our own network is not counted as a failure of feeds (docs/polling.md, case 21)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ingest.db.feeds import add_feeds, list_feeds
from ingest.poll.outage import RECENT, SEVERAL, SEVERAL_LOCAL, TOGETHER, Blame, OutageDetector
from ingest.types import Failed, FailureKind
from tests.feedworld import WorldFeed
from tests.feedworld.names import Names
from tests.poll.conftest import INTERVAL, Desk, rss

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NO_NAME = Failed(kind=FailureKind.DNS, detail="no such name", unreachable=True)
NO_RESOLVER = Failed(kind=FailureKind.DNS, detail="no answer", unreachable=True, is_local=True)


def test_whose_failure_it_is() -> None:
    outage = OutageDetector()
    for number in range(SEVERAL):
        assert outage.blame(NO_NAME, now=NOW) is Blame.UNCLEAR
        assert outage.blame(NO_RESOLVER, now=NOW) is (
            Blame.OURS if number >= SEVERAL_LOCAL else Blame.UNCLEAR
        )
        for _ in range(9):  # one host that fails often is one host
            outage.host_unreachable(f"{number}.example", now=NOW)
    assert outage.blame(NO_NAME, now=NOW) is Blame.OURS
    outage.host_reachable(now=NOW)
    for failed in (NO_NAME, NO_RESOLVER):
        assert outage.blame(failed, now=NOW + RECENT) is Blame.THEIRS
        assert outage.blame(failed, now=NOW + 2 * RECENT) is Blame.UNCLEAR


def test_hosts_that_fail_far_apart_do_not_fail_together() -> None:
    outage = OutageDetector()
    for number in range(9):
        outage.host_unreachable(f"{number}.example", now=NOW + number * 0.6 * TOGETHER)
    assert outage.blame(NO_NAME, now=NOW + 9 * TOGETHER) is Blame.UNCLEAR


def named(desk: Desk, *names: str) -> list[WorldFeed]:
    """Make one feed at each of these hosts."""
    feeds = []
    for name in names:
        feed = desk.world.feed(f"/{name}.xml")
        feed.publish(rss(name))
        feeds.append(feed)
    port = feeds[0].url.split(":")[2].split("/")[0]
    rows = [(f"http://{name}.test:{port}/{name}.xml", None) for name in names]
    add_feeds(desk.engine, rows, now=desk.clock(), interval=INTERVAL)
    return feeds


@pytest.mark.store
@pytest.mark.parametrize("failing", [socket.EAI_AGAIN, socket.EAI_NONAME])
def test_while_our_resolver_is_down_no_feed_counts_a_failure_and_all_resume(
    make_desk: Callable[..., Desk], failing: int
) -> None:
    names = Names()
    desk = make_desk(resolver=names, evidence=timedelta(seconds=3), concurrency=20)
    feeds = named(desk, *(f"f{number}" for number in range(12)))
    names.failing = failing
    for _ in range(10):
        desk.poll_due()
        desk.clock.pass_by(timedelta(minutes=1, seconds=10))
    assert desk.poller.poller.outage
    assert all(feed.failures == 0 for feed in list_feeds(desk.engine))
    assert {feed.last_reason for feed in list_feeds(desk.engine)} == {"our own network seems to be down"}
    assert sum(feed.request_count for feed in feeds) == 0
    names.failing = None
    desk.poll_due()
    assert not desk.poller.poller.outage
    assert [feed.request_count for feed in feeds] == [1] * 12
    assert sorted(desk.titles()) == sorted(f"f{number}" for number in range(12))


@pytest.mark.store
def test_a_host_that_is_gone_while_others_answer_has_failed(make_desk: Callable[..., Desk]) -> None:
    names = Names({"gone.test": "no address"})
    desk = make_desk(resolver=names, evidence=timedelta(seconds=3))
    good, *_ = named(desk, "good")
    port = good.url.split(":")[2].split("/")[0]
    add_feeds(desk.engine, [(f"http://gone.example:{port}/", None)], now=desk.clock(), interval=INTERVAL)
    desk.poll_due()
    assert sorted(feed.failures for feed in list_feeds(desk.engine)) == [0, 1]
    assert not desk.poller.poller.outage


@pytest.mark.store
def test_a_host_that_is_gone_has_failed_where_it_is_the_only_one(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(resolver=Names(), evidence=timedelta(seconds=0.2))
    add_feeds(desk.engine, [("http://gone.example/", None)], now=desk.clock(), interval=INTERVAL)
    desk.poll_due()
    (feed,) = list_feeds(desk.engine)
    assert feed.failures == 1
