"""An honest feed world serves feeds as real servers do."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.feedworld import (
    ALL_CODINGS,
    WEAK,
    FeedWorld,
    HttpResponse,
    Request,
    Version,
    WorldFeed,
    loopback_addresses,
)
from tests.feedworld.conftest import RSS, read_raw

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_published_feed_is_served_with_its_bytes_and_type(feed: WorldFeed, client: httpx.Client) -> None:
    response = client.get(feed.url)
    assert (response.status_code, response.content) == (200, RSS)
    assert response.headers["content-type"] == "application/rss+xml"
    assert "date" in response.headers


def test_nothing_published_is_404(world: FeedWorld, client: httpx.Client) -> None:
    assert client.get(world.feed("/later.xml").url).status_code == 404


def test_an_unknown_path_is_404_and_counted_as_a_stray(world: FeedWorld, client: httpx.Client) -> None:
    assert client.get(world.url("/nowhere")).status_code == 404
    assert [request.target for request in world.strays] == ["/nowhere"]


def test_the_same_bytes_have_the_same_strong_etag_and_others_another(world: FeedWorld) -> None:
    a, b = world.feed("/a"), world.feed("/b")
    a.publish(RSS)
    b.publish(RSS)
    assert a.etag == b.etag
    b.publish(RSS + b"<!-- -->")
    assert a.etag != b.etag


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({}, 200),
        ({"If-None-Match": '"{etag}"'}, 304),
        ({"If-None-Match": 'W/"{etag}"'}, 304),
        ({"If-None-Match": '"other", "{etag}"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": "{etag}"}, 200),
        ({"If-Modified-Since": "{date}"}, 304),
        ({"If-Modified-Since": "Sat, 01 Mar 2036 12:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Sat, 01 Mar 2025 12:00:00 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": "{date}"}, 200),
        ({"If-None-Match": '"{etag}"', "If-Modified-Since": "yesterday"}, 304),
    ],
)
def test_conditions_decide_between_200_and_304(
    condition: dict[str, str], status: int, feed: WorldFeed, client: httpx.Client
) -> None:
    etag = (feed.etag or "").strip('"')
    given = {k: v.format(etag=etag, date=feed.last_modified) for k, v in condition.items()}
    response = client.get(feed.url, headers=given)
    assert response.status_code == status
    assert response.headers["etag"] == feed.etag
    assert response.headers["last-modified"] == feed.last_modified


def test_a_304_repeats_the_caching_headers_and_has_no_body(feed: WorldFeed) -> None:
    feed.publish(RSS, headers={"Cache-Control": "max-age=300", "X-Other": "1"})
    raw = read_raw(feed.url, f"If-None-Match: {feed.etag}")
    assert raw.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert b"Cache-Control: max-age=300" in raw
    assert b"X-Other" not in raw
    assert raw.endswith(b"\r\n\r\n")


def test_validators_can_be_weak_verbatim_or_absent(world: FeedWorld, client: httpx.Client) -> None:
    feed = world.feed("/v")
    feed.publish(RSS, etag=WEAK, last_modified="last tuesday")
    response = client.get(feed.url)
    assert response.headers["etag"].startswith('W/"')
    assert response.headers["last-modified"] == "last tuesday"
    feed.publish(RSS, etag=None, last_modified=None)
    response = client.get(feed.url, headers={"If-None-Match": "*", "If-Modified-Since": "last tuesday"})
    assert response.status_code == 200
    assert not {"etag", "last-modified"} & set(response.headers)


def test_a_lying_etag_hides_a_change(feed: WorldFeed, client: httpx.Client) -> None:
    feed.publish(b"<rss>old</rss>", etag='"stuck"')
    feed.publish(b"<rss>new</rss>", etag='"stuck"')
    assert client.get(feed.url, headers={"If-None-Match": '"stuck"'}).status_code == 304


def test_last_modified_rises_with_each_version_even_within_one_second(
    feed: WorldFeed, client: httpx.Client
) -> None:
    feed.publish(b"<rss>one</rss>", etag=None)
    seen = feed.last_modified or ""
    feed.publish(b"<rss>two</rss>", etag=None)
    assert client.get(feed.url, headers={"If-Modified-Since": seen}).content == b"<rss>two</rss>"


@pytest.mark.parametrize("coding", sorted(ALL_CODINGS))
def test_every_coding_is_served_when_the_feed_offers_it_and_the_client_accepts_it(
    coding: str, feed: WorldFeed, client: httpx.Client
) -> None:
    feed.publish(RSS, codings=(coding,))
    response = client.get(feed.url, headers={"Accept-Encoding": coding})
    assert response.headers["content-encoding"] == coding
    assert response.content == RSS
    assert int(response.headers["content-length"]) < len(RSS)


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0"])
def test_a_client_that_does_not_accept_gzip_gets_the_plain_bytes(
    accepted: str, feed: WorldFeed, client: httpx.Client
) -> None:
    response = client.get(feed.url, headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.content == RSS


def test_gzip_is_prepared_once_and_the_same_each_time(feed: WorldFeed) -> None:
    bodies = {read_raw(feed.url, "Accept-Encoding: gzip").partition(b"\r\n\r\n")[2] for _ in range(3)}
    assert len(bodies) == 1
    assert gzip.decompress(bodies.pop()) == RSS


def test_a_body_can_be_chunked(feed: WorldFeed, client: httpx.Client) -> None:
    feed.publish(RSS * 20, chunked=True)
    response = client.get(feed.url)
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.content == RSS * 20


def test_head_has_the_headers_and_no_body(feed: WorldFeed) -> None:
    raw = read_raw(feed.url, method="HEAD")
    assert b"Content-Length: %d" % len(RSS) in raw
    assert raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_page_can_redirect(status: int, feed: WorldFeed, world: FeedWorld, client: httpx.Client) -> None:
    old = world.feed("/old.xml")
    old.redirect("/gazette.xml", status=status)
    assert client.get(old.url).status_code == status
    assert client.get(old.url, follow_redirects=True).content == RSS


def test_redirects_can_chain_and_loop(world: FeedWorld, feed: WorldFeed, client: httpx.Client) -> None:
    for number in range(5):
        world.feed(f"/hop/{number}").redirect(f"/hop/{number + 1}", status=302)
    world.feed("/hop/5").redirect(feed.url)
    response = client.get(world.url("/hop/0"), follow_redirects=True)
    assert (response.content, len(response.history)) == (RSS, 6)
    world.feed("/hop/5").redirect("/hop/0")
    with pytest.raises(httpx.TooManyRedirects):
        client.get(world.url("/hop/0"), follow_redirects=True)


def test_a_path_can_exist_on_one_address_only(client: httpx.Client) -> None:
    with FeedWorld(addresses=loopback_addresses(3)) as world:
        feeds = [world.feed("/a.xml", host=address) for address in world.addresses]
        for number, feed in enumerate(feeds):
            feed.publish(b"<rss>%d</rss>" % number)
        assert [client.get(feed.url).content for feed in feeds] == [b"<rss>%d</rss>" % n for n in range(3)]
        assert len({urlsplit(feed.url).port for feed in feeds}) == 1
        assert len({urlsplit(feed.url).hostname for feed in feeds}) == 3


def test_a_path_can_exist_on_one_host_name_only(world: FeedWorld, client: httpx.Client) -> None:
    one, two = world.feed("/", host="one.example"), world.feed("/", host="two.example")
    one.publish(b"one")
    two.publish(b"two")
    for name in ("one", "two"):
        host = f"{name.upper()}.example:{world.port}"
        assert client.get(world.url("/"), headers={"Host": host}).text == name
    assert client.get(world.url("/")).status_code == 404


def test_a_query_belongs_to_the_page_unless_the_page_names_it(
    feed: WorldFeed, world: FeedWorld, client: httpx.Client
) -> None:
    other = world.feed("/gazette.xml?format=atom")
    other.publish(b"<feed/>")
    assert client.get(feed.url + "?nocache=1").content == RSS
    assert client.get(other.url).content == b"<feed/>"


def test_requests_are_logged_with_their_responses(feed: WorldFeed, client: httpx.Client) -> None:
    before = time.time()
    etag = client.get(feed.url).headers["etag"]
    client.get(feed.url, headers={"If-None-Match": etag})
    first, second = feed.requests
    assert (first.method, first.target, first.status) == ("GET", "/gazette.xml", 200)
    assert (second.status, second.header("If-None-Match")) == (304, etag)
    assert before <= first.at <= second.at <= time.time()
    assert feed.statuses == {200: 1, 304: 1}
    assert feed.request_count == 2


def test_counts_work_without_keeping_requests(client: httpx.Client) -> None:
    with FeedWorld(keep_requests=False) as world:
        feed = world.feed("/a")
        feed.publish(RSS)
        client.get(feed.url)
        assert (feed.requests, feed.statuses, world.statuses) == ([], {200: 1}, {200: 1})


def test_versions_are_shown_one_by_one_on_request(world: FeedWorld, client: httpx.Client) -> None:
    one, two = world.feed("/one"), world.feed("/two")
    one.queue(Version(body=b"1a"), Version(body=b"1b"))
    two.queue(Version(body=b"2a"))
    assert client.get(one.url).status_code == 404
    assert world.advance_all() == 2
    assert (client.get(one.url).text, client.get(two.url).text) == ("1a", "2a")
    assert (world.advance_all(), world.waiting) == (1, 0)
    assert (client.get(one.url).text, client.get(two.url).text) == ("1b", "2a")
    assert (world.advance_all(), one.advance()) == (0, False)


def test_the_worlds_clock_shows_due_versions_and_skips_missed_ones(client: httpx.Client) -> None:
    with FeedWorld(now=NOON) as world:
        feed = world.feed("/a")
        feed.queue(*(Version(body=b"%d" % n, at=NOON + n * timedelta(minutes=10)) for n in (1, 2, 3)))
        world.at(NOON + timedelta(minutes=9))
        assert client.get(feed.url).status_code == 404
        world.at(NOON + timedelta(minutes=25))
        response = client.get(feed.url)
        assert (response.text, response.headers["last-modified"]) == ("2", "Sun, 01 Mar 2026 12:20:00 GMT")
        assert feed.waiting == 1
        with pytest.raises(ValueError, match="cannot go back"):
            world.at(NOON)


def test_a_version_can_be_a_file_or_a_function_read_when_shown(
    world: FeedWorld, tmp_path: Path, client: httpx.Client
) -> None:
    path = tmp_path / "feed.xml"
    feed = world.feed("/a")
    feed.queue(Version(body=path), Version(body=lambda: b"made"))
    path.write_bytes(b"from a file")
    texts = []
    while feed.advance():
        texts.append(client.get(feed.url).text)
    assert texts == ["from a file", "made"]


def test_a_function_can_answer_and_sees_the_body(world: FeedWorld, client: httpx.Client) -> None:
    def echo(request: Request) -> HttpResponse:
        return HttpResponse(status=202, headers=(("X-Method", request.method),), body=request.body[::-1])

    sink = world.feed("/hook")
    sink.respond_with(echo)
    response = client.post(sink.url, content=b"abc" * 50_000)
    assert (response.status_code, response.content) == (202, b"cba" * 50_000)
    assert response.headers["x-method"] == "POST"
    assert sink.requests[0].body == b"abc" * 50_000


def test_waiting_for_requests_ends_when_they_came_or_with_a_timeout(feed: WorldFeed) -> None:
    def ask() -> None:
        for _ in range(3):
            read_raw(feed.url)

    asking = threading.Thread(target=ask)
    asking.start()
    feed.wait_for_requests(3)
    asking.join()
    with pytest.raises(TimeoutError, match=r"4 requests to /gazette\.xml"):
        feed.wait_for_requests(4, timeout=0.01)


def test_one_connection_carries_many_requests_in_order_even_pipelined(
    feed: WorldFeed, world: FeedWorld
) -> None:
    world.feed("/b").publish(b"second", codings=())
    host = f"Host: 127.0.0.1:{world.port}\r\n"
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as connection:
        requests = ["GET /gazette.xml HTTP/1.1", host, "GET /b HTTP/1.1", host + "Connection: close\r\n", ""]
        connection.sendall("\r\n".join(requests).encode())
        received = b""
        while more := connection.recv(65_536):
            received += more
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert received.endswith(b"second")
    assert world.connections_opened == 1


def test_a_request_may_come_byte_by_byte(feed: WorldFeed, world: FeedWorld) -> None:
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /gazette.xml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "nonsense", [b"hello\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
)
def test_an_invalid_request_is_refused_and_the_connection_closed(nonsense: bytes, world: FeedWorld) -> None:
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as connection:
        connection.sendall(nonsense)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(1) == b""


def test_closing_the_world_ends_its_thread_and_connections() -> None:
    threads = threading.active_count()
    with FeedWorld() as world:
        world.feed("/a").publish(RSS)
        connection = socket.create_connection(("127.0.0.1", world.port), timeout=5)
        with connection:
            connection.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            world.__exit__(None, None, None)
            while connection.recv(65_536):
                pass
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", world.port), timeout=5)


def test_a_port_in_use_is_refused(world: FeedWorld) -> None:
    with pytest.raises(OSError, match="in use"), FeedWorld(port=world.port):
        pass


def test_a_weak_validator_is_compared_by_its_opaque_part(feed: WorldFeed, client: httpx.Client) -> None:
    feed.publish(RSS, etag=WEAK)
    strong = (feed.etag or "").removeprefix("W/")
    assert client.get(feed.url, headers={"If-None-Match": strong}).status_code == 304


@pytest.mark.parametrize("status", [206, 301, 410, 503])
def test_only_a_200_can_become_a_304(status: int, feed: WorldFeed, client: httpx.Client) -> None:
    feed.publish(RSS, status=status)
    assert client.get(feed.url, headers={"If-None-Match": feed.etag or ""}).status_code == status
