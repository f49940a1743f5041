"""Leases and outcomes in the database."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, select

from ingest.db import hosts, tables
from ingest.db.engine import transaction
from ingest.db.feed_memory import MEMORY
from ingest.db.feed_requests import set_request_options
from ingest.db.feed_states import confirm_site, mute, unmute
from ingest.db.feeds import (
    add_feeds,
    find_feed,
    make_due,
    remove_feed,
    set_full_text,
)
from ingest.db.polls import history, lease_due, prune_polls, record, release
from ingest.db.quarantine import QuarantineItem
from ingest.db.seen import seen_of
from ingest.db.tables import quarantine
from ingest.schedule import Policy, decide_outcome
from ingest.schedule.rate_limit import HostLimits
from ingest.types import (
    Alert,
    AlertKind,
    DocumentSummary,
    EntryIdentity,
    Evidence,
    Failed,
    FailureKind,
    Feed,
    FeedMemory,
    FeedState,
    Fetched,
    Health,
    LastBody,
    Lease,
    NotModified,
    Pause,
    PermanentMove,
    PollHints,
    PollOutcome,
    PollResult,
    PublishGaps,
    PublishRate,
    Seen,
    Site,
    SiteIdentity,
    UserAgentState,
    UserAgentTrial,
    Validators,
)
from tests.memories import memory_with

pytestmark = pytest.mark.store
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
LEASE = timedelta(minutes=5)
ARTICLE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def add(engine: Engine, count: int = 1) -> None:
    rows = [(f"https://{number}.example/", None) for number in range(count)]
    add_feeds(engine, rows, now=NOW, interval=INTERVAL)


def lease_one(engine: Engine, now: datetime = NOW) -> Lease:
    (lease,) = lease_due(engine, now=now, limit=1, lease=LEASE, host_limits=HostLimits())
    return lease


def read(lease: Lease, *seen: Seen, now: datetime = NOW) -> PollOutcome:
    fetched = Fetched(
        url=lease.url, status=200, body=b"<rss/>", content_type=None, etag='"e"', last_modified="lm"
    )
    reading = DocumentSummary(
        title="Its title", entries=3, appended=2, duplicates=1, seen=tuple(seen), complete=True
    )
    return decide_outcome(lease, fetched, reading, now=now, policy=Policy(), hashed=b"h" * 16)


def feed_of(engine: Engine, lease: Lease) -> Feed:
    found = find_feed(engine, feed_id=lease.feed_id)
    assert found is not None
    return found


def results(engine: Engine, lease: Lease) -> Sequence[tuple[int, str, str | None]]:
    return [(poll.id, poll.result, poll.failure) for poll in history(engine, lease.feed_id)[::-1]]


def test_a_leased_feed_is_not_given_to_another(database: Engine) -> None:
    add(database, 3)
    first = lease_due(database, now=NOW, limit=2, lease=LEASE, host_limits=HostLimits())
    second = lease_due(database, now=NOW, limit=2, lease=LEASE, host_limits=HostLimits())
    assert (len(first), len(second)) == (2, 1)
    assert {lease.url for lease in (*first, *second)} == {f"https://{n}.example/" for n in range(3)}
    assert (
        lease_due(
            database, now=NOW + LEASE - timedelta(seconds=1), limit=9, lease=LEASE, host_limits=HostLimits()
        )
        == []
    )


def test_the_longest_overdue_go_first(database: Engine) -> None:
    for late in (1, 3, 2):
        due = NOW - timedelta(hours=late)
        add_feeds(database, [(f"https://{late}.example/", None)], now=due, interval=INTERVAL)
    leases = [lease_one(database) for _ in range(3)]
    assert [lease.url for lease in leases] == [f"https://{late}.example/" for late in (3, 2, 1)]


def test_pollers_that_ask_at_once_share_the_feeds(database: Engine) -> None:
    add(database, 400)

    def drain(_: int) -> list[int]:
        ids: list[int] = []
        while leases := lease_due(database, now=NOW, limit=10, lease=LEASE, host_limits=HostLimits()):
            ids += [lease.feed_id for lease in leases]
        return ids

    with ThreadPoolExecutor(4) as threads:
        shares = list(threads.map(drain, range(4)))
    leased = [feed_id for share in shares for feed_id in share]
    assert len(leased) == len(set(leased)) == 400


def test_a_feed_that_is_not_due_or_not_enabled_is_not_leased(database: Engine) -> None:
    add(database)
    assert (
        lease_due(database, now=NOW - timedelta(seconds=1), limit=9, lease=LEASE, host_limits=HostLimits())
        == []
    )
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE feeds SET enabled = false")
    assert lease_due(database, now=NOW, limit=9, lease=LEASE, host_limits=HostLimits()) == []


def test_an_outcome_is_stored_with_its_feed_and_its_history(database: Engine) -> None:
    add(database)
    lease = lease_one(database)
    ended = read(lease, Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE))
    assert record(database, [ended], now=NOW) == 1
    feed = feed_of(database, lease)
    assert (feed.title, feed.last_outcome, feed.next_poll_at) == ("Its title", "fetched", ended.next_poll_at)
    (poll,) = history(database, lease.feed_id)
    assert (poll.id, poll.status, poll.entries, poll.appended, poll.duplicates) == (
        lease.poll_id,
        200,
        3,
        2,
        1,
    )
    row = Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE)
    assert seen_of(database, lease.feed_id, [b"k" * 16, b"?" * 16]) == {row.key: row}
    assert seen_of(database, 999, [b"k" * 16]) == {}
    again = lease_one(database, ended.next_poll_at)
    assert (again.memory.validators, again.memory.body.hash) == (
        Validators(etag='"e"', last_modified="lm"),
        b"h" * 16,
    )


def test_the_next_lease_has_what_the_schedule_goes_by(database: Engine) -> None:
    add(database)
    lease = lease_one(database)
    assert lease.memory == FeedMemory(interval=INTERVAL)
    poll_hints = PollHints(
        interval=timedelta(minutes=30), skip_hours=frozenset({3, 4}), skip_days=frozenset({6})
    )
    memory = FeedMemory(
        interval=timedelta(minutes=7),
        validators=Validators(etag='"e"', last_modified="lm", unreliable=True),
        body=LastBody(hash=b"h" * 16, at=NOW, entries=3, parser_version=2),
        publish_rate=PublishRate(entries=3.5, hours=7.25),
        publish_gaps=PublishGaps(
            last_new_at=NOW, mean=timedelta(hours=3), deviation=timedelta(hours=1), count=9
        ),
        poll_hints=poll_hints,
        site=Site(
            identity=SiteIdentity(title="Its title", hosts=("0.example",), language="en"),
            changed_reason="other hosts",
        ),
        move=PermanentMove(to="https://new.example/", since=NOW - LEASE),
        health=Health(
            state=FeedState.DEGRADED, since=NOW - INTERVAL, reason="why", failures=4, succeeded_at=NOW
        ),
        user_agent_trial=UserAgentTrial(state=UserAgentState.FALLBACK, since=NOW),
        entry_identity=EntryIdentity(evidence=Evidence.TITLE_DATE, reason="why", rotates=True),
    )
    default = FeedMemory(interval=INTERVAL)
    assert not [
        each.name for each in fields(memory) if getattr(memory, each.name) == getattr(default, each.name)
    ]
    ended = replace(read(lease), memory=memory, created=2, missed=7)
    record(database, [ended], now=NOW)
    (poll,) = history(database, lease.feed_id)
    assert (poll.created, poll.missed) == (2, 7)
    again = lease_one(database, ended.next_poll_at)
    assert again.memory == memory
    feed = feed_of(database, lease)
    assert (feed.publish_rate, feed.poll_hints, feed.entries) == (memory.publish_rate, poll_hints, 3)
    # A 304 and a failure have no document: the values of the last one stay.
    failed = Failed(kind=FailureKind.STATUS, detail="503", status=503)
    for hours, result in ((2, NotModified(url=again.url, etag=None, last_modified=None)), (26, failed)):
        later = decide_outcome(again, result, None, now=NOW + timedelta(hours=hours), policy=Policy())
        record(database, [later], now=NOW)
        again = lease_one(database, later.next_poll_at)
        assert again.memory == later.memory
        assert (again.memory.body.entries, again.memory.poll_hints) == (3, poll_hints)
        assert (again.memory.site, again.memory.publish_gaps) == (memory.site, memory.publish_gaps)


@pytest.mark.parametrize("path", sorted(column.path for column in MEMORY))
def test_each_value_of_the_memory_has_one_column(path: str) -> None:
    field, _, member = path.partition(".")
    assert [column.path for column in MEMORY].count(path) == 1
    assert field in FeedMemory.__dataclass_fields__
    hints = get_type_hints(FeedMemory)
    kinds = [kind for kind in get_args(hints[field]) or (hints[field],) if kind is not type(None)]
    with_columns = {column.path.partition(".")[2] for column in MEMORY if column.path.startswith(f"{field}.")}
    assert with_columns == ({each.name for each in fields(kinds[0])} if member else set())
    assert {column.path.partition(".")[0] for column in MEMORY} == set(FeedMemory.__dataclass_fields__)


def test_many_outcomes_are_stored_at_once_and_nulls_stay_nulls(database: Engine) -> None:
    add(database, 500)
    leases = lease_due(database, now=NOW, limit=500, lease=LEASE, host_limits=HostLimits())
    failed = Failed(kind=FailureKind.DNS, detail="no\0such \ud800 name", sample=b"\0\xff")
    outcomes = [
        read(lease) if lease.feed_id % 2 else decide_outcome(lease, failed, None, now=NOW, policy=Policy())
        for lease in leases
    ]
    assert record(database, outcomes, now=NOW) == 500
    odd, even = leases[0], leases[1]
    if not odd.feed_id % 2:
        odd, even = even, odd
    assert feed_of(database, odd).failures == 0
    assert feed_of(database, even).failures == 1
    assert history(database, even.feed_id)[0].detail == "no�such ? name"
    assert history(database, even.feed_id)[0].status is None


def test_the_operators_title_stays(database: Engine) -> None:
    add_feeds(database, [("https://x.example/", "Mine")], now=NOW, interval=INTERVAL)
    lease = lease_one(database)
    record(database, [read(lease)], now=NOW)
    assert feed_of(database, lease).title == "Mine"


def test_a_lease_that_ran_out_ends_its_poll_as_abandoned(database: Engine) -> None:
    add(database)
    lost = lease_one(database)
    held = lease_one(database, NOW + LEASE)
    assert results(database, lost) == [(lost.poll_id, "failed", "abandoned")]
    record(database, [read(held)], now=NOW + LEASE)
    assert results(database, lost) == [(lost.poll_id, "failed", "abandoned"), (held.poll_id, "fetched", None)]


def test_an_outcome_after_its_lease_was_lost_changes_neither_feed_nor_history(database: Engine) -> None:
    add(database)
    lost = lease_one(database)
    held = lease_one(database, NOW + LEASE)
    before = feed_of(database, lost)
    late = read(lost, Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE))
    assert record(database, [late], now=NOW + LEASE) == 0
    assert feed_of(database, lost) == before
    assert results(database, lost) == [(lost.poll_id, "failed", "abandoned")]
    assert seen_of(database, lost.feed_id, [b"k" * 16]) == {}
    assert record(database, [read(held)], now=NOW + LEASE) == 1


def test_recording_twice_is_recording_once(database: Engine) -> None:
    add(database)
    lease = lease_one(database)
    assert record(database, [read(lease)], now=NOW) == 1
    assert record(database, [read(lease)], now=NOW) == 0
    assert results(database, lease) == [(lease.poll_id, "fetched", None)]


def test_the_outcome_of_a_feed_removed_meanwhile_goes_to_history_alone(database: Engine) -> None:
    add(database)
    lease = lease_one(database)
    remove_feed(database, lease.feed_id)
    ended = read(lease, Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE))
    assert record(database, [ended], now=NOW) == 0
    assert results(database, lease) == [(lease.poll_id, "fetched", None)]


def test_a_seen_row_follows_its_last_digest(database: Engine) -> None:
    add(database)
    for digest in (b"1" * 16, b"2" * 16):
        lease = lease_one(database, NOW + timedelta(days=digest[0]))
        record(database, [read(lease, Seen(key=b"k" * 16, content_hash=digest, article_id=ARTICLE))], now=NOW)
    assert seen_of(database, lease.feed_id, [b"k" * 16])[b"k" * 16].content_hash == b"2" * 16


def test_a_lease_is_the_first_until_a_poll_was_recorded(database: Engine) -> None:
    add(database)
    lost = lease_one(database)
    held = lease_one(database, NOW + LEASE)
    assert (lost.first, held.first) == (True, True)
    record(database, [read(held, Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE))], now=NOW)
    assert not lease_one(database, NOW + timedelta(days=1)).first


def test_a_released_feed_is_due_again_and_its_poll_has_ended(database: Engine) -> None:
    add(database, 2)
    kept, given = lease_due(database, now=NOW, limit=2, lease=LEASE, host_limits=HostLimits())
    release(database, [given], now=NOW + timedelta(seconds=9))
    assert results(database, given) == [(given.poll_id, "failed", "abandoned")]
    again = lease_one(database, NOW)
    assert again.feed_id == given.feed_id
    assert again.poll_id > kept.poll_id
    release(database, [given], now=NOW)  # a lease that is no longer ours is not given back
    assert record(database, [read(again)], now=NOW) == 1


def test_what_cannot_be_used_is_quarantined_once(database: Engine) -> None:
    add(database)
    lease = lease_one(database)
    bad = QuarantineItem(
        stage="normalise",
        topic=f"feed:{lease.feed_id}",
        key="k",
        value=b"\0original",
        error="Unusable",
        detail="why\0",
        headers={"poll_id": "1"},
        content_key=b"original",
    )
    worse = replace(bad, value=b"other", content_key=b"other")
    record(database, [read(lease)], quarantined=[bad, worse], now=NOW)
    record(database, [], quarantined=[replace(bad, value=b"\0original, of another poll")], now=NOW)
    with database.connect() as connection:
        rows = connection.execute(select(quarantine).order_by(quarantine.c.id)).mappings().all()
    assert [bytes(row["value"]) for row in rows] == [b"\0original", b"other"]
    assert rows[0]["headers"] == {"poll_id": "1"}
    assert rows[0]["detail"] == "why�"
    with transaction(database) as connection:
        connection.execute(quarantine.update().values(replayed_at=NOW))
    record(database, [], quarantined=[replace(bad, value=b"went back to what it said")], now=NOW)
    with database.connect() as connection:
        waiting = connection.execute(select(quarantine.c.value).where(quarantine.c.replayed_at.is_(None)))
        assert [bytes(row.value) for row in waiting] == [b"went back to what it said"]


def test_old_polls_are_forgotten(database: Engine) -> None:
    add(database, 2)
    old, new = lease_due(database, now=NOW, limit=2, lease=LEASE, host_limits=HostLimits())
    record(database, [read(old), read(new, now=NOW + timedelta(days=9))], now=NOW)
    assert prune_polls(database, before=NOW + timedelta(days=1)) == 1
    assert results(database, old) == []
    assert len(results(database, new)) == 1


def test_hosts_that_nobody_asks_any_more_are_forgotten_but_for_those_with_a_spacing(database: Engine) -> None:
    month = timedelta(days=30)
    with transaction(database) as connection:
        hosts.set_crawl_delay(connection, "old.example", LEASE, now=NOW - month)
        hosts.set_crawl_delay(connection, "paused.example", LEASE, now=NOW - month)
        pause = Pause(host="paused.example", at=NOW - month, until=NOW + LEASE, reason="429")
        hosts.pause_hosts(connection, [pause])
    hosts.set_spacing(database, "set.example", LEASE, now=NOW - month)
    add(database)
    lease_one(database)
    assert hosts.prune_hosts(database, before=NOW - timedelta(days=1)) == 1
    with database.connect() as connection:
        left = set(connection.scalars(select(tables.hosts.c.host)))
    assert left == {"paused.example", "set.example", "0.example"}


def test_an_outcome_has_exactly_one_result_word() -> None:
    assert {result.value for result in PollResult if result is not PollResult.PUSHED} == {
        "fetched",
        "not-modified",
        "unchanged",
        "failed",
    }


def under_way(engine: Engine, **remembered: Any) -> Lease:
    """A poll in progress of a feed with one recorded poll and these values in its memory."""
    add(engine)
    first = read(lease_one(engine))
    record(engine, [replace(first, memory=memory_with(first.memory, **remembered))], now=NOW)
    make_due(engine, now=NOW + LEASE)
    return lease_one(engine, now=NOW + LEASE)


def next_lease(engine: Engine, now: datetime = NOW + 2 * LEASE) -> Lease:
    make_due(engine, now=now)
    return lease_one(engine, now=now)


def use_example_agent(engine: Engine, lease: Lease) -> None:
    set_request_options(
        engine, lease.feed_id, lambda options: replace(options, user_agent="Example/1 (ops@example.org)")
    )


TRIAL = UserAgentTrial(state=UserAgentState.FALLBACK, since=NOW)


def test_what_an_operator_sets_during_a_poll_is_not_undone_by_it(database: Engine) -> None:
    lease = under_way(database, user_agent_trial=TRIAL)
    use_example_agent(database, lease)
    assert record(database, [read(lease)], now=NOW + LEASE) == 1
    asked = next_lease(database)
    # The document may be another one for another client.
    assert asked.memory.validators == Validators()
    assert asked.memory.user_agent_trial is None
    assert asked.request_options.user_agent == "Example/1 (ops@example.org)"
    record(database, [read(asked)], now=NOW + 2 * LEASE)
    assert next_lease(database, NOW + 3 * LEASE).memory.validators.etag == '"e"'


def test_options_set_during_a_first_poll_fetch_the_whole_document_next(database: Engine) -> None:
    """The first lease has no validators, so nothing but the options shows that an operator changed something."""
    add(database)
    lease = lease_one(database)
    use_example_agent(database, lease)
    assert record(database, [read(lease)], now=NOW + LEASE) == 1
    assert next_lease(database).memory.validators == Validators()


def test_options_set_during_a_poll_leave_the_rest_of_its_result(database: Engine) -> None:
    alerts: list[Alert] = []
    lease = under_way(database, site_identity=SiteIdentity(title="A", hosts=("a.example",)))
    use_example_agent(database, lease)
    site = Site(identity=lease.memory.site.identity, changed_reason="other hosts")
    ended = read(lease)
    health = Health(state=FeedState.DEGRADED, since=NOW, reason="other hosts", failures=0, succeeded_at=NOW)
    told = [
        Alert(
            kind=kind,
            feed_id=lease.feed_id,
            url=lease.url,
            at=NOW,
            before=FeedState.HEALTHY,
            after=FeedState.DEGRADED,
            reason="why",
        )
        for kind in (AlertKind.SITE_CHANGED, AlertKind.MISSED)
    ]
    memory = replace(ended.memory, site=site, health=health)
    ended = replace(
        ended,
        memory=memory,
        alerts=tuple(told),
        seen=(Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=ARTICLE),),
    )
    assert record(database, [ended], now=NOW, append_alerts=lambda _, each: alerts.extend(each)) == 1
    again = next_lease(database)
    assert (again.memory.site, again.memory.health, again.memory.body) == (site, health, memory.body)
    assert alerts == told
    assert len(seen_of(database, lease.feed_id, [b"k" * 16])) == 1
    assert history(database, lease.feed_id)[0].id == lease.poll_id


def test_what_an_operator_accepts_during_a_poll_stays_accepted(database: Engine) -> None:
    told: list[Alert] = []

    def tell(_: Connection, alerts: Sequence[Alert]) -> None:
        told.extend(alerts)

    lease = under_way(database, state=FeedState.DEGRADED, site_changed_reason="another title")
    assert lease.memory.site.changed_reason == "another title"
    assert confirm_site(database, lease.feed_id, now=NOW + LEASE, append_alerts=tell)
    told.clear()
    later = NOW + LEASE + timedelta(seconds=1)
    ended = read(lease, now=later)
    suspected = memory_with(ended.memory, state=FeedState.DEGRADED, site_changed_reason="another title")
    record(database, [replace(ended, memory=suspected)], now=later, append_alerts=tell)
    assert (feed_of(database, lease).state, told) == (FeedState.HEALTHY, [])
    again = next_lease(database).memory
    assert again.site == Site()
    # The poll itself counts: its validators, its document and its success.
    assert (again.validators.etag, again.body.entries, again.health.succeeded_at) == ('"e"', 3, later)


def test_a_feed_muted_during_a_poll_stays_muted_and_its_missed_entries_are_told(database: Engine) -> None:
    told: list[Alert] = []

    def tell(_: Connection, alerts: Sequence[Alert]) -> None:
        told.extend(alerts)

    lease = under_way(database)
    assert mute(database, lease.feed_id, reason="by hand", now=NOW + LEASE, append_alerts=tell)
    told.clear()
    ended = read(lease)
    kinds = (AlertKind.STATE, AlertKind.MISSED)
    alerts = tuple(
        Alert(
            kind=kind,
            feed_id=lease.feed_id,
            url=lease.url,
            at=NOW,
            before=FeedState.HEALTHY,
            after=FeedState.MOVED,
            reason="why",
        )
        for kind in kinds
    )
    moved = memory_with(
        ended.memory, state=FeedState.MOVED, move=PermanentMove(to="https://b.example/", since=NOW)
    )
    ended = replace(ended, memory=moved, alerts=alerts, relocate="https://b.example/")
    assert record(database, [ended], now=NOW + LEASE, append_alerts=tell) == 1
    feed = feed_of(database, lease)
    assert (feed.enabled, feed.state, feed.state_reason) == (False, FeedState.MUTED, "by hand")
    assert (feed.url, feed.moved_to, feed.last_outcome) == (lease.url, "https://b.example/", "fetched")
    assert [(alert.kind, alert.after) for alert in told] == [(AlertKind.MISSED, FeedState.MUTED)]


def test_a_feed_muted_and_resumed_during_a_poll_stays_as_resumed_until_the_next(database: Engine) -> None:
    lease = under_way(database, state_since=NOW - INTERVAL)
    for change in (partial(mute, reason="by hand"), unmute):
        assert change(database, lease.feed_id, now=NOW + LEASE, append_alerts=lambda *_: None)
    ended = read(lease)
    degraded = memory_with(ended.memory, state=FeedState.DEGRADED, state_since=NOW, failures=3)
    assert record(database, [replace(ended, memory=degraded)], now=NOW + LEASE) == 1
    feed = feed_of(database, lease)
    assert (feed.enabled, feed.state, feed.state_since) == (True, FeedState.HEALTHY, NOW + LEASE)
    assert feed.failures == 3


def test_a_change_that_the_poll_does_not_touch_leaves_its_result(database: Engine) -> None:
    lease = under_way(database)
    assert set_full_text(database, lease.feed_id, wanted=True)
    ended = read(lease)
    assert record(database, [ended], now=NOW + LEASE) == 1
    assert next_lease(database).memory == ended.memory
