"""States, alerts and relocations of feeds: as a table, and with real polls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import jsonschema
import pytest

from ingest.alerts import alert_schema, append_alerts
from ingest.db import feed_states, polls
from ingest.db import feeds as registry
from ingest.db.feed_requests import set_request_options
from ingest.db.polls import AppendAlerts
from ingest.demo.feeds import WorldFeed
from ingest.identity import PARSER_VERSION
from ingest.log.api import ALERTS
from ingest.schedule import (
    MOVED_AFTER,
    Policy,
    conditional,
    decide_outcome,
    is_conditional,
    needs_reparse,
    outcome,
)
from ingest.schedule.rate_limit import HostLimits
from ingest.schedule.silence import ENOUGH_GAPS, LEAST, expected_by, initial_gaps, update_gaps
from ingest.schedule.site_change import site_changed_reason
from ingest.types import (
    AlertKind,
    DocumentSummary,
    Failed,
    FailureKind,
    FeedState,
    Fetched,
    FetchResult,
    Lease,
    NotModified,
    PermanentMove,
    PollOutcome,
    PublishGaps,
    PublishRate,
    RequestOptions,
    SiteIdentity,
    TlsException,
)
from tests.feedworld import faults
from tests.feedworld.names import Names
from tests.memories import lease_with, make_lease
from tests.poll.conftest import Desk, rss

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEADY = PublishGaps(last_new_at=NOW - HOUR, mean=HOUR, deviation=timedelta(0), count=20)


def lease(**values: Any) -> Lease:
    base = make_lease(
        url="https://a.example/feed",
        leased_at=NOW - timedelta(seconds=3),
        etag='"1"',
        body_hash=b"h" * 16,
        succeeded_at=NOW - HOUR,
        last_body_at=NOW - HOUR,
        publish_rate=PublishRate(entries=10, hours=10),
        state=FeedState.HEALTHY,
        state_since=NOW - DAY,
        publish_gaps=STEADY,
        parser_version=PARSER_VERSION,
    )
    return lease_with(base, **values)


def reading(**changes: Any) -> DocumentSummary:
    base = DocumentSummary(title="A", entries=5, appended=0, duplicates=0, seen=(), complete=True)
    return replace(base, **changes)


def ended(
    given: Lease, result: FetchResult, said: DocumentSummary | None = None, *, now: datetime = NOW
) -> PollOutcome:
    return decide_outcome(given, result, said, now=now, policy=Policy(), hashed=b"n" * 16)


def fetched(moved_to: str | None = None) -> Fetched:
    return Fetched(
        url="https://a.example/feed",
        status=200,
        body=b"<rss/>",
        content_type=None,
        etag=None,
        last_modified=None,
        moved_to=moved_to,
    )


UNCHANGED = NotModified(url="https://a.example/feed", etag=None, last_modified=None)
NOT_FOUND = Failed(kind=FailureKind.STATUS, detail="404 Not Found", status=404)
GONE = Failed(kind=FailureKind.STATUS, detail="410 Gone", status=410)
CHALLENGE = Failed(kind=FailureKind.CHALLENGED, detail="403: a challenge", status=403)
OUTAGE = Failed(kind=FailureKind.OUTAGE, detail="our own network seems to be down")


@pytest.mark.parametrize(
    ("before", "failures", "result", "after"),
    [
        ("healthy", 0, UNCHANGED, "healthy"),
        ("healthy", 0, NOT_FOUND, "healthy"),
        ("healthy", 1, NOT_FOUND, "degraded"),
        ("degraded", 3, NOT_FOUND, "degraded"),
        ("degraded", 4, NOT_FOUND, "backing-off"),
        ("backing-off", 9, UNCHANGED, "healthy"),
        ("backing-off", 9, OUTAGE, "backing-off"),
        ("healthy", 0, OUTAGE, "healthy"),
        ("healthy", 0, GONE, "healthy"),
        ("healthy", 1, GONE, "gone"),
        ("gone", 5, GONE, "gone"),
        ("gone", 6, UNCHANGED, "healthy"),
        ("healthy", 0, CHALLENGE, "challenged"),
        ("challenged", 1, NOT_FOUND, "degraded"),
        ("new", 0, UNCHANGED, "healthy"),
        ("new", 0, NOT_FOUND, "degraded"),
    ],
)
def test_how_a_feed_stands_after_a_poll(before: str, failures: int, result: FetchResult, after: str) -> None:
    given = lease(state=FeedState(before), failures=failures)
    found = ended(given, result)
    assert found.memory.health.state == after
    changed = before != after
    assert found.memory.health.since == (NOW if changed else given.memory.health.since)
    told = changed and (before, after) != ("new", "healthy")
    assert [(alert.kind, alert.before, alert.after) for alert in found.alerts] == (
        [(AlertKind.STATE, before, after)] if told else []
    )
    assert all(alert.reason for alert in found.alerts)


def test_a_feed_that_lost_entries_tells_how_many() -> None:
    dates = tuple(NOW - timedelta(minutes=n) for n in range(5))
    said = reading(has_seen_entries=False, created=5, dates=dates)
    (alert,) = ended(lease(succeeded_at=NOW - 3 * HOUR), fetched(), said).alerts
    assert (alert.kind, alert.missed) == (AlertKind.MISSED, 3)
    assert "about 3 entries were missed" in alert.reason


@pytest.mark.parametrize(
    ("gaps", "quiet", "silent"),
    [
        ([HOUR] * 20, LEAST - HOUR, False),  # nights are quiet
        ([HOUR] * 20, LEAST + HOUR, True),
        ([HOUR] * (ENOUGH_GAPS - 1), 99 * DAY, False),  # too little is known of it
        ([DAY, DAY, DAY, DAY, 3 * DAY] * 4, 4 * DAY, False),  # on working days: weekends are no silence
        ([DAY, DAY, DAY, DAY, 3 * DAY] * 4, 30 * DAY, True),
        ([30 * DAY] * 9, 50 * DAY, False),
        ([30 * DAY] * 9, 99 * DAY, True),
    ],
)
def test_a_feed_is_silent_when_it_is_quiet_for_longer_than_it_ever_is(
    gaps: list[timedelta], quiet: timedelta, *, silent: bool
) -> None:
    rhythm = update_gaps(None, at=NOW - sum(gaps, timedelta(0)) - quiet)
    for gap in gaps:
        rhythm = update_gaps(rhythm, at=rhythm.last_new_at + gap)
    found = ended(lease(publish_gaps=rhythm), UNCHANGED)
    assert found.memory.health.state == ("silent" if silent else "healthy")
    if silent:
        assert "nothing new since" in found.alerts[0].reason
        again = ended(
            lease(publish_gaps=rhythm, state=FeedState.SILENT),
            fetched(),
            reading(created=1, has_seen_entries=True),
        )
        assert again.memory.health.state == "healthy"


def test_a_first_document_tells_a_rhythm_and_old_entries_alone_tell_none() -> None:
    dates = [NOW - n * HOUR for n in range(20)]
    rhythm = initial_gaps([*dates, NOW + 5 * DAY], now=NOW)
    assert rhythm is not None
    assert (rhythm.last_new_at, rhythm.count) == (NOW, 19)
    assert expected_by(rhythm) == NOW + LEAST
    assert initial_gaps([], now=NOW) is None
    same_minute = initial_gaps([NOW] * 50, now=NOW)
    assert expected_by(same_minute) is None


def test_a_silent_feed_is_asked_for_all_of_it_once() -> None:
    silent = lease(state=FeedState.SILENT, state_since=NOW - HOUR, last_body_at=NOW - DAY)
    assert not is_conditional(silent, now=NOW)
    assert is_conditional(lease_with(silent, last_body_at=NOW - HOUR / 2), now=NOW)
    assert is_conditional(lease_with(silent, state=FeedState.HEALTHY), now=NOW)


ONE = SiteIdentity(title="The Example", hosts=("a.example", "b.example"), language="en")
OTHER = SiteIdentity(title="Casino 24", hosts=("casino.example",), language="tr")


@pytest.mark.parametrize(
    ("before", "after", "known", "is_other"),
    [
        (ONE, OTHER, False, True),
        (ONE, OTHER, True, False),  # an entry we know
        (ONE, replace(OTHER, title="THE EXAMPLE"), False, False),  # it moved to another domain
        (ONE, replace(OTHER, hosts=("x.example", "b.example")), False, False),  # it has another name
        (ONE, replace(OTHER, hosts=()), False, False),  # entries without links say nothing
        (None, OTHER, False, False),
    ],
)
def test_when_a_feed_has_become_another_sites(
    before: SiteIdentity | None, after: SiteIdentity, *, known: bool, is_other: bool
) -> None:
    assert (site_changed_reason(before, after, has_seen_entries=known) is not None) is is_other


def test_a_drifted_feed_stays_one_until_it_is_its_old_self_or_accepted() -> None:
    first = ended(lease(site_identity=ONE), fetched(), reading(has_seen_entries=False, site_identity=OTHER))
    assert (first.memory.health.state, [alert.kind for alert in first.alerts]) == (
        "degraded",
        [AlertKind.SITE_CHANGED],
    )
    assert "“Casino 24” in tr at casino.example" in first.alerts[0].reason
    assert first.memory.site.identity == ONE
    given = lease(
        site_identity=ONE, site_changed_reason=first.memory.site.changed_reason, state=FeedState.DEGRADED
    )
    second = ended(given, fetched(), reading(has_seen_entries=True, site_identity=OTHER))
    assert (second.memory.health.state, second.alerts) == ("degraded", ())
    back = ended(given, fetched(), reading(has_seen_entries=False, site_identity=ONE))
    assert (back.memory.health.state, back.memory.site.changed_reason) == ("healthy", None)


def test_that_a_feed_drifted_is_told_also_where_it_was_degraded_before() -> None:
    failing = lease(site_identity=ONE, state=FeedState.DEGRADED, failures=3)
    found = ended(failing, fetched(), reading(has_seen_entries=False, site_identity=OTHER))
    assert (found.memory.health.state, [alert.kind for alert in found.alerts]) == (
        "degraded",
        [AlertKind.SITE_CHANGED],
    )


MOVED = "https://b.example/feed"
MOVE = PermanentMove(to=MOVED, since=NOW - MOVED_AFTER)


def test_an_address_is_not_taken_over_while_what_is_there_looks_like_another_sites() -> None:
    moved = lease(site_identity=ONE, move=MOVE)
    sold = ended(moved, fetched(MOVED), reading(has_seen_entries=False, site_identity=OTHER))
    assert (sold.memory.health.state, sold.memory.move, sold.relocate) == ("degraded", MOVE, None)
    still = lease_with(moved, site_changed_reason=sold.memory.site.changed_reason, state=FeedState.DEGRADED)
    assert ended(still, replace(UNCHANGED, moved_to=MOVED)).relocate is None
    accepted = lease_with(still, site_changed_reason=None, site_identity=None)
    assert (
        ended(accepted, fetched(MOVED), reading(has_seen_entries=True, site_identity=OTHER)).relocate == MOVED
    )


def test_permanent_redirects_are_believed_after_a_week_of_them() -> None:
    first = ended(lease(), fetched(MOVED), reading(has_seen_entries=True))
    assert (first.memory.health.state, first.relocate) == ("moved", None)
    assert first.memory.move == PermanentMove(to=MOVED, since=NOW)
    moved = lease(state=FeedState.MOVED, move=MOVE)
    assert ended(moved, fetched(MOVED), reading(has_seen_entries=True)).relocate == MOVED
    assert ended(moved, replace(UNCHANGED, moved_to=MOVED)).relocate == MOVED
    younger = lease_with(moved, move=replace(MOVE, since=NOW - MOVED_AFTER + HOUR))
    assert ended(younger, fetched(MOVED), reading(has_seen_entries=True)).relocate is None
    elsewhere = ended(moved, fetched("https://c.example/feed"), reading(has_seen_entries=True))
    assert (elsewhere.relocate, elsewhere.memory.move) == (
        None,
        PermanentMove(to="https://c.example/feed", since=NOW),
    )
    back = ended(moved, UNCHANGED)
    assert (back.memory.health.state, back.memory.move, back.relocate) == ("healthy", None, None)
    failed = ended(moved, NOT_FOUND)
    assert (failed.memory.move, failed.relocate) == (MOVE, None)


@pytest.mark.parametrize(
    "to", ["http://a.example/feed", "https://user:secret@b.example/", "https://a.example/feed"]
)
def test_an_address_that_we_would_not_go_to_for_good_is_not_believed(to: str) -> None:
    found = ended(
        lease(move=PermanentMove(to=to, since=NOW - 2 * MOVED_AFTER)),
        fetched(to),
        reading(has_seen_entries=True),
    )
    assert (found.memory.health.state, found.memory.move, found.relocate) == ("healthy", None, None)


def test_a_new_reader_reads_every_feed_once_spread_over_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (conditional, outcome):
        monkeypatch.setattr(module, "PARSER_VERSION", PARSER_VERSION + 1)
    at_once = [needs_reparse(lease(feed_id=feed_id)) for feed_id in range(20_000)]
    assert sum(at_once) == pytest.approx(20_000 / 96, rel=0.2)  # a quarter of an hour's share of the day
    assert all(needs_reparse(lease(feed_id=feed_id, interval=DAY)) for feed_id in range(100))
    within = [
        any(needs_reparse(lease(feed_id=n, poll_id=poll)) for poll in range(96 * 8)) for n in range(300)
    ]
    assert all(within)
    again = next(given for n in range(999) if needs_reparse(given := lease(feed_id=n)))
    assert not is_conditional(again, now=NOW)
    assert (
        ended(again, fetched(), reading(has_seen_entries=True)).memory.body.parser_version
        == PARSER_VERSION + 1
    )
    assert ended(again, UNCHANGED).memory.body.parser_version == PARSER_VERSION


def alerts(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in desk.log.read(ALERTS, after=0, limit=100)]


def turns(desk: Desk) -> list[str]:
    return [f"{alert['before']} → {alert['after']}" for alert in alerts(desk)]


@pytest.mark.store
def test_what_is_told_of_feeds_is_a_stream_with_one_event_for_each_turn(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    feed.publish(rss("one"))
    desk.add(feed)
    desk.poll()
    feed.fail_always(faults.status(500))
    for _ in range(6):
        desk.poll()
    feed.recover()
    desk.poll()
    assert turns(desk) == ["healthy → degraded", "degraded → backing-off", "backing-off → healthy"]
    first = alerts(desk)[0]
    assert first["feed"] == {"id": desk.feed(feed).id, "url": feed.url}
    assert first["reason"].startswith("failed 2 times in a row; status: 500")
    for record in desk.log.read(ALERTS, after=0, limit=100):
        jsonschema.validate({"cursor": record.offset, **json.loads(record.value)}, alert_schema())
    assert [record.offset for record in desk.log.read(ALERTS, after=0, limit=100)] == [1, 2, 3]


def telling(desk: Desk) -> AppendAlerts:
    return partial(append_alerts, desk.log)


@pytest.mark.store
def test_an_outcome_that_came_after_its_lease_or_for_a_muted_feed_tells_nothing(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    minutes = timedelta(minutes=5)

    def leased(now: datetime) -> Lease:
        (found,) = polls.lease_due(desk.engine, now=now, limit=9, lease=minutes, host_limits=HostLimits())
        return found

    late, now = leased(desk.clock()), desk.clock() + 2 * minutes
    held = leased(now)
    assert polls.record(desk.engine, [ended(late, CHALLENGE)], now=now, append_alerts=telling(desk)) == 0
    assert alerts(desk) == []
    feed_states.mute(desk.engine, held.feed_id, reason="by hand", now=now, append_alerts=telling(desk))
    assert polls.record(desk.engine, [ended(held, CHALLENGE)], now=now, append_alerts=telling(desk)) == 1
    assert turns(desk) == ["new → muted"]
    assert desk.feed(feed).state == "muted"


def permanently(desk: Desk, source: WorldFeed, target: WorldFeed, *, days: int, status: int = 301) -> None:
    source.redirect(target.url, status=status)
    for _ in range(days + 1):
        desk.poll()
        desk.clock.pass_by(DAY)


@pytest.mark.store
@pytest.mark.parametrize("status", [301, 308])
def test_a_feed_that_moved_for_good_has_its_new_address_after_a_week(desk: Desk, status: int) -> None:
    old, new = desk.world.feed("/old.xml"), desk.world.feed("/new.xml")
    old.publish(rss("one"), etag='"old"')
    new.publish(rss("one", "two"), etag='"new"')
    desk.add(old)
    desk.poll()
    feed_id = desk.feed(old).id
    permanently(desk, old, new, days=6, status=status)
    assert (desk.feed(old).state, desk.feed(old).moved_to) == ("moved", new.url)
    desk.poll()
    assert registry.find_feed(desk.engine, url=old.url) is None
    assert (desk.feed(new).id, desk.feed(new).state) == (feed_id, "healthy")
    asked = old.request_count
    new.publish(rss("one", "two", "three"), etag='"newer"')
    desk.poll()
    assert old.request_count == asked
    assert "if-none-match" not in new.requests[-1].headers
    assert desk.titles() == ["one", "two", "three"]
    last = alerts(desk)[-1]
    assert (last["kind"], last["feed"]["url"], last["moved_to"]) == ("relocated", old.url, new.url)


@pytest.mark.store
def test_what_was_set_for_its_old_server_does_not_go_to_the_new_one(make_desk: Callable[..., Desk]) -> None:
    """The buyer of a domain could redirect us for a week and receive the token of the feed."""
    desk = make_desk(resolver=Names(), host_limits=HostLimits(spacing=timedelta(0)))
    old, new = desk.world.feed("/old.xml", host="old.test"), desk.world.feed("/new.xml", host="new.test")
    new.publish(rss("one"))
    desk.add(old)
    given = RequestOptions(
        user_agent="Example/1", headers=(("X-Token", "hunter2"),), tls=frozenset({TlsException.WEAK})
    )
    set_request_options(desk.engine, desk.feed(old).id, lambda _: given)
    permanently(desk, old, new, days=7)
    desk.poll()
    assert ("x-token" in old.requests[0].headers, new.request_count) == (True, 9)
    assert all("x-token" not in request.headers for request in new.requests)
    shown = desk.feed(new).request_options
    assert shown is not None
    assert (shown.user_agent, dict(shown.headers), shown.tls) == ("Example/1", {}, ())
    last = alerts(desk)[-1]
    assert last["kind"] == "relocated"
    assert "headers and TLS exceptions that were set for its old server are removed" in last["reason"]
    assert "hunter2" not in json.dumps(alerts(desk))


@pytest.mark.store
@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_temporary_redirect_is_never_believed(desk: Desk, status: int) -> None:
    old, new = desk.world.feed("/old.xml"), desk.world.feed("/new.xml")
    new.publish(rss("one"))
    desk.add(old)
    permanently(desk, old, new, days=9, status=status)
    assert (desk.feed(old).state, desk.feed(old).moved_to) == ("healthy", None)


@pytest.mark.store
def test_a_redirect_to_a_home_page_is_not_believed(desk: Desk) -> None:
    old, home = desk.world.feed("/old.xml"), desk.world.feed("/")
    old.publish(rss("one"))
    home.publish(b"<!doctype html><html><body>Welcome</body></html>", "text/html")
    desk.add(old)
    desk.poll()
    permanently(desk, old, home, days=9)
    assert (desk.feed(old).state, desk.feed(old).moved_to) == ("backing-off", None)


@pytest.mark.store
def test_a_feed_that_moved_onto_another_gives_way_to_it(desk: Desk) -> None:
    old, new = desk.world.feed("/old.xml"), desk.world.feed("/new.xml")
    new.publish(rss("one"))
    desk.add(old, new)
    permanently(desk, old, new, days=7)
    muted = desk.feed(old)
    assert (muted.enabled, muted.state) == (False, "muted")
    assert muted.state_reason == f"moved permanently to {new.url}, which is feed {desk.feed(new).id}"
    assert alerts(desk)[-1]["after"] == "muted"
    asked = old.request_count
    desk.poll()
    assert old.request_count == asked
    assert desk.feed(new).state == "healthy"


@pytest.mark.store
def test_a_feed_that_moved_onto_one_that_is_muted_goes_on_where_it_is(desk: Desk) -> None:
    old, new = desk.world.feed("/old.xml"), desk.world.feed("/new.xml")
    new.publish(rss("one"))
    desk.add(old, new)
    feed_states.mute(
        desk.engine,
        desk.feed(new).id,
        reason="by hand",
        now=desk.clock(),
        append_alerts=telling(desk),
    )
    permanently(desk, old, new, days=9)
    assert (desk.feed(old).enabled, desk.feed(old).state) == (True, "moved")


@pytest.mark.store
def test_another_sites_content_is_stored_and_flagged(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    feed.publish(rss("one", "two"))
    desk.poll()
    feed.publish(rss("jackpot", "bonus", title="Casino 24").replace(b"news.example", b"casino.example"))
    desk.poll()
    assert desk.feed(feed).state == "degraded"
    assert alerts(desk)[-1]["kind"] == "site-changed"
    assert desk.titles() == ["one", "two", "jackpot", "bonus"]
    accepted = feed_states.confirm_site(
        desk.engine,
        desk.feed(feed).id,
        now=desk.clock(),
        append_alerts=telling(desk),
    )
    assert accepted
    desk.poll()
    assert desk.feed(feed).state == "healthy"


@pytest.mark.store
def test_a_muted_feed_that_is_accepted_stays_muted(desk: Desk) -> None:
    feed = desk.world.feed("/a.xml")
    desk.add(feed)
    feed.publish(rss("one", "two"))
    desk.poll()
    feed.publish(rss("jackpot", "bonus", title="Casino 24").replace(b"news.example", b"casino.example"))
    desk.poll()
    feed_id, told = desk.feed(feed).id, {"now": desk.clock(), "append_alerts": telling(desk)}
    feed_states.mute(desk.engine, feed_id, reason="by hand", **told)  # type: ignore[arg-type]  # as they are
    assert feed_states.confirm_site(desk.engine, feed_id, **told)  # type: ignore[arg-type]  # as they are
    assert (desk.feed(feed).enabled, desk.feed(feed).state) == (False, "muted")
    feed_states.unmute(desk.engine, feed_id, **told)  # type: ignore[arg-type]  # as they are
    desk.poll()
    assert desk.feed(feed).state == "healthy"


@pytest.mark.store
def test_a_new_reader_asks_each_feed_for_all_of_it_once(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(policy=Policy(interval=DAY, adaptive=False))
    feed = desk.world.feed("/a.xml")
    feed.publish(rss(*(f"n{number}" for number in range(200))), etag='"1"')
    desk.add(feed)
    desk.poll()
    desk.poll()
    assert feed.statuses == {200: 1, 304: 1}
    for module in (conditional, outcome):
        monkeypatch.setattr(module, "PARSER_VERSION", PARSER_VERSION + 1)
    for _ in range(3):
        desk.clock.pass_by(DAY)
        desk.poll()
    assert feed.statuses == {200: 2, 304: 3}
    assert [poll.result for poll in desk.polls(feed)][2:] == ["fetched", "not-modified", "not-modified"]
