"""A poll process over the real database, the embedded log and a feed world."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Engine, select, text

from ingest.db.feeds import add_feeds, find_feed, make_due
from ingest.db.polls import Poll, history
from ingest.db.tables import seen
from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.fetch import Limits
from ingest.log.api import ARTICLES
from ingest.log.postgres import PostgresLog
from ingest.poll import Appender, PollCounts, PollSettings
from ingest.poll_process import PollProcess
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Article, Feed
from ingest.wire import decode

INTERVAL = timedelta(minutes=15)


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


class Desk:
    """A poller with its feed world, and methods to publish, poll and inspect."""

    def __init__(self, engine: Engine, world: FeedWorld, poller: PollProcess, clock: Clock) -> None:
        self.engine = engine
        self.world = world
        self.poller = poller
        self.clock = clock
        self.log = PostgresLog(engine)
        self.stop = Stop()

    def add(self, *feeds: WorldFeed) -> None:
        add_feeds(self.engine, [(feed.url, None) for feed in feeds], now=self.clock(), interval=INTERVAL)

    def poll(self) -> PollCounts:
        """Poll every feed once, whenever it would be due."""
        self.clock.pass_by(timedelta(seconds=1))
        make_due(self.engine, now=self.clock())
        return self.poller.run(self.stop, until_idle=True)

    def poll_due(self) -> PollCounts:
        return self.poller.run(self.stop, until_idle=True)

    def articles(self) -> list[Article]:
        """The articles in the log, in order."""
        return [decode(record) for record in self.log.read(ARTICLES, after=0, limit=100_000)]

    def titles(self) -> list[str]:
        return [article.title for article in self.articles()]

    def feed(self, feed: WorldFeed) -> Feed:
        found = find_feed(self.engine, url=feed.url)
        assert found is not None
        return found

    def polls(self, feed: WorldFeed) -> list[Poll]:
        """The polls of a feed, oldest first."""
        return history(self.engine, self.feed(feed).id, limit=1000)[::-1]

    def last(self, feed: WorldFeed) -> Poll:
        return self.polls(feed)[-1]

    def seen_count(self, feed: WorldFeed) -> int:
        with self.engine.connect() as connection:
            rows = connection.execute(select(seen.c.key).where(seen.c.feed_id == self.feed(feed).id))
            return len(rows.all())


SETTINGS: Final = PollSettings(
    policy=Policy(interval=INTERVAL),
    host_limits=HostLimits(),
    lease=timedelta(minutes=5),
    concurrency=10,
    grace=timedelta(seconds=20),
)


def make_poller(engine: Engine, log: Appender, clock: Clock, **changes: Any) -> PollProcess:
    """A poll process with these ``changes`` to its settings and arguments."""
    names = {field.name for field in fields(PollSettings)}
    settings = replace(SETTINGS, **{name: changes.pop(name) for name in names & changes.keys()})
    return PollProcess(
        engine,
        log,
        PostgresLog(engine),
        settings,
        **{
            "user_agent": "news-ingest-tests/1 (+https://example.org/bot)",
            "limits": Limits(deadline=timedelta(seconds=20), max_bytes=4 * 1024**2, max_redirects=5),
            "allow_private_addresses": True,
            "parse_workers": 1,
            "parse_deadline": timedelta(seconds=30),
            "parse_memory": 1024**3,
            "clock": clock,
            **changes,
        },
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world() -> Iterator[FeedWorld]:
    from tests.feedworld.codings import ALL_CODINGS

    with FeedWorld(codings=ALL_CODINGS) as world:
        yield world


@pytest.fixture
def desk(database: Engine, world: FeedWorld, clock: Clock) -> Iterator[Desk]:
    with make_poller(database, PostgresLog(database), clock) as poller:
        yield Desk(database, world, poller, clock)


@pytest.fixture
def make_desk(database: Engine, world: FeedWorld, clock: Clock) -> Iterator[Callable[..., Desk]]:
    """Make desks; the arguments are changes to the settings of their pollers."""
    made: list[PollProcess] = []

    def make(*, log: Appender | None = None, **changes: Any) -> Desk:
        poller = make_poller(database, log or PostgresLog(database), clock, **changes)
        poller.__enter__()
        made.append(poller)
        return Desk(database, world, poller, clock)

    yield make
    for poller in made:
        poller.__exit__(None, None, None)


def rss(*entries: str, title: str = "The Daily Fiction") -> bytes:
    """Return a feed with these titles; each entry has its own guid, link and text."""
    body = "".join(
        f"<item><guid isPermaLink='false'>{name}</guid><link>https://news.example/{name}</link>"
        f"<title>{name}</title><description>All there is to say about {name}.</description></item>"
        for name in entries
    )
    return f"<rss version='2.0'><channel><title>{title}</title><link>https://news.example/</link>{body}</channel></rss>".encode()


def wait_for_lock_wait(engine: Engine) -> None:
    """Return when a connection waits for a lock that another one holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deadline = time.monotonic() + 30
    while True:
        with engine.connect() as connection:
            if connection.scalar(waiting):
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)
