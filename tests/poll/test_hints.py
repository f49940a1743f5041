"""Parsing of freshness, Retry-After and poll hints, as tables of values that servers and feeds send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.parse import parse_feed
from ingest.schedule.hints import DAYS, LONGEST, after_skipped, freshness_lifetime, hints_of, retry_after
from ingest.types import FeedHints, ParsedFeed, PollHints

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
DATE = "Tue, 24 Nov 2026 10:00:00 GMT"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"cache-control": "max-age=600"}, 10 * MINUTE),
        ({"cache-control": 'Public, MAX-AGE="600"'}, 10 * MINUTE),
        ({"cache-control": "max-age=600", "age": "120"}, 8 * MINUTE),
        ({"cache-control": "max-age=600", "age": "600"}, None),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": "max-age=0"}, None),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "no-cache, max-age=600"}, None),
        ({"cache-control": "no-store"}, None),
        ({"cache-control": "max-age=99999999999999999999"}, LONGEST),
        ({"cache-control": "max-age=600", "expires": "Wed, 25 Nov 2026 10:00:00 GMT"}, 10 * MINUTE),
        ({"expires": "Tue, 24 Nov 2026 12:00:00 GMT", "date": DATE}, 2 * HOUR),
        ({"expires": "Tue, 24 Nov 2026 13:00:00 GMT"}, 30 * MINUTE),
        ({"expires": "0"}, None),
        ({"expires": "-1"}, None),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT", "date": DATE}, None),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
    ],
)
def test_how_long_an_answer_stays_good(headers: dict[str, str], expected: timedelta | None) -> None:
    assert freshness_lifetime(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 2 * MINUTE),
        (" 120 ", 2 * MINUTE),
        ("317100", timedelta(seconds=317_100)),
        ("99999999999999", LONGEST),
        ("0", timedelta(0)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("Tue, 24 Nov 2026 11:00:00 GMT", HOUR),
        ("Tue, 24 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_how_long_a_server_asks_to_wait(value: str, expected: timedelta | None) -> None:
    assert retry_after(value, sent=DATE, now=NOW) == expected


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (FeedHints(), None),
        (FeedHints(ttl="60"), HOUR),
        (FeedHints(ttl=" 60 "), HOUR),
        (FeedHints(ttl="0"), None),
        (FeedHints(ttl="-60"), None),
        (FeedHints(ttl="abc"), None),
        (FeedHints(ttl="1.5"), 1.5 * MINUTE),
        (FeedHints(ttl="525600"), 365 * DAY),
        (FeedHints(ttl="999999999999"), LONGEST),
        (FeedHints(update_period="hourly"), HOUR),
        (FeedHints(update_period="Hourly", update_frequency="4"), 15 * MINUTE),
        (FeedHints(update_period="daily", update_frequency="2"), 12 * HOUR),
        (FeedHints(update_period="hourly", update_frequency="0.1"), None),
        (FeedHints(update_period="hourly", update_frequency="0"), None),
        (FeedHints(update_period="hourly", update_frequency="-1"), None),
        (FeedHints(update_period="always"), None),
        (FeedHints(update_period="dayly"), None),
        (FeedHints(update_frequency="2"), None),
        (FeedHints(ttl="30", update_period="hourly"), HOUR),
    ],
)
def test_how_often_a_document_asks_to_be_polled(hints: FeedHints, expected: timedelta | None) -> None:
    assert hints_of(hints).interval == expected


@pytest.mark.parametrize(
    ("hints", "hours", "days"),
    [
        (FeedHints(skip_hours=("0", "5", "24", "25", "x", "")), {0, 5}, set()),
        (FeedHints(skip_hours=tuple(map(str, range(24)))), set(), set()),
        (FeedHints(skip_hours=tuple(map(str, range(1, 25)))), set(), set()),
        (FeedHints(skip_days=("Saturday", "sunday", "Someday")), set(), {5, 6}),
        (FeedHints(skip_days=DAYS), set(), set()),
    ],
)  # fmt: skip
def test_when_a_document_asks_to_be_left_alone(hints: FeedHints, hours: set[int], days: set[int]) -> None:
    asked = hints_of(hints)
    assert asked == PollHints(skip_hours=frozenset(hours), skip_days=frozenset(days))


def test_the_first_hour_after_those_that_are_left_out() -> None:
    assert after_skipped(NOW, PollHints()) == NOW
    assert after_skipped(NOW, PollHints(skip_hours=frozenset({11, 13}))) == NOW
    assert after_skipped(NOW, PollHints(skip_hours=frozenset({12, 13}))) == NOW.replace(hour=14, minute=0)
    late = NOW.replace(hour=23)
    assert after_skipped(late, PollHints(skip_hours=frozenset({23, 0}))) == datetime(
        2026, 11, 25, 1, tzinfo=UTC
    )


def test_hints_are_read_from_the_document() -> None:
    body = b"""<?xml version="1.0"?><rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
      <channel><title>T</title><ttl> 60 </ttl><sy:updatePeriod>hourly</sy:updatePeriod>
      <sy:updateFrequency>2</sy:updateFrequency>
      <skipHours><hour>1</hour><hour> 24 </hour></skipHours><skipDays><day>Sunday</day></skipDays>
      <item><title>a</title></item></channel></rss>"""
    parsed = parse_feed(body, url="https://a.example/")
    assert isinstance(parsed, ParsedFeed)
    assert parsed.hints == FeedHints(
        ttl="60", update_period="hourly", update_frequency="2", skip_hours=("1", "24"), skip_days=("Sunday",)
    )
    plain = parse_feed(
        b"<rss version='2.0'><channel><title>T</title></channel></rss>", url="https://a.example/"
    )
    assert isinstance(plain, ParsedFeed)
    assert plain.hints == FeedHints()
