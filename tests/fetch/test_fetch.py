"""One request and its result, for every behaviour of a server."""

from __future__ import annotations

import errno
import socket
import threading
from datetime import timedelta
from typing import cast

import pytest
from aiohttp import ClientConnectorDNSError, ClientConnectorError
from aiohttp.client_reqrep import ConnectionKey

from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import Fault, HttpResponse, Pause, Request, Script, honest
from ingest.demo.world import FeedWorld
from ingest.fetch import Limits
from ingest.fetch.failures import failed_from
from ingest.types import Failed, FailureKind, Fetched, NotModified
from tests.feedworld import faults
from tests.fetch.conftest import BODY, LIMITS, USER_AGENT, fetch, fetch_all, lease


def test_a_feed_comes_with_its_validators_and_what_policies_read(feed: WorldFeed) -> None:
    feed.publish(BODY, "text/xml; charset=utf-8", headers={"Cache-Control": "max-age=60", "X-Other": "x"})
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert (result.url, result.status, result.body) == (feed.url, 200, BODY)
    assert (result.etag, result.last_modified) == (feed.etag, feed.last_modified)
    assert result.content_type == "text/xml; charset=utf-8"
    assert result.headers["cache-control"] == "max-age=60"
    assert set(result.headers) == {"cache-control", "date"}


def test_a_request_says_who_we_are_and_nothing_of_where_we_were(feed: WorldFeed) -> None:
    fetch(feed.url)
    (request,) = feed.requests
    assert request.method == "GET"
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert request.headers["user-agent"] == USER_AGENT
    assert request.headers["accept-encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    "etag",
    [
        '"simple"',
        'W/"weak"',
        "unquoted",
        '"with "quotes" and , commas"',
        '"' + "x" * 4000 + '"',
        '"Москва"'.encode().decode("latin-1"),
        '""',
    ],
)
def test_an_etag_goes_back_byte_for_byte(feed: WorldFeed, etag: str) -> None:
    feed.publish(BODY, etag=etag, last_modified=None)
    first = fetch(feed.url)
    assert isinstance(first, Fetched)
    second = fetch(feed.url, etag=first.etag, last_modified=first.last_modified)
    assert isinstance(second, NotModified)
    assert feed.requests[1].headers["if-none-match"] == etag
    assert "if-modified-since" not in feed.requests[1].headers


@pytest.mark.parametrize(
    "date",
    ["Tue, 24 Nov 2026 12:00:00 GMT", "Tue, 24 Nov 2026 12:00:00 +0100", "yesterday", "0", "2026-11-24"],
)
def test_a_last_modified_goes_back_as_it_came(feed: WorldFeed, date: str) -> None:
    feed.publish(BODY, etag=None, last_modified=date)
    first = fetch(feed.url)
    assert isinstance(first, Fetched)
    second = fetch(feed.url, etag=first.etag, last_modified=first.last_modified)
    assert isinstance(second, NotModified)
    assert feed.requests[1].headers["if-modified-since"] == date


def test_without_a_last_modified_no_date_is_made_up(feed: WorldFeed) -> None:
    feed.publish(BODY, etag=None, last_modified=None, headers={"Date": "Tue, 24 Nov 2026 12:00:00 GMT"})
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert (result.etag, result.last_modified) == (None, None)


@pytest.mark.parametrize("etag", ['"\xe9"', '"a\x01b"', '"a\x7fb"'])
def test_an_etag_that_cannot_be_sent_back_counts_as_none(feed: WorldFeed, etag: str) -> None:
    """The first is one byte, in no UTF-8."""
    feed.publish(BODY, etag=etag)
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert (result.etag, result.last_modified) == (None, feed.last_modified)


def test_a_304_brings_the_validators_it_names(feed: WorldFeed) -> None:
    feed.fail_next(faults.not_modified(headers={"Last-Modified": "later", "Cache-Control": "max-age=9"}))
    result = fetch(feed.url, etag='"old"', last_modified="earlier")
    assert isinstance(result, NotModified)
    assert (result.etag, result.last_modified) == (None, "later")
    assert result.headers["cache-control"] == "max-age=9"


def test_a_304_that_nobody_asked_for_is_a_failure(feed: WorldFeed) -> None:
    feed.fail_next(faults.not_modified())
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.PROTOCOL, 304)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("chunked", [False, True])
def test_every_coding_we_ask_for_is_undone(feed: WorldFeed, coding: str, *, chunked: bool) -> None:
    feed.publish(BODY, codings=(coding,), chunked=chunked)
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert result.body == BODY


def _in_pieces(script: Script, size: int) -> Script:
    """The same, its first bytes behind the head sent so many at once."""
    whole = b"".join(step for step in script.steps if isinstance(step, bytes))
    start = whole.index(b"\r\n\r\n") + 4
    pieces = [whole[at : at + size] for at in range(start, start + 5 * size, size)]
    steps = [each for piece in pieces for each in (Pause(0.05), piece)]
    return Script(status=script.status, steps=(whole[:start], *steps, whole[start + 5 * size :]))


FINE: dict[str, Fault] = {
    "more headers than most clients take": faults.many_headers(),
    "chunk extensions and trailers": faults.trailers(),
    "early hints": faults.early_hints(3),
    "no content type": faults.without_content_type(),
    "the content type of a web page": faults.content_type("text/html"),
    "a connection closed while idle": faults.close(),
    "a reset before the answer": faults.reset(),
    "deflate without its wrapper": faults.raw_deflate(),
    "gzip that no header names": faults.hidden_gzip(),
    "gzip that no header names, byte by byte": lambda truth: _in_pieces(faults.hidden_gzip()(truth), 1),
    "gzip in name only": faults.says_coding("gzip"),
    "brotli in name only": faults.says_coding("br"),
    "a charset in place of a coding": faults.says_coding("utf-8"),
    "gzip cut short, once": faults.truncated_gzip(),
    "a reason phrase in Latin-1": lambda truth: Script(
        status=200, steps=(truth.response.encoded().replace(b"200 OK", b"200 Gefunden f\xfcr Sie", 1),)
    ),
    "headers that are none": faults.garbage_headers(),
    "slow, but in time": faults.drip(size=3000, every=0.01),
}


@pytest.mark.parametrize("case", FINE)
def test_a_feed_is_had_in_spite_of(feed: WorldFeed, case: str) -> None:
    feed.fail_next(honest, FINE[case])  # the second finds a connection that was kept
    first, second = fetch_all(lease(feed.url), lease(feed.url))
    assert isinstance(first, Fetched)
    assert isinstance(second, Fetched)
    assert first.body == second.body == BODY


BROKEN: dict[str, tuple[Fault, FailureKind]] = {
    "half of what was promised": (faults.truncate(), FailureKind.PROTOCOL),
    "chunks without the last one": (faults.truncate_chunked(), FailureKind.PROTOCOL),
    "a reset in the body": (faults.reset(after=100), FailureKind.PROTOCOL),
    "a header of 200 kB": (faults.huge_header(), FailureKind.PROTOCOL),
    "a header of 40 kB": (faults.huge_header(40_000), FailureKind.PROTOCOL),
    "more headers than anybody needs": (faults.many_headers(600), FailureKind.PROTOCOL),
    "headers without end": (faults.endless_headers(), FailureKind.PROTOCOL),
    "another protocol": (faults.garbage_status_line(), FailureKind.PROTOCOL),
    "a body without end": (faults.endless_body(), FailureKind.TOO_LARGE),
    "a gzip bomb": (faults.gzip_bomb(32 * 1024**2), FailureKind.TOO_LARGE),
    "a deflate bomb": (faults.gzip_bomb(32 * 1024**2, coding="deflate"), FailureKind.TOO_LARGE),
    "gzip cut short": (faults.truncated_gzip(), FailureKind.ENCODING),
    "no bytes": (faults.empty(), FailureKind.EMPTY),
    "no content": (faults.status(204), FailureKind.EMPTY),
    "a part": (faults.status(206), FailureKind.PROTOCOL),
    "a status": (faults.status(500), FailureKind.STATUS),
    "a redirect to nowhere": (faults.status(302), FailureKind.STATUS),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_failure_is_a_value_that_says_its_kind(feed: WorldFeed, case: str) -> None:
    fault, kind = BROKEN[case]
    feed.fail_always(fault)
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert result.kind is kind
    assert result.detail


def test_who_is_not_reached_is_told_in_words() -> None:
    with socket.socket() as silent:  # bound, so that nobody else has the port, and listening to nobody
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        result = fetch(f"http://127.0.0.1:{port}/")
    assert isinstance(result, Failed)
    said = f"Connection refused: Connect call failed ('127.0.0.1', {port})"
    assert (result.kind, result.detail) == (FailureKind.CONNECT, said)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError(None, "DNS lookup failed"), "DNS lookup failed"),
        (OSError("no answer"), "no answer"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_in_words(error: OSError, said: str) -> None:
    key = cast(ConnectionKey, None)  # the message has nothing of it
    failed = failed_from(ClientConnectorDNSError(key, error))
    assert (failed.kind, failed.detail) == (FailureKind.DNS, said)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (
            OSError(errno.ECONNREFUSED, "Multiple exceptions: [Errno 111] …"),
            "Connection refused: Multiple exceptions: [Errno 111] …",
        ),
        (OSError("no way there"), "no way there"),
    ],
)
def test_an_address_that_does_not_answer_is_told_in_words(error: OSError, said: str) -> None:
    failed = failed_from(ClientConnectorError(cast(ConnectionKey, None), error))
    assert (failed.kind, failed.detail) == (FailureKind.CONNECT, said)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_label_that_is_always_wrong_costs_one_more_request_and_no_feed(
    feed: WorldFeed, coding: str
) -> None:
    feed.fail_always(faults.says_coding(coding))
    result = fetch(feed.url)
    assert isinstance(result, Fetched)
    assert result.body == BODY
    assert [request.headers["accept-encoding"] for request in feed.requests] == [
        "gzip, deflate, br, zstd",
        "identity",
    ]


@pytest.mark.parametrize("fault", [faults.stall(), faults.stall(after=100), faults.drip()])
def test_one_deadline_stands_over_everything(feed: WorldFeed, fault: Fault) -> None:
    feed.fail_always(fault)
    result = fetch(feed.url, limits=Limits(deadline=timedelta(seconds=0.5)))
    assert isinstance(result, Failed)
    assert (result.kind, result.detail) == (FailureKind.TIMEOUT, "not completed within 0.5 s")


def test_an_announced_size_beyond_the_cap_is_not_read(world: FeedWorld, feed: WorldFeed) -> None:
    feed.publish(b"<rss>" + b" " * 10_000_000, codings=())
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.TOO_LARGE, 200)


def test_a_body_of_exactly_the_cap_is_read(feed: WorldFeed) -> None:
    body = b"<rss/>".ljust(LIMITS.max_bytes)
    feed.publish(body)
    assert isinstance(fetch(feed.url), Fetched)
    feed.publish(body + b" ")
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("120", None, 120),
        (" 120 ", None, 120),
        ("317100", None, 317_100),
        ("0", None, 0),
        ("9" * 5000, None, 366 * 86400),
        ("Tue, 24 Nov 2026 12:10:00 GMT", "Tue, 24 Nov 2026 12:05:00 GMT", 300),
        ("Tue, 24 Nov 2026 13:00:00 +0000", "Tue, 24 Nov 2026 12:00:00 GMT", 3600),
        ("Tue, 24 Nov 2026 12:00:00 GMT", "Tue, 24 Nov 2026 12:00:01 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 24 Nov 2026 12:00:00 GMT", 366 * 86400),
        ("-5", None, None),
        ("soon", None, None),
        ("1.5", None, None),
        ("", None, None),
        ("٣", None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_garbage_as_nothing(
    feed: WorldFeed, said: str, date: str | None, seconds: int | None
) -> None:
    headers = {"Retry-After": said.encode().decode("latin-1")} | ({} if date is None else {"Date": date})
    feed.fail_next(faults.status(429, headers=headers))
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.STATUS, 429)
    assert result.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_an_error_page_leaves_a_sample(feed: WorldFeed) -> None:
    feed.fail_next(faults.status(403, body=b"<html>" + b"no " * 5000))
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert result.sample is not None
    assert result.sample.startswith(b"<html>no no")
    assert len(result.sample) == 1000


def test_cookies_are_neither_kept_nor_sent(world: FeedWorld, feed: WorldFeed) -> None:
    feed.publish(BODY, headers={"Set-Cookie": "id=1; Path=/"})
    door = world.feed("/door")
    door.publish(b"", status=302, headers={"Location": feed.url, "Set-Cookie": "id=2; Path=/"}, codings=())
    fetch_all(lease(door.url), lease(feed.url), lease(door.url))
    for request in (*door.requests, *feed.requests):
        assert "cookie" not in request.headers
        assert "referer" not in request.headers


def test_connections_are_kept_between_polls(world: FeedWorld, feed: WorldFeed) -> None:
    fetch_all(*(lease(feed.url, etag=feed.etag) for _ in range(10)))
    assert world.connections_opened == 1


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://no-such-name.invalid/", FailureKind.DNS),
        ("http://127.0.0.1:1/", FailureKind.CONNECT),
        ("ftp://127.0.0.1/", FailureKind.ADDRESS),
        ("http://", FailureKind.ADDRESS),
        ("http://[::1", FailureKind.ADDRESS),
        ("http://127.0.0.1:99999/", FailureKind.ADDRESS),
        ("http://exa mple/", FailureKind.DNS),
        ("", FailureKind.ADDRESS),
    ],
)
def test_a_url_that_leads_nowhere_is_a_failure(url: str, kind: FailureKind) -> None:
    result = fetch(url)
    assert isinstance(result, Failed)
    assert result.kind is kind


def test_a_server_that_does_not_speak_tls_is_a_failure_of_that_kind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = fetch(f"https://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TLS


def test_a_fetch_is_one_request(feed: WorldFeed) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> HttpResponse:
        asked.append(request)
        return HttpResponse(status=200, headers=(), body=BODY)

    feed.respond_with(answer)
    assert isinstance(fetch(feed.url), Fetched)
    assert len(asked) == 1
    assert asked[0].head.startswith(b"GET /feed.xml HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("code", "headers", "who"),
    [
        (403, {"cf-mitigated": "challenge"}, "Cloudflare"),
        (503, {"cf-mitigated": "challenge"}, "Cloudflare"),
        (200, {"CF-Mitigated": "challenge"}, "Cloudflare"),
        (202, {"x-amzn-waf-action": "challenge"}, "AWS WAF"),
        (405, {"x-amzn-waf-action": "captcha"}, "AWS WAF"),
    ],
)
def test_a_challenge_is_called_one(feed: WorldFeed, code: int, headers: dict[str, str], who: str) -> None:
    feed.fail_next(faults.status(code, headers=headers, body=b"<html>Just a moment</html>"))
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.CHALLENGED, code)
    assert result.detail == f"{code}: a challenge by {who}, which only a browser passes"
    assert result.sample == b"<html>Just a moment</html>"


@pytest.mark.parametrize("code", [200, 202])
def test_an_answer_without_a_challenge_is_none(feed: WorldFeed, code: int) -> None:
    feed.fail_next(faults.status(code, headers={"cf-mitigated": "no"}, body=BODY))
    assert isinstance(fetch(feed.url), Fetched)
