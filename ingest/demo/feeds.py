"""One document of a feed world, controlled by its test: versions, faults, and the log of requests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Final, Protocol

from ingest.demo.pages import AUTO, Auto, Page, Version
from ingest.demo.responses import Fault, HttpResponse, Request, Script, Truth
from ingest.demo.server import Dates

NOT_FOUND: Final = HttpResponse(status=404, headers=(("Content-Type", "text/plain"),), body=b"not found\n")


class World(Protocol):
    """The members of a feed world that its documents need."""

    lock: RLock
    now: datetime
    codings: Mapping[str, Callable[[bytes], bytes]]
    dates: Dates
    keep_requests: bool
    first_request_at: float | None

    def url(self, path: str, *, host: str | None = None) -> str: ...

    def wait(self, claim: Callable[[], bool], *, timeout: float, description: str) -> None: ...

    def dated(self, response: HttpResponse) -> HttpResponse: ...


class WorldFeed:
    """One document of the world, created by ``FeedWorld.feed``. Its status is 404 until a version is published."""

    def __init__(self, world: World, path: str, host: str | None) -> None:
        self.path = path
        self.host = host
        self.requests: list[Request] = []
        """Requests in order; empty where the world was created with ``keep_requests=False``."""
        self._world = world
        self._page: Page | None = None
        self._published = datetime.min.replace(tzinfo=UTC)
        self._waiting: deque[Version] = deque()
        self._next_faults: deque[Fault] = deque()
        self._rules: tuple[tuple[Callable[[int], bool], Fault], ...] = ()
        self._handler: Callable[[Request], HttpResponse] | None = None
        self._statuses: dict[int, int] = {}
        self._seen = 0

    @property
    def url(self) -> str:
        """URL of the document."""
        return self._world.url(self.path, host=self.host)

    @property
    def statuses(self) -> dict[int, int]:
        """Number of responses by status; 0 stands for a response without status line."""
        return self._statuses.copy()

    @property
    def request_count(self) -> int:
        """Number of requests."""
        return self._seen

    @property
    def etag(self) -> str | None:
        """ETag of the current version."""
        return self._page.etag if self._page else None

    @property
    def last_modified(self) -> str | None:
        """Last-Modified of the current version."""
        return self._page.last_modified if self._page else None

    @property
    def body(self) -> bytes | None:
        """Bytes of the current version, without content coding."""
        return self._page.body if self._page else None

    def publish(
        self,
        body: bytes | Path,
        content_type: str | None = "application/rss+xml",
        *,
        etag: Auto | str | None = AUTO,
        last_modified: Auto | str | None = AUTO,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        codings: tuple[str, ...] = ("gzip",),
        chunked: bool = False,
    ) -> None:
        """Serve these bytes from now on. Validators are derived (``AUTO``, ``WEAK``), set verbatim, or absent.

        A ``status`` other than 200 makes a permanent refusal or redirect, which ignores conditional requests.
        """
        self.show(
            Version(
                body=body,
                content_type=content_type,
                etag=etag,
                last_modified=last_modified,
                status=status,
                headers=dict(headers or {}),
                codings=codings,
                chunked=chunked,
            )
        )

    def show(self, version: Version) -> None:
        """Publish a version."""
        with self._world.lock:
            published = version.at or self._world.now
            # HTTP dates have whole seconds, so two versions within one second would have equal dates.
            published = max(published.replace(microsecond=0), self._published + timedelta(seconds=1))
            self._page = Page(version, published=published, codings=self._world.codings)
            self._published = published

    def prepare(self, coding: str) -> None:
        """Encode the current version now instead of at the first request."""
        if self._page is not None:
            self._page.response(coding)

    def redirect(self, to: str, *, status: int = 301) -> None:
        """Redirect from now on; ``to`` is the verbatim value of Location."""
        self.publish(
            b"", None, status=status, etag=None, last_modified=None, headers={"Location": to}, codings=()
        )

    def respond_with(self, handler: Callable[[Request], HttpResponse]) -> None:
        """Let a function respond. It runs in the server's thread and must not block; the request's ``status`` is 0."""
        self._handler = handler

    def queue(self, *versions: Version) -> None:
        """Add versions that are published by :meth:`advance` or, where they have ``at``, by the world's clock."""
        with self._world.lock:
            self._waiting.extend(versions)

    @property
    def waiting(self) -> int:
        """Number of versions that are not published yet."""
        return len(self._waiting)

    def advance(self) -> bool:
        """Publish the next waiting version; return False where there is none."""
        with self._world.lock:
            if not self._waiting:
                return False
            self.show(self._waiting.popleft())
            return True

    def advance_to(self, moment: datetime) -> None:
        """Publish the last waiting version that is due, and skip the versions before it."""
        with self._world.lock:
            due: Version | None = None
            while self._waiting and (at := self._waiting[0].at) is not None and at <= moment:
                due = self._waiting.popleft()
            if due is not None:
                self.show(due)

    def fail_next(self, *faults: Fault) -> None:
        """Apply one fault to each of the next requests; ``honest`` applies none."""
        self._next_faults.extend(faults)

    def fail_when(self, claim: Callable[[int], bool], fault: Fault) -> None:
        """Apply a fault to requests for which ``claim(number, from 1)`` is true, while no fault is queued."""
        self._rules = (*self._rules, (claim, fault))

    def fail_always(self, fault: Fault) -> None:
        """Apply a fault to every request until :meth:`recover`."""
        self.fail_when(lambda _number: True, fault)

    def recover(self) -> None:
        """Remove all faults."""
        self._next_faults.clear()
        self._rules = ()

    def wait_for_requests(self, count: int, *, timeout: float = 10.0) -> None:
        """Block until the total number of requests is at least ``count``.

        Raises:
            TimeoutError: fewer requests arrived within ``timeout`` seconds.
        """
        self._world.wait(
            lambda: self._seen >= count, timeout=timeout, description=f"{count} requests to {self.path}"
        )

    def respond(
        self, method: str, target: str, headers: dict[str, str], head: bytes, body: bytes
    ) -> bytes | Script:
        """Return the response to one request; called by the server."""
        fault = self._fault()
        page = self._page
        coding = "identity" if page is None else page.choose(headers.get("accept-encoding"))
        if self._handler is not None:
            response = self._handler(Request(time.time(), method, target, 0, head, body))
            reply = response.encoded()
        elif page is None:
            response = NOT_FOUND
            reply = response.encoded()
        elif page.is_unchanged_for(headers.get("if-none-match"), headers.get("if-modified-since")):
            response, reply = page.not_modified, page.not_modified_bytes
        else:
            reply, response = page.response(coding)
        if fault is not None:
            full, plain = (
                (page.response(coding)[1], page.response("identity")[1]) if page else (response, response)
            )
            script = fault(Truth(*map(self._world.dated, (response, full, plain))))
            self._record(Request(time.time(), method, target, script.status, head, body))
            return script
        if method == "HEAD":
            reply = response.head()
        if not response.has("Date"):
            line_end = reply.index(b"\r\n") + 2
            reply = reply[:line_end] + self._world.dates.line() + reply[line_end:]
        self._record(Request(time.time(), method, target, response.status, head, body))
        return reply

    def _fault(self) -> Fault | None:
        self._seen += 1
        if self._next_faults:
            return self._next_faults.popleft()
        for claim, fault in self._rules:
            if claim(self._seen):
                return fault
        return None

    def _record(self, request: Request) -> None:
        self._statuses[request.status] = self._statuses.get(request.status, 0) + 1
        if self._world.first_request_at is None and self._handler is None:
            self._world.first_request_at = request.at
        if self._world.keep_requests:
            self.requests.append(request)
