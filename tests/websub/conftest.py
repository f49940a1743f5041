"""A feed with a hub, our poller and our API on real servers, with a clock that the tests advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import Engine, select

from ingest.db import tables
from ingest.db.websub import subscriptions
from ingest.db.websub.subscriptions import SubscriptionView, subscription_view
from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.log.postgres import PostgresLog
from ingest.poll import Appender
from ingest.schedule.websub import Subscription
from tests.api.conftest import Running, running
from tests.feedworld.hub import Hub
from tests.poll.conftest import Clock, Desk, make_poller

BACKUP: Final = timedelta(days=1)


class Press(Desk):
    """A desk that hubs can reach."""

    def __init__(self, desk: Desk, hub: Hub, server: Running) -> None:
        super().__init__(desk.engine, desk.world, desk.poller, desk.clock)
        self.hub = hub
        self.server = server

    def tend(self) -> None:
        """Run everything that is due now in the poller and in the hub."""
        self.poll_due()
        self.hub.settle()

    def subscribe(self, *entries: str, path: str = "/a.xml") -> WorldFeed:
        """A feed with these entries that names the hub, polled and subscribed to."""
        feed = self.world.feed(path)
        feed.publish(self.document(feed, *entries))
        self.add(feed)
        self.poll()
        self.tend()
        return feed

    def document(self, feed: WorldFeed, *entries: str, hub: str | None = None) -> bytes:
        return with_hub(*entries, hub=hub or self.hub.url, own=feed.url)

    def push(self, feed: WorldFeed, *entries: str, **headers: str) -> list[int]:
        """The hub sends a document of these entries alone, and the poller reads it."""
        answered = self.hub.publish(self.subscription(feed).topic, self.document(feed, *entries), **headers)
        self.tend()
        return answered

    def subscription(self, feed: WorldFeed) -> Subscription:
        found = subscriptions.find(self.engine, feed_id=self.feed(feed).id)
        assert found is not None
        return found

    def known(self, feed: WorldFeed) -> SubscriptionView:
        with self.engine.connect() as connection:
            found = subscription_view(connection, self.feed(feed).id, now=self.clock())
        assert found is not None
        return found

    def waiting(self) -> int:
        """Pushes that were not read."""
        with self.engine.connect() as connection:
            return len(connection.execute(select(tables.websub_pushes.c.id)).all())

    def be_trusted(self, feed: WorldFeed) -> None:
        """Send valid pushes until the hub is trusted."""
        for number in range(3):
            self.push(feed, f"earned-{number}")
        assert self.known(feed).reliable

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.url, timeout=30)


def with_hub(*entries: str, hub: str, own: str) -> bytes:
    """Return an Atom feed with these titles that declares its hub and its own URL."""
    body = "".join(
        f"<entry><id>tag:news.example,2026:{name}</id><link href='https://news.example/{name}'/>"
        f"<title>{name}</title><content>All there is to say about {name}.</content></entry>"
        for name in entries
    )
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title>The Daily Fiction</title>"
        f"<link rel='hub' href='{hub}'/><link rel='self' href='{own}'/>{body}</feed>"
    ).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def make_press(database: Engine, clock: Clock, hub: Hub) -> Iterator[Callable[..., Press]]:
    """Make presses; the arguments are changes to the settings of their pollers."""
    with ExitStack() as stack:
        world = stack.enter_context(FeedWorld())
        server = stack.enter_context(running(database, push=True, push_bytes=100_000, clock=clock))

        def make(*, log: Appender | None = None, **changes: Any) -> Press:
            given = {"public_url": server.url, "interval_with_hub": BACKUP, **changes}
            poller = make_poller(database, log or PostgresLog(database), clock, **given)
            stack.enter_context(poller)
            return Press(Desk(database, world, poller, clock), hub, server)

        yield make


@pytest.fixture
def press(make_press: Callable[..., Press]) -> Press:
    return make_press()
