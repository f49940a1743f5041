"""Every fault, seen by the client."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import httpx
import pytest

from tests.feedworld import Fault, FeedWorld, WorldFeed, faults, honest, late
from tests.feedworld.conftest import RSS, read_raw
from tests.feedworld.control import FAULTS


def plain(feed: WorldFeed) -> bytes:
    """Return the raw response to a client that accepts no content coding."""
    return read_raw(feed.url)


def body_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def test_a_status_is_sent_with_its_headers(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_next(faults.status(429, headers={"Retry-After": "317100"}))
    response = client.get(feed.url)
    assert (response.status_code, response.headers["retry-after"]) == (429, "317100")
    assert client.get(feed.url).status_code == 200
    assert feed.statuses == {429: 1, 200: 1}


def test_queued_faults_apply_to_one_request_each_and_honest_skips_one(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(faults.status(500), honest, faults.status(503))
    assert [client.get(feed.url).status_code for _ in range(4)] == [500, 200, 503, 200]


def test_a_rule_decides_by_the_number_of_the_request_after_the_queue(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_when(lambda number: number % 2 == 0, faults.status(502))
    feed.fail_next(faults.status(404))
    assert [client.get(feed.url).status_code for _ in range(5)] == [404, 502, 200, 502, 200]


def test_recovery_removes_every_fault(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_always(faults.status(500))
    feed.fail_next(faults.reset())
    feed.recover()
    assert client.get(feed.url).content == RSS


def test_a_condition_that_holds_is_still_304_under_an_unrelated_fault(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(late(0.01))
    assert client.get(feed.url, headers={"If-None-Match": feed.etag or ""}).status_code == 304


def test_a_fault_of_the_body_ignores_conditions_because_a_304_has_none(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(faults.empty())
    response = client.get(feed.url, headers={"If-None-Match": feed.etag or ""})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.truncate(), httpx.RemoteProtocolError),
        (faults.truncate(0.0), httpx.RemoteProtocolError),
        (faults.truncate_chunked(), httpx.RemoteProtocolError),
        (faults.reset(), httpx.ReadError),
        (faults.reset(after=20), httpx.ReadError),
        (faults.close(), httpx.RemoteProtocolError),
        (faults.garbage_headers(), httpx.RemoteProtocolError),
        (faults.garbage_status_line(), httpx.RemoteProtocolError),
        (faults.huge_header(), httpx.RemoteProtocolError),
        (faults.endless_headers(), httpx.RemoteProtocolError),
        (faults.says_coding("gzip"), httpx.DecodingError),
        (faults.says_coding("br"), httpx.DecodingError),
    ],
)
def test_broken_responses_fail_in_the_client_and_the_next_one_is_complete(
    fault: Fault, error: type[Exception], feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(fault)
    with pytest.raises(error):
        client.get(feed.url)
    assert client.get(feed.url).content == RSS


@pytest.mark.parametrize(
    "fault", [faults.early_hints(), faults.early_hints(3), faults.trailers(), faults.raw_deflate()]
)
def test_unusual_but_legal_responses_have_the_same_bytes(
    fault: Fault, feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(fault)
    assert client.get(feed.url, headers={"Accept-Encoding": "deflate"}).content == RSS
    assert client.get(feed.url).content == RSS


def test_early_hints_are_on_the_wire_before_the_response(feed: WorldFeed) -> None:
    feed.fail_next(faults.early_hints(2))
    raw = plain(feed)
    assert raw.count(b"HTTP/1.1 103 Early Hints\r\n") == 2
    assert raw.index(b"103 Early") < raw.index(b"200 OK")


def test_trailers_and_chunk_extensions_are_on_the_wire(feed: WorldFeed) -> None:
    feed.fail_next(faults.trailers())
    raw = plain(feed)
    assert b";name=value\r\n" in raw
    assert raw.endswith(b"0\r\nX-Checksum: none\r\n\r\n")


def test_truncation_promises_more_than_it_sends(feed: WorldFeed) -> None:
    feed.fail_next(faults.truncate(0.25))
    raw = plain(feed)
    assert b"Content-Length: %d\r\n" % len(RSS) in raw
    assert body_of(raw) == RSS[: len(RSS) // 4]


def test_cut_chunked_framing_has_all_bytes_but_no_end(feed: WorldFeed) -> None:
    feed.fail_next(faults.truncate_chunked())
    raw = plain(feed)
    assert b"Transfer-Encoding: chunked" in raw
    assert b"Content-Length" not in raw
    assert RSS in raw
    assert not raw.endswith(b"0\r\n\r\n")


def test_a_reset_is_a_real_rst(feed: WorldFeed) -> None:
    feed.fail_next(faults.reset(), faults.reset(after=10))
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            plain(feed)
    assert feed.statuses == {0: 1, 200: 1}


def test_a_close_is_a_fin_without_a_response(feed: WorldFeed) -> None:
    feed.fail_next(faults.close())
    assert plain(feed) == b""


def test_a_stall_before_the_status_line_sends_nothing(feed: WorldFeed) -> None:
    feed.fail_next(faults.stall())
    with pytest.raises(TimeoutError):
        read_raw(feed.url, timeout=0.2)


def test_a_stall_in_the_body_sends_so_many_bytes_of_it(feed: WorldFeed) -> None:
    feed.fail_next(faults.stall(after=40))
    split = urlsplit(feed.url)
    with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
        connection.sendall(f"GET {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received or len(body_of(received)) < 40:
            received += connection.recv(65_536)
        assert body_of(received) == RSS[:40]
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(65_536)


def test_a_stall_ends_after_its_time_with_the_rest(feed: WorldFeed) -> None:
    feed.fail_next(faults.stall(0.15, after=40), late(0.15))
    for _ in range(2):
        started = time.monotonic()
        assert body_of(plain(feed)) == RSS
        assert time.monotonic() - started >= 0.14


def test_a_stalled_feed_does_not_delay_others(feed: WorldFeed, world: FeedWorld) -> None:
    feed.fail_next(faults.stall())
    world.feed("/b").publish(b"quick")
    split = urlsplit(feed.url)
    with socket.create_connection((split.hostname, split.port), timeout=5) as connection:
        connection.sendall(f"GET {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\n\r\n".encode())
        feed.wait_for_requests(1)
        assert body_of(read_raw(world.url("/b"))) == b"quick"


def test_a_request_received_during_a_script_is_served_after_it(feed: WorldFeed) -> None:
    feed.fail_next(late(0.05))
    split = urlsplit(feed.url)
    request = f"GET {split.path} HTTP/1.1\r\nHost: {split.netloc}\r\n"
    with socket.create_connection((split.hostname, split.port), timeout=5) as connection:
        connection.sendall(f"{request}\r\n{request}Connection: close\r\n\r\n".encode())
        received = bytearray()
        while more := connection.recv(65_536):
            received += more
    assert received.count(RSS) == 2


def test_dripping_sends_the_body_piece_by_piece(feed: WorldFeed) -> None:
    feed.publish(b"<rss></rss>", codings=())
    feed.fail_next(faults.drip(size=1, every=0.02))
    started = time.monotonic()
    assert body_of(plain(feed)) == b"<rss></rss>"
    assert time.monotonic() - started >= 11 * 0.02


@pytest.mark.parametrize("fault", [faults.endless_body(), faults.endless_headers()])
def test_an_endless_response_costs_the_world_no_memory(
    fault: Fault, feed: WorldFeed, world: FeedWorld
) -> None:
    feed.fail_next(fault)
    tracemalloc.start()
    try:
        received = read_raw(feed.url, limit=20_000_000)
        assert len(received) >= 20_000_000
        del received
        assert tracemalloc.get_traced_memory()[0] < 5_000_000
    finally:
        tracemalloc.stop()
    assert world.bytes_sent >= 20_000_000
    assert body_of(plain(feed)) == RSS


@pytest.mark.parametrize(("coding", "window"), [("gzip", 31), ("deflate", 15)])
def test_a_bomb_is_a_thousand_times_larger_inside(coding: str, window: int, feed: WorldFeed) -> None:
    feed.fail_next(faults.gzip_bomb(8 * 1024**2, coding=coding))
    raw = plain(feed)
    assert f"Content-Encoding: {coding}".encode() in raw
    packed = body_of(raw)
    assert len(packed) * 500 < 8 * 1024**2
    assert len(zlib.decompress(packed, window)) == 8 * 1024**2


def test_wrong_codings_are_wrong_as_named(feed: WorldFeed) -> None:
    feed.fail_next(
        faults.says_coding("gzip"), faults.truncated_gzip(), faults.hidden_gzip(), faults.raw_deflate()
    )
    says, cut, hidden, raw = (plain(feed) for _ in range(4))
    assert b"Content-Encoding: gzip" in says
    assert body_of(says) == RSS
    with pytest.raises(EOFError):
        gzip.decompress(body_of(cut))
    assert b"Content-Encoding" not in hidden
    assert gzip.decompress(body_of(hidden)) == RSS
    assert zlib.decompress(body_of(raw), -15) == RSS


def test_wrong_labels_leave_the_bytes_unchanged(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_next(
        faults.content_type("text/html"), faults.wrong_charset("koi8-r"), faults.without_content_type()
    )
    labels = []
    for _ in range(3):
        response = client.get(feed.url)
        assert response.content == RSS
        labels.append(response.headers.get("content-type"))
    assert labels == ["text/html", "text/xml; charset=koi8-r", None]


def test_other_bodies_have_status_200_and_no_validators(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_next(faults.empty(), faults.html(), faults.malformed(), faults.body(b"{}", "application/json"))
    bodies = []
    for _ in range(4):
        response = client.get(feed.url)
        assert response.status_code == 200
        assert not {"etag", "last-modified"} & set(response.headers)
        bodies.append(response.content)
    assert bodies == [b"", faults.ERROR_PAGE, RSS[: len(RSS) // 2] + b"<", b"{}"]


def test_validators_can_be_omitted_changed_or_always_matched(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_next(faults.without_validators(), faults.etag('"other"'), faults.not_modified())
    assert not {"etag", "last-modified"} & set(client.get(feed.url).headers)
    assert client.get(feed.url).headers["etag"] == '"other"'
    feed.publish(b"<rss>changed</rss>")
    assert client.get(feed.url).status_code == 304


def test_a_304_can_have_a_new_last_modified_only(feed: WorldFeed, client: httpx.Client) -> None:
    feed.fail_next(faults.not_modified(headers={"Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT"}))
    response = client.get(feed.url)
    assert (response.status_code, response.headers.get("etag")) == (304, None)
    assert response.headers["last-modified"] == "Sun, 01 Mar 2026 12:00:00 GMT"


def test_a_hundred_headers_are_more_than_the_standard_library_accepts(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.fail_next(faults.many_headers(150), faults.many_headers(150))
    assert len(client.get(feed.url).headers) > 150
    connection = HTTPConnection(urlsplit(feed.url).netloc)
    connection.request("GET", "/gazette.xml")
    with pytest.raises(HTTPException, match="more than 100 headers"):
        connection.getresponse()
    connection.close()


def test_a_single_request_can_be_redirected(feed: WorldFeed, world: FeedWorld, client: httpx.Client) -> None:
    world.feed("/other").publish(b"other")
    feed.fail_next(faults.redirect_to("/other", code=307))
    assert client.get(feed.url, follow_redirects=True).content == b"other"
    assert client.get(feed.url, follow_redirects=True).content == RSS


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_exists_by_name_and_works_on_an_unpublished_path(name: str, world: FeedWorld) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "status": (500,),
        "redirect_to": ("/",),
        "content_type": ("text/plain",),
        "etag": ('"x"',),
        "body": (b"x",),
        "with_headers": (("X-A", "1"),),
    }
    keywords: dict[str, dict[str, float]] = {
        "stall": {"seconds": 0.01},
        "drip": {"every": 0.0},
        "gzip_bomb": {"size": 1024**2},
    }
    make: Callable[..., Fault] = FAULTS[name]
    page = world.feed("/unpublished")
    page.fail_next(make(*arguments.get(name, ()), **keywords.get(name, {})))
    with contextlib.suppress(ConnectionResetError):
        read_raw(page.url, limit=200_000)
    assert page.request_count == 1
