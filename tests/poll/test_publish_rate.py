"""Publishing rates of feeds and the intervals that follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schedule.publish_rate import (
    UNKNOWN,
    entries_an_hour,
    format_rate,
    initial_rate,
    interval_for,
    update_rate,
    window_turnover,
)
from ingest.types import PublishRate

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("ages", "rate"),
    [
        ([], 1.0),
        ([HOUR], 1.0),
        ([-HOUR, -DAY], 1.0),
        ([n * HOUR for n in range(1, 21)], 1.0),
        ([n * 6 * MINUTE for n in range(1, 101)], 10.0),
        ([n * DAY for n in range(1, 11)], 1 / 24),
        ([MINUTE, 2 * MINUTE], 2.0),
        ([DAY, 5000 * DAY], 2 / (5000 * 24)),
    ],
)
def test_a_first_document_tells_how_much_its_feed_publishes(ages: list[timedelta], rate: float) -> None:
    assert entries_an_hour(initial_rate([NOW - age for age in ages], now=NOW)) == pytest.approx(rate)


def test_a_poll_that_is_late_makes_no_difference() -> None:
    often, once = UNKNOWN, update_rate(UNKNOWN, created=40, since=20 * HOUR)
    for _ in range(20):
        often = update_rate(often, created=2, since=HOUR)
    assert entries_an_hour(often) == pytest.approx(entries_an_hour(once), rel=0.1)


def test_what_a_feed_did_fades() -> None:
    busy = PublishRate(entries=1000, hours=10)
    after_a_month = busy
    for _ in range(30):
        after_a_month = update_rate(after_a_month, created=1, since=DAY)
    assert entries_an_hour(after_a_month) == pytest.approx(1 / 24, rel=0.3)


@given(
    st.floats(0, 1e6), st.floats(0, 1e5), st.integers(0, 10_000), st.timedeltas(timedelta(0), timedelta(days=4000))
)  # fmt: skip
def test_an_interval_is_always_one(entries: float, hours: float, created: int, since: timedelta) -> None:
    cadence = update_rate(PublishRate(entries=entries, hours=hours), created=created, since=since)
    interval = interval_for(cadence, interval=15 * MINUTE, longest=DAY)
    assert timedelta(0) <= interval <= DAY
    assert format_rate(cadence)


def test_four_times_as_much_is_worth_twice_as_many_polls() -> None:
    slow, fast = PublishRate(entries=1, hours=1), PublishRate(entries=4, hours=1)
    assert interval_for(slow, interval=15 * MINUTE, longest=DAY) == 15 * MINUTE
    assert interval_for(fast, interval=15 * MINUTE, longest=DAY) == 7.5 * MINUTE


def test_when_a_document_rolls_over() -> None:
    assert window_turnover(PublishRate(entries=10, hours=1), entries=20) == 2 * HOUR
    assert window_turnover(PublishRate(entries=0, hours=1), entries=20) is None
    assert window_turnover(PublishRate(entries=1, hours=1), entries=0) is None
    assert window_turnover(PublishRate(entries=1, hours=1e9), entries=20) is None


@pytest.mark.parametrize(
    ("entries", "hours", "words"),
    [
        (12, 1, "12 entries an hour"),
        (3.5, 24, "3.5 entries a day"),
        (3.5, 168, "3.5 entries a week"),
        (2, 24 * 365, "2 entries a year"),
        (5000, 1, "5,000 entries an hour"),
        (0, 1, "less than one entry a year"),
    ],
)
def test_a_cadence_in_words(entries: float, hours: float, words: str) -> None:
    assert format_rate(PublishRate(entries=entries, hours=hours)) == words
