"""Responses a second of the feed world, which must never be the bottleneck of a poller.

The world runs in its own process. The client uses raw keep-alive sockets with one request in flight on each, because
an HTTP library would measure itself. The floor concerns responses per second of the *server's* CPU time, which other
processes on the machine hardly change; the wall-clock rate is reported beside it.

``python -m tests.bench.feedworld_rate [--seconds 3] [--feeds 200] [--connections 32]``
"""

from __future__ import annotations

import argparse
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.bench.figures import Figures
from tests.feedworld.control import WorldProcess

FLOOR: Final = 5_000
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Client:
    """Keep-alive connections over one selector; counts complete responses by status."""

    def __init__(self, address: str, port: int, connections: int) -> None:
        self.responses: dict[bytes, int] = {}
        self._selector = selectors.DefaultSelector()
        self._sockets = [socket.create_connection((address, port)) for _ in range(connections)]
        for connection in self._sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)

    def run(self, requests: list[bytes], until: Callable[[], bool]) -> int:
        """Send the requests in turn until ``until()``, one at a time on each connection; return the number of
        responses."""
        self.responses = {}
        sent = completed = 0
        buffers: dict[socket.socket, bytes] = {}
        for idle in self._sockets:
            idle.sendall(requests[sent % len(requests)])
            sent += 1
        while completed < sent:
            going_on = not until()
            for key, _ in self._selector.select(timeout=10):
                connection = key.fileobj
                if not isinstance(connection, socket.socket):
                    raise TypeError(f"not a socket: {connection!r}")
                received = connection.recv(262_144)
                if not received:
                    raise ConnectionError("the feed world closed a connection")
                buffer = buffers.get(connection, b"") + received
                if not _is_whole(buffer):
                    buffers[connection] = buffer
                    continue
                buffers[connection] = b""
                status = buffer[9:12]
                self.responses[status] = self.responses.get(status, 0) + 1
                completed += 1
                if going_on:
                    connection.sendall(requests[sent % len(requests)])
                    sent += 1
        return completed

    def fetch(self, request: bytes) -> bytes:
        """Return one complete response."""
        connection = self._sockets[0]
        connection.sendall(request)
        received = b""
        while not _is_whole(received):
            received += connection.recv(262_144)
        return received

    def close(self) -> None:
        self._selector.close()
        for connection in self._sockets:
            connection.close()


def _is_whole(buffer: bytes) -> bool:
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(buffer, 0, end + 2)
    return length is None or len(buffer) >= end + 4 + int(length[1])


def processor_seconds(pid: int) -> float:
    """Return the user and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request_for(url: str, *headers: str) -> bytes:
    """Return a GET request with the headers that httpx sends."""
    split = urlsplit(url)
    lines = [
        f"GET {split.path} HTTP/1.1",
        f"Host: {split.netloc}",
        "Accept: application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Connection: keep-alive",
        "User-Agent: news-ingest/0.1 (+https://example.org/contact)",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def measure(figures: Figures, *, feeds: int, connections: int, seconds: float) -> None:
    """Measure both kinds of response that a poller gets: the full feed, gzipped, and 304."""
    with WorldProcess(["--generated", str(feeds), "--window", "30", "--fresh", "5", "--show"]) as world:
        urls = world.urls()
        client = Client("127.0.0.1", world.port, connections)
        try:
            full = [request_for(url) for url in urls]
            unchanged = []
            for url, request in zip(urls, full, strict=True):
                etag = re.search(rb"\r\nETag: ([^\r]+)\r\n", client.fetch(request))
                if etag is None:
                    raise RuntimeError(f"{url} has no ETag in its response")
                unchanged.append(request_for(url, f"If-None-Match: {etag[1].decode()}"))
            for name, requests, status in (("unchanged", unchanged, b"304"), ("whole", full, b"200")):
                used, started = processor_seconds(world.pid), time.monotonic()
                end = started + seconds
                completed = client.run(requests, lambda end=end: time.monotonic() >= end)  # type: ignore[misc]
                wall, used = time.monotonic() - started, processor_seconds(world.pid) - used
                if client.responses != {status: completed}:
                    raise RuntimeError(f"expected only {status!r}, got {client.responses}")
                figures.add(f"feedworld_{name}_per_core", completed / used, "responses/s", floor=FLOOR)
                figures.add(f"feedworld_{name}_wall", completed / wall, "responses/s")
        finally:
            client.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(argparse.ArgumentParser(prog="feedworld_rate", description=__doc__))
    parser.add_argument("--seconds", type=float, default=3.0, help="for each kind of response")
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args(arguments)
    figures = Figures("feedworld_rate")
    measure(figures, feeds=options.feeds, connections=options.connections, seconds=options.seconds)
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
