"""One page of a feed world, for its owner: what it shows, what goes wrong with it, who asked for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.demo.pages import AUTO, Auto, Page, Version
from ingest.demo.responses import Answer, Fault, Request, Script, Truth

if TYPE_CHECKING:
    from ingest.demo.world import FeedWorld

NOT_FOUND: Final = Answer(status=404, headers=(("Content-Type", "text/plain"),), body=b"nothing is here\n")


class WorldFeed:
    """One page of the world; made by :meth:`FeedWorld.feed`. Until something is published it answers 404."""

    def __init__(self, world: FeedWorld, path: str, host: str | None) -> None:
        self.path = path
        self.host = host
        self.requests: list[Request] = []
        """What was seen, in order; stays empty where the world was made with ``keep_requests=False``."""
        self._world = world
        self._page: Page | None = None
        self._published = datetime.min.replace(tzinfo=UTC)
        self._waiting: deque[Version] = deque()
        self._next_faults: deque[Fault] = deque()
        self._rules: tuple[tuple[Callable[[int], bool], Fault], ...] = ()
        self._handler: Callable[[Request], Answer] | None = None
        self._statuses: dict[int, int] = {}
        self._seen = 0

    @property
    def url(self) -> str:
        return self._world.url(self.path, host=self.host)

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status was answered; 0 stands for no status line at all."""
        return self._statuses.copy()

    @property
    def request_count(self) -> int:
        return self._seen

    @property
    def etag(self) -> str | None:
        """The validator of the current version."""
        return self._page.etag if self._page else None

    @property
    def last_modified(self) -> str | None:
        return self._page.last_modified if self._page else None

    @property
    def body(self) -> bytes | None:
        """The bytes of the current version, uncoded."""
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
        """Serve these bytes from now on. Validators: derived (``AUTO``, ``WEAK``), given verbatim, or none.

        ``status`` other than 200 makes a standing refusal or redirect; conditions are then ignored.
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
        """Make this the current version."""
        with self._world.lock:
            published = version.at or self._world.now
            # HTTP dates have whole seconds: two versions within one would look the same
            published = max(published.replace(microsecond=0), self._published + timedelta(seconds=1))
            self._page = Page(version, published=published, codings=self._world.codings)
            self._published = published

    def prepare(self, coding: str) -> None:
        """Code the current version now, not when it is first asked for."""
        if self._page is not None:
            self._page.answer(coding)

    def redirect(self, to: str, *, status: int = 301) -> None:
        """Answer with a redirect from now on; ``to`` goes into Location verbatim."""
        self.publish(
            b"", None, status=status, etag=None, last_modified=None, headers={"Location": to}, codings=()
        )

    def answer_with(self, handler: Callable[[Request], Answer]) -> None:
        """Let a function answer. It runs in the server's thread and must not block; ``status`` is still 0."""
        self._handler = handler

    def queue(self, *versions: Version) -> None:
        """Add versions that wait for :meth:`advance` or, where they have ``at``, for the world's clock."""
        with self._world.lock:
            self._waiting.extend(versions)

    @property
    def waiting(self) -> int:
        """Versions not published yet."""
        return len(self._waiting)

    def advance(self) -> bool:
        """Publish the next waiting version; False when there is none."""
        with self._world.lock:
            if not self._waiting:
                return False
            self.show(self._waiting.popleft())
            return True

    def advance_to(self, moment: datetime) -> None:
        """Publish what is due: the last waiting version whose time has come; those before it were missed."""
        with self._world.lock:
            due: Version | None = None
            while self._waiting and (at := self._waiting[0].at) is not None and at <= moment:
                due = self._waiting.popleft()
            if due is not None:
                self.show(due)

    def fail_next(self, *faults: Fault) -> None:
        """The next requests go wrong in these ways, one each; ``honest`` skips one."""
        self._next_faults.extend(faults)

    def fail_when(self, claim: Callable[[int], bool], fault: Fault) -> None:
        """Requests go wrong whenever ``claim(number of the request, from 1)`` holds and nothing is queued."""
        self._rules = (*self._rules, (claim, fault))

    def fail_always(self, fault: Fault) -> None:
        """Every request goes wrong until :meth:`recover`."""
        self.fail_when(lambda _number: True, fault)

    def recover(self) -> None:
        """Forget every fault."""
        self._next_faults.clear()
        self._rules = ()

    def wait_for_requests(self, count: int, *, timeout: float = 10.0) -> None:
        """Block until at least ``count`` requests were answered, in all.

        Raises:
            TimeoutError: they were not, within ``timeout`` seconds.
        """
        self._world.wait(
            lambda: self._seen >= count, timeout=timeout, what=f"{count} requests to {self.path}"
        )

    def respond(
        self, method: str, target: str, headers: dict[str, str], head: bytes, body: bytes
    ) -> bytes | Script:
        """The answer to one request (called by the server)."""
        fault = self._fault()
        page = self._page
        coding = "identity" if page is None else page.choose(headers.get("accept-encoding"))
        if self._handler is not None:
            answer = self._handler(Request(time.time(), method, target, 0, head, body))
            reply = answer.encoded()
        elif page is None:
            answer = NOT_FOUND
            reply = answer.encoded()
        elif page.is_unchanged_for(headers.get("if-none-match"), headers.get("if-modified-since")):
            answer, reply = page.not_modified, page.not_modified_bytes
        else:
            reply, answer = page.answer(coding)
        if fault is not None:
            full, plain = (page.answer(coding)[1], page.answer("identity")[1]) if page else (answer, answer)
            script = fault(Truth(*map(self._world.dated, (answer, full, plain))))
            self._record(Request(time.time(), method, target, script.status, head, body))
            return script
        if method == "HEAD":
            reply = answer.head()
        if not answer.has("Date"):
            line_end = reply.index(b"\r\n") + 2
            reply = reply[:line_end] + self._world.dates.line() + reply[line_end:]
        self._record(Request(time.time(), method, target, answer.status, head, body))
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
