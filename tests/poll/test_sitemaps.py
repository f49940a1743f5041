"""Sitemaps in the poller: an index adds its sitemaps as feeds (docs/polling.md, cases 83 and 84)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from ingest.alerts import append_alerts
from ingest.consume import GROUP
from ingest.db.feed_requests import set_request_options
from ingest.db.feed_states import mute, unmute
from ingest.db.feeds import find_feed, list_feeds, remove_feed, set_full_text
from ingest.db.feeds import make_due as poll_sooner
from ingest.log.api import ARTICLES
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.schedule import Policy
from ingest.schedule.sitemap_index import FRESH, children_of
from ingest.types import Feed, RequestOptions, SitemapLink
from tests.poll.conftest import INTERVAL, Desk

pytestmark = pytest.mark.store
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STAGGER = timedelta(minutes=1)


def sitemap(*names: str) -> bytes:
    pages = "".join(
        f"<url><loc>https://news.example/{name}</loc><news:news><news:publication><news:name>The Daily</news:name>"
        f"</news:publication><news:title>{name}</news:title></news:news></url>"
        for name in names
    )
    return f"<urlset xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'>{pages}</urlset>".encode()


def index(*urls: str, lastmod: str = "") -> bytes:
    named = "".join(f"<sitemap><loc>{url}</loc>{lastmod}</sitemap>" for url in urls)
    return f"<sitemapindex>{named}</sitemapindex>".encode()


def parts(desk: Desk) -> dict[str, Feed]:
    return {
        feed.url.rsplit("/", 1)[1]: feed for feed in list_feeds(desk.engine) if feed.parent_id is not None
    }


def chosen(
    *children: SitemapLink, limit: int = 50, url: str = "https://www.news.example/index.xml"
) -> list[str]:
    found = children_of(children, url=url, now=NOW, limit=limit, stagger=STAGGER, interval=INTERVAL)
    return [part.url for part in found]


def test_the_sitemaps_of_an_index_are_polled_one_after_the_other_as_feeds_of_their_own(desk: Desk) -> None:
    home, one, two = (desk.world.feed(path) for path in ("/index.xml", "/news-1.xml", "/news-2.xml"))
    home.publish(index(one.url, two.url))
    one.publish(sitemap("a", "b"))
    two.publish(sitemap("b", "c"))
    desk.add(home)
    desk.poll_due()
    assert desk.last(home).detail == "sitemap index of 2 sitemaps, 2 of them polled"
    assert (desk.last(home).result, desk.last(home).entries) == ("fetched", 0)
    found = parts(desk)
    assert {feed.parent_id for feed in found.values()} == {desk.feed(home).id}
    assert found["news-2.xml"].next_poll_at - found["news-1.xml"].next_poll_at == STAGGER
    desk.poll_due()
    assert (one.request_count, two.request_count) == (1, 0)
    desk.clock.pass_by(STAGGER)
    desk.poll_due()
    assert (one.request_count, two.request_count) == (1, 1)
    assert sorted(desk.titles()) == ["a", "b", "b", "c"]
    assert find_feed(desk.engine, url=one.url).title == "The Daily"  # type: ignore[union-attr]


def test_one_address_in_many_sitemaps_is_one_article(desk: Desk) -> None:
    feeds = [desk.world.feed(f"/news-{number}.xml") for number in range(5)]
    for feed in feeds:
        feed.publish(sitemap("same"))
    desk.add(*feeds)
    desk.poll()
    log = PostgresLog(desk.engine)
    with log.subscribe(ARTICLES, group=GROUP) as subscription:
        records = subscription.poll(timeout=5, limit=100)
        stored = Persister(desk.engine, log, clock=desk.clock)(records)
    assert (len(records), stored.created, stored.unchanged) == (5, 1, 4)


def test_a_sitemap_that_its_index_names_no_more_is_let_go_and_one_muted_stays_so(desk: Desk) -> None:
    home, one, two = (desk.world.feed(path) for path in ("/index.xml", "/news-1.xml", "/news-2.xml"))
    home.publish(index(one.url, two.url))
    one.publish(sitemap("a"))
    two.publish(sitemap("b"))
    desk.add(home)
    desk.poll()
    before = parts(desk)
    telling = partial(append_alerts, desk.log)
    mute(desk.engine, before["news-2.xml"].id, reason="by hand", now=desk.clock(), append_alerts=telling)
    home.publish(index(two.url, "/news-3.xml"))
    desk.poll()
    after = parts(desk)
    assert sorted(after) == ["news-2.xml", "news-3.xml"]
    assert (after["news-2.xml"].id, after["news-2.xml"].enabled) == (before["news-2.xml"].id, False)
    remove_feed(desk.engine, desk.feed(home).id)
    assert list_feeds(desk.engine) == []


def test_a_feed_that_is_there_already_stays_the_operators(desk: Desk) -> None:
    home, one = desk.world.feed("/index.xml"), desk.world.feed("/news-1.xml")
    home.publish(index(one.url))
    one.publish(sitemap("a"))
    desk.add(home, one)
    desk.poll()
    home.publish(index())
    desk.poll()
    assert desk.feed(one).parent_id is None


def test_an_index_within_an_index_leads_no_further(desk: Desk) -> None:
    home, inner, deep = (
        desk.world.feed(path) for path in ("/index.xml", "/news-inner.xml", "/news-deep.xml")
    )
    home.publish(index(inner.url))
    inner.publish(index(deep.url, home.url))
    desk.add(home)
    for _ in range(3):
        desk.poll()
    assert list(parts(desk)) == ["news-inner.xml"]
    assert deep.request_count == 0


def test_an_index_that_was_cut_lets_nothing_go(desk: Desk) -> None:
    home, one, two = (desk.world.feed(path) for path in ("/index.xml", "/news-1.xml", "/news-2.xml"))
    home.publish(index(one.url, two.url))
    desk.add(home)
    desk.poll()
    home.publish(index(one.url, two.url).partition(b"</sitemap>")[0] + b"</sitemap><sitemap>")
    desk.poll()
    assert desk.last(home).detail == "the document is truncated"
    assert sorted(parts(desk)) == ["news-1.xml", "news-2.xml"]


def test_the_sitemaps_of_an_index_are_asked_as_it_is_but_for_those_with_options_of_their_own(
    desk: Desk,
) -> None:
    home, one, two = (desk.world.feed(path) for path in ("/index.xml", "/news-1.xml", "/news-2.xml"))
    home.publish(index(one.url, two.url))
    desk.add(home)
    asked = RequestOptions(user_agent="Example/1", headers=(("X-Token", "hunter2"),))
    set_request_options(desk.engine, desk.feed(home).id, lambda _: asked)
    desk.poll()
    set_request_options(
        desk.engine, parts(desk)["news-2.xml"].id, lambda _: RequestOptions(user_agent="Example/2")
    )
    desk.poll()
    assert [
        (feed.requests[-1].headers.get("x-token"), feed.requests[-1].headers["user-agent"])
        for feed in (one, two)
    ] == [("hunter2", "Example/1"), (None, "Example/2")]


def test_a_sitemap_is_asked_for_anew_when_its_index_is_to_be_asked_otherwise(desk: Desk) -> None:
    home, one = desk.world.feed("/index.xml"), desk.world.feed("/news-1.xml")
    home.publish(index(one.url))
    one.publish(sitemap("a"), etag='"1"')
    desk.add(home)
    for _ in range(3):
        desk.poll()
    assert "if-none-match" in one.requests[-1].headers
    set_request_options(desk.engine, desk.feed(home).id, lambda _: RequestOptions(user_agent="Example/1"))
    desk.poll()
    assert "if-none-match" not in one.requests[-1].headers


def test_an_index_is_muted_and_resumed_with_its_sitemaps(desk: Desk) -> None:
    home, one, two = (desk.world.feed(path) for path in ("/index.xml", "/news-1.xml", "/news-2.xml"))
    home.publish(index(one.url, two.url))
    desk.add(home)
    desk.poll()
    told = {"now": desk.clock(), "append_alerts": partial(append_alerts, desk.log)}
    mute(desk.engine, parts(desk)["news-2.xml"].id, reason="by hand", **told)  # type: ignore[arg-type]  # as they are
    mute(desk.engine, desk.feed(home).id, reason="by hand", **told)  # type: ignore[arg-type]  # as they are
    assert [feed.enabled for feed in parts(desk).values()] == [False, False]
    assert (
        parts(desk)["news-1.xml"].state_reason == f"its sitemap index, feed {desk.feed(home).id}, was muted"
    )
    unmute(desk.engine, desk.feed(home).id, **told)  # type: ignore[arg-type]  # as they are
    assert [feed.enabled for feed in parts(desk).values()] == [True, False]


def test_an_index_that_gives_way_to_another_leaves_it_its_sitemaps(desk: Desk) -> None:
    old, new, one, two = (
        desk.world.feed(path) for path in ("/old.xml", "/new.xml", "/news-1.xml", "/news-2.xml")
    )
    old.publish(index(one.url))
    new.publish(index(one.url))
    desk.add(old)
    desk.poll()
    desk.add(new)
    set_full_text(desk.engine, desk.feed(old).id, wanted=True)
    old.redirect(new.url, status=301)
    for _ in range(9):
        desk.poll()
        desk.clock.pass_by(timedelta(days=1))
    assert (desk.feed(old).enabled, desk.feed(new).full_text) == (False, True)
    assert parts(desk)["news-1.xml"].parent_id == desk.feed(new).id
    new.publish(index(two.url))
    desk.poll()
    assert list(parts(desk)) == ["news-2.xml"]


def test_the_number_of_parts_is_bounded(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(policy=Policy(interval=INTERVAL, max_children=3))
    home = desk.world.feed("/index.xml")
    home.publish(index(*(f"/news-{number}.xml" for number in range(10))))
    desk.add(home)
    desk.poll_due()
    assert desk.last(home).detail == "sitemap index of 10 sitemaps, 3 of them polled"
    assert sorted(parts(desk)) == ["news-0.xml", "news-1.xml", "news-2.xml"]


@pytest.mark.parametrize("coded", [False, True], ids=["as a file", "as a file in a coding"])
def test_a_gzipped_sitemap_is_read(desk: Desk, *, coded: bool) -> None:
    feed = desk.world.feed("/news.xml.gz")
    feed.publish(
        gzip.compress(sitemap("a")), content_type="application/gzip", codings=("gzip",) if coded else ()
    )
    desk.add(feed)
    desk.poll()
    assert desk.titles() == ["a"]


@pytest.mark.parametrize("codings", [(), ("gzip",)])
def test_a_gzipped_sitemap_stays_within_the_bound_of_a_body(desk: Desk, codings: tuple[str, ...]) -> None:
    feed = desk.world.feed("/news.xml.gz")
    feed.publish(
        gzip.compress(b" " * 8 * 1024**2 + sitemap("a")), content_type="application/gzip", codings=codings
    )
    desk.add(feed)
    desk.poll()
    assert desk.last(feed).failure == "too-large"


def test_an_index_is_polled_again_soon_only_where_its_sitemaps_change(desk: Desk) -> None:
    quiet, busy = desk.world.feed("/quiet.xml"), desk.world.feed("/busy.xml")
    desk.add(quiet, busy)
    for _ in range(48):
        desk.clock.pass_by(timedelta(hours=1))
        now = desk.clock().isoformat()
        quiet.publish(index("/news-quiet.xml"))
        busy.publish(index("/news-busy.xml", lastmod=f"<lastmod>{now}</lastmod>"))
        poll_sooner(desk.engine, now=desk.clock())
        desk.poll_due()
    assert desk.feed(busy).interval < timedelta(minutes=30)
    assert desk.feed(quiet).interval > timedelta(minutes=45)


LATE = SitemapLink(url="https://news.example/late.xml", updated=NOW)


def test_of_an_index_what_is_fresh_is_chosen_the_latest_first() -> None:
    old = SitemapLink(url="https://news.example/old.xml", updated=NOW - FRESH - timedelta(seconds=1))
    older = SitemapLink(url="https://news.example/older.xml", updated=NOW - timedelta(hours=5))
    undated = SitemapLink(url="https://news.example/undated.xml")
    future = SitemapLink(url="https://news.example/future.xml", updated=NOW + timedelta(days=900))
    assert chosen(undated, older, old, LATE, future) == [
        "https://news.example/late.xml",
        "https://news.example/future.xml",
        "https://news.example/older.xml",
        "https://news.example/undated.xml",
    ]
    assert chosen(undated, older, LATE, limit=1) == ["https://news.example/late.xml"]


def test_where_any_path_says_news_the_others_are_left_out() -> None:
    pages, news = (
        SitemapLink(url="https://news.example/pages.xml"),
        SitemapLink(url="https://news.example/Google-News.xml"),
    )
    assert chosen(pages, news) == ["https://news.example/Google-News.xml"]
    assert chosen(pages) == ["https://news.example/pages.xml"]


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://news.example/a.xml", True),
        ("https://cdn.news.example/a.xml", True),
        ("http://www.news.example/a.xml", True),
        ("https://othernews.example/a.xml", False),
        ("https://user:secret@news.example/a.xml", False),
        ("https://www.news.example/index.xml", False),
        ("mailto:a@news.example", False),
    ],
)
def test_an_index_sends_us_to_nobody_else(address: str, *, taken: bool) -> None:
    assert bool(chosen(SitemapLink(url=address))) is taken
