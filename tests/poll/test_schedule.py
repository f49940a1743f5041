"""When the next poll is, and what is remembered of this one: the policy as a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ingest.schedule import JITTER, Policy, Reading, body_hash, outcome, shown, spread
from ingest.types import Failed, FailureKind, Fetched, FetchResult, Lease, NotModified, PollResult, Seen

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POLICY = Policy(interval=timedelta(minutes=15), minimum=timedelta(minutes=1), maximum=timedelta(days=1))
OLD = {"etag": '"old"', "last_modified": "then", "body_hash": b"h" * 16}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def lease(*, failures: int = 0, feed_id: int = 7) -> Lease:
    return Lease(
        feed_id=feed_id,
        poll_id=70,
        url="https://a.example/",
        leased_at=NOW - timedelta(seconds=3),
        until=NOW + HOUR,
        interval=timedelta(minutes=15),
        failures=failures,
        **OLD,  # type: ignore[arg-type]  # a dict of three fields
    )


def fetched(etag: str | None = '"new"', last_modified: str | None = "now") -> Fetched:
    return Fetched(
        url="https://a.example/",
        status=200,
        body=b"<rss/>",
        content_type="text/xml",
        etag=etag,
        last_modified=last_modified,
    )


def reading(*, whole: bool = True) -> Reading:
    row = Seen(key=b"k" * 16, digest=b"d" * 16, article_id=UUID(int=1))
    return Reading(title="T", entries=5, appended=2, duplicates=1, seen=(row,), whole=whole)


def failed(retry_after: timedelta | None = None, kind: FailureKind = FailureKind.STATUS) -> Failed:
    return Failed(kind=kind, detail="503 Service Unavailable", status=503, retry_after=retry_after)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    etag: str | None
    last_modified: str | None
    body_hash: bytes | None


NEW_HASH = b"n" * 16
REMEMBERED: dict[str, tuple[FetchResult, Reading | None, Remembered]] = {
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
        reading(whole=False),
        Remembered(etag=None, last_modified=None, body_hash=None),
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
    ended = outcome(lease(), result, read, now=NOW, policy=POLICY, hashed=NEW_HASH)
    assert (ended.etag, ended.last_modified, ended.body_hash) == (
        expected.etag,
        expected.last_modified,
        expected.body_hash,
    )


DELAYS: list[tuple[str, FetchResult, int, timedelta, str]] = [
    ("a 304", NotModified(url="u", etag=None, last_modified=None), 0, 15 * MINUTE, "every 15m"),
    (
        "a 304 after failures",
        NotModified(url="u", etag=None, last_modified=None),
        9,
        15 * MINUTE,
        "every 15m",
    ),
    ("a 200", fetched(), 3, 15 * MINUTE, "every 15m"),
    ("a first failure", failed(), 0, 15 * MINUTE, "failed once"),
    ("a second failure", failed(), 1, 30 * MINUTE, "failed 2 times in a row"),
    ("a sixth failure", failed(), 5, 8 * HOUR, "failed 6 times in a row"),
    ("a seventh failure", failed(), 6, 16 * HOUR, "failed 7 times in a row"),
    ("an eighth failure", failed(), 7, DAY, "failed 8 times in a row"),
    ("the five-thousandth failure", failed(), 4999, DAY, "failed 5000 times in a row"),
    ("a wait shorter than the back-off", failed(MINUTE), 1, 30 * MINUTE, "failed 2 times in a row"),
    ("a wait of nothing", failed(timedelta(0)), 0, 15 * MINUTE, "failed once"),
    ("a wait of hours", failed(2 * HOUR), 0, 2 * HOUR, "asked to wait 2h"),
    (
        "a wait of weeks",
        failed(timedelta(seconds=317_100)),
        0,
        DAY,
        "asked to wait 5285m, which we do for 1d at most",
    ),
]


@pytest.mark.parametrize(
    ("case", "result", "failures", "delay", "reason"), DELAYS, ids=[row[0] for row in DELAYS]
)
def test_when_the_next_poll_is(
    case: str, result: FetchResult, failures: int, delay: timedelta, reason: str
) -> None:
    del case
    read = reading() if isinstance(result, Fetched) else None
    ended = outcome(lease(failures=failures), result, read, now=NOW, policy=POLICY)
    assert NOW + delay <= ended.next_poll_at <= NOW + min(delay * (1 + JITTER), max(delay, POLICY.maximum))
    assert ended.reason == reason
    assert ended.failures == (failures + 1 if isinstance(result, Failed) else 0)
    assert ended.interval == 15 * MINUTE


@pytest.mark.parametrize(
    ("interval", "expected"), [(timedelta(0), MINUTE), (timedelta(days=9), DAY), (HOUR, HOUR)]
)
def test_the_interval_stays_within_its_bounds(interval: timedelta, expected: timedelta) -> None:
    policy = Policy(interval=interval, minimum=MINUTE, maximum=DAY)
    ended = outcome(lease(), fetched(), reading(), now=NOW, policy=policy)
    assert ended.interval == expected
    assert expected <= ended.next_poll_at - NOW <= max(expected * (1 + JITTER), expected)


def test_feeds_added_together_do_not_stay_together() -> None:
    delays = {spread(feed_id, HOUR, policy=POLICY) for feed_id in range(1000)}
    assert len(delays) > 900
    assert min(delays) >= HOUR
    assert max(delays) <= HOUR * (1 + JITTER)
    assert spread(7, HOUR, policy=POLICY) == spread(7, HOUR, policy=POLICY)


def test_an_outcome_says_what_a_reading_came_to() -> None:
    ended = outcome(lease(), fetched(), reading(), now=NOW, policy=POLICY)
    assert (ended.result, ended.status, ended.feed_title) == (PollResult.FETCHED, 200, "T")
    assert (ended.entries, ended.appended, ended.duplicates, len(ended.seen)) == (5, 2, 1, 1)
    assert (ended.started_at, ended.finished_at, ended.body_bytes) == (NOW - timedelta(seconds=3), NOW, 6)


def test_an_outcome_says_what_failed() -> None:
    ended = outcome(lease(), failed(), None, now=NOW, policy=POLICY, body_bytes=9)
    assert (ended.result, ended.failure, ended.status) == (PollResult.FAILED, FailureKind.STATUS, 503)
    assert (ended.detail, ended.body_bytes, ended.seen) == ("503 Service Unavailable", 9, ())


def test_a_document_that_was_cut_says_so() -> None:
    ended = outcome(lease(), fetched(), reading(whole=False), now=NOW, policy=POLICY)
    assert ended.detail == "the document was cut short"


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
    assert shown(delay) == text
