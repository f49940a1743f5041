"""Rate limits of hosts in the database: shared by pollers, listed for operators and set by them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from ingest.cli import root
from ingest.db import hosts
from ingest.db.feeds import add_feeds, find_feed, make_due
from ingest.db.hosts import BusyHost
from ingest.db.polls import lease_due, record, release
from ingest.schedule import Policy, decide_outcome
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Failed, FailureKind, Lease, NotModified

pytestmark = pytest.mark.store
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
BUDGET = HostLimits(concurrency=2, spacing=10 * SECOND)


def add(engine: Engine, *hosts_: str, each: int) -> None:
    rows = [(f"https://{host}/{number}", None) for host in hosts_ for number in range(each)]
    add_feeds(engine, rows, now=NOW, interval=timedelta(minutes=15))


def lease(
    engine: Engine, now: datetime = NOW, *, limit: int = 100, host_limits: HostLimits = BUDGET
) -> list[Lease]:
    return lease_due(engine, now=now, limit=limit, lease=LEASE, host_limits=host_limits)


def refused(engine: Engine, leased: Lease, *, now: datetime, wait: timedelta | None = None) -> None:
    failed = Failed(kind=FailureKind.STATUS, detail="429", status=429, retry_after=wait, url=leased.url)
    record(engine, [decide_outcome(leased, failed, None, now=now, policy=Policy())], now=now)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/", "a.example"),
        ("http://a.example:8080/feed?x=http://b.example/", "a.example"),
        ("https://a.example?x", "a.example"),
        ("http://[2001:db8::1]:81/feed", "[2001:db8::1]"),
        ("https://xn--bcher-kva.example/@me/feed", "xn--bcher-kva.example"),
    ],
)
def test_the_host_of_a_feed(database: Engine, url: str, host: str) -> None:
    add_feeds(database, [(url, None)], now=NOW, interval=MINUTE)
    assert [each.host for each in hosts.list_hosts(database)] == [host]


def test_a_host_is_polled_within_its_budget_whoever_asks(database: Engine) -> None:
    add(database, "a.example", "b.example", each=20)

    def ask(_: int) -> list[Lease]:
        return lease(database)

    with ThreadPoolExecutor(4) as threads:
        leased = [each for found in threads.map(ask, range(4)) for each in found]
    assert Counter(each.url.split("/")[2] for each in leased) == {"a.example": 2, "b.example": 2}
    release(database, leased, now=NOW)
    # Each remaining feed has a slot of its own, ten seconds after the previous slot.
    with database.connect() as connection:
        turns = connection.execute(
            text("SELECT slot_at FROM feeds WHERE host = 'a.example' AND slot_at IS NOT NULL ORDER BY 1")
        ).scalars()
        assert list(turns) == [NOW + (20 + 10 * n) * SECOND for n in range(18)]


def test_turns_are_kept_and_newcomers_go_behind_them(database: Engine) -> None:
    add(database, "a.example", each=4)
    first = lease(database)
    release(database, first, now=NOW)  # due again at once: they are newcomers now
    assert lease(database, NOW + SECOND) == []
    order: list[str] = []
    for n in range(1, 8):
        now = NOW + 10 * n * SECOND
        for each in lease(database, now):
            order.append(each.url.rpartition("/")[2])
            unchanged = NotModified(url=each.url, etag=None, last_modified=None)
            record(database, [decide_outcome(each, unchanged, None, now=now, policy=Policy())], now=now)
    assert order[:2] == ["2", "3"]
    assert sorted(order) == ["0", "1", "2", "3"]


def test_a_feed_that_waits_says_for_what(database: Engine) -> None:
    add(database, "a.example", each=3)
    lease(database)
    waiting = find_feed(database, url="https://a.example/2")
    assert waiting is not None
    assert waiting.last_reason == "waits for a slot at a.example, which is rate-limited"
    assert waiting.next_poll_at == NOW + 20 * SECOND


def test_a_feed_whose_host_is_paused_says_until_when_and_why(database: Engine) -> None:
    add(database, "a.example", each=2)
    (told,) = lease(database, limit=1)
    refused(database, told, now=NOW, wait=5 * MINUTE)
    assert lease(database, NOW + SECOND) == []
    waiting = find_feed(database, url="https://a.example/1")
    assert waiting is not None
    assert waiting.last_reason == (
        "waits for a slot at a.example, which is paused until 2026-11-24 12:05:00Z: "
        "429 for https://a.example/0, Retry-After 5m"
    )
    assert waiting.next_poll_at == NOW + 5 * MINUTE


def test_when_a_host_has_room_for_a_feed_is_known_without_asking_it(database: Engine) -> None:
    add(database, "a.example", "b.example", "127.0.0.1", each=3)
    assert rooms(database, NOW) == {}
    asked = lease(database)
    add_feeds(
        database,
        [(f"https://{name}/new", None) for name in ("a.example", "b.example")],
        now=NOW,
        interval=MINUTE,
    )
    # Two feeds of each host are leased now. The third has a slot, and the new one gets the slot behind it.
    busy = BusyHost(at=NOW + 30 * SECOND, pause_reason=None)
    expected = {f"https://{name}/{path}" for name in ("a.example", "b.example") for path in ("0", "1", "new")}
    assert rooms(database, NOW) == dict.fromkeys(expected, busy)
    told = next(each for each in asked if each.url == "https://b.example/0")
    refused(database, told, now=NOW, wait=5 * MINUTE)
    paused = BusyHost(at=NOW + 5 * MINUTE, pause_reason="429 for https://b.example/0, Retry-After 5m")
    assert [rooms(database, NOW)[f"https://b.example/{path}"] for path in ("2", "new")] == [paused, paused]
    assert "https://a.example/2" not in rooms(database, NOW)
    lease(database, NOW + SECOND)
    new = find_feed(database, url="https://b.example/new")
    assert new is not None
    assert new.next_poll_at == paused.at
    lease(database, NOW + 30 * SECOND)  # the third's turn came, and it has another behind the pause
    third = find_feed(database, url="https://b.example/2")
    assert third is not None
    assert third.next_poll_at > paused.at
    assert rooms(database, NOW)["https://b.example/2"] == paused


def rooms(database: Engine, now: datetime) -> dict[str, BusyHost]:
    """Return the busy hosts of feeds by the feeds' URLs."""
    with database.connect() as connection:
        known = connection.execute(text("SELECT id, host, url FROM feeds")).all()
    found = hosts.busy_hosts(database, {row.id: row.host for row in known}, now=now, host_limits=BUDGET)
    return {row.url: found[row.id] for row in known if row.id in found}


def test_asking_by_hand_respects_the_budget(database: Engine) -> None:
    add(database, "a.example", each=3)
    release(database, lease(database), now=NOW)
    make_due(database, now=NOW + SECOND)
    assert lease(database, NOW + SECOND) == []


def test_too_many_requests_for_one_feed_pauses_all_of_its_host(database: Engine) -> None:
    add(database, "a.example", "b.example", each=2)
    fast = replace(BUDGET, spacing=timedelta(0), concurrency=9)
    told, *_ = lease(database, limit=1, host_limits=fast)
    refused(database, told, now=NOW, wait=5 * MINUTE)
    assert [each.url for each in lease(database, host_limits=fast)] == [
        "https://b.example/0",
        "https://b.example/1",
    ]
    assert lease(database, NOW + 4 * MINUTE, host_limits=fast) == []
    later = lease(database, NOW + 5 * MINUTE, host_limits=fast)
    assert {each.url for each in later} >= {"https://a.example/1"}


def test_a_longer_pause_is_not_cut_by_a_shorter_one(database: Engine) -> None:
    add(database, "a.example", each=2)
    one, other = lease(database, host_limits=replace(BUDGET, spacing=timedelta(0)))
    refused(database, one, now=NOW, wait=10 * MINUTE)
    refused(database, other, now=NOW, wait=2 * MINUTE)
    (host,) = hosts.list_hosts(database)
    assert host.paused_until == NOW + 10 * MINUTE
    assert host.pause_reason == "429 for https://a.example/0, Retry-After 10m"


def test_many_feeds_of_a_paused_host_do_not_keep_others_waiting(database: Engine) -> None:
    add(database, "a.example", each=300)
    add(database, "b.example", each=1)
    (told,) = lease(database, limit=1)
    refused(database, told, now=NOW)
    assert [each.url for each in lease(database, limit=50)] == ["https://b.example/0"]


def test_loopback_has_no_budget_and_a_feed_that_waited_carries_no_lease_into_the_count(
    database: Engine,
) -> None:
    add(database, "127.0.0.1", each=50)
    assert len(lease(database)) == 50
    add(database, "a.example", each=2)
    one = replace(BUDGET, concurrency=1)
    assert len(lease(database, host_limits=one)) == 1
    # Its lease ran out while the host was full; it waits for its turn, and then its first poll is abandoned.
    late = NOW + LEASE + SECOND
    assert len(lease(database, late, host_limits=one, limit=1)) == 1


@pytest.fixture
def command(database_url: str) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(root, ["hosts", *arguments], env={"INGEST_DATABASE_URL": database_url})

    return run


def test_an_operator_sees_and_sets_hosts(database: Engine, command: Callable[..., Result]) -> None:
    assert "no feeds yet" in command("list").output
    add(database, "a.example", each=2)
    add(database, "b.example", each=1)
    assert command("set", "A.example", "--spacing", "30s").output == "a.example: one request every 30s\n"
    assert command("list").output.splitlines() == ["     2     30s  a.example", "     1      1s  b.example"]
    far = datetime(2999, 1, 1, tzinfo=UTC)
    told = next(each for each in lease(database, far) if each.url.startswith("https://a.example/"))
    refused(database, told, now=far)
    assert f"a.example  paused until 2999-01-01 00:01:00Z: 429 for {told.url}\n" in command("list").output
    facts = json.loads(command("list", "--json").output)
    assert facts[0]["spacing"] == 30
    assert facts[0]["paused_until"] == "2999-01-01T00:01:00Z"
    assert command("unpause", "a.example").output == "a.example: unpaused\n"
    assert command("unpause", "a.example").output == "a.example: not paused\n"
    assert command("set", "a.example", "--spacing", "default").output == "a.example: one request every 1s\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "z.example", "--spacing", "1s"), "host: 'z.example' is not accepted"),
        (("unpause", "z.example"), "host: 'z.example' is not accepted"),
        (("set", "a.example", "--spacing", "soon"), "--spacing: 'soon' is not accepted"),
    ],
)
def test_bad_input_is_named(
    database: Engine, command: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    add(database, "a.example", each=1)
    done = command(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_a_loopback_address_is_listed_as_without_a_budget_and_has_none_to_set(
    database: Engine, command: Callable[..., Result]
) -> None:
    add(database, "127.0.0.1", each=3)
    told, *_ = lease(database)
    refused(database, told, now=datetime(2999, 1, 1, tzinfo=UTC))  # the Retry-After applies to this feed only
    assert command("list").output == "     3    none  127.0.0.1  loopback address: no rate limit\n"
    (facts,) = json.loads(command("list", "--json").output)
    assert (facts["paused_until"], facts["pause_reason"]) == (None, None)
    for arguments in (("set", "127.0.0.1", "--spacing", "10s"), ("unpause", "127.0.0.1")):
        done = command(*arguments)
        assert done.exit_code == 2
        assert "host: '127.0.0.1' is not accepted; expected another machine" in done.output


def test_feeds_that_wait_behind_a_pause_are_polled_when_it_is_ended(database: Engine) -> None:
    add(database, "a.example", each=6)
    one = replace(BUDGET, concurrency=1, spacing=SECOND)
    (told,) = lease(database, limit=1, host_limits=one)
    refused(database, told, now=NOW, wait=30 * MINUTE)
    assert lease(database, NOW + MINUTE, host_limits=one) == []
    assert hosts.unpause(database, "a.example", now=NOW + MINUTE)
    found = [each for n in range(60, 75) for each in lease_and_end(database, NOW + n * SECOND, one)]
    assert len(found) == 5


def lease_and_end(engine: Engine, now: datetime, host_limits: HostLimits) -> list[Lease]:
    """Those that may be polled now; each is done at once."""
    found = lease(engine, now, host_limits=host_limits)
    unchanged = NotModified(url="u", etag=None, last_modified=None)
    record(
        engine, [decide_outcome(each, unchanged, None, now=now, policy=Policy()) for each in found], now=now
    )
    return found


def test_pollers_that_ask_for_many_hosts_at_once_do_not_stop_each_other(database: Engine) -> None:
    chance = random.Random(5)
    rows = [
        (f"https://{min(int(chance.paretovariate(0.6)), 200)}.example/{number}", None)
        for number in range(2000)
    ]
    add_feeds(database, rows, now=NOW, interval=MINUTE)

    def ask(_: int) -> int:
        return sum(len(lease(database, NOW + n * SECOND, limit=100)) for n in range(8))

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(ask, range(3))) > 100
