"""Metrics for Prometheus: counters of this process, and the state of the service, read at each scrape."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
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
    """Metrics of one application, in a registry of their own: tests create many applications in one process."""

    def __init__(self, *, status: Callable[[], Status], subscribers: Callable[[], int]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "ingest_api_requests", "Responses by route, method and status.", ["route", "method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "ingest_api_request_seconds",
            "Time to the end of a response, by route; streams are not included.",
            ["route"],
            registry=self.registry,
        )
        self.events = Counter(
            "ingest_api_stream_events",
            "Events sent to subscribers, by topic.",
            ["topic"],
            registry=self.registry,
        )
        Gauge("ingest_api_streams", "Open streams.", registry=self.registry).set_function(subscribers)
        self.registry.register(_DatabaseState(status))

    def exposition(self) -> bytes:
        """Return the text format of Prometheus; call it in a thread, because it reads the database."""
        return generate_latest(self.registry)


class _DatabaseState(Collector):
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        return []  # registering the collector would read the database otherwise

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("ingest_database_up", "1 if the database could be read for this scrape.")
        try:
            status = self._status()
        except IngestError as error:
            logger.warning("metrics: %s", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from status_metrics(status)


_GAUGES: Final[tuple[tuple[str, str, Callable[[Status], float]], ...]] = (
    ("ingest_feeds_failing", "Enabled feeds whose last poll failed.", lambda status: status.feeds_failing),
    ("ingest_feeds_due", "Feeds waiting to be polled.", lambda status: status.feeds_due),
    (
        "ingest_feeds_due_lag_seconds",
        "Time for which the longest waiting feed has been due.",
        lambda status: status.due_lag.total_seconds(),
    ),
    ("ingest_pages_waiting", "Article pages that wait to be fetched.", lambda status: status.pages_waiting),
    ("ingest_articles", "Articles stored (large: an estimate).", lambda status: status.articles),
    ("ingest_revisions", "Revisions stored (large: an estimate).", lambda status: status.revisions),
    (
        "ingest_articles_unindexed",
        "Articles that searches do not find yet.",
        lambda status: status.articles_unindexed,
    ),
    (
        "ingest_quarantine_records",
        "Quarantined records of the log that were not replayed.",
        lambda status: status.quarantine,
    ),
    (
        "ingest_quarantine_entries",
        "Quarantined entries of feeds; the next poll brings them again.",
        lambda status: status.quarantine_entries,
    ),
    (
        "ingest_websub_pushes_waiting",
        "Pushes of hubs that no poller has read yet.",
        lambda status: status.websub_pushes_waiting,
    ),
)
_LABELLED_GAUGES: Final[tuple[tuple[str, str, str, Callable[[Status], Mapping[str, float]]], ...]] = (
    ("ingest_feeds", "Feeds by state.", "state", lambda status: status.feeds),
    ("ingest_polls_last_hour", "Polls by result.", "result", lambda status: status.polls),
    ("ingest_pages_last_hour", "Fetches of article pages by result.", "result", lambda status: status.pages),
    (
        "ingest_websub_subscriptions",
        "WebSub subscriptions by state.",
        "state",
        lambda status: status.websub_subscriptions,
    ),
    (
        "ingest_stream_cursor",
        "The last cursor of each stream.",
        "topic",
        lambda status: {stream.topic: stream.cursor for stream in status.streams},
    ),
)


def status_metrics(status: Status) -> Iterator[Metric]:
    """Yield the state of the service as gauges."""
    for name, description, value in _GAUGES:
        yield GaugeMetricFamily(name, description, value(status))
    for name, description, label, values in _LABELLED_GAUGES:
        family = GaugeMetricFamily(name, description, labels=[label])
        for key, count in values(status).items():
            family.add_metric([key], count)
        yield family
    lag = GaugeMetricFamily(
        "ingest_log_group_lag_records", "Records that the group has not committed.", labels=["topic", "group"]
    )
    for group in status.groups:
        lag.add_metric([group.topic, group.group], group.lag)
    yield lag


class CountRequests:
    """Middleware: counts every response under its route (the pattern, not the path)."""

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
        started_at = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(route, method, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)
        if route not in self._streams:
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started_at)
