"""Server-Sent Events (WHATWG HTML, §9.2): one stream to one client, until either side ends it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from starlette.types import Receive, Scope, Send

from ingest.api.live import LiveStreams, Served, Subscriber
from ingest.errors import Unavailable
from ingest.runtime import failpoint
from ingest.streams import Gap, StreamStart, gap_body

logger = logging.getLogger(__name__)

HEARTBEAT: Final = timedelta(seconds=15)
"""A comment is sent after this time without events, because proxies close silent connections."""
SEND_SECONDS: Final = 30.0
"""A client that receives nothing for this long is disconnected; it resumes from its cursor."""
CHUNK_BYTES: Final = 64 * 1024
RETRY_MILLISECONDS: Final = 2000
"""Time that clients wait before they reconnect."""

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # prevents nginx from buffering events
]


class EventStream:
    """An ASGI response that sends the events of one stream as they arrive.

    Args:
        on_sent: receives the number of events in each chunk that the server accepted.
    """

    def __init__(
        self,
        live: LiveStreams,
        slug: str,
        start: StreamStart,
        *,
        on_sent: Callable[[int], object],
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self._live = live
        self._slug = slug
        self._start = start
        self._on_sent = on_sent
        self._heartbeat = heartbeat.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            await send({"type": "http.response.body", "body": b""})
            return
        subscriber = await self._live.subscribe(self._slug, cursor=self._start.cursor)
        try:
            sender = asyncio.create_task(self._send(subscriber, send))
            disconnect = asyncio.create_task(_disconnected(receive))
            try:
                await asyncio.wait({sender, disconnect}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sender, disconnect):
                    task.cancel()
                for task in (sender, disconnect):
                    with suppress(asyncio.CancelledError):
                        await task
        except TimeoutError:
            # Returning closes the connection and discards its buffers (see server.USER_TIMEOUT).
            logger.info(
                "stream %s: disconnected a client that received nothing for %.0f s", self._slug, SEND_SECONDS
            )
        finally:
            subscriber.close()

    async def _send(self, subscriber: Subscriber, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
        # An id without data is not an event, but sets the cursor from which the client resumes before the first event.
        opening = b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, self._start.cursor)
        if self._start.gap is not None:
            opening += gap_frame(self._start.gap)
        await _body(send, opening)
        while not self._live.closing:
            try:
                gap, events = await subscriber.next(seconds=self._heartbeat)
            except Unavailable as error:
                logger.warning("stream %s: %s", self._slug, error)
                await _body(send, b": the log is not available, retrying\n\n")
                await asyncio.sleep(1)
                continue
            if gap is not None:
                await _body(send, gap_frame(gap))
            for count, chunk in chunks(events):
                failpoint("serve.before-send")
                await _body(send, chunk)
                failpoint("serve.sent")
                self._on_sent(count)
            if not events and not self._live.closing:
                await _body(send, b": heartbeat\n\n")
        await send({"type": "http.response.body", "body": b": closing\n\n", "more_body": False})
        failpoint("serve.closed")


def event_frame(event: Served) -> bytes:
    """Return one event in the format of Server-Sent Events."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.cursor, event.kind.encode(), event.body)


def gap_frame(gap: Gap) -> bytes:
    """Return a gap as an event. Its id is the cursor before the first available event, so that it is sent once."""
    return b"id: %d\nevent: gap\ndata: %s\n\n" % (gap.first_cursor - 1, json.dumps(gap_body(gap)).encode())


def chunks(events: Sequence[Served]) -> Iterator[tuple[int, bytes]]:
    """Yield chunks of about ``CHUNK_BYTES``, each with the number of its whole events."""
    frames: list[bytes] = []
    size = 0
    for event in events:
        frames.append(event_frame(event))
        size += len(frames[-1])
        if size >= CHUNK_BYTES:
            yield len(frames), b"".join(frames)
            frames, size = [], 0
    if frames:
        yield len(frames), b"".join(frames)


async def _body(send: Send, chunk: bytes) -> None:
    await asyncio.wait_for(
        send({"type": "http.response.body", "body": chunk, "more_body": True}), SEND_SECONDS
    )


async def _disconnected(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
