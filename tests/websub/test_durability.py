"""Pushes are stored before the hub gets a response and deleted after the append, so a failure only repeats them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select

from ingest import runtime
from ingest.db import tables
from ingest.db.websub import pushes
from ingest.errors import Unavailable
from ingest.log.api import ARTICLES
from ingest.log.postgres import PostgresLog
from ingest.runtime import Stop
from ingest.wire import decode
from tests.api.conftest import running
from tests.feedworld import FeedWorld
from tests.feedworld.hub import Hub
from tests.log.backends import kafka_log
from tests.poll.conftest import Desk, make_poller
from tests.poll.test_durability import Failing
from tests.websub.conftest import Press

pytestmark = pytest.mark.store
MakePress = Callable[..., Press]
LEASE = timedelta(minutes=5)


def test_while_the_log_is_down_what_a_hub_sent_is_kept(make_press: MakePress, database: Engine) -> None:
    log = Failing(database)
    press = make_press(log=log)
    feed = press.subscribe("one")
    log.broken = Unavailable
    with pytest.raises(Unavailable, match="told to fail"):
        press.push(feed, "two")
    assert press.waiting() == 1
    assert press.seen_count(feed) == 1
    log.broken = None
    press.tend()
    assert press.titles() == ["one", "two"]
    assert press.waiting() == 0


def test_a_push_that_was_appended_and_not_recorded_is_the_same_articles_again(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = press.subscribe("one")

    def fail(*_: object, **__: object) -> bool:
        raise Unavailable("database", "told to fail")

    with monkeypatch.context() as patched:
        patched.setattr(pushes, "record", fail)
        with pytest.raises(Unavailable, match="told to fail"):
            press.push(feed, "two")
    assert press.titles() == ["one", "two"]
    press.tend()
    first, second = (article for article in press.articles() if article.title == "two")
    # One poll id: the store takes the second for the record that it has.
    assert (first.id, first.content_hash, first.poll_id) == (second.id, second.content_hash, second.poll_id)
    press.poll()
    assert press.titles() == ["one", "two", "two"]


def test_a_push_of_a_poller_that_died_goes_to_another_and_is_recorded_once(
    press: Press, database: Engine
) -> None:
    feed = press.subscribe("one")
    press.hub.publish(feed.url, press.document(feed, "two"))
    (lost,) = pushes.lease(database, now=press.clock(), limit=10, lease=LEASE)
    press.tend()
    assert press.titles() == ["one"]
    press.clock.pass_by(LEASE)
    late = pushes.PushOutcome(push=lost, finished_at=press.clock())
    (taken,) = pushes.lease(database, now=press.clock(), limit=10, lease=LEASE)
    assert not pushes.record(database, late, now=press.clock())  # it is another's by now
    assert press.waiting() == 1
    pushes.release(database, [taken])
    press.tend()
    assert press.titles() == ["one", "two"]
    assert not pushes.record(database, late, now=press.clock())
    assert [poll.result for poll in press.polls(feed)].count("pushed") == 1


def test_pushes_of_one_feed_are_read_in_the_order_they_came(press: Press, database: Engine) -> None:
    feed = press.subscribe("one")
    other = press.subscribe("two", path="/b.xml")
    for number in range(3):
        press.hub.publish(feed.url, press.document(feed, f"pushed-{number}"))
    press.hub.publish(other.url, press.document(other, "elsewhere"))
    leased = pushes.lease(database, now=press.clock(), limit=10, lease=LEASE)
    assert [each.feed_id for each in leased] == [press.feed(feed).id, press.feed(other).id]
    pushes.release(database, leased)
    press.tend()
    pushed = [title for title in press.titles() if title.startswith("pushed")]
    assert pushed == ["pushed-0", "pushed-1", "pushed-2"]


def test_an_entry_that_cannot_be_an_article_is_in_quarantine(press: Press) -> None:
    feed = press.subscribe("one")
    body = press.document(feed, "two").replace(b"</feed>", b"<entry><rights>x</rights></entry></feed>")
    press.hub.publish(feed.url, body)
    press.tend()
    assert press.titles() == ["one", "two"]
    with press.engine.connect() as connection:
        row = connection.execute(select(tables.quarantine)).mappings().one()
    assert (row["stage"], row["topic"]) == ("normalise", f"feed:{press.feed(feed).id}")


def test_a_running_poller_subscribes_reads_what_comes_and_stops_in_order(database: Engine, hub: Hub) -> None:
    with FeedWorld() as world, running(database, push=True) as server:
        log = PostgresLog(database)
        with make_poller(database, log, runtime.now, public_url=server.url) as poller:  # type: ignore[arg-type]  # a clock
            press = Press(Desk(database, world, poller, runtime.now), hub, server)  # type: ignore[arg-type]  # the same
            feed = world.feed("/a.xml")
            feed.publish(press.document(feed, "one"))
            press.add(feed)
            stop = Stop()
            thread = threading.Thread(target=poller.run, args=(stop,))
            thread.start()
            try:
                _until(lambda: bool(hub.subscribers))
                assert hub.publish(feed.url, press.document(feed, "two")) == [204]
                _until(lambda: "two" in press.titles())
                _until(lambda: press.waiting() == 0)
            finally:
                stop.request()
                thread.join(30)
            assert not thread.is_alive()
            assert feed.request_count == 1


@pytest.mark.kafka
def test_what_a_hub_sends_is_on_kafka_before_it_is_forgotten(
    make_press: MakePress, kafka_bootstrap: str
) -> None:
    log = kafka_log(kafka_bootstrap)
    mark = uuid4().hex
    try:
        press = make_press(log=log)
        feed = press.subscribe("one")
        assert press.push(feed, f"pushed-{mark}") == [204]
        assert press.waiting() == 0
        titles: list[str] = []
        with log.subscribe(ARTICLES, group=f"test-{mark}") as subscription:
            deadline = time.monotonic() + 60
            while f"pushed-{mark}" not in titles and time.monotonic() < deadline:
                records = subscription.poll(timeout=1, limit=500)
                titles += [decode(record).title for record in records]
                subscription.commit(records)
        assert titles.count(f"pushed-{mark}") == 1
    finally:
        log.close()


def _until(claim: Callable[[], bool], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)
