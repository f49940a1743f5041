"""Metrics for Prometheus: counters of this process; the service's state, read at each scrape."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.db.status import Status
from ingest.errors import IngestError

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """One registry for one application: tests make many of them in one process."""

    def __init__(self, *, status: Callable[[], Status], subscribers: Callable[[], int]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "ingest_api_requests", "Answers by route, method and status.", ["route", "method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "ingest_api_request_seconds",
            "Time to the end of an answer, by route; streams are not among them.",
            ["route"],
            registry=self.registry,
        )
        self.events = Counter(
            "ingest_api_stream_events",
            "Events sent to subscribers, by topic.",
            ["topic"],
            registry=self.registry,
        )
        Gauge("ingest_api_streams", "Streams open now.", registry=self.registry).set_function(subscribers)
        self.registry.register(_DatabaseState(status))

    def exposition(self) -> bytes:
        """The text format; reads the database, so call it in a thread."""
        return generate_latest(self.registry)


class _DatabaseState(Collector):
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        return []  # or registering would read the database

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("ingest_database_up", "1 where the database could be read for this scrape.")
        try:
            status = self._status()
        except IngestError as error:
            logger.warning("metrics: %s", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from state(status)


def state(status: Status) -> Iterator[Metric]:
    """The service's state as gauges."""

    def labelled(name: str, about: str, label: str, values: Iterator[tuple[str, float]]) -> Metric:
        family = GaugeMetricFamily(name, about, labels=[label])
        for key, value in values:
            family.add_metric([key], value)
        return family

    yield labelled("ingest_feeds", "Feeds by state.", "state", iter(status.feeds.items()))
    yield GaugeMetricFamily(
        "ingest_feeds_failing", "Enabled feeds whose last poll failed.", status.feeds_failing
    )
    yield GaugeMetricFamily("ingest_feeds_due", "Feeds waiting to be polled.", status.feeds_due)
    yield GaugeMetricFamily(
        "ingest_feeds_due_lag_seconds",
        "How long the feed that waits longest has been due.",
        status.due_lag.total_seconds(),
    )
    yield labelled("ingest_polls_last_hour", "Polls by result.", "result", iter(status.polls.items()))
    yield GaugeMetricFamily("ingest_pages_waiting", "Articles' pages to be fetched.", status.pages_waiting)
    yield labelled(
        "ingest_pages_last_hour", "Tries of articles' pages by result.", "result", iter(status.pages.items())
    )
    yield GaugeMetricFamily("ingest_articles", "Articles stored (large: an estimate).", status.articles)
    yield GaugeMetricFamily("ingest_revisions", "Revisions stored (large: an estimate).", status.revisions)
    yield GaugeMetricFamily(
        "ingest_quarantine_records", "Records of the log set aside and not replayed.", status.quarantine
    )
    yield GaugeMetricFamily(
        "ingest_quarantine_entries",
        "Entries of feeds set aside; polls bring them again.",
        status.quarantine_entries,
    )
    yield labelled(
        "ingest_stream_cursor",
        "The last cursor of each stream.",
        "topic",
        ((stream.topic, stream.cursor) for stream in status.streams),
    )
    yield labelled(
        "ingest_subscriptions",
        "Subscriptions with hubs, by state.",
        "state",
        iter(status.subscriptions.items()),
    )
    yield GaugeMetricFamily("ingest_pushes_waiting", "Sent by hubs and not read yet.", status.pushes_waiting)
    lag = GaugeMetricFamily(
        "ingest_log_group_lag_records", "Records not yet committed.", labels=["topic", "group"]
    )
    for group in status.groups:
        lag.add_metric([group.topic, group.group], group.lag)
    yield lag


class CountRequests:
    """Middleware: every answer is counted under its route (the pattern, not the path)."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, routes: list[Route], streams: frozenset[str]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = next((r.path for r in self._routes if r.matches(scope)[0] is not Match.NONE), "(none)")
        method = scope["method"] if scope["method"] in {"GET", "HEAD"} else "(other)"
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(route, method, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)
        if route not in self._streams:
            self._metrics.seconds.labels(route).observe(time.perf_counter() - begun)
