"""A subscriber of one stream for the whole run, with the behaviour of a browser's EventSource."""

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
"""The server sends a comment every 15 s; after a longer silence the connection is dead."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A stream event as a reader received it."""

    cursor: int
    kind: str
    article: str
    """Id of the article."""
    revision: int


class Subscriber:
    """Reconnects with Last-Event-ID after every break; keeps the events in the order of arrival."""

    def __init__(self, port: int, topic: str) -> None:
        self.events: list[ReceivedEvent] = []
        self.irregularities: list[str] = []
        """Responses that no subscriber should get: gap events, refusals."""
        self.connections = 0
        self.topic = topic
        self._port = port
        self._last = 0
        self._stopping = threading.Event()
        self._open: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"subscriber-{topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        opened = self._open
        if opened is not None and opened.sock is not None:
            with suppress(OSError):
                opened.sock.shutdown(2)
        self._thread.join(timeout=SILENCE_SECONDS)

    @property
    def cursor(self) -> int:
        """Cursor of the last event received."""
        return self._last

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Whatever breaks a connection, an EventSource connects again.
            with suppress(OSError, http.client.HTTPException):
                self._listen()
            self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SILENCE_SECONDS)
        self._open = connection
        try:
            connection.request(
                "GET", f"/v1/topics/{self.topic}/stream", headers={"Last-Event-ID": str(self._last)}
            )
            response = connection.getresponse()
            if response.status != 200:
                reason = response.read(500).decode("utf-8", "replace")
                if response.status < 500:
                    self.irregularities.append(f"subscribing after {self._last}: {response.status} {reason}")
                return
            self.connections += 1
            for name, cursor, data in _events(response):
                if name == "gap":
                    self.irregularities.append(
                        f"after {self._last} the subscriber received a gap event: {data}"
                    )
                else:
                    self.events.append(received_event(cursor, name, json.loads(data)))
                self._last = cursor
        finally:
            self._open = None
            connection.close()


def received_event(cursor: int, kind: str, body: dict[str, object]) -> ReceivedEvent:
    """Decode an event from its JSON body; kind and cursor are transmitted beside the body."""
    article = body["article"]
    assert isinstance(article, dict)
    return ReceivedEvent(
        cursor=cursor, kind=kind, article=str(article["id"]), revision=int(article["revision"])
    )


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, int, str]]:
    """Yield name, id and data of every event; an event without its empty line is incomplete and skipped."""
    name, cursor, data = "message", 0, ""
    while raw := response.readline():
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
