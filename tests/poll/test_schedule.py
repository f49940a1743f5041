"""Tables of the polling policy: the time of the next poll, and the stored memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ingest.schedule import (
    JITTER,
    Policy,
    body_hash,
    decide_outcome,
    format_duration,
    is_conditional,
    with_jitter,
)
from ingest.schedule.publish_rate import entries_an_hour
from ingest.types import (
    DocumentSummary,
    Failed,
    FailureKind,
    Fetched,
    FetchResult,
    Lease,
    NotModified,
    PollHints,
    PollResult,
    PublishRate,
    Seen,
)
from tests.memories import lease_with, make_lease

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POLICY = Policy(interval=timedelta(minutes=15), minimum=timedelta(minutes=1), maximum=timedelta(days=1))
FIXED = replace(POLICY, adaptive=False)
OLD = {"etag": '"old"', "last_modified": "then", "body_hash": b"h" * 16}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def lease(**values: Any) -> Lease:
    return make_lease(leased_at=NOW - timedelta(seconds=3), until=NOW + HOUR, **{**OLD, **values})


def fetched(etag: str | None = '"new"', last_modified: str | None = "now") -> Fetched:
    return Fetched(
        url="https://a.example/",
        status=200,
        body=b"<rss/>",
        content_type="text/xml",
        etag=etag,
        last_modified=last_modified,
    )


def reading(*, complete: bool = True) -> DocumentSummary:
    row = Seen(key=b"k" * 16, content_hash=b"d" * 16, article_id=UUID(int=1))
    return DocumentSummary(title="T", entries=5, appended=2, duplicates=1, seen=(row,), complete=complete)


def failed(
    retry_after: timedelta | None = None, kind: FailureKind = FailureKind.STATUS, status: int = 503
) -> Failed:
    return Failed(kind=kind, detail="503 Service Unavailable", status=status, retry_after=retry_after)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    etag: str | None
    last_modified: str | None
    body_hash: bytes | None


NEW_HASH = b"n" * 16
REMEMBERED: dict[str, tuple[FetchResult, DocumentSummary | None, Remembered]] = {
    "a 304 that names nothing keeps everything": (
        NotModified(url="u", etag=None, last_modified=None),
        None,
        Remembered(etag='"old"', last_modified="then", body_hash=b"h" * 16),
    ),
    "a 304 with a Last-Modified alone keeps the ETag": (
        NotModified(url="u", etag=None, last_modified="later"),
        None,
        Remembered(etag='"old"', last_modified="later", body_hash=b"h" * 16),
    ),
    "a 304 with an ETag alone keeps the Last-Modified": (
        NotModified(url="u", etag='"newer"', last_modified=None),
        None,
        Remembered(etag='"newer"', last_modified="then", body_hash=b"h" * 16),
    ),
    "a 200 replaces both": (
        fetched(),
        reading(),
        Remembered(etag='"new"', last_modified="now", body_hash=NEW_HASH),
    ),
    "a 200 without validators clears them": (
        fetched(None, None),
        reading(),
        Remembered(etag=None, last_modified=None, body_hash=NEW_HASH),
    ),
    "the same bytes under a new ETag bring the new ETag": (
        fetched('"other"', None),
        None,
        Remembered(etag='"other"', last_modified=None, body_hash=NEW_HASH),
    ),
    "a document that was cut leaves nothing a 304 could refer to": (
        fetched(),
        reading(complete=False),
        Remembered(etag=None, last_modified=None, body_hash=None),
    ),
    "a status that may be said of our conditions forgets them": (
        failed(status=412),
        None,
        Remembered(etag=None, last_modified=None, body_hash=b"h" * 16),
    ),
    "a failure changes nothing": (
        failed(),
        None,
        Remembered(etag='"old"', last_modified="then", body_hash=b"h" * 16),
    ),
}


@pytest.mark.parametrize("case", REMEMBERED)
def test_what_is_remembered(case: str) -> None:
    result, read, expected = REMEMBERED[case]
    ended = decide_outcome(lease(), result, read, now=NOW, policy=POLICY, hashed=NEW_HASH)
    validators = ended.memory.validators
    assert (validators.etag, validators.last_modified, ended.memory.body.hash) == (
        expected.etag,
        expected.last_modified,
        expected.body_hash,
    )


CONFIGURED = "every 15m: configured interval"
WEEKS = "the server requested a wait of 5285m, limited to 1d"
DELAYS: list[tuple[str, FetchResult, int, timedelta, str]] = [
    ("a 304", NotModified(url="u", etag=None, last_modified=None), 0, 15 * MINUTE, CONFIGURED),
    ("a 304 after failures", NotModified(url="u", etag=None, last_modified=None), 9, 15 * MINUTE, CONFIGURED),
    ("a 200", fetched(), 3, 15 * MINUTE, CONFIGURED),
    ("a first failure", failed(), 0, 15 * MINUTE, "failed once"),
    ("a fifth 503", failed(), 4, 30 * MINUTE, "failed 5 times in a row"),
    ("a fifth reset", failed(kind=FailureKind.PROTOCOL), 4, HOUR, "failed 5 times in a row"),
    ("a fifth timeout", failed(kind=FailureKind.TIMEOUT), 4, HOUR, "failed 5 times in a row"),
    ("a fifth 403", failed(status=403), 4, HOUR, "failed 5 times in a row"),
    ("a hundredth 403", failed(status=403), 99, DAY, "failed 100 times in a row"),
    ("a 403 that says when", failed(2 * HOUR, status=403), 0, 2 * HOUR, "the server requested a wait of 2h"),
    ("a second page that is no feed", failed(kind=FailureKind.NOT_A_FEED), 1, 30 * MINUTE, "failed 2 times in a row"),
    ("a third 404", failed(status=404), 2, HOUR, "failed 3 times in a row"),
    ("a seventh 404", failed(status=404), 6, 16 * HOUR, "failed 7 times in a row"),
    ("an eighth 404", failed(status=404), 7, DAY, "failed 8 times in a row"),
    ("the five-thousandth failure", failed(status=404), 4999, DAY, "failed 5000 times in a row"),
    ("a first 410", failed(status=410), 0, 15 * MINUTE, "failed once"),
    ("a second 410", failed(status=410), 1, DAY, "gone (410): polled rarely"),
    ("a wait shorter than the back-off", failed(MINUTE), 4, 30 * MINUTE, "failed 5 times in a row"),
    ("a wait of nothing", failed(timedelta(0)), 0, 15 * MINUTE, "failed once"),
    ("a wait of hours", failed(2 * HOUR), 0, 2 * HOUR, "the server requested a wait of 2h"),
    ("a wait of weeks", failed(timedelta(seconds=317_100)), 0, DAY, WEEKS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "result", "failures", "delay", "reason"), DELAYS, ids=[row[0] for row in DELAYS]
)
def test_when_the_next_poll_is(
    case: str, result: FetchResult, failures: int, delay: timedelta, reason: str
) -> None:
    del case
    read = reading() if isinstance(result, Fetched) else None
    ended = decide_outcome(lease(failures=failures), result, read, now=NOW, policy=FIXED)
    assert NOW + delay <= ended.next_poll_at <= NOW + min(delay * (1 + JITTER), max(delay, POLICY.maximum))
    assert ended.reason == reason
    assert ended.memory.health.failures == (failures + 1 if isinstance(result, Failed) else 0)
    assert ended.memory.interval == 15 * MINUTE


def day_of(count: float, *, hours: float = 24) -> PublishRate:
    return PublishRate(entries=count, hours=hours)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Values of a feed's memory and response, and the interval that follows."""

    cadence: PublishRate = field(default_factory=lambda: day_of(24))
    every: timedelta | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    entries: int = 1000
    interval: timedelta
    reason: str


WISHES: dict[str, Wish] = {
    "an entry an hour": Wish(interval=15 * MINUTE, reason="every 15m: publishes 1 entry an hour"),
    "sixteen an hour": Wish(
        cadence=day_of(16 * 24), interval=3.75 * MINUTE, reason="every 225s: publishes 16 entries an hour"
    ),
    "one in four hours": Wish(
        cadence=day_of(6), interval=30 * MINUTE, reason="every 30m: publishes 6 entries a day"
    ),
    "thousands an hour": Wish(
        cadence=day_of(24 * 5000),
        entries=100_000,
        interval=MINUTE,
        reason="every 1m: minimum interval; publishes 5,000 entries an hour",
    ),
    "hardly any": Wish(
        cadence=day_of(0.0001), interval=DAY, reason="every 1d: publishes less than one entry a year"
    ),
    "none at all": Wish(
        cadence=day_of(0), interval=DAY, reason="every 1d: publishes less than one entry a year"
    ),
    "a ttl longer than that": Wish(every=HOUR, interval=HOUR, reason="every 1h: requested by the feed"),
    "a ttl shorter than that": Wish(
        every=MINUTE, interval=15 * MINUTE, reason="every 15m: publishes 1 entry an hour"
    ),
    "a max-age": Wish(
        headers={"cache-control": "public, max-age=1800"},
        interval=30 * MINUTE,
        reason="every 30m: the response stays fresh that long",
    ),
    "a max-age of nothing": Wish(
        headers={"cache-control": "max-age=0"},
        interval=15 * MINUTE,
        reason="every 15m: publishes 1 entry an hour",
    ),
    "a max-age beside an Expires of tomorrow": Wish(
        headers={"cache-control": "max-age=1800", "expires": "Wed, 25 Nov 2026 12:00:00 GMT"},
        interval=30 * MINUTE,
        reason="every 30m: the response stays fresh that long",
    ),
    "a year of max-age": Wish(
        headers={"cache-control": "max-age=31536000"},
        interval=DAY,
        reason="every 1d: maximum interval; the response stays fresh that long",
    ),
    "a short document": Wish(
        entries=10,
        every=DAY,
        interval=5 * HOUR,
        reason="every 5h: its 10 entries are replaced within 10h",
    ),
}


@pytest.mark.parametrize("case", WISHES)
def test_how_often_a_feed_is_polled(case: str) -> None:
    wish = WISHES[case]
    known = lease(
        publish_rate=wish.cadence,
        poll_hints=PollHints(interval=wish.every),
        succeeded_at=NOW,
        entries=wish.entries,
    )
    answer = NotModified(url="u", etag=None, last_modified=None, headers=wish.headers)
    ended = decide_outcome(known, answer, None, now=NOW, policy=POLICY)
    assert ended.reason == wish.reason
    assert ended.memory.interval == wish.interval
    assert wish.interval <= ended.next_poll_at - NOW <= wish.interval * (1 + JITTER)


def test_a_feed_that_is_polled_seldom_is_asked_again_soon_when_it_fails() -> None:
    seldom = lease(interval=20 * HOUR)
    ended = decide_outcome(seldom, failed(), None, now=NOW, policy=POLICY)
    assert ended.next_poll_at - NOW <= 15 * MINUTE * (1 + JITTER)
    assert ended.memory.interval == 20 * HOUR


def test_hours_and_days_that_the_feed_wants_left_out_are_left_out() -> None:
    # NOW is a Tuesday, 12:00.
    known = lease(poll_hints=PollHints(skip_hours=frozenset({12, 13}), skip_days=frozenset({2})))
    answer = NotModified(url="u", etag=None, last_modified=None)
    ended = decide_outcome(known, answer, None, now=NOW, policy=FIXED)
    assert ended.next_poll_at == NOW.replace(hour=14)
    assert "skipHours" in ended.reason
    tuesday = lease_with(known, poll_hints=PollHints(skip_days=frozenset({1})))
    assert decide_outcome(tuesday, answer, None, now=NOW, policy=FIXED).next_poll_at == NOW.replace(
        day=25, hour=0
    )
    long = lease_with(known, poll_hints=PollHints(skip_days=frozenset({1, 2, 3, 4, 5})))
    assert decide_outcome(long, answer, None, now=NOW, policy=FIXED).next_poll_at < NOW + HOUR


def test_a_document_that_is_all_new_and_young_means_that_some_were_missed() -> None:
    ten_minutes_ago = NOW - 10 * MINUTE
    known = lease(publish_rate=day_of(24 * 12), succeeded_at=NOW - HOUR)
    dates = tuple(ten_minutes_ago + timedelta(minutes=n) for n in range(5))
    rolled = replace(reading(), created=5, has_seen_entries=False, dates=dates)
    ended = decide_outcome(known, fetched(), rolled, now=NOW, policy=POLICY)
    assert ended.missed == 10  # twelve an hour, and nobody looked for fifty minutes
    assert ended.detail == "the oldest entry is newer than the last poll: about 10 entries were missed"
    for other in (
        replace(rolled, has_seen_entries=True),
        replace(rolled, dates=(NOW - 2 * HOUR, *dates[1:])),
        replace(rolled, dates=dates[:-1]),
        replace(rolled, dates=tuple(date + DAY for date in dates)),
    ):
        assert decide_outcome(known, fetched(), other, now=NOW, policy=POLICY).missed == 0
    assert decide_outcome(replace(known, first=True), fetched(), rolled, now=NOW, policy=POLICY).missed == 0


def test_where_some_were_missed_the_feed_is_not_taken_for_a_slower_one() -> None:
    known = lease(publish_rate=day_of(24 * 12), succeeded_at=NOW - HOUR)
    dates = tuple(NOW - 10 * MINUTE + timedelta(minutes=n) for n in range(5))
    rolled = replace(reading(), created=5, has_seen_entries=False, dates=dates)
    seen = decide_outcome(known, fetched(), replace(rolled, has_seen_entries=True), now=NOW, policy=POLICY)
    missed = decide_outcome(known, fetched(), rolled, now=NOW, policy=POLICY)
    assert seen.memory.publish_rate is not None
    assert missed.memory.publish_rate is not None
    assert entries_an_hour(missed.memory.publish_rate) == pytest.approx(12.0)
    assert entries_an_hour(seen.memory.publish_rate) < 12.0
    assert missed.memory.interval < seen.memory.interval


def test_what_a_feed_publishes_is_learned_from_dates_first_and_then_from_what_is_new() -> None:
    dates = tuple(NOW - n * HOUR for n in range(1, 11))
    first = decide_outcome(
        lease(first=True), fetched(), replace(reading(), dates=dates), now=NOW, policy=POLICY
    )
    assert first.memory.publish_rate is not None
    assert entries_an_hour(first.memory.publish_rate) == pytest.approx(1.0)
    known = lease(publish_rate=first.memory.publish_rate, succeeded_at=first.memory.health.succeeded_at)
    day = NOW + DAY
    later = decide_outcome(known, fetched(), replace(reading(), created=96), now=day, policy=POLICY)
    assert later.memory.publish_rate is not None
    assert 2.0 < entries_an_hour(later.memory.publish_rate) < 4.0
    assert later.memory.interval < 15 * MINUTE
    silent = decide_outcome(
        known, NotModified(url="u", etag=None, last_modified=None), None, now=day, policy=POLICY
    )
    assert silent.memory.publish_rate is not None
    assert entries_an_hour(silent.memory.publish_rate) < 0.3
    assert silent.memory.interval > 15 * MINUTE


def test_a_failure_teaches_nothing_of_what_a_feed_publishes() -> None:
    known = lease(publish_rate=day_of(24), succeeded_at=NOW - HOUR, poll_hints=PollHints(interval=HOUR))
    ended = decide_outcome(known, failed(), None, now=NOW, policy=POLICY)
    assert (ended.memory.publish_rate, ended.memory.health.succeeded_at, ended.memory.poll_hints) == (
        known.memory.publish_rate,
        known.memory.health.succeeded_at,
        known.memory.poll_hints,
    )


@pytest.mark.parametrize(
    ("interval", "expected"), [(timedelta(0), MINUTE), (timedelta(days=9), DAY), (HOUR, HOUR)]
)
def test_the_interval_stays_within_its_bounds(interval: timedelta, expected: timedelta) -> None:
    policy = Policy(interval=interval, minimum=MINUTE, maximum=DAY, adaptive=False)
    ended = decide_outcome(lease(), fetched(), reading(), now=NOW, policy=policy)
    assert ended.memory.interval == expected
    assert expected <= ended.next_poll_at - NOW <= max(expected * (1 + JITTER), expected)


def test_feeds_added_together_do_not_stay_together() -> None:
    delays = {with_jitter(feed_id, HOUR, policy=POLICY) for feed_id in range(1000)}
    assert len(delays) > 900
    assert min(delays) >= HOUR
    assert max(delays) <= HOUR * (1 + JITTER)
    assert with_jitter(7, HOUR, policy=POLICY) == with_jitter(7, HOUR, policy=POLICY)


def test_an_outcome_says_what_a_reading_came_to() -> None:
    ended = decide_outcome(lease(), fetched(), reading(), now=NOW, policy=POLICY)
    assert (ended.result, ended.status, ended.feed_title) == (PollResult.FETCHED, 200, "T")
    assert (ended.entries, ended.appended, ended.duplicates, len(ended.seen)) == (5, 2, 1, 1)
    assert (ended.lease.leased_at, ended.finished_at, ended.body_bytes) == (
        NOW - timedelta(seconds=3),
        NOW,
        6,
    )


def test_an_outcome_says_what_failed() -> None:
    ended = decide_outcome(lease(), failed(), None, now=NOW, policy=POLICY, body_bytes=9)
    assert (ended.result, ended.failure, ended.status) == (PollResult.FAILED, FailureKind.STATUS, 503)
    assert (ended.detail, ended.body_bytes, ended.seen) == ("503 Service Unavailable", 9, ())


def test_a_document_that_was_cut_says_so() -> None:
    ended = decide_outcome(lease(), fetched(), reading(complete=False), now=NOW, policy=POLICY)
    assert ended.detail == "the document is truncated"


def test_the_same_bytes_under_another_content_type_are_another_document() -> None:
    assert body_hash(b"x", "text/xml; charset=a") != body_hash(b"x", "text/xml; charset=b")
    assert body_hash(b"x", None) != body_hash(b"y", None)
    assert len(body_hash(b"x", "y" * 5000)) == 16


@pytest.mark.parametrize(
    ("delay", "text"),
    [
        (15 * MINUTE, "15m"),
        (2 * HOUR, "2h"),
        (DAY, "1d"),
        (timedelta(seconds=90), "90s"),
        (timedelta(0), "0s"),
    ],
)
def test_a_delay_is_shown_as_settings_spell_it(delay: timedelta, text: str) -> None:
    assert format_duration(delay) == text


@pytest.mark.parametrize(
    ("entries", "an_hour", "believed"),
    [
        pytest.param(20, 5.0, HOUR, id="all of it others in four hours"),
        pytest.param(20, 1.0, 5 * HOUR, id="all of it others in twenty hours"),
        pytest.param(10, 0.1, 25 * HOUR, id="all of it others in four days"),
        pytest.param(20, 0.01, 8 * DAY, id="all of it others in a quarter of a year"),
        pytest.param(20, 100.0, HOUR, id="all of it others in minutes"),
        pytest.param(20, 0.0, 8 * DAY, id="nothing for ever"),
    ],
)
def test_a_304_is_believed_until_a_quarter_of_the_entries_should_be_others(
    entries: int, an_hour: float, believed: timedelta
) -> None:
    asked = lease(
        entries=entries,
        publish_rate=PublishRate(entries=72 * an_hour, hours=72),
        last_body_at=NOW - believed,
    )
    assert not is_conditional(asked, now=NOW)
    assert is_conditional(asked, now=NOW - timedelta(seconds=1))


def test_a_304_of_a_feed_of_which_nothing_is_known_is_believed_for_eight_days() -> None:
    assert is_conditional(lease(last_body_at=NOW - 8 * DAY + MINUTE), now=NOW)
    assert not is_conditional(lease(last_body_at=NOW - 8 * DAY), now=NOW)
