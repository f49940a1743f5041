"""No connection to a non-public address, however it is written."""

from __future__ import annotations

import socket

import pytest

from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.fetch import address_refusal
from ingest.types import Failed, FailureKind, Fetched
from tests.fetch.conftest import fetch

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # where clouds keep their secrets
    "100.64.0.1",  # carrier-grade NAT
    "192.0.0.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",  # NAT64
    "2002:7f00:1::",  # 6to4
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo, of 10.0.0.1
    "not an address",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_connected_to(address: str) -> None:
    assert address_refusal(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_another_may_not(address: str) -> None:
    assert address in str(address_refusal(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ],
)
def test_our_own_machine_is_not_connected_to_under_any_of_its_names(
    world: FeedWorld, feed: WorldFeed, host: str
) -> None:
    before = world.connections_opened
    result = fetch(f"http://{host}:{world.port}{feed.path}", private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert world.connections_opened == before


def test_a_name_is_judged_each_time_it_is_connected_to(
    world: FeedWorld, feed: WorldFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: what counts is the address of the socket, not what the name was found to be before."""

    def lie(host: str, port: int, *_: object, **__: object) -> list[object]:
        del host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    result = fetch(f"http://public.example:{world.port}{feed.path}", private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert result.detail == (
        "127.0.0.1 is not a public address; INGEST_ALLOW_PRIVATE_ADDRESSES=true allows private addresses"
    )


def test_a_redirect_inwards_is_not_followed(
    world: FeedWorld, feed: WorldFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hop is allowed by hand; the guard sees the second one, too."""
    from ingest.fetch import addresses as module

    door = world.feed("/door", host="127.0.0.2")
    door.redirect(feed.url)
    real = module.address_refusal
    monkeypatch.setattr(
        module, "address_refusal", lambda address: None if address == "127.0.0.2" else real(address)
    )
    result = fetch(door.url, private=False)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.ADDRESS
    assert (door.request_count, feed.request_count) == (1, 0)


def test_the_operator_may_allow_private_addresses(feed: WorldFeed) -> None:
    assert isinstance(fetch(feed.url, private=True), Fetched)
