"""The feed world: a real local HTTP/1.1 server whose documents a test changes.

::

    with FeedWorld() as world:
        feed = world.feed("/a.xml")
        feed.publish(b"<rss>…</rss>")          # derives validators, prepares gzip, responds 304
        feed.fail_next(status(503), reset())   # two requests fail, the third is correct
        …                                      # poll feed.url
        assert feed.statuses == {503: 1, 0: 1, 200: 1}

A document changes at once (:meth:`WorldFeed.publish`), step by step (:meth:`WorldFeed.queue`, then
:meth:`WorldFeed.advance`), or by the world's clock (versions with ``at``, then :meth:`FeedWorld.at`).
The server runs in its own thread; every method here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from ingest.demo.feeds import NOT_FOUND, WorldFeed
from ingest.demo.pages import CODINGS
from ingest.demo.responses import HttpResponse, Request, Script
from ingest.demo.server import Connection, Dates, listen


class FeedWorld:
    """The server and its documents.

    Args:
        addresses: addresses to listen on, all with one port; default: loopback. Many loopback addresses
            (:func:`loopback_addresses`) simulate many hosts.
        port: 0 chooses a free port.
        now: the initial time of the world's clock, which only :meth:`at` moves; default: the current time.
        codings: content codings of the server, by name.
        keep_requests: False keeps counts only, for millions of requests.
    """

    def __init__(
        self,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        port: int = 0,
        now: datetime | None = None,
        codings: Mapping[str, Callable[[bytes], bytes]] = CODINGS,
        keep_requests: bool = True,
    ) -> None:
        self.addresses = tuple(addresses)
        self.port = port
        self.now = now or datetime.now(UTC)
        self.codings = codings
        self.keep_requests = keep_requests
        self.lock = threading.RLock()
        self.dates = Dates()
        self.connections_opened = 0
        """Number of connections accepted so far."""
        self.first_request_at: float | None = None
        """Unix time of the first request for a document with versions; set it to None to record the next request."""
        self.strays: list[Request] = []
        """Requests for documents that do not exist; the first 1,000 where requests are not kept."""
        self._feeds: dict[tuple[str | None, str], WorldFeed] = {}
        self._connections: set[Connection] = set()
        self._changed = threading.Condition()
        self._waiters = 0
        self._bytes_sent = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._suffix = ""

    def __enter__(self) -> Self:
        sockets = listen(self.addresses, self.port)
        self.port = sockets[0].getsockname()[1]
        self._suffix = f":{self.port}"
        loop = asyncio.new_event_loop()
        servers = [
            loop.run_until_complete(
                loop.create_server(lambda: Connection(self, loop), sock=each, backlog=1024)
            )
            for each in sockets
        ]
        self._loop = loop
        self._thread = threading.Thread(
            target=self._run, args=(loop, servers), name="feed-world", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None

    def _run(self, loop: asyncio.AbstractEventLoop, servers: Sequence[asyncio.Server]) -> None:
        try:
            loop.run_forever()
        finally:
            for server in servers:
                server.close()
            for connection in tuple(self._connections):
                connection.abort()
            # Two iterations: connection_lost runs in the first and cancels the scripts, which end in the second.
            for _ in range(2):
                loop.run_until_complete(asyncio.sleep(0))
            unfinished = asyncio.all_tasks(loop)
            for script in unfinished:
                script.cancel()
            if unfinished:
                loop.run_until_complete(asyncio.wait(unfinished))
            loop.close()

    def url(self, path: str, *, host: str | None = None) -> str:
        """Return the URL of a path, with the first address unless a host is named."""
        return f"http://{host or self.addresses[0]}:{self.port}{path}"

    def feed(self, path: str, *, host: str | None = None) -> WorldFeed:
        """Return the document at this path; the first call creates it.

        ``host`` (a name, or one of the world's addresses) makes it a document of that host only.
        """
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash, unlike {path!r}")
        with self.lock:
            key = (host, path)
            if key not in self._feeds:
                self._feeds[key] = WorldFeed(self, path, host)
            return self._feeds[key]

    @property
    def feeds(self) -> tuple[WorldFeed, ...]:
        """All documents."""
        return tuple(self._feeds.values())

    def at(self, moment: datetime) -> None:
        """Set the world's clock and publish the versions that are due.

        Raises:
            ValueError: ``moment`` is before the world's time.
        """
        with self.lock:
            if moment < self.now:
                raise ValueError(f"the world is at {self.now}, it cannot go back to {moment}")
            self.now = moment
            for feed in self.feeds:
                feed.advance_to(moment)

    def advance_all(self) -> int:
        """Publish the next waiting version of every document; return how many had one."""
        with self.lock:
            return sum(feed.advance() for feed in self.feeds)

    @property
    def waiting(self) -> int:
        """Number of versions that are not published yet, of all documents."""
        return sum(feed.waiting for feed in self.feeds)

    @property
    def statuses(self) -> dict[int, int]:
        """Number of responses by status, of all documents; strays are not included."""
        total: dict[int, int] = {}
        for feed in self.feeds:
            for status, count in feed.statuses.items():
                total[status] = total.get(status, 0) + count
        return total

    @property
    def request_count(self) -> int:
        """Number of requests for all documents."""
        return sum(feed.request_count for feed in self.feeds)

    @property
    def bytes_sent(self) -> int:
        """Number of bytes sent so far, including heads."""
        return self._bytes_sent + sum(each.sent for each in tuple(self._connections))

    def wait(
        self, claim: Callable[[], bool], *, timeout: float = 10.0, description: str = "a condition"
    ) -> None:
        """Block until ``claim()`` is true; it is checked after every request.

        Raises:
            TimeoutError: it was not true within ``timeout`` seconds.
        """
        with self._changed:
            self._waiters += 1
            try:
                if not self._changed.wait_for(claim, timeout):
                    raise TimeoutError(f"waited {timeout} s for {description}")
            finally:
                self._waiters -= 1

    def dated(self, response: HttpResponse) -> HttpResponse:
        """Return the response with a ``Date`` header; one that has its own keeps it."""
        return response if response.has("Date") else response.replacing("Date", self.dates.value())

    def opened(self, connection: Connection) -> None:
        """Count a new connection; called by the server."""
        self.connections_opened += 1
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a closed connection; called by the server."""
        self._connections.discard(connection)
        self._bytes_sent += connection.sent

    def respond(
        self, method: str, target: str, headers: dict[str, str], head: bytes, body: bytes
    ) -> bytes | Script:
        """Return the response of the requested document; called by the server."""
        host = headers.get("host", "").lower().removesuffix(self._suffix)
        feeds = self._feeds
        feed = feeds.get((host, target)) or feeds.get((None, target))
        if feed is None and "?" in target:
            path = target.partition("?")[0]
            feed = feeds.get((host, path)) or feeds.get((None, path))
        if feed is None:
            if self.keep_requests or len(self.strays) < 1_000:
                self.strays.append(Request(time.time(), method, target, 404, head, body))
            reply: bytes | Script = NOT_FOUND.encoded()
        else:
            reply = feed.respond(method, target, headers, head, body)
        if self._waiters:
            with self._changed:
                self._changed.notify_all()
        return reply


def loopback_addresses(count: int) -> tuple[str, ...]:
    """Return ``count`` different loopback addresses (Linux accepts all of 127.0.0.0/8)."""
    return tuple(f"127.0.{number // 250}.{number % 250 + 1}" for number in range(count))
