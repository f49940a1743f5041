"""Append, then record: after a failure in between the next poll repeats the articles, and none is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ingest.db import polls, seen
from ingest.db.tables import quarantine
from ingest.errors import Unavailable, Unusable
from ingest.log.postgres import PostgresLog
from ingest.poll import recorder
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Lease, Message
from tests.poll.conftest import Desk, rss

pytestmark = pytest.mark.store
MakeDesk = Callable[..., Desk]


class Failing:
    """A real log that fails on request."""

    def __init__(self, engine: Engine) -> None:
        self.broken: type[Exception] | None = None
        self.refuses = b""
        self.calls: list[int] = []
        self._log = PostgresLog(engine)

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        self.calls.append(len(messages))
        if self.broken is not None:
            raise Unavailable("log", "told to fail")
        for message in messages:
            if self.refuses and self.refuses in message.value:
                raise Unusable(f"message {message.key!r}", "too large for the log")
        self._log.append(topic, messages)


def test_while_the_log_is_down_no_validator_is_remembered(make_desk: MakeDesk, database: Engine) -> None:
    log = Failing(database)
    desk = make_desk(log=log)
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    desk.add(feed)
    log.broken = Unavailable
    with pytest.raises(Unavailable, match="told to fail"):
        desk.poll()
    assert desk.seen_count(feed) == 0
    assert desk.polls(feed) == []
    log.broken = None
    desk.clock.pass_by(timedelta(minutes=5))  # the lease runs out
    desk.poll_due()
    assert desk.titles() == ["one", "two"]
    assert "if-none-match" not in feed.requests[1].headers
    assert [(poll.result, poll.failure) for poll in desk.polls(feed)] == [
        ("failed", "abandoned"),
        ("fetched", None),
    ]


def test_an_outcome_that_could_not_be_recorded_is_repeated_and_not_lost(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    desk.add(feed)

    def fail(*_: object, **__: object) -> int:
        raise Unavailable("database", "told to fail")

    with monkeypatch.context() as patched:
        patched.setattr(polls, "record", fail)
        with pytest.raises(Unavailable, match="told to fail"):
            desk.poll()
    assert desk.titles() == ["one", "two"]
    desk.clock.pass_by(timedelta(minutes=5))
    desk.poll_due()
    assert desk.titles() == ["one", "two"] * 2
    first, second = (article for article in desk.articles() if article.title == "one")
    assert (first.id, first.content_hash) == (second.id, second.content_hash)
    assert first.poll_id < second.poll_id
    desk.poll()
    assert len(desk.titles()) == 4


def test_a_message_the_log_does_not_take_is_quarantined_and_the_rest_goes_on(
    make_desk: MakeDesk, database: Engine
) -> None:
    log = Failing(database)
    log.refuses = b'"title":"two"'
    desk = make_desk(log=log)
    one, other = desk.world.feed("/a.xml"), desk.world.feed("/b.xml")
    one.publish(rss("one", "two", "three"))
    other.publish(rss("four"))
    desk.add(one, other)
    desk.poll()
    assert sorted(set(desk.titles())) == ["four", "one", "three"]
    assert (desk.last(one).entries, desk.last(one).appended) == (3, 2)
    with desk.engine.connect() as connection:
        (row,) = connection.execute(select(quarantine)).mappings().all()
    assert (row["stage"], row["topic"]) == ("poll", "news.articles")
    assert b'"title":"two"' in row["value"]
    assert "too large for the log" in row["detail"]
    one.publish(rss("one", "two", "three", "five"))
    desk.poll()
    assert desk.titles().count("five") == 1
    assert desk.last(one).appended == 1  # it is in quarantine, from where it can be replayed: not tried again


def poll_too_slowly(desk: Desk) -> None:
    """The lease has gone to another poll, which is then lost, before this one is recorded."""
    original = desk.poller.resources.fetcher.fetch

    async def slow(lease: Lease, **given: object) -> object:
        result = await original(lease, **given)  # type: ignore[arg-type]  # passed on as it came
        polls.lease_due(
            desk.engine,
            now=desk.clock() + timedelta(minutes=6),
            limit=1,
            lease=timedelta(minutes=5),
            host_limits=HostLimits(),
        )
        return result

    desk.poller.resources.fetcher.fetch = slow  # type: ignore[method-assign, assignment]
    counts = desk.poll()
    desk.poller.resources.fetcher.fetch = original  # type: ignore[method-assign]
    assert (counts.recorded, counts.late) == (1, 1)
    desk.clock.pass_by(timedelta(minutes=12))


def test_what_two_polls_of_one_document_could_not_hand_over_is_quarantined_once(
    make_desk: MakeDesk, database: Engine
) -> None:
    log = Failing(database)
    log.refuses = b'"title":"two"'
    desk = make_desk(log=log)
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    desk.add(feed)
    poll_too_slowly(desk)
    desk.poll_due()
    assert desk.titles() == ["one", "one"]
    with desk.engine.connect() as connection:
        (row,) = connection.execute(select(quarantine)).mappings().all()
    assert b'"title":"two"' in row["value"]


def test_a_poll_that_outlived_its_lease_loses_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    poll_too_slowly(desk)
    assert desk.titles() == ["one"]
    desk.poll_due()
    assert desk.titles() == ["one", "one"]
    assert [poll.failure for poll in desk.polls(feed)] == ["abandoned", "abandoned", None]
    desk.poll()
    assert len(desk.titles()) == 2


def test_when_the_database_goes_away_the_poller_ends_and_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk()
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.poll()
    feed.publish(rss("one", "two"))

    def gone(*_: object, **__: object) -> object:
        raise Unavailable("database", "gone")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seen, "seen_of", gone)
        with pytest.raises(Unavailable, match="gone"):
            desk.poll()


def test_while_the_log_takes_nothing_only_so_much_is_polled(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_POLLS", 20)
    taking = threading.Event()

    class Slow:
        """A log that blocks every append until the test releases it."""

        def append(self, topic: str, messages: Sequence[Message]) -> None:
            assert taking.wait(30)

    desk = make_desk(log=Slow(), concurrency=5)
    feeds = [desk.world.feed(f"/{number}.xml") for number in range(200)]
    for feed in feeds:
        feed.publish(rss("one"))
    desk.add(*feeds)
    running = threading.Thread(target=desk.poll_due)
    running.start()
    counts = [0]
    while len(counts) < 5 or counts[-1] == 0 or counts[-1] != counts[-4]:
        time.sleep(0.25)
        counts.append(sum(feed.request_count for feed in feeds))
    # The writer has up to a batch in hand; beside that what may wait, and what was under way.
    assert counts[-1] < 150
    taking.set()
    running.join(60)
    assert [feed.request_count for feed in feeds] == [1] * 200


def test_a_lease_that_ran_out_while_it_waited_is_not_polled(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    lease_due = polls.lease_due

    def lease_and_wait(*arguments: Any, **named: Any) -> list[Lease]:
        leases = lease_due(*arguments, **named)
        desk.clock.pass_by(timedelta(minutes=6))
        return leases

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(polls, "lease_due", lease_and_wait)
        desk.poll_due()
    assert feed.request_count == 0
    desk.poll_due()
    assert feed.request_count == 1
    assert [poll.failure for poll in desk.polls(feed)] == ["abandoned", None]
