"""Running until stopped, stopping in order, and sharing the feeds with another poller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ingest.db.feeds import add_feeds
from ingest.demo.responses import Fault, HttpResponse, Pause, Script, Step
from ingest.fetch import Limits
from ingest.poll import PollCounts
from ingest.runtime import Stop
from tests.feedworld import faults
from tests.poll.conftest import INTERVAL, Desk, rss

pytestmark = pytest.mark.store
MakeDesk = Callable[..., Desk]


@contextmanager
def running(desk: Desk) -> Iterator[Callable[[], PollCounts]]:
    """The poller at work, in a thread; call for its end. A stop is requested at the end of the block at last."""
    ended: list[PollCounts | BaseException] = []

    def run() -> None:
        try:
            ended.append(desk.poller.run(desk.stop))
        except BaseException as error:  # noqa: BLE001 - raised again where the test is
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> PollCounts:
        thread.join(30)
        (counts,) = ended
        if isinstance(counts, BaseException):
            raise counts
        return counts

    try:
        yield end
    finally:
        desk.stop.request()
        thread.join(30)
    assert not thread.is_alive()


def wait_until(claim: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def test_a_feed_added_while_the_poller_runs_is_polled_and_a_stop_ends_it(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    with running(desk) as end:
        desk.add(feed)
        wait_until(lambda: desk.titles() == ["one"])
        desk.stop.request()
        counts = end()
    assert (counts.recorded, counts.released) == (1, 0)
    assert desk.last(feed).result == "fetched"


def test_a_stop_gives_back_what_was_not_finished_and_records_what_was(make_desk: MakeDesk) -> None:
    hours = Limits(deadline=timedelta(hours=1), max_bytes=4 * 1024**2, max_redirects=5)
    desk = make_desk(concurrency=3, grace=timedelta(seconds=0.5), limits=hours)
    stalled = [desk.world.feed(f"/stalled/{number}") for number in range(3)]
    quick = desk.world.feed("/quick")
    quick.publish(rss("one"))
    for feed in stalled:
        feed.publish(rss("x"))
        feed.fail_always(faults.stall())
    desk.add(quick)
    desk.clock.pass_by(timedelta(seconds=1))
    desk.add(*stalled)
    waiting = [desk.world.feed(f"/waiting/{number}") for number in range(4)]
    desk.clock.pass_by(timedelta(seconds=1))
    desk.add(*waiting)
    with running(desk) as end:
        for feed in stalled:
            feed.wait_for_requests(1)
        wait_until(lambda: desk.feed(quick).polled_at is not None)
        desk.stop.request()
        counts = end()
    assert (counts.leased, counts.recorded, counts.released) == (8, 1, 7)
    assert desk.titles() == ["one"]
    for feed in (*stalled, *waiting):
        assert [(poll.failure, poll.detail) for poll in desk.polls(feed)] == [
            ("abandoned", "the poller was stopped")
        ]
        assert desk.feed(feed).failures == 0
        assert desk.feed(feed).next_poll_at <= desk.clock()
    assert {feed.request_count for feed in waiting} == {0}


def test_a_poll_under_way_may_end_within_the_grace(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    feed.fail_next(faults.stall(0.7))
    desk.add(feed)
    with running(desk) as end:
        wait_until(lambda: desk.world.connections_opened > 0)
        desk.stop.request()
        counts = end()
    assert (counts.recorded, counts.released) == (1, 0)
    assert desk.titles() == ["one"]


def test_a_poller_that_is_asked_to_stop_before_it_began_leases_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    desk.stop.request()
    assert desk.poller.run(desk.stop).leased == 0
    assert feed.request_count == 0


def test_a_stopped_poller_may_be_run_with_another_stop(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.stop.request()
    desk.poll()
    desk.stop = Stop()
    desk.poll()
    assert desk.titles() == ["one"]


def held_until(claim: Callable[[], bool]) -> Fault:
    """Delay the feed's own response until the claim holds."""

    def steps(answer: HttpResponse) -> Iterator[Step]:
        while not claim():
            yield Pause(0.01)
        yield answer.encoded()

    return lambda truth: Script(status=truth.response.status, steps=steps(truth.response))


def test_two_pollers_poll_each_feed_once(make_desk: MakeDesk, database: Engine) -> None:
    one, two = make_desk(concurrency=4), make_desk(concurrency=4)
    feeds = [one.world.feed(f"/{number}.xml") for number in range(80)]

    def both_poll() -> bool:  # the first response waits for the fifth request, and one poller sends four
        return sum(feed.request_count for feed in feeds) > 4

    for number, feed in enumerate(feeds):
        feed.publish(rss(f"n{number}"))
        feed.fail_next(held_until(both_poll))
    with running(one) as end_one, running(two) as end_two:
        rows = [(feed.url, None) for feed in feeds]
        add_feeds(database, rows, now=one.clock(), interval=INTERVAL)
        wait_until(lambda: len(one.titles()) == 80)
        one.stop.request()
        two.stop.request()
        counts = (end_one(), end_two())
    assert {feed.request_count for feed in feeds} == {1}
    assert sum(each.recorded for each in counts) == 80
    assert min(each.recorded for each in counts) > 0
    assert sorted(one.titles()) == sorted(f"n{number}" for number in range(80))


def test_what_one_poller_lost_another_takes_over(make_desk: MakeDesk) -> None:
    one, two = make_desk(grace=timedelta(seconds=0.1)), make_desk()
    feed = one.world.feed("/a.xml")
    feed.publish(rss("one"))
    feed.fail_next(faults.stall())
    one.add(feed)
    with running(one):
        wait_until(lambda: one.world.connections_opened > 0)
        assert two.poll_due().leased == 0
        two.clock.pass_by(timedelta(minutes=5))
        two.poll_due()
        assert two.titles() == ["one"]
    assert [(poll.result, poll.failure) for poll in two.polls(feed)] == [
        ("failed", "abandoned"),
        ("fetched", None),
    ]


def test_a_poller_may_run_again(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for number in range(3):
        feed.publish(rss(*(f"n{each}" for each in range(number + 1))))
        desk.poll()
    assert desk.titles() == ["n0", "n1", "n2"]
