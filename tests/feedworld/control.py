"""A feed world in a process of its own, and its handle, for harnesses that kill processes and benches that count
requests.

The world's process (``python -m tests.feedworld``) prints its address, accepts orders as JSON on a secret path, and
ends when its stdin is closed. So it never outlives the harness.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import Fault, HttpResponse, Request
from ingest.demo.world import FeedWorld
from tests.feedworld import faults

FAULTS: Final[Mapping[str, Any]] = {
    name: result
    for name, result in vars(faults).items()
    if callable(result) and getattr(result, "__module__", "") == faults.__name__ and not name.startswith("_")
}
"""Every fault by the name that orders use."""


GRACE: Final = 10.0
"""Seconds that a world gets to end by itself."""


class RefusedOrderError(Exception):
    """The world refused an order; the message has the reason."""


class Control:
    """Carries out orders: takes ``{"do": …, …}`` and returns a JSON object."""

    def __init__(self, world: FeedWorld) -> None:
        self.stopped = threading.Event()
        self._world = world

    def answer(self, request: Request) -> HttpResponse:
        try:
            order = json.loads(request.body)
            result = getattr(self, f"_do_{order.pop('do')}")(**order)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return _json(400, {"refused": f"{type(error).__name__}: {error}"})
        return _json(200, result or {})

    def _feed(self, path: str, host: str | None = None) -> WorldFeed:
        return self._world.feed(path, host=host)

    def _do_feeds(self) -> dict[str, Any]:
        return {"urls": [feed.url for feed in self._world.feeds if not feed.path.startswith("/-/")]}

    def _do_advance_all(self) -> dict[str, Any]:
        return {"advanced": self._world.advance_all(), "waiting": self._world.waiting}

    def _do_advance(self, path: str, host: str | None = None) -> dict[str, Any]:
        return {"advanced": self._feed(path, host).advance()}

    def _do_at(self, moment: str) -> None:
        self._world.at(datetime.fromisoformat(moment))

    def _do_publish(
        self, path: str, body: str, host: str | None = None, content_type: str = "application/rss+xml"
    ) -> None:
        self._feed(path, host).publish(base64.b64decode(body), content_type)

    def _do_fail_next(
        self,
        path: str,
        fault: str,
        host: str | None = None,
        times: int = 1,
        arguments: Mapping[str, Any] = {},
    ) -> None:
        for _ in range(times):
            self._feed(path, host).fail_next(_fault(fault, arguments))

    def _do_fail_every(
        self, path: str, fault: str, every: int, host: str | None = None, arguments: Mapping[str, Any] = {}
    ) -> None:
        self._feed(path, host).fail_when(lambda number: number % every == 0, _fault(fault, arguments))

    def _do_recover(self, path: str, host: str | None = None) -> None:
        self._feed(path, host).recover()

    def _do_counts(self, per_feed: bool = False) -> dict[str, Any]:
        counted = [feed for feed in self._world.feeds if not feed.path.startswith("/-/")]
        total: dict[int, int] = {}
        for feed in counted:
            for status, count in feed.statuses.items():
                total[status] = total.get(status, 0) + count
        counts: dict[str, Any] = {
            "requests": sum(feed.request_count for feed in counted),
            "statuses": total,
            "strays": len(self._world.strays),
            "connections": self._world.connections_opened,
            "bytes_sent": self._world.bytes_sent,
            "waiting": self._world.waiting,
            "first_request_at": self._world.first_request_at,
        }
        if per_feed:
            counts["feeds"] = {feed.url: feed.statuses for feed in counted}
        return counts

    def _do_mark(self) -> None:
        self._world.first_request_at = None

    def _do_stop(self) -> None:
        self.stopped.set()


def _fault(name: str, arguments: Mapping[str, Any]) -> Fault:
    fault: Fault = FAULTS[name](**arguments)
    return fault


def _json(status: int, value: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(
        status=status, headers=(("Content-Type", "application/json"),), body=json.dumps(value).encode()
    )


class WorldProcess:
    """A feed world in another process.

    ``arguments`` are those of ``python -m tests.feedworld``, such as ``["--generated", "100"]``.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self._arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self._path = ""
        self._address = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.feedworld", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError("the feed world did not start; its reason is on stderr")
        started = json.loads(line)
        self._address, self.port, self._path = started["address"], started["port"], started["control"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=GRACE)  # closes the stdin of the process, which then ends
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def order(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send an order to the world and return its result.

        Raises:
            RefusedOrderError: the order, or a feed, fault or argument in it, does not exist.
        """
        connection = HTTPConnection(self._address, self.port, timeout=60)
        try:
            connection.request("POST", self._path, json.dumps({"do": do, **arguments}))
            response = connection.getresponse()
            result: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise RefusedOrderError(f"{do}: {result['refused']}")
        return result

    def urls(self) -> list[str]:
        urls: list[str] = self.order("feeds")["urls"]
        return urls

    def advance_all(self) -> int:
        """Show the next version of every feed; return how many feeds had one."""
        return int(self.order("advance_all")["advanced"])

    def advance(self, path: str) -> bool:
        return bool(self.order("advance", path=path)["advanced"])

    def at(self, moment: datetime) -> None:
        self.order("at", moment=moment.isoformat())

    def publish(self, path: str, body: bytes, *, content_type: str = "application/rss+xml") -> str:
        """Show these bytes at this path; return their URL."""
        self.order("publish", path=path, body=base64.b64encode(body).decode(), content_type=content_type)
        return f"http://{self._address}:{self.port}{path}"

    def fail_next(self, path: str, fault: str, *, times: int = 1, **arguments: Any) -> None:
        self.order("fail_next", path=path, fault=fault, times=times, arguments=arguments)

    def fail_every(self, path: str, fault: str, *, every: int, **arguments: Any) -> None:
        """Let every ``every``-th request fail, until :meth:`recover`."""
        self.order("fail_every", path=path, fault=fault, every=every, arguments=arguments)

    def recover(self, path: str) -> None:
        self.order("recover", path=path)

    def mark(self) -> None:
        """Forget the first request: ``first_request_at`` is the next one from now on."""
        self.order("mark")

    def counts(self, *, per_feed: bool = False) -> dict[str, Any]:
        """Return the counts of responses so far, without orders.

        ``requests``, ``statuses`` (keys are strings), ``strays``, ``connections``, ``bytes_sent``,
        ``waiting``, ``first_request_at`` (Unix time of the first request since :meth:`mark`), and with ``per_feed``
        ``feeds`` (URL → statuses).
        """
        return self.order("counts", per_feed=per_feed)
