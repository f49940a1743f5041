"""One subscriber of one stream for the whole run, as an EventSource in a browser would be."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

RECONNECT_SECONDS: Final = 0.1
SILENCE_SECONDS: Final = 20.0
"""The server sends a comment every 15 s; later than that the connection is dead."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as somebody was told it."""

    cursor: int
    kind: str
    article: str
    """The article's id."""
    revision: int


class Subscriber:
    """Reconnects with Last-Event-ID after every break; keeps what it was told in the order it came."""

    def __init__(self, port: int, topic: str) -> None:
        self.told: list[Told] = []
        self.strange: list[str] = []
        """What it was told that no subscriber should be: gaps, refusals."""
        self.connections = 0
        self.topic = topic
        self._port = port
        self._last = 0
        self._ended = threading.Event()
        self._open: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"subscriber-{topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        opened = self._open
        if opened is not None and opened.sock is not None:
            with suppress(OSError):
                opened.sock.shutdown(2)
        self._thread.join(timeout=SILENCE_SECONDS)

    @property
    def cursor(self) -> int:
        """Of the last event it was told."""
        return self._last

    def _run(self) -> None:
        while not self._ended.is_set():
            # Whatever breaks a connection, the answer of an EventSource is to connect again.
            with suppress(OSError, http.client.HTTPException):
                self._listen()
            self._ended.wait(RECONNECT_SECONDS)

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SILENCE_SECONDS)
        self._open = connection
        try:
            connection.request(
                "GET", f"/v1/topics/{self.topic}/stream", headers={"Last-Event-ID": str(self._last)}
            )
            answer = connection.getresponse()
            if answer.status != 200:
                said = answer.read(500).decode("utf-8", "replace")
                if answer.status < 500:
                    self.strange.append(f"subscribing after {self._last}: {answer.status} {said}")
                return
            self.connections += 1
            for name, cursor, data in _events(answer):
                if name == "gap":
                    self.strange.append(f"after {self._last} the subscriber was told of a gap: {data}")
                else:
                    self.told.append(told(cursor, name, json.loads(data)))
                self._last = cursor
        finally:
            self._open = None
            connection.close()


def told(cursor: int, kind: str, body: dict[str, object]) -> Told:
    """An event from its body in JSON; kind and cursor are those beside it."""
    article = body["article"]
    assert isinstance(article, dict)
    return Told(cursor=cursor, kind=kind, article=str(article["id"]), revision=int(article["revision"]))


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, int, str]]:
    """Name, id and data of every event; an event whose empty line never came is none."""
    name, cursor, data = "message", 0, ""
    while raw := answer.readline():
        if not raw.endswith(b"\n"):
            return
        line = raw.decode().rstrip("\r\n")
        if not line:
            if data:
                yield name, cursor, data
            name, data = "message", ""
            continue
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            cursor = int(value)
        elif field == "data":
            data += value
