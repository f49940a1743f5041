"""``ingest feeds discover`` and ``add`` with a site's front page, against real servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from ingest.cli import root
from ingest.demo.world import FeedWorld
from tests.poll.conftest import rss

pytestmark = pytest.mark.store
Feeds = Callable[..., Result]
HOME = "/"


@pytest.fixture
def world() -> Iterator[FeedWorld]:
    with FeedWorld() as world:
        yield world


@pytest.fixture
def feeds(database_url: str) -> Feeds:
    """Run ``ingest feeds`` with these arguments."""

    def run(*arguments: str, private: bool = True) -> Result:
        environment = {
            "INGEST_DATABASE_URL": database_url,
            "INGEST_ALLOW_PRIVATE_ADDRESSES": str(private).lower(),
            "INGEST_HOST_SPACING": "0s",
        }
        return CliRunner().invoke(root, ["feeds", *arguments], env=environment)

    return run


def site(world: FeedWorld, *named: str) -> str:
    """Serve a front page that declares these feeds, and return its URL."""
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{path}">' for path in named)
    home = world.feed(HOME)
    home.publish(f"<!DOCTYPE html><html><head>{links}</head></html>".encode(), "text/html")
    return home.url


def test_the_one_feed_that_a_front_page_names_is_added(world: FeedWorld, feeds: Feeds) -> None:
    url = site(world, "/comments/feed", "/news")
    world.feed("/news").publish(rss("one"))
    world.feed("/comments/feed").publish(rss("two", title="Comments"))
    done = feeds("add", url)
    assert (done.exit_code, done.stdout) == (0, f"added: 1 {url}news\n")


def test_of_several_feeds_none_is_added_until_it_is_said_to_take_the_first(
    world: FeedWorld, feeds: Feeds
) -> None:
    url = site(world, "/world", "/sport")
    world.feed("/world").publish(rss("one", title="World"))
    world.feed("/sport").publish(rss("two", title="Sport"))
    refused = feeds("add", url)
    assert refused.exit_code == 2
    assert f"{url}world (World), {url}sport (Sport); --first takes the first" in refused.stderr
    assert json.loads(feeds("list", "--json").stdout) == []
    assert feeds("add", "--first", url).stdout == f"added: 1 {url}world\n"


def test_a_refusal_prints_no_control_characters_of_feed_titles(world: FeedWorld, feeds: Feeds) -> None:
    url = site(world, "/world", "/sport")
    world.feed("/world").publish(rss("one", title="Wor\u202eld"))
    world.feed("/sport").publish(rss("two", title="Sport"))
    refused = feeds("add", url)
    assert refused.exit_code == 2
    assert f"{url}world (Wor ld), {url}sport (Sport)" in refused.stderr


def test_a_front_page_that_is_a_feed_is_added_as_it_is(world: FeedWorld, feeds: Feeds) -> None:
    world.feed(HOME).publish(rss("one"))
    done = feeds("add", world.feed(HOME).url)
    assert done.stdout == f"added: 1 {world.feed(HOME).url}\n"


@pytest.mark.parametrize(
    ("private", "why"), [(True, "the page declares no feed"), (False, "is not a public address")]
)
def test_a_front_page_that_leads_nowhere_is_added_as_it_is_and_told(
    world: FeedWorld, feeds: Feeds, why: str, *, private: bool
) -> None:
    url = site(world)
    done = feeds("add", url, private=private)
    assert (done.exit_code, done.stdout) == (0, f"added: 1 {url}\n")
    assert f"{url} is added unchanged: " in done.stderr
    assert why in done.stderr


def test_as_given_asks_nobody(world: FeedWorld, feeds: Feeds) -> None:
    url = site(world, "/news")
    assert feeds("add", "--as-given", url).stdout == f"added: 1 {url}\n"
    assert feeds("add", f"{url}page").exit_code == 0
    assert world.request_count == 0
    assert feeds("add", "--as-given", "--first", url).exit_code == 2


def test_a_site_is_looked_at_as_its_feed_will_be_asked_and_another_server_is_told_nothing(
    world: FeedWorld, feeds: Feeds
) -> None:
    url = site(world, "/news")
    world.feed("/news").publish(rss("one"))
    token = ("--header", "X-Token: hunter2", "--user-agent", "Example/1")
    assert feeds("add", url, *token).stdout == f"added: 1 {url}news\n"
    for asked in (world.feed(HOME).requests[-1], world.feed("/news").requests[-1]):
        assert (asked.headers["x-token"], asked.headers["user-agent"]) == ("hunter2", "Example/1")
    elsewhere = world.url("/elsewhere", host="localhost")
    world.feed("/elsewhere", host="localhost").publish(rss("two"))
    site(world, elsewhere)
    refused = feeds("add", url, *token)
    assert refused.exit_code == 2
    assert f"{elsewhere} itself: headers and TLS exceptions are for one server" in refused.stderr
    assert "x-token" not in world.feed("/elsewhere", host="localhost").requests[-1].headers


def test_discover_shows_what_answers_as_a_feed_comments_last(world: FeedWorld, feeds: Feeds) -> None:
    url = site(world, "/comments/feed", "/gone", "/page", "/news")
    world.feed("/news").publish(rss("one", "two", title="The News"))
    world.feed("/comments/feed").publish(rss("three", title="Comments"))
    world.feed("/page").publish(b"<html></html>", "text/html")
    found = json.loads(feeds("discover", url, "--json").stdout)
    assert found["feeds"] == [
        {"url": f"{url}news", "title": "The News", "entries": 2, "about_comments": False},
        {"url": f"{url}comments/feed", "title": "Comments", "entries": 1, "about_comments": True},
    ]
    shown = feeds("discover", url).stdout.splitlines()
    assert [line.split() for line in shown] == [
        [f"{url}news", "2", "entries", "The", "News"],
        [f"{url}comments/feed", "1", "entry", "Comments", "(comments)"],
    ]


def test_where_a_page_names_none_the_usual_places_are_tried(world: FeedWorld, feeds: Feeds) -> None:
    url = site(world)
    world.feed("/rss.xml").publish(rss("one", title="Hidden"))
    found = json.loads(feeds("discover", url, "--json").stdout)
    assert [feed["url"] for feed in found["feeds"]] == [f"{url}rss.xml"]
    assert feeds("add", url).stdout == f"added: 1 {url}rss.xml\n"


def test_discover_says_why_there_is_nothing(world: FeedWorld, feeds: Feeds) -> None:
    empty = feeds("discover", site(world))
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "the page declares none" in empty.stderr
    world.feed(HOME).publish(b"", status=404)
    missing = feeds("discover", world.feed(HOME).url)
    assert missing.exit_code == 2
    assert "404" in missing.stderr
    guarded = feeds("discover", world.feed(HOME).url, private=False)
    assert "INGEST_ALLOW_PRIVATE_ADDRESSES" in guarded.stderr
