"""The HTTP API as one application: routes, what is around them, and what opens and closes with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from ingest import runtime
from ingest.api import responses
from ingest.api.articles import ArticleRoutes
from ingest.api.feeds import FeedRoutes
from ingest.api.live import LiveStreams
from ingest.api.metrics import CountRequests, Metrics
from ingest.api.service import ServiceRoutes
from ingest.api.sse import HEARTBEAT
from ingest.api.threads import Threads
from ingest.api.topics import TooManyStreams, TopicRoutes
from ingest.api.websub import BODY_PATIENCE, PushRoutes
from ingest.db import migrate
from ingest.db.engine import Engine
from ingest.db.status import Status, read_status
from ingest.errors import Refused, Unavailable
from ingest.log.postgres import PostgresLog, listen

STREAM: Final = "/v1/topics/{slug}/stream"
ALERT_STREAM: Final = "/v1/alerts/stream"
PUSH: Final = "/push/{token}"
PUSH_BYTES: Final = 16 * 1024**2
GZIP_LEVEL: Final = 5


def create_api(
    engine: Engine,
    log: PostgresLog | None = None,
    *,
    ready: Callable[[], object] | None = None,
    status: Callable[[], Status] | None = None,
    heartbeat: timedelta = HEARTBEAT,
    push: bool = False,
    push_bytes: int = PUSH_BYTES,
    push_patience: timedelta = BODY_PATIENCE,
    clock: Callable[[], datetime] = runtime.now,
) -> Starlette:
    """The API over a database and the streams in it.

    ``ready`` is asked by ``/readyz`` beside the database and its migration: it raises one of our errors where
    the service's log cannot be reached. ``status`` is what ``/v1/status`` and ``/metrics`` tell; without it, what
    is in the database. With ``push`` hubs find their callbacks here, and may send ``push_bytes`` at once, within
    ``push_patience``; ``clock`` is the present that they meet. The engine needs room for ten connections; one more is
    opened beside its pool.
    """
    log = log or PostgresLog(engine)
    threads = Threads()
    live = LiveStreams(log, partial(listen, engine))
    status = status or (lambda: read_status(engine, now=runtime.now()))
    metrics = Metrics(status=status, subscribers=lambda: live.subscribers)
    checks: dict[str, Callable[[], object]] = {"database": lambda: migrate.check(engine)}
    if ready is not None:
        checks["log"] = ready
    of_articles = ArticleRoutes(engine, threads)
    of_feeds = FeedRoutes(engine, threads)
    of_topics = TopicRoutes(engine, log, threads, live, metrics, heartbeat=heartbeat)
    of_hubs = PushRoutes(
        engine, threads, enabled=push, max_bytes=push_bytes, patience=push_patience, clock=clock
    )
    of_service = ServiceRoutes(threads, metrics, checks=checks, status=status)
    routes = [
        Route("/v1/articles", of_articles.find),
        Route("/v1/articles/{id}", of_articles.one),
        Route("/v1/topics", of_topics.listed),
        Route("/v1/topics/{slug}/events", of_topics.events),
        Route(STREAM, of_topics.stream),
        Route("/v1/alerts", of_topics.alerts),
        Route(ALERT_STREAM, of_topics.alert_stream),
        Route("/v1/feeds", of_feeds.listed),
        Route("/v1/feeds/{id}", of_feeds.one),
        Route("/v1/ledger", of_articles.ledger),
        Route("/v1/status", of_service.status),
        Route("/v1/schema", of_service.schema),
        Route(PUSH, of_hubs.verify),
        Route(PUSH, of_hubs.receive, methods=["POST"]),
        Route("/healthz", of_service.alive),
        Route("/readyz", of_service.ready),
        Route("/metrics", of_service.metrics),
        Route("/openapi.json", of_service.openapi),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await live.open()
        try:
            yield
        finally:
            await live.close()
            await threads.close()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CountRequests, metrics=metrics, routes=routes, streams=frozenset({STREAM, ALERT_STREAM})
            ),
            Middleware(responses.SafeHeaders),
            Middleware(GZipMiddleware, compresslevel=GZIP_LEVEL),
        ],
        exception_handlers={
            Refused: responses.refused,
            responses.NotFound: responses.not_found,
            Unavailable: responses.unavailable,
            TooManyStreams: responses.unavailable,
            HTTPException: responses.http_error,
            Exception: responses.broken,
        },
    )
    app.router.redirect_slashes = False
    app.state.live = live
    return app
