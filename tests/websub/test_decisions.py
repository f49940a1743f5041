"""Tables of WebSub decisions: the next request, the consequences of responses, and the trust in hubs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.schedule import Policy, decide_outcome, websub
from ingest.schedule.hub_offer import Offer, find_offer, lags_behind_hub
from ingest.schedule.websub import HubResponse, Subscription
from ingest.schedule.websub import SubscriptionState as State
from ingest.types import NotModified, PublishRate
from tests.memories import make_lease

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
FEED = "https://news.example/feed"
HUB, OTHER = "https://hub.example/", "https://other.example/hub"
OFFER = Offer(hubs=(HUB, OTHER), topic=FEED)
WANTED = websub.new_subscription(1, OFFER, token="t", secret="s", now=NOW)
PENDING, _ = websub.begin_request(WANTED, now=NOW)
ACTIVE = websub.after_verification(PENDING, "7200", now=NOW)
TRUSTED = replace(ACTIVE, trust=0.9)


def offer(
    link: str | None = None, hubs: tuple[str, ...] = (), own: str | None = None, feed_url: str = FEED
) -> Offer | None:
    return find_offer(feed_url=feed_url, url="https://cdn.example/x/feed", link=link, hubs=hubs, self_url=own)


@pytest.mark.parametrize(
    ("link", "hubs", "own", "expected"),
    [
        (None, (), None, None),
        (None, (), FEED, None),
        (None, (HUB,), None, Offer(hubs=(HUB,), topic=FEED)),
        (None, (HUB, HUB, OTHER), "https://self.example/", Offer(hubs=(HUB, OTHER), topic="https://self.example/")),
        (f'<{OTHER}>; rel="hub"', (HUB,), FEED, Offer(hubs=(OTHER,), topic=FEED)),
        (f"<{OTHER}>;rel=hub, <../own>;rel=self", (HUB,), FEED, Offer(hubs=(OTHER,), topic="https://cdn.example/own")),
        (f'<{OTHER}>; title="a, b"; REL="Hub next"', (), None, Offer(hubs=(OTHER,), topic=FEED)),
        (f'<{OTHER}>; rel="next"; rel="hub"', (), None, None),  # the first counts
        (f"<{OTHER}> rel=hub, {HUB}; rel=hub, <>", (), None, None),
        ('<//hub.example/>; rel="hub"', (), None, Offer(hubs=("https://hub.example/",), topic=FEED)),
        (None, ("ftp://hub.example/", "javascript:x", "https://me:pw@a.example/", "https://", "http://["), None, None),
        (None, (HUB,), "https://self.example/\n", Offer(hubs=(HUB,), topic=FEED)),
        (None, (HUB,), "https://self.example/" + "x" * 3000, Offer(hubs=(HUB,), topic=FEED)),
        (None, tuple(f"https://h{n}.example/" for n in range(20)), None,
         Offer(hubs=tuple(f"https://h{n}.example/" for n in range(8)), topic=FEED)),
    ],
)  # fmt: skip
def test_where_a_feed_can_be_subscribed_to(
    link: str | None, hubs: tuple[str, ...], own: str | None, expected: Offer | None
) -> None:
    assert offer(link, hubs, own) == expected


@pytest.mark.parametrize(
    ("feed_url", "channel"),
    [
        ("https://www.youtube.com/feeds/videos.xml?channel_id=UC_x-1", "UC_x-1"),
        ("http://www.youtube.com/xml/feeds/videos.xml?x=1&channel_id=UC1", "UC1"),
        ("https://m.youtube.com/feeds/videos.xml?channel_id=UC1", "UC1"),
        ("https://www.youtube.com/feeds/videos.xml?user=somebody", None),
        ("https://www.youtube.com/feeds/videos.xml?playlist_id=PL1", None),
        ("https://www.youtube.com/feeds/videos.xml?channel_id=a/../b", None),
        ("https://www.youtube.com/watch?channel_id=UC1", None),
        ("https://youtube.example/feeds/videos.xml?channel_id=UC1", None),
    ],
)
def test_youtube_has_a_hub_that_its_feeds_do_not_name(feed_url: str, channel: str | None) -> None:
    found = offer(feed_url=feed_url, own=feed_url)
    assert lags_behind_hub(feed_url) is (channel is not None)
    if channel is None:
        assert found is None
        return
    assert found is not None
    assert found.hubs == ("https://pubsubhubbub.appspot.com/subscribe",)
    assert found.topic == f"https://www.youtube.com/xml/feeds/videos.xml?channel_id={channel}"
    assert offer(hubs=(HUB,), feed_url=feed_url) == Offer(
        hubs=(HUB,), topic=feed_url
    )  # declared hubs have priority


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("3600", timedelta(hours=1)),
        ("1", MINUTE),
        ("0", DAY),
        ("-5", DAY),
        ("soon", DAY),
        ("1e9", DAY),
        ("٣٦٠٠", DAY),
        ("", DAY),
        (None, DAY),
        ("99999999999", timedelta(days=30)),
        ("9" * 400, DAY),
    ],
)
def test_how_long_a_lease_is_believed_to_be(said: str | None, expected: timedelta) -> None:
    assert websub.granted_lease(said) == expected
    active = websub.after_verification(PENDING, said, now=NOW)
    assert active.lease_until == NOW + expected
    assert active.next_try_at == NOW + expected / 2


ANSWERS: list[tuple[HubResponse, State, timedelta, str]] = [
    (HubResponse(status=202, text=""), State.PENDING, websub.VERIFY_TIMEOUT, "accepted"),
    (HubResponse(status=204, text=""), State.PENDING, websub.VERIFY_TIMEOUT, "accepted"),
    (HubResponse(status=400, text="no such\ntopic"), State.WANTED, 5 * MINUTE, "400 no such topic"),
    (HubResponse(status=503, text="", retry_after=timedelta(hours=2)), State.WANTED, timedelta(hours=2), "503"),
    (HubResponse(status=429, text="", retry_after=timedelta(days=90)), State.WANTED, DAY, "429"),
    (HubResponse(status=None, text="no such name"), State.WANTED, 5 * MINUTE, "no such name"),
    (HubResponse(status=422, text="You may only subscribe to https://a.example/f."), State.WANTED, 0 * MINUTE, "/f"),
    (HubResponse(status=422, text=f"You may only subscribe to {FEED}"), State.WANTED, 5 * MINUTE, "422"),
    (HubResponse(status=422, text="You may only subscribe to file:///etc/passwd"), State.WANTED, 5 * MINUTE, "422"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "state", "wait", "detail"), ANSWERS)
def test_what_an_answer_means(said: HubResponse, state: State, wait: timedelta, detail: str) -> None:
    changed = websub.after_response(PENDING, said, now=NOW)
    assert (changed.state, changed.next_try_at) == (state, NOW + wait)
    assert detail in (changed.detail or "")
    # An active subscription stays active if its hub does not respond, but the hub is not reliable.
    asked, ask = websub.begin_request(TRUSTED, now=NOW)
    assert ask
    renewed = websub.after_response(asked, said, now=NOW)
    assert renewed.state is State.ACTIVE
    assert websub.is_reliable(renewed, now=NOW) is (renewed.failures == 0)


def test_an_answer_that_comes_after_the_verification_changes_nothing() -> None:
    assert websub.after_response(ACTIVE, HubResponse(status=500, text="oops"), now=NOW) == ACTIVE


def test_a_hub_is_asked_ever_later_and_then_the_next_one() -> None:
    known, waits, hubs = WANTED, [], []
    for _ in range(11):
        known, ask = websub.begin_request(known, now=NOW)
        assert ask
        known = websub.after_failure(known, "silent", now=NOW)
        assert known.next_try_at is not None
        waits.append((known.next_try_at - NOW) / MINUTE)
        hubs.append(known.hub)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert hubs == [HUB, HUB, OTHER, OTHER, OTHER, HUB, HUB, HUB, OTHER, OTHER, OTHER]


def test_a_hub_that_denies_leaves_it_to_the_next_and_all_together_to_next_week() -> None:
    first = websub.after_denial(PENDING, "no", now=NOW)
    assert (first.state, first.hub, first.next_try_at) == (State.WANTED, OTHER, NOW)
    second = websub.after_denial(first, None, now=NOW)
    assert (second.state, second.hub, second.next_try_at) == (
        State.DENIED,
        HUB,
        NOW + timedelta(days=7),
    )


def test_an_active_one_lapses_when_its_lease_is_over_and_is_asked_again() -> None:
    lapsed, ask = websub.begin_request(TRUSTED, now=NOW + timedelta(hours=2))
    assert ask
    assert lapsed.state is State.PENDING
    assert not websub.is_reliable(TRUSTED, now=NOW + timedelta(hours=2))
    assert websub.after_failure(lapsed, "silent", now=NOW).state is State.LAPSED
    again = websub.after_verification(lapsed, "7200", now=NOW + timedelta(hours=3))
    assert again.verified_at == NOW + timedelta(hours=3)


def test_a_renewal_keeps_since_when_it_is_active() -> None:
    assert websub.after_verification(TRUSTED, "7200", now=NOW + timedelta(hours=1)).verified_at == NOW


@pytest.mark.parametrize(
    ("known", "reliable"),
    [
        (None, False),
        (WANTED, False),
        (PENDING, False),
        (ACTIVE, False),  # it has yet to deliver
        (TRUSTED, True),
        (replace(TRUSTED, failures=1), False),
        (replace(TRUSTED, lease_until=NOW), False),
        (replace(TRUSTED, state=State.CANCELLED), False),
        (websub.after_missed_entries(TRUSTED, 1), False),
        (websub.after_push(ACTIVE, at=NOW), False),
        (websub.after_push(websub.after_push(ACTIVE, at=NOW), at=NOW), True),
    ],
)
def test_only_a_hub_that_is_verified_renewed_and_proven_makes_polls_rare(
    known: Subscription | None, reliable: bool
) -> None:
    assert websub.is_reliable(known, now=NOW) is reliable


def test_trust_is_lost_faster_than_it_is_gained_and_never_out_of_bounds() -> None:
    known = ACTIVE
    for _ in range(1000):
        known = websub.after_push(known, at=NOW)
    assert websub.TRUST_THRESHOLD < known.trust <= 1
    known = websub.after_missed_entries(known, 10**6)
    assert 0 <= known.trust < 0.001
    pushes = 0
    while not websub.is_reliable(known, now=NOW):
        known = websub.after_push(known, at=NOW)
        pushes += 1
    assert 4 <= pushes <= 6


@pytest.mark.parametrize(
    ("change", "polled_at", "expected"),
    [
        (lambda known: known, NOW + MINUTE, True),
        (lambda known: known, NOW, False),
        (lambda known: known, None, False),
        (lambda known: replace(known, state=State.LAPSED), NOW + MINUTE, False),
        (lambda known: websub.after_ping(known, at=NOW + 2 * MINUTE), NOW + MINUTE, False),
        (lambda known: websub.after_ping(known, at=NOW + MINUTE), NOW + 2 * MINUTE, True),
        (lambda known: websub.after_push(known, at=NOW + 2 * MINUTE), NOW + MINUTE, True),
    ],
)
def test_what_was_a_hubs_to_bring(
    change: Callable[[Subscription], Subscription], polled_at: datetime | None, expected: bool
) -> None:
    assert websub.should_have_pushed(change(ACTIVE), polled_at=polled_at) is expected


def test_what_is_cancelled_is_told_to_the_hub_a_few_times_and_then_let_be() -> None:
    assert websub.cancel(WANTED, now=NOW).next_try_at is None
    known = websub.cancel(ACTIVE, now=NOW)
    tries = 0
    while known.next_try_at is not None:
        known, ask = websub.begin_request(known, now=NOW)
        assert ask
        tries += 1
        known = websub.after_failure(known, "silent", now=NOW)
        assert known.state is State.CANCELLED
    assert tries == websub.TRIES_PER_HUB
    assert websub.retry_now(known, now=NOW).state is State.WANTED


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize(
    ("entries", "backup", "expected"),
    [
        (1000, None, timedelta(minutes=15)),
        (1000, DAY, DAY),
        (1000, MINUTE, timedelta(minutes=15)),
        (1000, 9 * DAY, 2 * DAY),  # the configured maximum has priority
        (10, DAY, timedelta(hours=5)),  # ten entries, one an hour
    ],
)
def test_a_backup_comes_in_time_for_what_a_hub_lost(
    adaptive: bool,
    entries: int,
    backup: timedelta | None,
    expected: timedelta,
) -> None:
    policy = Policy(maximum=2 * DAY, adaptive=adaptive, interval_with_hub=backup)
    lease = make_lease(
        feed_id=0,
        url=FEED,
        succeeded_at=NOW,
        entries=entries,
        publish_rate=PublishRate(entries=100, hours=100),
    )
    same = NotModified(url=FEED, etag=None, last_modified=None)
    ended = decide_outcome(lease, same, None, now=NOW, policy=policy)
    assert abs(ended.memory.interval - expected) < MINUTE
