"""The HTTP API as one application: routes, middleware, error handlers, and resources that open and close with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from ingest import app, runtime
from ingest.api import responses
from ingest.api.articles import ArticleRoutes
from ingest.api.feeds import FeedRoutes
from ingest.api.live import LiveStreams
from ingest.api.metrics import CountRequests, Metrics
from ingest.api.service import ServiceRoutes
from ingest.api.sse import HEARTBEAT
from ingest.api.threads import SEARCH_WORKERS, Threads
from ingest.api.topics import TooManyStreams, TopicRoutes
from ingest.api.websub import BODY_TIMEOUT, PushRoutes
from ingest.db import migrate
from ingest.db.engine import Engine
from ingest.db.status import Status, read_status
from ingest.errors import Refused, Unavailable
from ingest.streams import StreamReader

STREAM: Final = "/v1/topics/{slug}/stream"
ALERT_STREAM: Final = "/v1/alerts/stream"
PUSH: Final = "/push/{token}"
PUSH_BYTES: Final = 16 * 1024**2
GZIP_LEVEL: Final = 5


def create_api(
    engine: Engine,
    log: StreamReader | None = None,
    *,
    ready: Callable[[], object] | None = None,
    status: Callable[[], Status] | None = None,
    heartbeat: timedelta = HEARTBEAT,
    push: bool = False,
    push_bytes: int = PUSH_BYTES,
    push_timeout: timedelta = BODY_TIMEOUT,
    clock: Callable[[], datetime] = runtime.now,
) -> Starlette:
    """Return the API over a database and its streams.

    The engine needs a pool of ten connections; one more connection is opened beside the pool.

    Args:
        log: the log with the streams; default: the log in the database.
        ready: checks the log for ``/readyz``, which checks the database and its migration itself; raises an error of
            ours where the log is not available.
        status: returns the status for ``/v1/status`` and ``/metrics``; default: the status of the database alone.
        heartbeat: the time after which a silent stream sends a comment.
        push: True serves the callbacks of hubs.
        push_bytes: the largest body that a hub may send.
        push_timeout: the time within which a hub must have sent a body.
        clock: returns the current time for the callbacks of hubs.
    """
    log = log or app.open_database_log(engine)
    threads = Threads()
    search_threads = Threads(SEARCH_WORKERS, name="ingest-api-search")
    live = LiveStreams(log, partial(app.listen_to_log, engine))
    status = status or (lambda: read_status(engine, now=runtime.now()))
    metrics = Metrics(status=status, subscribers=lambda: live.subscribers)
    checks: dict[str, Callable[[], object]] = {"database": lambda: migrate.check(engine)}
    if ready is not None:
        checks["log"] = ready
    routes = _routes(
        ArticleRoutes(engine, threads, search_threads),
        FeedRoutes(engine, threads),
        TopicRoutes(engine, log, threads, live, metrics, heartbeat=heartbeat),
        PushRoutes(engine, threads, enabled=push, max_bytes=push_bytes, timeout=push_timeout, clock=clock),
        ServiceRoutes(threads, metrics, checks=checks, status=status),
    )
    streams = frozenset({STREAM, ALERT_STREAM})
    api = Starlette(
        routes=routes,
        lifespan=_lifespan(live, threads, search_threads),
        middleware=[
            Middleware(CountRequests, metrics=metrics, routes=routes, streams=streams),
            Middleware(responses.SafeHeaders),
            Middleware(GZipMiddleware, compresslevel=GZIP_LEVEL),
        ],
        exception_handlers=_error_handlers(),
    )
    api.router.redirect_slashes = False
    api.state.live = live
    return api


def _routes(
    articles: ArticleRoutes,
    feeds: FeedRoutes,
    topics: TopicRoutes,
    hubs: PushRoutes,
    service: ServiceRoutes,
) -> list[Route]:
    return [
        Route("/v1/articles", articles.search),
        Route("/v1/articles/{id}", articles.show),
        Route("/v1/topics", topics.list_topics),
        Route("/v1/topics/{slug}/events", topics.events),
        Route(STREAM, topics.stream),
        Route("/v1/alerts", topics.alerts),
        Route(ALERT_STREAM, topics.alert_stream),
        Route("/v1/feeds", feeds.list_feeds),
        Route("/v1/feeds/{id}", feeds.show),
        Route("/v1/ledger", articles.ledger),
        Route("/v1/status", service.status),
        Route("/v1/schema", service.schema),
        Route(PUSH, hubs.verify),
        Route(PUSH, hubs.receive, methods=["POST"]),
        Route("/healthz", service.alive),
        Route("/readyz", service.ready),
        Route("/metrics", service.metrics),
        Route("/openapi.json", service.openapi),
    ]


def _error_handlers() -> dict[Any, responses.ErrorHandler]:
    return {
        Refused: responses.refused,
        responses.NotFound: responses.not_found,
        Unavailable: responses.unavailable,
        TooManyStreams: responses.unavailable,
        HTTPException: responses.http_error,
        Exception: responses.internal_error,
    }


def _lifespan(
    live: LiveStreams, *threads: Threads
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_api: Starlette) -> AsyncIterator[None]:
        await live.open()
        try:
            yield
        finally:
            await live.close()
            for each in threads:
                await each.close()

    return lifespan
