"""Request options of one feed, and the hosts that receive them."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from typing import Any

import pytest
import trustme

from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.fetch import Fetcher, Limits, session_pool
from ingest.fetch.session_pool import SessionPool, TransportKey
from ingest.types import Failed, FailureKind, Fetched, FetchResult, RequestOptions, TlsException, WebPage
from tests.feedworld import faults
from tests.fetch.conftest import BODY, NOW, USER_AGENT, ask, fetch_all, lease
from tests.fetch.proxy import Proxy
from tests.fetch.tls import RSS, TlsServer, pem, serving

TOKEN = ("X-Token", "s3cret")


def ask_with(url: str, *, private: bool = True, **options: Any) -> FetchResult:
    (result,) = fetch_all(lease(url, request_options=RequestOptions(**options)), private=private)
    return result


def test_a_feed_is_asked_under_its_own_user_agent_and_the_others_are_not(
    world: FeedWorld, feed: WorldFeed
) -> None:
    other = world.feed("/other.xml")
    other.publish(BODY)
    fetch_all(lease(feed.url, request_options=RequestOptions(user_agent="Example/1")), lease(other.url))
    assert feed.requests[0].headers["user-agent"] == "Example/1"
    assert other.requests[0].headers["user-agent"] == USER_AGENT


def test_headers_of_ones_own_are_added_and_replace_ours(feed: WorldFeed) -> None:
    ask_with(feed.url, headers=(TOKEN, ("accept", "text/xml")))
    (request,) = feed.requests
    assert request.headers["x-token"] == "s3cret"
    assert request.headers["accept"] == "text/xml"
    assert request.head.lower().count(b"\r\naccept:") == 1


def test_headers_stay_with_the_server_that_they_were_given_for(world: FeedWorld, feed: WorldFeed) -> None:
    """On the first hop and on every later one: another host, another port, and the way back from there."""
    door, inner = world.feed("/door"), world.feed("/inner")
    away = world.feed("/away", host="127.0.0.2")
    door.redirect("/inner", status=302)
    inner.redirect(away.url, status=302)
    away.redirect(feed.url, status=302)
    result = ask_with(door.url, headers=(TOKEN, ("Authorization", "Bearer s3cret")), user_agent="Example/1")
    assert isinstance(result, Fetched)
    for own in (door, inner, feed):
        assert own.requests[0].headers["x-token"] == "s3cret"
    assert set(away.requests[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert away.requests[0].headers["user-agent"] == "Example/1"  # who we are is no secret


def test_headers_do_not_follow_to_another_port(feed: WorldFeed) -> None:
    with FeedWorld(addresses=("127.0.0.1",)) as other:
        shown = other.feed("/feed.xml")
        shown.publish(BODY)
        feed.redirect(shown.url)
        assert isinstance(ask_with(feed.url, headers=(TOKEN,)), Fetched)
        assert "x-token" not in shown.requests[0].headers


def test_headers_do_not_follow_from_https_to_http(feed: WorldFeed) -> None:
    authority = trustme.CA()
    target = feed.url.replace("127.0.0.1", "localhost")
    with TlsServer(serving(authority.issue_cert("localhost")), location=target) as server:
        assert isinstance(ask_with(server.url, headers=(TOKEN,), ca=pem(authority)), Fetched)
        assert b"s3cret" in server.heads[0]
    assert "x-token" not in feed.requests[0].headers


def test_pages_that_belong_to_a_feed_are_asked_for_like_it(feed: WorldFeed) -> None:
    options = RequestOptions(user_agent="Example/1", headers=(TOKEN,))
    page = ask(lambda each: each.get(feed.url, accept="text/html", now=NOW, options=options))
    assert isinstance(page, WebPage)
    assert feed.requests[0].headers["x-token"] == "s3cret"
    assert feed.requests[0].headers["user-agent"] == "Example/1"


def test_a_feed_is_asked_through_its_proxy_and_the_others_are_not(world: FeedWorld, feed: WorldFeed) -> None:
    other = world.feed("/other.xml")
    other.publish(BODY)
    with Proxy(known={"news.example": ("127.0.0.1", world.port)}, credentials="me:pass@word") as proxy:
        options = RequestOptions(proxy=proxy.url.replace("pass@word", "pass%40word"))
        results = fetch_all(lease("http://news.example/feed.xml", request_options=options), lease(other.url))
    assert [type(each) for each in results] == [Fetched, Fetched], results
    (head,) = proxy.heads
    assert head.startswith(b"GET http://news.example/feed.xml HTTP/1.1\r\n")


def test_a_tunnel_through_a_proxy_is_sealed_from_it() -> None:
    """The proxy does not see the feed's headers, and the feed's server does not see the proxy's."""
    authority = trustme.CA()
    with (
        TlsServer(serving(authority.issue_cert("localhost"))) as server,
        Proxy(credentials="name:password") as proxy,
    ):
        result = ask_with(server.url, proxy=proxy.url, ca=pem(authority), headers=(TOKEN,))
        refused = ask_with(server.url, proxy=proxy.url)
        assert isinstance(result, Fetched), result
        assert result.body == RSS
        assert isinstance(refused, Failed)
        assert refused.kind is FailureKind.TLS
        assert "no trusted authority signed" in refused.detail
    assert all(head.startswith(b"CONNECT localhost:") for head in proxy.heads)
    assert b"s3cret" not in b"".join(proxy.heads)
    assert b"proxy-authorization" not in b"".join(server.heads).lower()


def test_a_proxy_that_refuses_or_is_not_there_is_named_without_its_password(feed: WorldFeed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    absent = ask_with(feed.url, proxy=f"http://name:password@127.0.0.1:{port}")
    assert isinstance(absent, Failed)
    assert absent.kind is FailureKind.CONNECT
    assert absent.detail.startswith("the proxy: ")
    with Proxy(credentials="name:password") as proxy:
        wrong = ask_with("https://127.0.0.1:1/", proxy=proxy.url.replace("password", "passw0rd"))
    assert isinstance(wrong, Failed)
    assert (wrong.kind, wrong.detail) == (
        FailureKind.CONNECT,
        "the proxy: 407 Proxy Authentication Required",
    )
    assert "passw" not in absent.detail + wrong.detail
    assert not wrong.unreachable  # by our network: the proxy is there


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "localhost",
        "a.localhost.",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_proxy_is_asked_for_an_address_that_is_not_public(host: str, scheme: str) -> None:
    with Proxy() as proxy:
        result = ask_with(f"{scheme}://{host}:1/", proxy=proxy.url, private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert "is not a public address" in result.detail
    assert proxy.heads == []


def test_no_proxy_is_asked_for_a_name_that_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.9", port))]

    with Proxy() as proxy:
        monkeypatch.setattr(socket, "getaddrinfo", lie)
        result = ask_with("http://inside.example/", proxy=proxy.url, private=False)
        monkeypatch.undo()
    assert isinstance(result, Failed)
    assert result.detail.startswith("10.0.0.9 is not a public address")
    assert proxy.heads == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost"])
def test_no_proxy_is_asked_for_our_own_machine_where_no_resolver_knows_it(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with Proxy() as proxy:
        monkeypatch.setattr(socket, "getaddrinfo", silence)
        result = ask_with(f"http://{host}/", proxy=proxy.url, private=False)
        monkeypatch.undo()
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert proxy.heads == []


def test_a_name_that_only_the_proxy_knows_is_asked_for(world: FeedWorld, feed: WorldFeed) -> None:
    """The proxy itself stands at a private address: that is the operator's choice."""
    with Proxy(known={"news.invalid": ("127.0.0.1", world.port)}) as proxy:
        result = ask_with("http://news.invalid/feed.xml", proxy=proxy.url, private=False)
    assert isinstance(result, Fetched), result


def test_a_redirect_inwards_is_not_followed_through_a_proxy(world: FeedWorld, feed: WorldFeed) -> None:
    world.feed("/door").redirect("http://169.254.169.254/latest")
    with Proxy(known={"news.invalid": ("127.0.0.1", world.port)}) as proxy:
        result = ask_with("http://news.invalid/door", proxy=proxy.url, private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert len(proxy.heads) == 1


def test_without_a_proxy_an_exception_from_tls_opens_no_door_inwards(
    world: FeedWorld, feed: WorldFeed
) -> None:
    before = world.connections_opened
    result = ask_with(feed.url, private=False, tls=frozenset({TlsException.UNVERIFIED}), headers=(TOKEN,))
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert world.connections_opened == before


def test_ways_to_servers_are_bounded_in_number_and_closed(
    feed: WorldFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_pool, "MAX_SESSIONS", 2)
    with Proxy() as one, Proxy() as two, Proxy() as three:
        urls = [one.url, two.url, three.url]

        async def run() -> tuple[list[FetchResult], int]:
            async with Fetcher(user_agent=USER_AGENT, allow_private_addresses=True) as fetcher:
                wanted = [lease(feed.url, request_options=RequestOptions(proxy=url)) for url in urls * 4]
                results = await asyncio.gather(*(fetcher.fetch(each, now=NOW) for each in wanted))
                return results, fetcher._sessions.open_count

        results, count = asyncio.run(run())
    assert {type(each) for each in results} == {Fetched}
    assert count <= 2
    assert all(each.heads for each in (one, two, three))


def test_no_feed_waits_for_the_slow_ones_that_share_its_proxy(world: FeedWorld, feed: WorldFeed) -> None:
    slow = world.feed("/slow.xml")
    slow.publish(BODY)
    slow.fail_always(faults.stall())
    with Proxy(known={"news.invalid": ("127.0.0.1", world.port)}) as proxy:
        options = RequestOptions(proxy=proxy.url)
        soon, late = Limits(deadline=timedelta(seconds=20)), Limits(deadline=timedelta(hours=1))

        async def run() -> WebPage | Failed:
            async with Fetcher(user_agent=USER_AGENT, limits=late, allow_private_addresses=True) as fetcher:
                others = [
                    asyncio.ensure_future(
                        fetcher.fetch(lease("http://news.invalid/slow.xml", request_options=options), now=NOW)
                    )
                    for _ in range(40)
                ]
                await asyncio.to_thread(slow.wait_for_requests, 40, timeout=30)
                own = await fetcher.get(
                    "http://news.invalid/feed.xml", accept="*/*", now=NOW, limits=soon, options=options
                )
                for other in others:
                    other.cancel()
                await asyncio.gather(*others, return_exceptions=True)
                return own

        assert isinstance(asyncio.run(run()), WebPage)


def test_a_way_that_is_in_use_is_not_closed_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_pool, "MAX_SESSIONS", 1)

    async def run() -> None:
        channels = SessionPool(connections=1, allow_private=True, resolver=None)
        channels.open()
        first = TransportKey(proxy="http://127.0.0.1:1")
        second = TransportKey(proxy="http://127.0.0.1:2")
        async with channels.session_for(first) as transport:
            waiting = asyncio.ensure_future(_enter(channels, second))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            async with channels.session_for(first) as same:
                assert same is transport
        await asyncio.wait_for(waiting, 5)
        await channels.close()

    asyncio.run(run())


def test_all_who_wait_for_one_way_are_let_in_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_pool, "MAX_SESSIONS", 1)
    wanted = TransportKey(proxy="http://127.0.0.1:2")

    async def run() -> None:
        channels = SessionPool(connections=1, allow_private=True, resolver=None)
        channels.open()
        inside: list[int] = []
        all_inside = asyncio.Event()

        async def enter(number: int) -> None:
            async with channels.session_for(wanted):
                inside.append(number)
                if len(inside) == 3:
                    all_inside.set()
                await all_inside.wait()

        async with channels.session_for(TransportKey(proxy="http://127.0.0.1:1")):
            waiting = [asyncio.ensure_future(enter(number)) for number in range(3)]
            await asyncio.sleep(0.05)
        await asyncio.wait_for(asyncio.gather(*waiting), 5)
        await channels.close()

    asyncio.run(run())


async def _enter(channels: SessionPool, combination: TransportKey) -> None:
    async with channels.session_for(combination):
        assert channels.open_count == 1
