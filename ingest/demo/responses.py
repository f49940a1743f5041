"""What a feed world says to a request: the honest HTTP answer, and scripts that are less honest.

Pure: bytes in, bytes out. :mod:`ingest.demo.server` puts them on the wire.
"""

from __future__ import annotations

import http
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Request(NamedTuple):
    """One request as it was seen, and what was answered. A tuple, because thousands a second are made."""

    at: float
    """Seconds of the Unix epoch, when its head was complete."""
    method: str
    target: str
    status: int
    """What was answered; 0 where the script never sent a status line."""
    head: bytes
    """Request line and headers as they came, without the empty line."""
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; a repeated header keeps its last value."""
        return parse_headers(self.head)

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())


def parse_headers(head: bytes) -> dict[str, str]:
    found = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        found[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, whole. ``body`` is as it travels: coded, but not yet chunked."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    chunked: bool = False

    def head(self) -> bytes:
        """Status line, headers and the empty line; adds the framing header where it is missing."""
        lines = [f"HTTP/1.1 {self.status} {reason_of(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif not self.has("Content-Length") and self.status >= 200 and self.status not in {204, 304}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def payload(self) -> bytes:
        return chunk(self.body) + b"0\r\n\r\n" if self.chunked else self.body

    def encoded(self) -> bytes:
        return self.head() + self.payload()

    def has(self, name: str) -> bool:
        return any(each.lower() == name.lower() for each, _ in self.headers)

    def replacing(self, name: str, value: str | None) -> Answer:
        """The same with one header set (last) or, with None, removed."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        added = () if value is None else ((name, value),)
        return Answer(status=self.status, headers=kept + added, body=self.body, chunked=self.chunked)


def reason_of(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


def chunk(body: bytes, size: int = 16_384) -> bytes:
    """``body`` in chunked framing, without the last (empty) chunk."""
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


class End(Enum):
    """How a script ends the connection; a script without one leaves it open for the next request."""

    CLOSE = "close"
    RESET = "reset"
    """Drop it with a TCP RST."""


class Pause(NamedTuple):
    """Nothing is sent for so many seconds."""

    seconds: float


Step = bytes | Pause | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What to do instead of the honest answer. Steps may be endless: they are drawn as they are sent."""

    status: int
    """As the request log shall show it; 0 where no status line is sent."""
    steps: Iterable[Step]


class Truth(NamedTuple):
    """What an honest server has to say to one request: what a fault starts from."""

    answer: Answer
    """The honest answer, a 304 where the conditions say so."""
    full: Answer
    """As if there were no conditions, in a coding the client takes."""
    plain: Answer
    """The same, uncoded."""


Fault = Callable[[Truth], Script]
"""Turns the truth about one request into what happens instead."""


def honest(truth: Truth) -> Script:
    """No fault: holds a place in a queue of faults."""
    return Script(status=truth.answer.status, steps=(truth.answer.encoded(),))


def late(seconds: float) -> Fault:
    """The honest answer, after so many seconds."""
    return lambda truth: Script(status=truth.answer.status, steps=(Pause(seconds), truth.answer.encoded()))
