"""The whole service for one case: a feed world, the poller, the consumer, the commands and the HTTP API.

::

    feed = service.serve(first_version, second_version)
    service.poll()                              # publishes the first version, polls it, stores its articles
    assert service.titles() == ["A", "B"]
    service.poll()                              # the same with the second version
    assert service.search("grain") == ["A"]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any, Final

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from ingest.cli import root
from ingest.consume import consume
from ingest.db import topics
from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.poll import PollCounts
from ingest.runtime import Stop
from ingest.types import Record, Topic
from tests.api.conftest import running
from tests.poll.conftest import Clock, Desk, clock, desk, make_desk, world

__all__ = ["Clock", "Desk", "Service", "clock", "desk", "make_desk", "world"]

BATCH: Final = 1_000
"""Records in a batch of the consumer."""
PAGE: Final = 200
"""The longest page of results."""


class Service:
    """A poller, a consumer, the commands and the API over one database, and the feed world that the poller fetches."""

    def __init__(self, engine: Engine, url: str, desk: Desk, stack: ExitStack) -> None:
        self.engine = engine
        self.desk = desk
        self.world = desk.world
        self.clock = desk.clock
        self._url = url
        self._stack = stack
        self._client: httpx.Client | None = None
        self._consumed = 0
        self._feed_numbers = count(1)

    def serve(
        self, *versions: bytes, content_type: str | None = "application/xml", path: str | None = None
    ) -> WorldFeed:
        """Register a feed whose first version the next :meth:`poll` publishes, and a further one each later poll."""
        feed = self.world.feed(path or f"/feed-{next(self._feed_numbers)}.xml")
        feed.queue(*(Version(body=body, content_type=content_type) for body in versions))
        self.desk.add(feed)
        return feed

    def poll(self) -> PollCounts:
        """Publish the next version of each document, poll every feed once, and store the articles."""
        self.world.advance_all()
        counts = self.desk.poll()
        self.consume()
        return counts

    def consume(self) -> None:
        """Store the records of the log that are not stored yet, with the consumer of the service."""
        log = PostgresLog(self.engine)
        persister = Persister(self.engine, log, clock=self.clock)
        stop = Stop()
        last = len(self.desk.articles())

        def persist(records: Sequence[Record]) -> None:
            persister(records)
            if records[-1].offset >= last:
                stop.request()

        if self._consumed < last:
            consume(log, persist, stop, batch=BATCH)
            self._consumed = last

    def add_topic(self, slug: str, rule: Mapping[str, Any]) -> None:
        """Make this the only active topic."""
        topic = Topic(slug=slug, title=slug, description="", rule=rule)
        topics.load(self.engine, [topic], now=self.clock())

    def cli(self, *arguments: str) -> str:
        """Run a command, such as ``cli("feeds", "list")``, and return its standard output."""
        result = self.cli_result(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def cli_json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--json"))

    def cli_result(self, *arguments: str) -> Result:
        """Run a command that may fail."""
        environment = {"INGEST_DATABASE_URL": self._url, "INGEST_CONFIG": None}
        return CliRunner().invoke(root, list(arguments), env=environment)

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON body of a successful GET request to the API."""
        response = self.request("GET", path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the API; the first request starts the API."""
        if self._client is None:
            server = self._stack.enter_context(running(self.engine))
            self._client = self._stack.enter_context(httpx.Client(base_url=server.url, timeout=60))
        return self._client.request(method, path, **options)

    def articles(self, **parameters: Any) -> list[dict[str, Any]]:
        """All articles that these parameters of the API select, in its order."""
        articles: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/v1/articles", limit=PAGE, **parameters, **cursor)
            articles += page["articles"]
            if page["next_cursor"] is None:
                return articles
            cursor = {"cursor": page["next_cursor"]}

    def article(self, title: str) -> dict[str, Any]:
        """The only article with this title, as ``/v1/articles/{id}`` shows it."""
        (article,) = [each for each in self.articles() if each["title"] == title]
        shown: dict[str, Any] = self.get(f"/v1/articles/{article['id']}")["article"]
        return shown

    def titles(self, **parameters: Any) -> list[str]:
        """The titles of the articles that these parameters select, sorted."""
        return sorted(article["title"] for article in self.articles(**parameters))

    def search(self, query: str, **parameters: Any) -> list[str]:
        """The titles of the articles that a search finds, sorted."""
        return self.titles(q=query, **parameters)


@pytest.fixture
def service(database: Engine, database_url: str, desk: Desk) -> Iterator[Service]:
    with ExitStack() as stack:
        yield Service(database, database_url, desk, stack)


@pytest.fixture
def make_service(
    database: Engine, database_url: str, make_desk: Callable[..., Desk]
) -> Iterator[Callable[..., Service]]:
    """Make services; the arguments are changes to the settings of their pollers."""
    with ExitStack() as stack:
        yield lambda **changes: Service(database, database_url, make_desk(**changes), stack)
