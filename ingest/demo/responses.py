"""Responses of a feed world: correct HTTP responses, and scripts that simulate faults.

Pure: bytes in, bytes out. :mod:`ingest.demo.server` puts them on the wire.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Request(NamedTuple):
    """One request and the status of its response. A tuple, because thousands are created per second."""

    at: float
    """Time at which the head was complete, in seconds of the Unix epoch."""
    method: str
    target: str
    status: int
    """Status of the response; 0 where no status line was sent."""
    head: bytes
    """Request line and headers as received, without the empty line."""
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; a repeated header keeps its last value."""
        return parse_headers(self.head)

    def header(self, name: str) -> str | None:
        """Return one header."""
        return self.headers.get(name.lower())


def parse_headers(head: bytes) -> dict[str, str]:
    """Return the headers of a request by lower-case name."""
    headers = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A complete HTTP response. ``body`` has its content coding, but no chunked framing."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    chunked: bool = False

    def head(self) -> bytes:
        """Return status line, headers and the empty line, with a framing header where it is missing."""
        lines = [f"HTTP/1.1 {self.status} {reason_of(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif not self.has("Content-Length") and self.status >= 200 and self.status not in {204, 304}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def payload(self) -> bytes:
        """Return the body with its framing."""
        return chunk(self.body) + b"0\r\n\r\n" if self.chunked else self.body

    def encoded(self) -> bytes:
        """Return head and body."""
        return self.head() + self.payload()

    def has(self, name: str) -> bool:
        """Tell whether the response has a header."""
        return any(each.lower() == name.lower() for each, _ in self.headers)

    def replacing(self, name: str, value: str | None) -> HttpResponse:
        """Return the response with one header replaced (as the last) or, with None, removed."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        added = () if value is None else ((name, value),)
        return HttpResponse(status=self.status, headers=kept + added, body=self.body, chunked=self.chunked)


def reason_of(status: int) -> str:
    """Return the reason phrase of a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


def chunk(body: bytes, size: int = 16_384) -> bytes:
    """Return ``body`` in chunked framing, without the last (empty) chunk."""
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


class End(Enum):
    """The end of a connection; a script without it leaves the connection open for the next request."""

    CLOSE = "close"
    RESET = "reset"
    """End the connection with a TCP RST."""


class Pause(NamedTuple):
    """A pause of ``seconds`` in which nothing is sent."""

    seconds: float


Step = bytes | Pause | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Steps that replace the correct response. They may be endless, because each is computed when it is sent."""

    status: int
    """Status for the request log; 0 where no status line is sent."""
    steps: Iterable[Step]


class Truth(NamedTuple):
    """The correct responses to one request, from which a fault is derived."""

    response: HttpResponse
    """The correct response: a 304 where the conditional request requires it."""
    full: HttpResponse
    """The response to an unconditional request, in a content coding that the client accepts."""
    plain: HttpResponse
    """The response to an unconditional request, without content coding."""


Fault = Callable[[Truth], Script]
"""A function from the correct responses to the script that replaces them."""


def honest(truth: Truth) -> Script:
    """Respond correctly: a placeholder in a queue of faults."""
    return Script(status=truth.response.status, steps=(truth.response.encoded(),))


def late(seconds: float) -> Fault:
    """Respond correctly after a delay in seconds."""
    return lambda truth: Script(
        status=truth.response.status, steps=(Pause(seconds), truth.response.encoded())
    )
