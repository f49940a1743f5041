"""Responses that browsers accept though they are not valid HTTP, as bytes of real sockets."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from ingest.demo.feeds import WorldFeed
from ingest.fetch.repair import MAX_CHUNK_LINE, MAX_HEAD_BYTES, BeyondRepairError, ResponseRepair
from ingest.types import Failed, FailureKind, Fetched, FetchResult, PostResponse
from tests.feedworld import faults
from tests.fetch.conftest import BODY as FEED_BODY
from tests.fetch.conftest import NOW, ask, fetch, fetch_all, lease

BODY = b"<rss version='2.0'><channel><title>News</title></channel></rss>"
SIZE = len(BODY)
CHUNK = b"%x\r\n%s\r\n" % (SIZE, BODY)


class RawServer:
    """Sends the same bytes to each connection, and closes it."""

    def __init__(self, response: bytes, *, piece: int = 1 << 20) -> None:
        self.requests: list[bytes] = []
        self._response = response
        self._piece = piece
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/feed"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    self._exchange(connection)
                except OSError:
                    continue  # the client closed first

    def _exchange(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65_536)
        self.requests.append(request)
        for at in range(0, len(self._response), self._piece):
            connection.sendall(self._response[at : at + self._piece])
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    with ExitStack() as stack:
        yield lambda response, **options: stack.enter_context(_running(response, **options))


@contextmanager
def _running(response: bytes, *, piece: int = 1 << 20) -> Iterator[RawServer]:
    server = RawServer(response, piece=piece)
    try:
        yield server
    finally:
        server.close()


def response(
    *headers: bytes, status: bytes = b"HTTP/1.1 200 OK", newline: bytes = b"\r\n", length: bool = True
) -> bytes:
    lines = [status, *headers, *([b"Content-Length: %d" % SIZE] if length else []), b"", b""]
    return newline.join(lines) + BODY


def chunked(body: bytes, *headers: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([status, b"Transfer-Encoding: chunked", *headers, b"", b""]) + body


ACCEPTED = {
    "a line without a colon": response(b"this is no header", b"Content-Type: text/xml"),
    "a name with spaces": response(b"X Powered By: PHP"),
    "a name with other bytes": response("X-Café: b".encode()),
    "no name": response(b": value"),
    "a space before the colon": response(b"Content-Type : text/xml"),
    "a status line among the headers": response(b"HTTP/1.1 200 OK"),
    "a folded first line": response(b"  folded", b"X-A: a"),
    "bytes of Latin-1": response("X-A: Café".encode("latin-1")),
    "a NUL in a value": response(b"X-A: a\0b"),
    "a carriage return in a value": response(b"X-A: a\rb"),
    "equal lengths": response(b"Content-Length: %d" % SIZE),
    "equal lengths in a list": response(b"Content-Length: %d, %d" % (SIZE, SIZE), length=False),
    "a length that is no number": response(b"Content-Length: abc", length=False),
    "a negative length": response(b"Content-Length: -1", length=False),
    "an empty length": response(b"Content-Length:", length=False),
    "bare line feeds": response(b"X-A: a", newline=b"\n"),
    "no reason": response(status=b"HTTP/1.1 200"),
    "two spaces before the status": response(status=b"HTTP/1.1  200 OK"),
    "a version of one digit": response(status=b"HTTP/1 200 OK"),
    "a version in lower case": response(status=b"http/1.1 200 OK"),
    "the protocol of Shoutcast": response(status=b"ICY 200 OK"),
    "chunks and a length": chunked(CHUNK + b"0\r\n\r\n", b"Content-Length: %d" % SIZE),
    "the coding identity and a length": response(b"Transfer-Encoding: identity"),
    "chunks of HTTP 1.0": chunked(CHUNK + b"0\r\n\r\n", status=b"HTTP/1.0 200 OK"),
    "an unfinished chunk extension": chunked(b'%x;a="b\r\n%s\r\n0\r\n\r\n' % (SIZE, BODY)),
    "spaces in a chunk extension": chunked(b"%x ; a\r\n%s\r\n0\r\n\r\n" % (SIZE, BODY)),
    "line feeds around chunks": chunked(b"%x\n%s\n0\n\n" % (SIZE, BODY)),
    "no line break behind a chunk": chunked(b"%x\r\n%s0\r\n\r\n" % (SIZE, BODY)),
    "no empty line behind the last chunk": chunked(CHUNK + b"0\r\n"),
    "only the digit of the last chunk": chunked(CHUNK + b"0"),
    "bytes behind the body": response() + b"\r\n<!-- served in 3 ms -->",
    "an interim response": b"HTTP/1.1 103 Early Hints\r\nX Y: z\r\n\r\n" + response(b"no header"),
}


@pytest.mark.parametrize("case", ACCEPTED)
@pytest.mark.parametrize("piece", [1 << 20, 7])
def test_a_response_that_browsers_accept_is_read(
    serve: Callable[..., RawServer], case: str, piece: int
) -> None:
    server = serve(ACCEPTED[case], piece=piece)
    first, second = fetch_all(lease(server.url), lease(server.url))
    for result in (first, second):
        assert isinstance(result, Fetched), result
        assert result.body == BODY
    # The second fetch uses the repairing session at once.
    assert len(server.requests) <= 3


REFUSED = {
    "different lengths": response(b"Content-Length: %d" % (SIZE - 5)),
    "fewer bytes than the length": response(b"Content-Length: %d" % (SIZE + 5), length=False),
    "no last chunk": chunked(CHUNK),
    "half a chunk": chunked(CHUNK[:30]),
    "no size of a chunk": chunked(BODY),
    "no HTTP": BODY,
    "a status of four digits": response(status=b"HTTP/1.1 2000 OK"),
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nX Y: z\r\n\r\n" + response(),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_response_that_may_be_incomplete_is_a_failure(serve: Callable[..., RawServer], case: str) -> None:
    server = serve(REFUSED[case])
    result = fetch(server.url)
    assert isinstance(result, Failed), result
    assert result.kind is FailureKind.PROTOCOL
    assert len(server.requests) <= 3  # the HTTP library repeats a request once by itself


def test_a_violation_is_logged_once_per_host_and_shown_with_each_response(
    serve: Callable[..., RawServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(ACCEPTED["equal lengths"])
    with caplog.at_level(logging.WARNING, logger="ingest.fetch"):
        results: list[FetchResult] = fetch_all(*[lease(server.url)] * 3)
    assert [result.violation for result in results if isinstance(result, Fetched)] == [
        "Duplicate Content-Length"
    ] * 3
    assert len(caplog.records) == 1
    assert "127.0.0.1" in caplog.text
    assert len(server.requests) == 4


def test_valid_responses_have_no_violation(serve: Callable[..., RawServer]) -> None:
    result = fetch(serve(response()).url)
    assert isinstance(result, Fetched)
    assert result.violation is None


def test_a_redirect_that_is_not_valid_http_is_followed(serve: Callable[..., RawServer]) -> None:
    target = serve(response())
    location = b"Location: " + target.url.encode()
    door = serve(
        b"\r\n".join([b"HTTP/1.1 301 Moved", b"no header", location, b"Content-Length: 0", b"", b""])
    )
    result = fetch(door.url)
    assert isinstance(result, Fetched)
    assert (result.url, result.violation) == (target.url, "Invalid header token")


def test_a_post_is_not_repeated(serve: Callable[..., RawServer]) -> None:
    server = serve(ACCEPTED["equal lengths"])
    result = ask(lambda fetcher: fetcher.post(server.url, form={"a": "b"}, now=NOW))
    assert not isinstance(result, PostResponse)
    assert len(server.requests) == 1


def test_the_length_of_what_is_held_is_bounded() -> None:
    for beginning, limit in (
        (b"HTTP/1.1 200 OK\r\n", MAX_HEAD_BYTES),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MAX_CHUNK_LINE),
    ):
        repair = ResponseRepair()
        repair.feed(beginning)
        with pytest.raises(BeyondRepairError, match="too l"):
            repair.feed(b"1" * (limit + 1))


@pytest.mark.timeout(30)
def test_repairing_takes_time_proportional_to_the_response() -> None:
    repair = ResponseRepair()
    repair.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunks = b"1\r\na\r\n" * 20_000
    for _ in range(10):
        assert repair.feed(chunks) == chunks
    drip = ResponseRepair()
    for _ in range(200_000):
        drip.feed(b"a")


def test_every_split_of_a_response_gives_the_same_repair() -> None:
    whole = ACCEPTED["an unfinished chunk extension"] + b"trailing"
    expected = ResponseRepair().feed(whole)
    for at in range(len(whole)):
        repair = ResponseRepair()
        assert b"".join(map(partial(_feed, repair), (whole[:at], whole[at:]))).replace(b"\r\n", b"") == (
            expected.replace(b"\r\n", b"")
        )


def _feed(repair: ResponseRepair, piece: bytes) -> bytes:
    return repair.feed(piece)


def test_a_charset_in_place_of_a_coding_costs_nothing(feed: WorldFeed) -> None:
    feed.fail_always(faults.says_coding("utf-8"))
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert result.body == FEED_BODY
    assert len(feed.requests) == 1
