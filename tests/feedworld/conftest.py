"""A feed world for each test, and a raw client that sees the bytes on the wire."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.feedworld import ALL_CODINGS, FeedWorld, WorldFeed

RSS: Final = (
    b'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>Harbour Gazette</title>'
    + b"".join(b"<item><title>Boat %d is back</title></item>\n" % number for number in range(60))
    + b"</channel></rss>\n"
)

Wire = Callable[..., bytes]


@pytest.fixture
def world() -> Iterator[FeedWorld]:
    with FeedWorld(codings=ALL_CODINGS) as world:
        yield world


@pytest.fixture
def feed(world: FeedWorld) -> WorldFeed:
    feed = world.feed("/gazette.xml")
    feed.publish(RSS)
    return feed


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


def read_raw(
    url: str, *headers: str, method: str = "GET", limit: int = 1_000_000, timeout: float = 5
) -> bytes:
    """Return everything the server sends on a new connection, up to ``limit`` bytes.

    Raises:
        TimeoutError: nothing arrived for ``timeout`` seconds, and the connection is open.
        ConnectionResetError: the server sent a RST.
    """
    split = urlsplit(url)
    request = [f"{method} {split.path} HTTP/1.1", f"Host: {split.netloc}", "Connection: close", *headers]
    with socket.create_connection((split.hostname, split.port), timeout=timeout) as connection:
        connection.sendall("\r\n".join([*request, "", ""]).encode())
        received = bytearray()
        while len(received) < limit and (more := connection.recv(65_536)):
            received += more
    return bytes(received)
