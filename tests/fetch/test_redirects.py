"""Redirects: which are followed, how far, and with which credentials."""

from __future__ import annotations

import itertools

import pytest

from ingest.demo.feeds import WorldFeed
from ingest.demo.responses import Script
from ingest.demo.world import FeedWorld
from ingest.types import Failed, FailureKind, Fetched, NotModified
from tests.fetch.conftest import BODY, fetch


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("relative", [False, True])
def test_redirects_are_followed(world: FeedWorld, feed: WorldFeed, code: int, *, relative: bool) -> None:
    door = world.feed("/here/door.xml")
    door.redirect("../feed.xml" if relative else feed.url, status=code)
    result = fetch(door.url, etag='"x"')
    assert isinstance(result, Fetched)
    assert result.url == feed.url
    assert feed.requests[0].headers["if-none-match"] == '"x"'
    assert result.moved_to == (feed.url if code in {301, 308} else None)


def test_only_a_chain_of_permanent_redirects_is_a_move(world: FeedWorld, feed: WorldFeed) -> None:
    for path, target, code in (
        ("/a", "/b", 301),
        ("/b", feed.url, 308),
        ("/c", "/a", 302),
        ("/d", "/c", 301),
    ):
        world.feed(path).redirect(target, status=code)
    said = [fetch(world.feed(path).url) for path in ("/a", "/b", "/c", "/d")]
    assert all(isinstance(each, Fetched) for each in said)
    assert [getattr(each, "moved_to", "") for each in said] == [feed.url, feed.url, None, None]
    feed.publish(BODY, etag='"x"')
    unchanged = fetch(world.feed("/a").url, etag='"x"')
    assert isinstance(unchanged, NotModified)
    assert unchanged.moved_to == feed.url
    assert fetch(feed.url).moved_to is None  # type: ignore[union-attr]


def test_a_chain_of_as_many_redirects_as_allowed_is_followed_and_no_longer_one(world: FeedWorld) -> None:
    for number in range(6):
        world.feed(f"/{number}").redirect(f"/{number + 1}", status=302)
    world.feed("/6").publish(BODY)
    assert isinstance(fetch(world.feed("/1").url), Fetched)
    result = fetch(world.feed("/0").url)
    assert isinstance(result, Failed)
    assert (result.kind, result.detail) == (FailureKind.REDIRECT, "more than 5 redirects")


def test_a_loop_is_seen_as_soon_as_it_closes(world: FeedWorld) -> None:
    one, two = world.feed("/one"), world.feed("/two")
    one.redirect("/two")
    two.redirect("/one#again")
    result = fetch(one.url)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.REDIRECT
    assert (one.request_count, two.request_count) == (1, 1)


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("ftp://127.0.0.1/x", FailureKind.ADDRESS),
        ("file:///etc/passwd", FailureKind.ADDRESS),
        ("javascript:1", FailureKind.ADDRESS),
        ("http://[::1", FailureKind.ADDRESS),
        ("http://", FailureKind.REDIRECT),  # RFC 3986 §5.2: where we are
        ("//", FailureKind.REDIRECT),
        ("", FailureKind.REDIRECT),
    ],
)
def test_a_redirect_to_no_web_address_is_refused(feed: WorldFeed, to: str, kind: FailureKind) -> None:
    feed.redirect(to)
    result = fetch(feed.url)
    assert isinstance(result, Failed)
    assert result.kind is kind
    assert feed.request_count == 1


def test_the_body_of_a_redirect_is_not_read(world: FeedWorld, feed: WorldFeed) -> None:
    door = world.feed("/door")
    door.publish(BODY)
    head = b"HTTP/1.1 302 Found\r\nLocation: /feed.xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = itertools.chain((head,), itertools.repeat(b"3e8\r\n" + b" " * 1000 + b"\r\n"))
    door.fail_next(lambda _truth: Script(status=302, steps=endless))
    assert isinstance(fetch(door.url), Fetched)


def test_credentials_go_to_their_own_host_only(world: FeedWorld, feed: WorldFeed) -> None:
    door, other = world.feed("/door"), world.feed("/other", host="127.0.0.2")
    other.publish(BODY)
    door.redirect("/feed.xml")
    with_name = door.url.replace("http://", "http://user:secret@")
    assert isinstance(fetch(with_name), Fetched)
    assert "authorization" in door.requests[0].headers
    assert "authorization" in feed.requests[0].headers
    door.redirect(other.url)
    assert isinstance(fetch(with_name), Fetched)
    assert "authorization" not in other.requests[0].headers


def test_spaces_in_a_location_are_repaired(world: FeedWorld, feed: WorldFeed) -> None:
    spaced = world.feed("/a%20b.xml")
    spaced.publish(BODY)
    feed.redirect(" /a b.xml ")
    assert isinstance(fetch(feed.url), Fetched)
