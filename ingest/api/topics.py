"""Handlers of topics, their streams and the stream of alerts: as result pages, and live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest.api.live import LiveStreams
from ingest.api.metrics import Metrics
from ingest.api.parameters import query_parameters, read_number
from ingest.api.responses import Json, NotFound, error
from ingest.api.sse import EventStream
from ingest.api.threads import Threads
from ingest.db import topics
from ingest.db.engine import Engine
from ingest.errors import IngestError
from ingest.log.api import ALERTS_STREAM, stream_topic
from ingest.response_bodies import topic_body
from ingest.streams import StreamReader, event_line, find_gap, gap_body, read_cursor, start_reading
from ingest.types import Record

MAX_EVENTS: Final = 500
DEFAULT_EVENTS: Final = 100
MAX_STREAMS: Final = 1000
"""Maximum number of open streams in one process."""


class TooManyStreams(IngestError):
    """The process has the maximum number of open streams; retry later, or at another process."""


class TopicRoutes:
    """Handlers that read topics and streams."""

    def __init__(
        self,
        engine: Engine,
        reader: StreamReader,
        threads: Threads,
        live: LiveStreams,
        metrics: Metrics,
        *,
        heartbeat: timedelta,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._threads = threads
        self._live = live
        self._metrics = metrics
        self._heartbeat = heartbeat

    async def list_topics(self, request: Request) -> Response:
        """Respond with all topics."""
        query_parameters(request)
        listed = await self._threads.run(lambda: topics.list_topics(self._engine))
        return Json({"topics": [topic_body(topic) for topic in listed]})

    async def events(self, request: Request) -> Response:
        """Respond with events after a cursor.

        Where retention deleted some of them the status is 410, except for cursor 0, which means the start.
        """
        return await self._events(request, await self._slug(request))

    async def alerts(self, request: Request) -> Response:
        """Respond with alerts after a cursor, like :meth:`events`."""
        return await self._events(request, ALERTS_STREAM)

    async def _events(self, request: Request, slug: str) -> Response:
        parameters = query_parameters(request, "after", "limit")
        after = read_cursor("after", parameters.get("after", "0"))
        limit = (
            read_number("limit", parameters["limit"], least=1, most=MAX_EVENTS)
            if "limit" in parameters
            else DEFAULT_EVENTS
        )
        start = await self._threads.run(lambda: start_reading(self._reader, slug, after, parameter="after"))
        gap = start.gap
        records: Sequence[Record] = ()
        if gap is None or after == 0:
            records = await self._threads.run(
                lambda: self._reader.read(stream_topic(slug), after=start.cursor, limit=limit)
            )
            gap = gap or find_gap(slug, records, after=start.cursor)
        if gap is not None and after != 0:
            expected = (
                f"a cursor that is still available; after={gap.first_cursor - 1} resumes at the first event"
            )
            return error(410, parameter="after", value=after, expected=expected, gap=gap_body(gap))
        page = b'{"topic":%s,"first_cursor":%d,"last_cursor":%d,"next_after":%d,"gap":%s,"events":[%s]}' % (
            Json(slug).body,
            start.first_cursor,
            max(start.last_cursor, records[-1].offset if records else 0),
            records[-1].offset if records else start.cursor,
            Json(None if gap is None else gap_body(gap)).body,
            b",".join(event_line(record) for record in records),
        )
        return Response(page, media_type="application/json")

    async def stream(self, request: Request) -> Response:
        """Respond with the live stream of a topic."""
        return await self._stream(request, await self._slug(request))

    async def alert_stream(self, request: Request) -> Response:
        """Respond with the live stream of alerts."""
        return await self._stream(request, ALERTS_STREAM)

    async def _stream(self, request: Request, slug: str) -> Response:
        parameters = query_parameters(request, "after")
        # A client that reconnects sends both; the header is its current position.
        header = request.headers.get("last-event-id", "")
        cursor, parameter = None, "after"
        if header:
            cursor, parameter = read_cursor("Last-Event-ID", header), "Last-Event-ID"
        elif "after" in parameters:
            cursor = read_cursor("after", parameters["after"])
        if self._live.subscribers >= MAX_STREAMS:
            raise TooManyStreams(f"{MAX_STREAMS} streams are open")
        start = await self._threads.run(
            lambda: start_reading(self._reader, slug, cursor, parameter=parameter)
        )
        counter = self._metrics.events.labels(slug)
        stream = EventStream(self._live, slug, start, on_sent=counter.inc, heartbeat=self._heartbeat)
        return _Streaming(stream)

    async def _slug(self, request: Request) -> str:
        slug = str(request.path_params["slug"])
        if not await self._threads.run(lambda: "\0" not in slug and topics.exists(self._engine, slug)):
            raise NotFound("topic", slug, "a topic of /v1/topics")
        return slug


class _Streaming(Response):
    """A response that runs an event stream: Starlette sends a response by calling it."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._stream(scope, receive, send)
