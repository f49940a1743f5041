"""The simulation's measurements are right, and it detects broken promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from ingest.types import PollHints
from tests.bench.figures import CorpusAbsentError
from tests.simulate.__main__ import main
from tests.simulate.ours import HostLog, broken_promises, simulate
from tests.simulate.peers import Answer, EntryFrequency, RoundRobin, RssFetcher, simulate_fixed, simulate_peer
from tests.simulate.run import polite_interval
from tests.simulate.tally import Tally
from tests.simulate.world import (
    DAY,
    HOUR,
    MINUTE,
    OLDEST,
    START,
    Away,
    FeedWorld,
    HostWorld,
    draw_hosts,
    host_sizes,
    make_host,
)

BUDGET = HostLimits(spare_loopback=False)


def feed(
    *published: float, window: int = 10, away: tuple[Away, ...] = (), stuck: float = float("inf")
) -> FeedWorld:
    return FeedWorld(
        id=1,
        url="https://a.example/1.xml",
        kind="wild",
        published=np.array(published),
        window=window,
        dated=True,
        conditional=True,
        churns=False,
        stuck_from=stuck,
        asked=PollHints(),
        headers={},
        away=away,
    )


def host(*feeds: FeedWorld, outages: tuple[Away, ...] = ()) -> HostWorld:
    return HostWorld(
        number=1,
        name="a.example",
        weight=1.0,
        feeds=feeds,
        outages=outages,
        a_minute=None,
        seconds=0.3,
        _begins=tuple(outage.begin for outage in outages),
    )


def test_the_world_is_the_same_for_one_seed_and_another_for_another() -> None:
    one, again, other = (make_host(3, 5, weight=1.0, seed=seed, days=5) for seed in (1, 1, 2))
    assert [each.published.tolist() for each in one.feeds] == [
        each.published.tolist() for each in again.feeds
    ]
    assert one.outages == again.outages
    assert [each.published.tolist() for each in one.feeds] != [
        each.published.tolist() for each in other.feeds
    ]


def test_a_feed_that_publishes_once_in_a_century_has_entries_of_this_one() -> None:
    made = [make_host(number, 10, weight=1.0, seed=2, days=30) for number in range(400)]
    before = [each.published.min() for host in made for each in host.feeds]
    assert min(before) == -OLDEST
    assert datetime.fromtimestamp(START.timestamp() + min(before), tz=UTC).year >= 1999


@pytest.mark.parametrize("feeds", [1, 10, 4_321, 150_000])
def test_hosts_have_all_feeds_together(feeds: int) -> None:
    sizes, _ = host_sizes(feeds, None)
    assert sum(sizes) == feeds
    assert min(sizes) >= 1


def test_hosts_that_are_drawn_stand_for_all_feeds_and_for_large_hosts() -> None:
    sizes, _ = host_sizes(100_000, None)
    drawn = draw_hosts(sizes, share=0.01)
    assert sum(sizes[number] * weight for number, weight in drawn) == pytest.approx(100_000)
    assert max(sizes[number] for number, _ in drawn) > 400
    assert draw_hosts(sizes, share=1.0) == [(number, 1.0) for number in range(len(sizes))]


def test_a_corpus_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusAbsentError):
        host_sizes(100, tmp_path / "none")


def test_entries_are_seen_missed_out_of_reach_or_unseen() -> None:
    tally = Tally(days=10)
    at = 2 * DAY
    world = feed(-5.0, at, at + 10, at + 20, at + HOUR, 5 * DAY, 7 * DAY, window=2)
    away = Away(begin=5 * DAY - HOUR, end=5 * DAY + HOUR, trouble="status")
    tally.count_seen(host(world, outages=(away,)), world, np.array([DAY, at + 60, at + HOUR + 60, 6 * DAY]))
    # The first of three that came together had left a document of two; the last was never looked for.
    assert (tally.entries, tally.missed, tally.unseen, tally.out_of_reach) == (6, 1, 1, 0)
    # Entries published while the host was down count from when it was back.
    assert tally.seconds == pytest.approx(50 + 40 + 60 + (DAY - HOUR))
    assert tally.percentile(0.5) == pytest.approx(50, rel=0.02)


def test_what_came_and_went_while_a_host_was_down_is_nobodys_miss() -> None:
    tally = Tally(days=10)
    world = feed(-5.0, 2 * DAY, 2 * DAY + 10, 2 * DAY + 20, window=2)
    away = Away(begin=2 * DAY - HOUR, end=2 * DAY + HOUR, trouble="status")
    tally.count_seen(host(world, outages=(away,)), world, np.array([DAY, 3 * DAY]))
    assert (tally.entries, tally.missed, tally.out_of_reach) == (2, 0, 1)


def crowded() -> HostWorld:
    """One host with so many feeds that its rate limit is exhausted at times."""
    made = make_host(7, 60, weight=1.0, seed=1, days=4)
    return replace(made, a_minute=10, feeds=tuple(replace(each, away=()) for each in made.feeds))


def test_a_host_of_many_feeds_is_never_asked_beyond_its_budget() -> None:
    host_limits = replace(BUDGET, concurrency=1, spacing=timedelta(seconds=5))
    tally, promises = simulate(crowded(), policy=Policy(), host_limits=host_limits, days=4, seed=1)
    assert promises.broken == 0
    assert promises.busiest > 0.1
    assert promises.waits
    assert tally.simulated > 1000
    assert tally.lost == 0


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (HostLimits(concurrency=1, spacing=timedelta(seconds=1), spare_loopback=False), "early"),
        (HostLimits(concurrency=9, spacing=timedelta(0), spare_loopback=False), "crowded"),
    ],
)
def test_a_poll_beyond_the_budget_is_seen(given: HostLimits, kind: str) -> None:
    granted = replace(BUDGET, concurrency=1, spacing=timedelta(seconds=5))
    _, promises = simulate(crowded(), policy=Policy(), host_limits=given, granted=granted, days=4, seed=1)
    assert getattr(promises, kind) > 0


def test_a_poll_in_a_pause_is_seen() -> None:
    log = HostLog(admitted=[10.0, 70.0, 200.0], ended=[11.0, 71.0, 201.0], pauses=[(11.0, 131.0)])
    assert broken_promises(log, [], host_limits=BUDGET, policy=Policy(), end=DAY).paused == 1


def test_a_policy_that_forgets_feeds_is_seen() -> None:
    quiet = host(feed(-10.0, -5.0))
    slow = Policy(maximum=timedelta(days=3))
    assert simulate(quiet, policy=slow, host_limits=BUDGET, days=8, seed=1)[1].silent == 0
    tally, promises = simulate(
        quiet, policy=slow, host_limits=BUDGET, days=8, seed=1, longest=timedelta(hours=2)
    )
    assert (tally.simulated > 0, promises.silent) == (True, 1)


def test_a_feed_whose_validators_stand_still_is_found_out_by_us_and_lost_to_who_believes_them() -> None:
    published = np.arange(-20, 24 * 12) * HOUR
    stuck = host(feed(*published, window=20, stuck=3 * DAY))
    ours, _ = simulate(stuck, policy=Policy(), host_limits=BUDGET, days=12, seed=1)
    peer = simulate_peer(stuck, "miniflux_round_robin", days=12, seed=1)
    assert ours.missed + ours.unseen == 0
    assert (peer.unseen, peer.lost) == (ours.entries - 2 * 24, 1)


def test_miniflux_asks_no_more_after_three_errors_in_a_row() -> None:
    away = Away(begin=2 * DAY, end=3 * DAY, trouble="status")
    found = simulate_peer(host(feed(-1.0), outages=(away,)), "miniflux_round_robin", days=6, seed=1)
    assert found.lost == 1
    assert 48 <= found.polls <= 52


@pytest.mark.parametrize(
    ("entries", "interval"), [(0, DAY), (7, DAY), (14, DAY / 2), (2016, 5 * MINUTE), (20_000, 5 * MINUTE)]
)
def test_entry_frequency_is_a_week_over_its_entries(entries: int, interval: float) -> None:
    schedule = EntryFrequency(feed(*(np.arange(entries) * 7 * DAY / max(entries, 1))))
    assert schedule.next(Answer(at=7 * DAY - 0.001, trouble=None)) - 7 * DAY == pytest.approx(interval, abs=1)


def test_round_robin_waits_an_hour_or_as_long_as_it_is_asked_for() -> None:
    assert RoundRobin(feed()).next(Answer(at=0.0, trouble=None)) == HOUR
    asking = replace(feed(), headers={"cache-control": "max-age=7200"})
    assert RoundRobin(asking).next(Answer(at=0.0, trouble=None)) == 2 * HOUR


def test_rss_fetcher_goes_up_by_ten_minutes_and_down_by_an_hour() -> None:
    schedule = RssFetcher(feed())
    assert schedule.next(Answer(at=0.0, trouble=None, created=10, window=10)) == 6 * HOUR
    at = schedule.next(Answer(at=6 * HOUR, trouble=None, created=10, window=10))
    assert at == 6 * HOUR + 5 * HOUR
    assert schedule.next(Answer(at=at, trouble=None, created=0, window=10)) == at + 5 * HOUR + 10 * MINUTE


def test_a_fixed_interval_sees_half_of_all_entries_in_half_of_it() -> None:
    random = np.random.default_rng(1)
    even = host(feed(*np.sort(random.uniform(0, 20 * DAY, 5000)), window=1000))
    found = simulate_fixed(even, HOUR, days=20, seed=1)
    assert found.percentile(0.5) == pytest.approx(HOUR / 2, rel=0.1)
    assert found.mean == pytest.approx(HOUR / 2, rel=0.1)
    assert found.polls == pytest.approx(20 * 24, abs=1)


def test_the_polite_interval_costs_as_much_as_ours() -> None:
    tally = Tally(days=1, polls=24.0 + 12.0)
    tally.asked.update({0.0: 1.0, 2 * HOUR: 1.0})
    assert polite_interval(tally) == pytest.approx(HOUR, rel=1e-6)


def test_the_command_says_what_each_policy_costs_and_brings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "figures.json"
    arguments = ["--feeds", "120", "--days", "4", "--share", "0.3", "--workers", "1", "--crowd", "0"]
    assert main([*arguments, "--json", str(written), "--pictures", str(tmp_path)]) in (0, 1)
    shown = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {"ours_polls", "fixed_equal_p50", "fixed_polite_mean", "rss_fetcher_lost", "broken_early"} <= shown
    assert (tmp_path / "polls.png").stat().st_size < 100_000
    assert (tmp_path / "delays.png").stat().st_size < 100_000
    assert written.exists()


def test_a_month_must_have_four_days(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--days", "2"])
    assert "--days: 2.0 is not accepted" in capsys.readouterr().err
