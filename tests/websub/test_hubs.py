"""Feeds with a hub: articles arrive by pushes, and polls return to their schedule when the hub is unreliable."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, delete, update

from ingest.alerts import append_alerts
from ingest.db import feed_states, feeds, tables
from ingest.db.websub import pushes, subscriptions
from ingest.schedule import websub
from ingest.schedule.hub_offer import Offer
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.websub import SubscriptionState
from tests.feedworld import Version
from tests.feedworld.hub import Hub
from tests.poll.conftest import SETTINGS, rss, wait_for_lock_wait
from tests.websub.conftest import BACKUP, Press, with_hub

pytestmark = pytest.mark.store
MakePress = Callable[..., Press]
MINUTE = timedelta(minutes=1)
OLD = tuple(f"old-{number}" for number in range(100))
"""So many that they do not roll over between two backups."""


def test_a_feed_that_names_a_hub_is_subscribed_to(press: Press) -> None:
    feed = press.subscribe("one")
    (asked,) = press.hub.requests
    known = press.subscription(feed)
    assert known.state is SubscriptionState.ACTIVE
    assert known.lease_until == press.clock() + timedelta(days=10)
    assert asked["hub.mode"] == "subscribe"
    assert asked["hub.topic"] == feed.url
    assert asked["hub.callback"] == f"{press.server.url}/push/{known.token}"
    assert asked["hub.secret"] == known.secret
    assert asked["hub.lease_seconds"] == "864000"
    assert len(known.token) >= 40
    assert len(known.secret) >= 40
    press.tend()
    assert len(press.hub.requests) == 1


def test_the_hub_of_the_link_headers_goes_before_that_of_the_document(press: Press, hub: Hub) -> None:
    feed = press.world.feed("/a.xml")
    body = with_hub("one", hub="http://127.0.0.9:1/other", own="https://elsewhere.example/")
    links = f'<{hub.url}>; rel="hub", </its-name>; rel=self, </next>; rel="next"'
    feed.publish(body, headers={"Link": links})
    press.add(feed)
    press.poll()
    press.tend()
    assert [asked["hub.topic"] for asked in hub.requests] == [press.world.url("/its-name")]
    assert press.subscription(feed).state is SubscriptionState.ACTIVE


def test_without_a_public_address_no_hub_is_asked_and_none_is_relied_on(
    make_press: MakePress, press: Press
) -> None:
    feed = press.subscribe(*OLD)
    press.be_trusted(feed)
    asked = len(press.hub.requests)
    alone = make_press(public_url=None)
    feed.publish(alone.document(feed, *OLD, "two"))
    other = alone.world.feed("/b.xml")
    other.publish(alone.document(other, "three"))
    alone.add(other)
    alone.poll()
    alone.tend()
    assert subscriptions.find(alone.engine, feed_id=alone.feed(other).id) is None
    assert len(press.hub.requests) == asked
    assert alone.feed(feed).next_poll_at - alone.clock() < BACKUP / 2


def test_what_a_hub_sends_travels_and_leaves_the_feeds_own_state_alone(press: Press) -> None:
    feed = press.subscribe("one", "two")
    before = press.feed(feed)
    assert press.push(feed, "three") == [204]
    assert press.titles() == ["one", "two", "three"]
    assert press.waiting() == 0
    last = press.last(feed)
    assert (last.result, last.status, last.entries, last.created) == ("pushed", None, 1, 1)
    assert press.hub.url in last.reason
    assert press.feed(feed).entries == before.entries
    assert press.feed(feed).last_outcome == "fetched"
    feed.publish(press.document(feed, "one", "two", "three", "four"))
    press.poll()
    assert feed.requests[-1].header("if-none-match") is not None  # validators are those of the last poll
    assert press.titles() == ["one", "two", "three", "four"]
    assert press.last(feed).created == 1


def test_what_a_hub_brought_counts_for_how_much_the_feed_publishes(press: Press) -> None:
    feed = press.subscribe("one")
    before = press.feed(feed).publish_rate
    press.push(feed, "two", "three")
    after = press.feed(feed).publish_rate
    assert before is not None
    assert after is not None
    assert after.entries == before.entries + 2


@pytest.mark.parametrize("charset", ["utf8", "UTF-8", '"utf-8"'])
def test_a_push_is_read_under_the_names_that_hubs_have_for_utf_8(press: Press, charset: str) -> None:
    feed = press.subscribe("one")
    body = with_hub("Снег", hub=press.hub.url, own=feed.url)
    press.hub.publish(press.subscription(feed).topic, body, f"application/atom+xml; charset={charset}")
    press.tend()
    assert press.titles() == ["one", "Снег"]


def test_a_hub_that_is_trusted_makes_polls_a_backup(press: Press) -> None:
    feed = press.subscribe(*OLD)
    press.poll()
    assert press.feed(feed).next_poll_at - press.clock() < BACKUP / 2
    press.be_trusted(feed)
    press.poll()
    assert press.feed(feed).next_poll_at - press.clock() >= BACKUP
    assert "its hub pushes new entries" in (press.feed(feed).last_reason or "")


def test_a_document_that_rolls_over_fast_is_polled_in_time_whatever_its_hub_is_worth(press: Press) -> None:
    feed = press.subscribe("one", "two", "three")
    press.be_trusted(feed)
    press.poll()
    assert press.feed(feed).next_poll_at - press.clock() < BACKUP / 4


def test_a_lease_is_renewed_at_half_of_its_time(press: Press) -> None:
    press.hub.lease = "7200"
    feed = press.subscribe("one")
    token = press.subscription(feed).token
    press.clock.pass_by(59 * MINUTE)
    press.tend()
    assert len(press.hub.requests) == 1
    press.clock.pass_by(2 * MINUTE)
    press.tend()
    assert [asked["hub.callback"].endswith(token) for asked in press.hub.requests] == [True, True]
    known = press.subscription(feed)
    assert (known.state, known.lease_until) == (SubscriptionState.ACTIVE, press.clock() + timedelta(hours=2))


def test_a_hub_that_is_down_when_its_lease_is_renewed_brings_the_ordinary_polls_back(press: Press) -> None:
    press.hub.lease = "72000"
    feed = press.subscribe(*OLD)
    press.be_trusted(feed)
    press.poll()
    assert press.feed(feed).next_poll_at > press.clock() + BACKUP / 2
    press.clock.pass_by(timedelta(hours=10))
    press.hub.down = True
    requests = feed.request_count
    press.tend()
    known = press.subscription(feed)
    assert (known.state, known.failures) == (SubscriptionState.ACTIVE, 1)
    assert not press.known(feed).reliable
    assert feed.request_count == requests + 1  # at once
    assert press.feed(feed).next_poll_at < press.clock() + BACKUP / 2
    press.hub.down = False
    press.clock.pass_by(websub.MIN_RETRY + MINUTE)
    press.tend()
    assert press.known(feed).reliable


def test_a_lease_that_ran_out_is_asked_for_again_and_what_comes_late_is_taken(press: Press) -> None:
    press.hub.lease = "3600"
    feed = press.subscribe("one")
    press.hub.down = True
    for _ in range(12):
        press.clock.pass_by(10 * MINUTE)
        press.tend()
    assert press.subscription(feed).state is SubscriptionState.LAPSED
    assert press.push(feed, "late") == [204]
    assert "late" in press.titles()
    press.hub.down = False
    press.clock.pass_by(websub.MAX_RETRY)
    press.tend()
    assert press.subscription(feed).state is SubscriptionState.ACTIVE


def test_what_a_poll_finds_and_the_hub_never_sent_lowers_its_trust(press: Press) -> None:
    feed = press.subscribe(*OLD)
    press.be_trusted(feed)
    press.poll()
    press.hub.delivers = False
    feed.publish(press.document(feed, *OLD, "unsent-1", "unsent-2"))
    press.clock.pass_by(timedelta(hours=20))
    press.poll()
    assert press.known(feed).missed_entries == 0  # it may still come
    assert press.feed(feed).next_poll_at > press.clock() + BACKUP / 2
    press.clock.pass_by(websub.PUSH_GRACE + MINUTE)
    press.tend()
    known = press.known(feed)
    assert (known.missed_entries, known.reliable) == (2, False)
    assert known.trust < 0.25
    assert press.feed(feed).next_poll_at < press.clock() + BACKUP / 2
    press.hub.delivers = True
    for number in range(5):
        press.push(feed, f"again-{number}")
    assert press.known(feed).reliable


def test_what_the_hub_sends_within_the_grace_was_not_missed(press: Press) -> None:
    feed = press.subscribe("one")
    press.poll()
    feed.publish(press.document(feed, "one", "slow"))
    press.poll()
    press.push(feed, "slow")
    press.clock.pass_by(websub.PUSH_GRACE + MINUTE)
    press.tend()
    assert press.known(feed).missed_entries == 0


def test_entries_from_before_the_hub_was_verified_are_not_held_against_it(press: Press) -> None:
    feed = press.subscribe("one")
    feed.publish(press.document(feed, "one", "from-in-between"))
    press.poll()
    press.clock.pass_by(websub.PUSH_GRACE + MINUTE)
    press.tend()
    assert press.known(feed).missed_entries == 0


def test_an_empty_push_makes_the_feed_due_and_what_the_poll_then_finds_was_told(press: Press) -> None:
    feed = press.subscribe("one")
    press.poll()
    feed.publish(press.document(feed, "one", "two"))
    assert press.hub.publish(feed.url, b"", "text/plain") == [204]
    press.clock.pass_by(MINUTE)
    press.tend()
    assert press.titles() == ["one", "two"]
    press.clock.pass_by(websub.PUSH_GRACE + MINUTE)
    press.tend()
    assert press.known(feed).missed_entries == 0


def test_an_empty_push_waits_for_the_poll_that_is_under_way(press: Press) -> None:
    feed = press.subscribe("one")
    with press.engine.begin() as connection:
        statement = tables.feeds.update().where(tables.feeds.c.url == feed.url)
        lease_end = press.clock() + SETTINGS.lease
        connection.execute(
            statement.values(lease_poll_id=999_999, leased_at=press.clock(), next_poll_at=lease_end)
        )
    press.hub.publish(feed.url, b"")
    press.tend()
    assert press.waiting() == 1
    assert feed.request_count == 1
    with press.engine.begin() as connection:
        later = press.clock() + BACKUP
        connection.execute(statement.values(lease_poll_id=None, leased_at=None, next_poll_at=later))
    press.tend()
    assert press.waiting() == 0
    assert feed.request_count == 2


@pytest.mark.parametrize(
    "body", [b"<html><body>maintenance</body></html>", b"{'no': feed}", b"\x00\xff" * 50]
)
def test_a_push_that_cannot_be_read_is_told_and_makes_the_feed_due(press: Press, body: bytes) -> None:
    feed = press.subscribe("one")
    feed.publish(press.document(feed, "one", "two"))
    press.hub.publish(feed.url, body, "text/html")
    press.tend()
    pushed = next(poll for poll in press.polls(feed) if poll.result == "pushed")
    assert pushed.failure is not None
    assert press.waiting() == 0
    assert press.titles() == ["one", "two"]


def test_a_push_that_cannot_be_read_waits_for_the_poll_that_is_under_way(press: Press) -> None:
    """A poll in flight may have begun too early, and it sets the next due time."""
    feed = press.subscribe("one")
    with press.engine.begin() as connection:
        statement = tables.feeds.update().where(tables.feeds.c.url == feed.url)
        lease_end = press.clock() + SETTINGS.lease
        connection.execute(
            statement.values(lease_poll_id=999_999, leased_at=press.clock(), next_poll_at=lease_end)
        )
    press.hub.publish(feed.url, b"<html><body>maintenance</body></html>", "text/html")
    press.tend()
    assert press.waiting() == 1
    assert feed.request_count == 1
    with press.engine.begin() as connection:
        later = press.clock() + BACKUP
        connection.execute(statement.values(lease_poll_id=None, leased_at=None, next_poll_at=later))
    press.clock.pass_by(pushes.REREAD_DELAY)
    press.tend()
    assert press.waiting() == 0
    assert feed.request_count == 2


def test_after_a_push_youtubes_feed_is_polled_when_it_has_caught_up(make_press: MakePress) -> None:
    from tests.feedworld.names import Names

    press = make_press(resolver=Names({"www.youtube.com": "127.0.0.1"}))
    feed = press.world.feed("/feeds/videos.xml?channel_id=UCfiction", host="www.youtube.com")
    feed.publish(rss("one"))  # names no hub
    press.add(feed)
    press.poll_due()
    known = press.subscription(feed)
    assert known.hub == "https://pubsubhubbub.appspot.com/subscribe"
    assert known.topic == "https://www.youtube.com/xml/feeds/videos.xml?channel_id=UCfiction"
    # As if that hub were here.
    here = Offer(hubs=(press.hub.url,), topic=known.topic)
    assert subscriptions.offer(
        press.engine, known.feed_id, here, token="t" * 43, secret="s" * 64, now=press.clock()
    )
    press.tend()
    assert press.subscription(feed).state is SubscriptionState.ACTIVE
    press.push(feed, "two")
    assert press.titles() == ["one", "two"]  # the feed has not got it yet
    due = press.feed(feed).next_poll_at
    assert due == press.clock() + websub.YOUTUBE_LAG
    requests = feed.request_count
    press.clock.pass_by(websub.YOUTUBE_LAG - timedelta(seconds=1))
    press.tend()
    assert feed.request_count == requests
    press.clock.pass_by(timedelta(seconds=1))
    press.tend()
    assert feed.request_count == requests + 1


def test_a_known_entry_that_is_sent_without_its_text_changes_nothing(press: Press) -> None:
    feed = press.subscribe("one")
    bare = press.document(feed, "one").replace(b"<content>All there is to say about one.</content>", b"")
    assert b"content" not in bare
    press.hub.publish(feed.url, bare)
    press.tend()
    assert press.titles() == ["one"]
    assert (press.last(feed).result, press.last(feed).appended) == ("pushed", 0)
    press.poll()
    assert press.titles() == ["one"]


def test_a_hub_that_knows_the_feed_by_another_name_is_asked_for_that(press: Press) -> None:
    feed = press.world.feed("/a.xml")
    press.hub.only[feed.url] = "https://canonical.example/feed"
    press.subscribe("one")
    assert [asked["hub.topic"] for asked in press.hub.requests] == [
        feed.url,
        "https://canonical.example/feed",
    ]
    known = press.subscription(feed)
    assert (known.state, known.topic) == (SubscriptionState.ACTIVE, "https://canonical.example/feed")
    press.push(feed, "two")
    assert press.titles() == ["one", "two"]
    feed.publish(press.document(feed, "one", "two", "three"))  # it still calls itself as before
    press.poll()
    press.tend()
    assert len(press.hub.requests) == 2


def test_a_hub_that_names_ever_other_topics_is_not_followed_about(press: Press) -> None:
    feed = press.world.feed("/a.xml")
    press.hub.only |= {feed.url: "https://b.example/", "https://b.example/": "https://c.example/"}
    press.subscribe("one")
    assert len(press.hub.requests) == 2
    assert press.subscription(feed).failures == 1


def test_a_hub_that_denies_is_asked_again_in_a_week(press: Press) -> None:
    press.hub.denies = "members only"
    feed = press.subscribe("one")
    known = press.subscription(feed)
    assert (known.state, known.next_try_at) == (SubscriptionState.DENIED, press.clock() + timedelta(days=7))
    assert "members only" in (known.detail or "")
    press.hub.denies = None
    press.clock.pass_by(timedelta(days=7))
    press.tend()
    assert press.subscription(feed).state is SubscriptionState.ACTIVE


def test_a_hub_that_takes_an_active_subscription_back_is_relied_on_no_more(press: Press) -> None:
    feed = press.subscribe(*OLD)
    press.be_trusted(feed)
    press.poll()
    press.hub.denies = "moved out"
    press.hub._verify(press.hub.requests[0])
    assert press.subscription(feed).state is SubscriptionState.DENIED
    press.tend()
    assert press.feed(feed).next_poll_at < press.clock() + BACKUP / 2


def test_a_hub_that_accepts_and_never_verifies_counts_as_silent(press: Press) -> None:
    press.hub.verifies = False
    feed = press.subscribe("one")
    assert press.subscription(feed).state is SubscriptionState.PENDING
    press.clock.pass_by(websub.VERIFY_TIMEOUT)
    press.tend()
    known = press.subscription(feed)
    assert (known.state, known.failures) == (SubscriptionState.WANTED, 1)
    assert known.next_try_at == press.clock() + websub.MIN_RETRY


def test_a_hub_that_asks_to_wait_is_left_alone_so_long(press: Press) -> None:
    press.hub.answer_next(429, "slow down", Retry_After="3600")
    feed = press.subscribe("one")
    known = press.subscription(feed)
    assert known.next_try_at == press.clock() + timedelta(hours=1)
    assert "429 slow down" in (known.detail or "")


def test_the_next_hub_is_asked_where_the_first_stays_silent(press: Press) -> None:
    with Hub("127.0.0.2") as other:
        feed = press.world.feed("/a.xml")
        document = press.document(feed, "one").replace(
            b"<link rel='self'", f"<link rel='hub' href='{other.url}'/><link rel='self'".encode()
        )
        feed.publish(document)
        press.add(feed)
        press.hub.down = True
        press.poll()
        for _ in range(websub.TRIES_PER_HUB + 1):
            press.tend()
            other.settle()
            press.clock.pass_by(timedelta(hours=1))
        known = press.subscription(feed)
        assert (known.state, known.hub) == (SubscriptionState.ACTIVE, other.url)


def test_a_feed_that_changes_its_hub_gets_another_callback_and_secret(press: Press) -> None:
    feed = press.subscribe("one")
    before = press.subscription(feed)
    with Hub("127.0.0.2") as other:
        feed.publish(press.document(feed, "one", "two", hub=other.url))
        press.poll()
        press.tend()
        other.settle()
        after = press.subscription(feed)
        assert (after.hub, after.state) == (other.url, SubscriptionState.ACTIVE)
        assert after.token != before.token
        assert after.secret != before.secret
        assert press.hub.publish(feed.url, press.document(feed, "three")) == [410]
        assert other.publish(feed.url, press.document(feed, "four")) == [204]
    press.tend()
    assert press.titles() == ["one", "two", "four"]


def test_a_feed_of_another_hub_order_keeps_its_subscription(press: Press) -> None:
    feed = press.subscribe("one")
    before = press.subscription(feed)
    for number in range(3):
        body = press.document(feed, "one", f"more-{number}").replace(
            b"<link rel='hub'", f"<link rel='hub' href='https://h{number}.example/'/><link rel='hub'".encode()
        )
        feed.show(Version(body=body))
        press.poll()
        press.tend()
    assert press.subscription(feed).token == before.token
    assert len(press.hub.requests) == 1


def test_a_cancelled_subscription_is_ended_at_the_hub_and_not_begun_again(press: Press) -> None:
    feed = press.subscribe("one")
    cancel = lambda known: websub.cancel(known, now=press.clock())  # noqa: E731
    subscriptions.change(press.engine, cancel, feed_id=press.feed(feed).id, now=press.clock())
    callback = press.hub.requests[0]["hub.callback"]
    press.tend()
    assert press.hub.requests[-1]["hub.mode"] == "unsubscribe"
    assert press.hub.subscribers == {}
    assert (press.known(feed).state, press.known(feed).next_try_at) == ("cancelled", None)
    with press.client as client:
        assert client.post(callback, content=b"x").status_code == 410
    feed.publish(press.document(feed, "one", "two", hub="http://127.0.0.2:1/"))
    press.poll()
    press.tend()
    assert press.known(feed).state == "cancelled"
    assert len(press.hub.requests) == 2


def test_a_muted_feed_neither_renews_nor_reads(press: Press) -> None:
    press.hub.lease = "3600"
    feed = press.subscribe("one")
    telling = partial(append_alerts, press.log)
    feed_id = press.feed(feed).id
    feed_states.mute(press.engine, feed_id, reason="by hand", now=press.clock(), append_alerts=telling)
    assert press.push(feed, "two") == [204]
    assert press.titles() == ["one"]
    assert press.waiting() == 0
    press.clock.pass_by(timedelta(hours=2))
    press.tend()
    assert len(press.hub.requests) == 1
    feed_states.unmute(press.engine, feed_id, now=press.clock(), append_alerts=telling)
    press.tend()
    assert len(press.hub.requests) == 2


def test_what_its_hub_sent_while_a_feed_was_muted_is_found_as_soon_as_it_is_resumed(press: Press) -> None:
    feed = press.subscribe(*OLD)
    press.be_trusted(feed)
    press.poll()
    feed_id, told = (
        press.feed(feed).id,
        {"now": press.clock(), "append_alerts": partial(append_alerts, press.log)},
    )
    feed_states.mute(press.engine, feed_id, reason="by hand", **told)  # type: ignore[arg-type]  # as they are
    feed.publish(press.document(feed, *OLD, "two"))
    press.push(feed, "two")
    assert "two" not in press.titles()
    feed_states.unmute(press.engine, feed_id, **told)  # type: ignore[arg-type]  # as they are
    press.tend()
    assert "two" in press.titles()


def test_what_a_poller_knows_of_subscriptions_goes_with_its_polls(press: Press) -> None:
    press.subscribe("one")
    press.subscribe("two", path="/b.xml")
    press.poll()
    assert press.poller.websub is not None
    assert not press.poller.websub._subscriptions


def test_a_feed_that_is_removed_takes_its_subscription_along(press: Press) -> None:
    feed = press.subscribe("one")
    press.hub.publish(feed.url, press.document(feed, "two"))
    feeds.remove_feed(press.engine, press.feed(feed).id)
    press.tend()
    assert press.titles() == ["one"]
    assert press.hub.publish(feed.url, press.document(feed, "three")) == [410]


def test_what_a_poll_heard_of_a_feed_that_is_removed_meanwhile_is_forgotten(press: Press) -> None:
    feed = press.world.feed("/a.xml")
    press.add(feed)
    feed_id = press.feed(feed).id
    offer = Offer(hubs=(press.hub.url,), topic=feed.url)
    given = {"token": "t", "secret": "s", "now": press.clock()}
    with ThreadPoolExecutor(1) as threads:
        with press.engine.begin() as removing:
            removing.execute(delete(tables.feeds).where(tables.feeds.c.id == feed_id))
            noting = threads.submit(subscriptions.offer, press.engine, feed_id, offer, **given)  # type: ignore[arg-type]  # as they are
            wait_for_lock_wait(press.engine)
        assert noting.result(timeout=30) is False
    assert subscriptions.find(press.engine, feed_id=feed_id) is None


def test_a_feed_is_removed_also_while_a_poller_stores_what_its_hub_did(press: Press) -> None:
    feed = press.subscribe("one")
    feed_id = press.feed(feed).id
    with ThreadPoolExecutor(1) as threads:
        with press.engine.begin() as storing:
            storing.execute(
                update(tables.websub_subscriptions)
                .where(tables.websub_subscriptions.c.feed_id == feed_id)
                .values(trust=0.9)
            )
            removing = threads.submit(feeds.remove_feed, press.engine, feed_id)
            wait_for_lock_wait(press.engine)
            storing.execute(update(tables.feeds).where(tables.feeds.c.id == feed_id).values(last_reason="x"))
        assert removing.result(timeout=30) is True
    assert subscriptions.find(press.engine, feed_id=feed_id) is None


def test_a_hub_at_an_address_that_is_not_public_is_not_connected_to(make_press: MakePress) -> None:
    press = make_press(allow_private_addresses=False)
    feed = press.world.feed("/a.xml")
    press.add(feed)
    feed_id = press.feed(feed).id
    with press.engine.begin() as connection:
        connection.execute(update(tables.feeds).values(next_poll_at=press.clock() + BACKUP))
    offer = Offer(hubs=(press.hub.url,), topic=feed.url)
    subscriptions.offer(press.engine, feed_id, offer, token="t", secret="s", now=press.clock())
    press.tend()
    assert press.hub.requests == []
    known = press.subscription(feed)
    assert known.failures == 1
    assert "not a public address" in (known.detail or "")


def test_hubs_are_asked_within_the_budgets_of_their_hosts(make_press: MakePress) -> None:
    host_limits = HostLimits(concurrency=1, spacing=timedelta(seconds=30), spare_loopback=False)
    press = make_press(host_limits=host_limits)
    for number in range(3):
        feed = press.world.feed(f"/{number}.xml")
        press.add(feed)
        offer = Offer(hubs=(press.hub.url,), topic=feed.url)
        given = {"token": f"t{number}", "secret": "s", "now": press.clock()}
        subscriptions.offer(press.engine, press.feed(feed).id, offer, **given)  # type: ignore[arg-type]  # as they are
    with press.engine.begin() as connection:
        connection.execute(update(tables.feeds).values(next_poll_at=press.clock() + BACKUP))
    counts = []
    for _ in range(5):
        press.tend()
        counts.append(len(press.hub.requests))
        press.clock.pass_by(timedelta(seconds=31))
    assert counts == [1, 2, 3, 3, 3]
    with press.engine.connect() as connection:
        assert connection.execute(tables.hosts.select()).mappings().one()["host"] == "127.0.0.1"


def test_of_many_pollers_one_asks_a_hub(press: Press, database: Engine) -> None:
    for number in range(40):
        feed = press.world.feed(f"/{number}.xml")
        press.add(feed)
        offer = Offer(hubs=(press.hub.url,), topic=feed.url)
        subscriptions.offer(
            database, press.feed(feed).id, offer, token=f"t{number}", secret="s", now=press.clock()
        )

    def claim(_: int) -> list[int]:
        found = subscriptions.claim_due(database, now=press.clock(), limit=15, host_limits=HostLimits())
        return [each.feed_id for each in found]

    with ThreadPoolExecutor(4) as threads:
        claimed = [each for ids in threads.map(claim, range(8)) for each in ids]
    assert len(claimed) == len(set(claimed)) == 40
