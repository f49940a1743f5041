"""Polls from a feed's bytes to the log, and the memory that they leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from ingest.db.feeds import remove_feed
from ingest.db.polls import prune_polls
from ingest.db.tables import quarantine
from ingest.demo.responses import Fault, Script
from ingest.schedule.rate_limit import HostLimits
from tests.feedworld import faults
from tests.poll.conftest import INTERVAL, Desk, rss

pytestmark = pytest.mark.store


def test_new_entries_travel_once_and_a_304_brings_none(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    desk.add(feed)
    desk.poll()
    counts = desk.poll()
    assert desk.titles() == ["one", "two"]
    assert feed.statuses == {200: 1, 304: 1}
    assert [(poll.result, poll.entries, poll.appended) for poll in desk.polls(feed)] == [
        ("fetched", 2, 2),
        ("not-modified", 0, 0),
    ]
    assert (counts.fetched, counts.not_modified, counts.recorded) == (1, 1, 2)


def test_a_first_poll_is_one_request(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.poll()
    assert feed.request_count == 1


def test_only_what_is_new_or_changed_travels(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", "two", "three"))
    desk.add(feed)
    desk.poll()
    feed.publish(rss("four", "one", "two").replace(b"say about two", b"say about 2"))
    desk.poll()
    assert desk.titles() == ["one", "two", "three", "four", "two"]
    first, second = (article for article in desk.articles() if article.title == "two")
    assert first.id == second.id
    assert first.content_hash != second.content_hash
    assert (second.poll_id, second.feed_url) == (desk.last(feed).id, feed.url)


def test_an_entry_that_was_gone_for_a_while_does_not_travel_again(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for entries in (("one", "two"), ("two",), ("one", "two"), ("two", "one")):
        feed.publish(rss(*entries))
        desk.poll()
        desk.clock.pass_by(timedelta(days=400))
        assert prune_polls(desk.engine, before=desk.clock()) == 1
    assert desk.titles() == ["one", "two"]


def test_a_feed_of_old_entries_alone_is_no_failure_and_they_travel_once(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    entries = [(f"g{day}", f"n{day}", day) for day in range(28, 0, -1)]
    feed.publish(numbered(*entries).replace(b"Nov 2026", b"Nov 2016"))
    desk.add(feed)
    for _ in range(10):
        desk.poll()
        desk.clock.pass_by(timedelta(days=30))
    assert desk.titles() == [name for _, name, _ in entries]
    assert desk.seen_count(feed) == 28
    assert (desk.feed(feed).failures, desk.feed(feed).state) == (0, "silent")


def test_every_entry_of_a_long_feed_travels_in_whatever_order_it_is(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    names = [f"n{number}" for number in range(5000)]
    feed.publish(rss(*names[100:]))
    desk.add(feed)
    desk.poll()
    feed.publish(rss(*reversed(names)))
    desk.poll()
    assert desk.titles() == names[100:] + names[99::-1]
    assert desk.seen_count(feed) == 5000


def test_entries_that_share_one_guid_all_travel_and_once(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    body = rss("one", "two", "three")
    for name in (b"one", b"two", b"three"):
        body = body.replace(
            b"<guid isPermaLink='false'>%s</guid>" % name, b"<guid isPermaLink='false'>x</guid>"
        )
    feed.publish(body)
    desk.add(feed)
    desk.poll()
    feed.publish(body + b" ")
    desk.poll()
    assert desk.titles() == ["one", "two", "three"]


def test_the_same_bytes_under_a_new_etag_bring_the_new_etag(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"), etag='"1"', last_modified=None)
    desk.add(feed)
    desk.poll()
    feed.publish(rss("one"), etag='"2"', last_modified=None)
    desk.poll()
    desk.poll()
    assert [poll.result for poll in desk.polls(feed)] == ["fetched", "unchanged", "not-modified"]
    assert feed.requests[2].headers["if-none-match"] == '"2"'


def test_a_new_address_is_a_new_feed_and_begins_without_validators(desk: Desk) -> None:
    old, new = desk.world.feed("/old.xml"), desk.world.feed("/new.xml")
    for feed in (old, new):
        feed.publish(rss("one"), etag='"1"')
    desk.add(old)
    desk.poll()
    desk.poll()
    remove_feed(desk.engine, desk.feed(old).id)
    desk.add(new)
    desk.poll()
    assert "if-none-match" in old.requests[1].headers
    assert not {"if-none-match", "if-modified-since"} & set(new.requests[0].headers)
    assert new.statuses == {200: 1}


def test_a_200_without_validators_clears_them(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.poll()
    feed.publish(rss("one", "two"), etag=None, last_modified=None)
    desk.poll()
    desk.poll()
    assert "if-none-match" in feed.requests[1].headers
    assert not {"if-none-match", "if-modified-since"} & set(feed.requests[2].headers)


def test_a_304_with_a_new_last_modified_keeps_the_etag(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"), etag='"1"')
    desk.add(feed)
    desk.poll()
    feed.fail_next(faults.not_modified(headers={"Last-Modified": "Sat, 28 Nov 2026 12:00:00 GMT"}))
    desk.poll()
    desk.poll()
    assert feed.requests[2].headers["if-none-match"] == '"1"'
    assert feed.requests[2].headers["if-modified-since"] == "Sat, 28 Nov 2026 12:00:00 GMT"


def test_a_redirected_feed_keeps_its_identity_and_its_links_their_base(desk: Desk) -> None:
    feed, there = desk.world.feed("/a.xml"), desk.world.feed("/deep/down/b.xml")
    there.publish(rss("one").replace(b"https://news.example/one", b"../story"))
    feed.redirect("/deep/down/b.xml", status=302)
    desk.add(feed)
    desk.poll()
    (article,) = desk.articles()
    assert article.feed_url == feed.url
    assert article.url is not None
    assert article.url.endswith("/deep/story")


def under_its_validators(body: bytes) -> Fault:
    """Respond with bytes that are not a feed, but with the validators of the document that the next poll fetches."""
    return lambda truth: Script(
        status=200,
        steps=(
            replace(
                truth.full.replacing("Content-Encoding", None).replacing("Content-Length", None), body=body
            ).encoded(),
        ),
    )


BROKEN: dict[str, tuple[Fault, str]] = {
    "a feed cut short under the next one's validators": (
        under_its_validators(b"<?xml version='1.0'?><rss version='2.0'><chan"),
        "unparsable",
    ),
    "a page under the next one's validators": (under_its_validators(faults.ERROR_PAGE), "not-a-feed"),
    "a body cut in transit": (faults.truncate(), "protocol"),
    "chunks without the last one": (faults.truncate_chunked(), "protocol"),
    "gzip cut short": (faults.truncated_gzip(), "encoding"),
    "a web page": (faults.html(), "not-a-feed"),
    "no bytes": (faults.empty(), "empty"),
    "a page of spaces": (faults.body(b"   \n"), "empty"),
    "a feed by its first tag": (faults.body(b"<?xml version='1.0'?><rss version='2.0'><chan"), "unparsable"),
    "a billion laughs": (
        faults.body(
            b"<!DOCTYPE rss [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
            b"<rss><channel><item><title>&b;</title></item></channel></rss>"
        ),
        "unparsable",
    ),
    "a server error": (faults.status(500), "status"),
    "a page that is gone": (faults.status(410), "status"),
    "a challenge": (faults.status(403, headers={"cf-mitigated": "challenge"}), "challenged"),
    "a feed without end": (faults.endless_body(), "too-large"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_poll_that_failed_forgets_nothing_and_the_next_brings_all(desk: Desk, case: str) -> None:
    fault, kind = BROKEN[case]
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.poll()
    feed.publish(rss("one", "two", "three"))
    feed.fail_always(fault)
    desk.poll()
    poll = desk.last(feed)
    assert (poll.result, poll.failure, poll.appended) == ("failed", kind, 0)
    assert poll.detail
    assert desk.feed(feed).failures == 1
    feed.recover()
    desk.poll()
    assert desk.titles() == ["one", "two", "three"]
    assert desk.feed(feed).failures == 0
    desk.poll()
    assert desk.last(feed).result == "not-modified"


@pytest.mark.parametrize(
    "cut", [b"<title>n31", b"n31</guid>", b"about n31.</desc", b"</item><item>", b"</channel>"]
)
def test_a_document_cut_at_its_source_brings_whole_entries_and_later_the_rest(desk: Desk, cut: bytes) -> None:
    """HTTP framing and length agree, and the ETag is the whole document's. Storing it would lose the rest."""
    feed = desk.world.feed("/a.xml")
    names = [f"n{number}" for number in range(40)]
    body = rss(*names)
    feed.publish(body[: body.rindex(cut) + 3], etag='"whole"')
    desk.add(feed)
    desk.poll()
    came = len(desk.titles())
    assert 30 < came <= 40
    assert desk.last(feed).detail == "the document is truncated"
    feed.publish(body, etag='"whole"')
    desk.poll()
    assert desk.last(feed).result == "fetched"
    assert desk.titles() == names


def test_a_feed_that_says_nothing_now_is_no_failure(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss())
    desk.add(feed)
    desk.poll()
    assert (desk.last(feed).result, desk.last(feed).entries) == ("fetched", 0)


def test_a_feed_takes_its_title_from_the_document(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one", title="Гавань"))
    desk.add(feed)
    desk.poll()
    assert desk.feed(feed).title == "Гавань"


def test_a_wait_that_was_asked_for_is_kept_and_shown(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    feed.fail_next(faults.status(429, headers={"Retry-After": "7200"}))
    desk.add(feed)
    desk.poll()
    assert desk.feed(feed).last_reason == "the server requested a wait of 2h"
    desk.clock.pass_by(timedelta(hours=1, minutes=59))
    assert desk.poll_due().leased == 1
    desk.clock.pass_by(timedelta(minutes=20))
    assert desk.poll_due().leased == 2
    assert desk.titles() == ["one"]


def test_a_feed_that_failed_for_weeks_recovers_by_itself(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    feed.fail_always(faults.status(404))
    desk.add(feed)
    for _ in range(30):
        desk.poll_due()
        desk.clock.pass_by(timedelta(days=1, hours=3))
    assert desk.feed(feed).failures == 30
    assert desk.feed(feed).next_poll_at - desk.clock() <= timedelta(days=1)
    feed.recover()
    desk.poll_due()
    assert desk.titles() == ["one"]
    assert desk.feed(feed).failures == 0


def test_no_feed_is_asked_before_its_time(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    feeds = [desk.world.feed(f"/{number}.xml") for number in range(20)]
    for feed in feeds:
        feed.publish(rss("one"))
    desk.add(*feeds)
    desk.poll_due()
    for minutes in (1, 5, 8):
        desk.clock.pass_by(timedelta(minutes=minutes))
        make_desk().poll_due()  # a restart
    assert {feed.request_count for feed in feeds} == {1}
    desk.clock.pass_by(INTERVAL * 0.2)
    desk.poll_due()
    assert {feed.request_count for feed in feeds} == {2}


def test_a_new_poller_knows_what_the_one_before_saw(make_desk: Callable[..., Desk]) -> None:
    before = make_desk()
    feed = before.world.feed("/a.xml")
    feed.publish(rss("one", "two"))
    before.add(feed)
    before.poll()
    after = make_desk()
    after.poll()
    assert feed.statuses == {200: 1, 304: 1}
    feed.publish(rss("three", "one", "two"))
    after.poll()
    assert after.titles() == ["one", "two", "three"]


def test_an_entry_that_says_nothing_is_quarantined_once_and_the_others_travel(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(
        rss("one", "two").replace(b"</item><item>", b"</item><item><author>nobody</author></item><item>")
    )
    desk.add(feed)
    desk.poll()
    feed.publish(
        rss("one", "two", "3").replace(
            b"</item><item>", b"</item><item><author>nobody</author></item><item>", 1
        )
    )
    desk.poll()
    assert desk.titles() == ["one", "two", "3"]
    with desk.engine.connect() as connection:
        (row,) = connection.execute(select(quarantine)).mappings().all()
    assert (row["stage"], row["topic"]) == ("normalise", f"feed:{desk.feed(feed).id}")
    assert b"nobody" in row["value"]
    assert "no title" in row["detail"]


def test_one_feeds_trouble_is_no_others(desk: Desk) -> None:
    good = [desk.world.feed(f"/good/{number}") for number in range(30)]
    bad = [desk.world.feed(f"/bad/{case}") for case in range(len(BROKEN))]
    for number, feed in enumerate(good):
        feed.publish(rss(f"n{number}"))
    for feed, (fault, _) in zip(bad, BROKEN.values(), strict=True):
        feed.publish(rss("x"))
        feed.fail_always(fault)
    desk.add(*good, *bad)
    counts = desk.poll()
    assert sorted(desk.titles()) == sorted(f"n{number}" for number in range(30))
    assert (counts.fetched, counts.failed, counts.recorded) == (30, len(BROKEN), 30 + len(BROKEN))
    assert {len(desk.polls(feed)) for feed in (*good, *bad)} == {1}


def test_a_host_that_says_slow_down_is_left_alone_by_all_its_feeds(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(host_limits=HostLimits(concurrency=1, spacing=timedelta(0), spare_loopback=False))
    feeds = [desk.world.feed(f"/{name}.xml") for name in "abc"]
    for feed in feeds:
        feed.publish(rss(feed.path[1]))
        feed.fail_next(faults.status(429, headers={"Retry-After": "120"}))
    desk.add(*feeds)
    desk.poll_due()
    assert sum(feed.request_count for feed in feeds) == 1
    desk.clock.pass_by(timedelta(seconds=119))
    desk.poll_due()
    assert sum(feed.request_count for feed in feeds) == 1
    desk.clock.pass_by(timedelta(seconds=2))
    desk.poll_due()
    assert sum(feed.request_count for feed in feeds) == 2


# So many that, for all that is known of the feed, they are not soon others: then 304s are believed the longest.
OLD = tuple(f"old{number}" for number in range(200))


def test_a_server_that_answers_304_for_ever_is_asked_for_all_of_it_after_eight_days(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss(*OLD), etag='"stuck"', last_modified=None)
    desk.add(feed)
    desk.poll()
    feed.publish(rss("new", *OLD), etag='"stuck"', last_modified=None)
    for _ in range(7):
        desk.clock.pass_by(timedelta(days=1))
        desk.poll()
    assert (feed.statuses, sorted(desk.titles())) == ({200: 1, 304: 7}, sorted(OLD))
    desk.clock.pass_by(timedelta(days=1))
    desk.poll()
    assert sorted(desk.titles()) == sorted(["new", *OLD])
    # Its validators were seen to lie: from now on they are not sent.
    feed.publish(rss("newer", "new", *OLD), etag='"stuck"', last_modified=None)
    desk.poll()
    assert sorted(desk.titles()) == sorted(["newer", "new", *OLD])
    assert feed.statuses == {200: 3, 304: 7}


def test_one_validator_that_is_stuck_beside_another_that_moves_loses_nothing(desk: Desk) -> None:
    etag_stuck, date_stuck = desk.world.feed("/etag.xml"), desk.world.feed("/date.xml")
    date = "Tue, 24 Nov 2026 12:00:00 GMT"
    etag_stuck.publish(rss(*OLD), etag='"stuck"')
    date_stuck.publish(rss(*OLD), etag='"1"', last_modified=date)
    desk.add(etag_stuck, date_stuck)
    desk.poll()
    etag_stuck.publish(rss("under-the-old-etag", *OLD), etag='"stuck"')
    date_stuck.publish(rss("under-the-old-date", *OLD), etag='"2"', last_modified=date)
    desk.poll()
    for feed in (etag_stuck, date_stuck):
        assert {"if-none-match", "if-modified-since"} <= set(feed.requests[1].headers)
    assert "under-the-old-date" in desk.titles()
    assert "under-the-old-etag" not in desk.titles()
    desk.clock.pass_by(timedelta(days=8))
    desk.poll()
    assert "under-the-old-etag" in desk.titles()
    assert etag_stuck.statuses == {200: 2, 304: 1}


def test_a_feed_that_has_nothing_new_for_weeks_is_asked_for_all_of_it_once_in_eight_days(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss(*OLD))
    desk.add(feed)
    for _ in range(20):
        desk.poll()
        desk.clock.pass_by(timedelta(days=1))
    assert feed.statuses == {200: 3, 304: 17}
    assert sorted(desk.titles()) == sorted(OLD)


def test_a_server_that_never_answers_304_costs_its_bytes_and_no_parsing(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"), etag='"x-gzip"', last_modified=None)
    desk.add(feed)
    feed.fail_always(faults.etag('"x-gzip"'))  # whatever we send
    for _ in range(3):
        desk.poll()
    assert feed.statuses == {200: 3}
    assert feed.requests[2].headers["if-none-match"] == '"x-gzip"'
    assert [poll.result for poll in desk.polls(feed)] == ["fetched", "unchanged", "unchanged"]
    assert desk.titles() == ["one"]


def numbered(*entries: tuple[str, str, int]) -> bytes:
    """Return a feed of entries with this guid, title and day."""
    body = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>https://news.example/{name}</link>"
        f"<title>{name}</title><pubDate>{day:02} Nov 2026 10:00:00 GMT</pubDate>"
        f"<description>All about {name}.</description></item>"
        for guid, name, day in entries
    )
    return f"<rss version='2.0'><channel><title>T</title>{body}</channel></rss>".encode()


def test_a_guid_that_is_used_again_stands_for_another_article(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for shown in ("ba", "cba"[:2], "dc", "ed"):
        days = {name: 1 + "abcde".index(name) for name in shown}
        feed.publish(numbered(*((str(slot), name, days[name]) for slot, name in enumerate(shown, 1))))
        desk.poll()
    found = {article.id: article for article in desk.articles()}
    assert sorted(article.title for article in found.values()) == list("abcde")
    assert all(article.url == f"https://news.example/{article.title}" for article in found.values())


def test_an_article_that_is_edited_under_its_guid_stays_one(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for name, day in (("one", 1), ("one-edited", 1), ("one-edited", 2), ("one-again", 2)):
        feed.publish(numbered(("g", name, day)))
        desk.poll()
    assert len({article.id for article in desk.articles()}) == 1
    assert desk.titles() == ["one", "one-edited", "one-again"]


def test_guids_that_are_others_in_each_document_bring_nothing_new(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for poll in range(6):
        feed.publish(numbered(*((f"{poll}-{name}", name, 3) for name in "abc")))
        desk.poll()
    assert desk.titles() == ["a", "b", "c"]
    assert [poll.created for poll in desk.polls(feed)] == [3, 0, 0, 0, 0, 0]
    feed.publish(numbered(("7-a", "a", 3), ("7-d", "d", 4)).replace(b"All about a", b"All of a"))
    desk.poll()
    assert desk.titles() == ["a", "b", "c", "a", "d"]
    desk.poll()
    assert len(desk.titles()) == 5


def test_guids_that_differ_in_the_fragment_alone_are_one_article(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    for number in range(4):
        guid = f"https://news.example/a#{number}"
        feed.publish(rss("a").replace(b"<guid isPermaLink='false'>a<", f"<guid>{guid}<".encode()))
        desk.poll()
    assert desk.titles() == ["a"]
    feed.publish(
        rss("a")
        .replace(b"say about a", b"say of a")
        .replace(b">a</guid>", b">https://news.example/a#9</guid>")
    )
    desk.poll()
    assert len({article.id for article in desk.articles()}) == 1
    assert desk.titles() == ["a", "a"]


def test_a_page_where_a_feed_was_is_a_failure_that_tells_where_the_feed_went(desk: Desk) -> None:
    """docs/polling.md, case 36."""
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"), etag='"1"')
    desk.add(feed)
    desk.poll()
    link = '<link rel="alternate" type="application/rss+xml" href="/b.xml">'
    feed.publish(f"<!DOCTYPE html><html><head>{link}</head></html>".encode(), "text/html", etag='"2"')
    desk.poll()
    last = desk.last(feed)
    assert (last.failure, last.status) == ("not-a-feed", 200)
    moved = feed.url.replace("/a.xml", "/b.xml")
    assert last.detail == f"expected a feed, found an HTML page, which names {moved}"
    assert desk.feed(feed).url == feed.url
    feed.publish(rss("one", "two"), etag='"3"')
    desk.poll()
    assert desk.titles() == ["one", "two"]
