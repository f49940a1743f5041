"""A client of Server-Sent Events, as small as the standard lets it be (WHATWG HTML, §9.2.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One dispatched event."""

    id: str
    event: str
    body: Any


class Subscriber:
    """One connection; it remembers the last id, comments and retry time it was given."""

    def __init__(self, base_url: str, slug: str, *, last_event_id: str = "", **query: str) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=20)
        headers = {"last-event-id": last_event_id} if last_event_id else {}
        self._request = self._client.build_request(
            "GET", f"/v1/topics/{slug}/stream", params=query, headers=headers
        )
        self.last_event_id = last_event_id
        self.comments: list[str] = []
        self.retry: int | None = None
        self.status = 0
        self._buffer = b""
        self._ready: list[Received] = []

    def __enter__(self) -> Subscriber:
        self._response = self._client.send(self._request, stream=True)
        self.status = self._response.status_code
        self._lines = self._response.iter_raw()
        self._events = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._client.close()

    @property
    def headers(self) -> httpx.Headers:
        return self._response.headers

    def opened(self) -> Subscriber:
        """Wait until the server told where the stream begins."""
        while not self.last_event_id:
            self._feed()
        return self

    def take(self, count: int) -> list[Received]:
        return [next(self._events) for _ in range(count)]

    def rest(self) -> list[Received]:
        return list(self._events)

    def wait_for_comment(self) -> str:
        while not self.comments:
            if not self._feed():
                raise AssertionError("the stream ended without a comment")
        return self.comments[-1]

    def _feed(self) -> bool:
        """Read one piece more; False at the end."""
        piece = next(self._lines, None)
        if piece is None:
            return False
        self._buffer += piece
        while (end := self._buffer.find(b"\n\n")) >= 0:
            block, self._buffer = self._buffer[:end].decode(), self._buffer[end + 2 :]
            self._dispatch(block)
        return True

    def _dispatch(self, block: str) -> None:
        event, data = "message", []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "":
                    self.comments.append(value)
                case "id":
                    self.last_event_id = value
                case "event":
                    event = value
                case "data":
                    data.append(value)
                case "retry":
                    self.retry = int(value)
                case _:
                    raise AssertionError(f"a line that is none of the protocol: {line!r}")
        if data:
            body = json.loads("\n".join(data))
            self._ready.append(Received(id=self.last_event_id, event=event, body=body))

    def _read(self) -> Iterator[Received]:
        while True:
            while self._ready:
                yield self._ready.pop(0)
            if not self._feed():
                return
