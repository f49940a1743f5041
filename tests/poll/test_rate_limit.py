"""The rate limit of one host, as tables and as a simulation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schedule.rate_limit import MIN_WAIT, DueRequest, Host, HostLimits, admit, admit_pages, is_bounded

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
IDLE = Host(next_slot_at=NOW - MINUTE, queue_end=NOW - MINUTE)
BUDGET = HostLimits(concurrency=2, spacing=10 * SECOND)


def due(*feed_ids: int, has_slot: bool = False, host: str = "a.example") -> list[DueRequest]:
    return [DueRequest(id=feed_id, host=host, has_slot=has_slot) for feed_id in feed_ids]


def test_an_idle_host_takes_as_many_as_may_be_under_way_and_the_rest_gets_turns() -> None:
    found = admit(due(1, 2, 3, 4), {"a.example": IDLE}, now=NOW, host_limits=BUDGET)
    assert found.admitted == (1, 2)
    assert found.slots == {3: NOW + 20 * SECOND, 4: NOW + 30 * SECOND}
    assert found.hosts["a.example"] == Host(
        next_slot_at=NOW + 20 * SECOND, queue_end=NOW + 40 * SECOND, in_flight=2
    )


REFUSING: dict[str, tuple[Host, datetime]] = {
    "a paused host": (replace(IDLE, paused_until=NOW + MINUTE), NOW + MINUTE),
    "a host with two polls under way": (replace(IDLE, in_flight=2), NOW + MIN_WAIT),
    "a host that others wait for": (replace(IDLE, queue_end=NOW + MINUTE), NOW + MINUTE),
    "a host that is ahead of its clock": (replace(IDLE, next_slot_at=NOW + 11 * SECOND), NOW + 11 * SECOND),
    "a host with a spacing of its own": (
        replace(IDLE, next_slot_at=NOW + 2 * SECOND, spacing=SECOND),
        NOW + 2 * SECOND,
    ),
}


@pytest.mark.parametrize("case", REFUSING)
def test_where_there_is_no_room(case: str) -> None:
    host, turn = REFUSING[case]
    found = admit(due(1), {"a.example": host}, now=NOW, host_limits=BUDGET)
    assert (found.admitted, found.slots) == ((), {1: turn})


@pytest.mark.parametrize(
    "host",
    [
        replace(IDLE, paused_until=NOW),
        replace(IDLE, in_flight=1),
        replace(IDLE, next_slot_at=NOW + 10 * SECOND),
        replace(IDLE, queue_end=NOW),
    ],
)
def test_where_there_is_just_room(host: Host) -> None:
    assert admit(due(1), {"a.example": host}, now=NOW, host_limits=BUDGET).admitted == (1,)


def test_a_feed_whose_turn_came_goes_before_those_who_wait() -> None:
    host = replace(IDLE, queue_end=NOW + MINUTE)
    assert admit(due(1, has_slot=True), {"a.example": host}, now=NOW, host_limits=BUDGET).admitted == (1,)
    paused = replace(host, paused_until=NOW + SECOND)
    assert admit(due(1, has_slot=True), {"a.example": paused}, now=NOW, host_limits=BUDGET).slots == {
        1: NOW + MINUTE
    }


def test_a_full_host_is_nothing_to_another() -> None:
    feeds = [*due(1), *due(2, host="b.example")]
    full = {"a.example": replace(IDLE, in_flight=2), "b.example": IDLE}
    assert admit(feeds, full, now=NOW, host_limits=BUDGET).admitted == (2,)


@pytest.mark.parametrize(
    ("host", "bounded"),
    [("127.0.0.1", False), ("127.9.9.9", False), ("[::1]", False), ("localhost", False), ("10.0.0.1", True),
     ("a.example", True), ("localhost.example", True)],
)  # fmt: skip
def test_this_machine_is_asked_without_bounds(host: str, bounded: bool) -> None:
    assert is_bounded(host, host_limits=BUDGET) is bounded
    assert is_bounded(host, host_limits=replace(BUDGET, spare_loopback=False))
    assert admit(due(1, 2, 3, host="localhost"), {}, now=NOW, host_limits=BUDGET).admitted == (1, 2, 3)


@settings(deadline=None, max_examples=60)
@given(
    feeds=st.integers(1, 60),
    spacing=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    concurrency=st.integers(1, 4),
    late=st.lists(st.floats(0.2, 30), min_size=1, max_size=6),
    pause_at=st.integers(0, 40),
)
def test_however_late_the_pollers_look_a_host_gets_no_more_than_its_budget_and_everybody_a_turn(
    feeds: int, spacing: float, concurrency: int, late: list[float], pause_at: int
) -> None:
    """A day of one host: its feeds are due at once, pollers lease at irregular times, it requests one pause."""
    host_limits = HostLimits(concurrency=concurrency, spacing=timedelta(seconds=spacing))
    host, now = IDLE, NOW
    waiting: dict[int, datetime | None] = dict.fromkeys(range(feeds))
    done: list[tuple[datetime, int]] = []
    moved: Counter[int] = Counter()
    paused: tuple[datetime, datetime] | None = None
    for look in range(20 * feeds + 400):
        if not waiting:
            break
        if look == pause_at:
            paused = (now, now + MINUTE)
            host = replace(host, paused_until=now + MINUTE)
        ready = [feed for feed, turn in waiting.items() if turn is None or turn <= now]
        asking = [DueRequest(id=feed, host="a.example", has_slot=waiting[feed] is not None) for feed in ready]
        found = admit(asking, {"a.example": host}, now=now, host_limits=host_limits)
        assert len(found.admitted) <= concurrency
        for feed in found.admitted:
            done.append((now, feed))
            del waiting[feed]
        for feed, turn in found.slots.items():
            assert turn > now
            waiting[feed] = turn
            moved[feed] += 1
        # Every poll is over before the next look.
        host = replace(found.hosts.get("a.example", host), in_flight=0)
        now += timedelta(seconds=late[look % len(late)])
    assert not waiting
    assert sorted(feed for _, feed in done) == list(range(feeds))
    for at, _ in done:
        assert paused is None or not paused[0] <= at < paused[1]
        within = sum(1 for other, _ in done if at <= other < at + 10 * host_limits.spacing)
        assert spacing == 0 or within <= 10 + concurrency


def test_a_page_has_room_where_no_feed_waits_and_the_rest_gets_turns_that_no_feed_waits_for() -> None:
    found = admit_pages(due(1, 2, 3, 4), {"a.example": IDLE}, now=NOW, host_limits=BUDGET)
    assert found.admitted == (1, 2)
    assert found.slots == {3: NOW + 20 * SECOND, 4: NOW + 30 * SECOND}
    host = found.hosts["a.example"]
    assert (host.queue_end, host.page_queue_end) == (IDLE.queue_end, NOW + 40 * SECOND)
    # A feed that comes now waits for the two under way, not for the pages.
    feed = admit(due(9), {"a.example": replace(host, in_flight=0)}, now=NOW + 10 * SECOND, host_limits=BUDGET)
    assert feed.admitted == (9,)


def test_pages_wait_while_a_feed_does_and_one_whose_turn_came_stays_in_front() -> None:
    crowded = replace(IDLE, queue_end=NOW + MINUTE, page_queue_end=NOW + 10 * MINUTE)
    hosts = {"a.example": crowded}
    assert admit_pages(due(1), hosts, now=NOW, host_limits=BUDGET).slots == {1: NOW + 10 * MINUTE}
    found = admit_pages(due(1, has_slot=True), hosts, now=NOW, host_limits=BUDGET)
    assert found.slots == {1: NOW + MINUTE}
    assert found.hosts["a.example"].page_queue_end == NOW + 10 * MINUTE
    free = {"a.example": replace(IDLE, page_queue_end=NOW + MINUTE)}
    assert admit_pages(due(1), free, now=NOW, host_limits=BUDGET).admitted == ()
    assert admit_pages(due(1, has_slot=True), free, now=NOW, host_limits=BUDGET).admitted == (1,)


@pytest.mark.parametrize(
    ("spacing", "crawl_delay", "pace"),
    [
        (None, None, (10 * SECOND, 2)),
        (None, 45 * SECOND, (45 * SECOND, 1)),
        (None, 5 * SECOND, (10 * SECOND, 2)),
        (SECOND, 45 * SECOND, (SECOND, 2)),
        (MINUTE, 45 * SECOND, (MINUTE, 2)),
    ],
)
def test_a_crawl_delay_slows_and_never_hastens_and_an_operator_goes_before_it(
    spacing: timedelta | None, crawl_delay: timedelta | None, pace: tuple[timedelta, int]
) -> None:
    host = replace(IDLE, spacing=spacing, crawl_delay=crawl_delay)
    assert host.pace(BUDGET) == pace
    assert len(admit(due(1, 2, 3), {"a.example": host}, now=NOW, host_limits=BUDGET).admitted) == pace[1]
