"""Simulate many hosts with all policies, on all processors."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from typing import Final, TypeVar

from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from tests.simulate.ours import Promises, simulate
from tests.simulate.peers import PEERS, simulate_fixed, simulate_peer
from tests.simulate.tally import Tally
from tests.simulate.world import DAY, HOUR, MINUTE, make_host

FIXED: Final = (5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR)
OTHERS: Final = (timedelta(minutes=5), timedelta(hours=1))
"""Other values of INGEST_POLL_INTERVAL, for the curve of delay over polls."""
OTHERS_SHARE: Final = 0.1
"""The share of the sampled hosts that is simulated for these values."""
POLITE: Final = "fixed_polite"
"""Each feed at one interval, or at the longer one that it requests, with as many polls as ours."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A sampled host."""

    number: int
    size: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Parameters of all processes."""

    days: float
    seed: int
    policy: Policy = Policy()
    host_limits: HostLimits = HostLimits(spare_loopback=False)


def play_ours(run: Run, chosen: Chosen) -> tuple[Tally, Promises]:
    host = make_host(chosen.number, chosen.size, weight=chosen.weight, seed=run.seed, days=run.days)
    return simulate(host, policy=run.policy, host_limits=run.host_limits, days=run.days, seed=run.seed)


def play_others(run: Run, fixed: Sequence[float], polite: float, chosen: Chosen) -> dict[str, Tally]:
    """Simulate one host with all other policies."""
    host = make_host(chosen.number, chosen.size, weight=chosen.weight, seed=run.seed, days=run.days)
    found = {name: simulate_peer(host, name, days=run.days, seed=run.seed) for name in PEERS}
    for interval in fixed:
        found[fixed_name(interval)] = simulate_fixed(host, interval, days=run.days, seed=run.seed)
    found[POLITE] = simulate_fixed(host, polite, days=run.days, seed=run.seed, polite=True)
    return found


def fixed_name(interval: float) -> str:
    return f"fixed_{interval / 60:.0f}m"


def polite_interval(tally: Tally) -> float:
    """Return the interval that needs as many polls as ``tally``, where feeds may request longer ones."""
    low, high = MINUTE, DAY
    for _ in range(50):
        middle = (low * high) ** 0.5
        polls = sum(
            feeds * tally.days * DAY / max(middle, min(asked, DAY)) for asked, feeds in tally.asked.items()
        )
        low, high = (middle, high) if polls > tally.polls else (low, middle)
    return low


class Machine:
    """Run a function for many hosts, on all processors, the largest first."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, play: Callable[[Chosen], T], hosts: Sequence[Chosen], about: str) -> Iterator[T]:
        hosts = sorted(hosts, key=lambda host: -host.size)
        begun, feeds, done = time.monotonic(), sum(host.size for host in hosts), 0
        if self._workers == 1:
            yield from map(play, hosts)
            return
        large = [host for host in hosts if host.size >= 10]
        small = [host for host in hosts if host.size < 10]
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as pool:
            results = (pool.map(play, large), pool.map(play, small, chunksize=25))
            for part, of in zip(results, (large, small), strict=True):
                for host, result in zip(of, part, strict=True):
                    done += host.size
                    yield result
                    if sys.stderr.isatty():
                        print(
                            f"\r{about}: {done} of {feeds} feeds, {time.monotonic() - begun:.0f} s",
                            end="",
                            file=sys.stderr,
                        )
        print(f"\r{about}: {feeds} feeds, {time.monotonic() - begun:.0f} s", file=sys.stderr)


@dataclass(slots=True, kw_only=True)
class Found:
    """Results of all policies."""

    tallies: dict[str, Tally]
    promises: Promises
    equal: str
    """The name of the fixed interval that needs as many polls as ours."""


def run_all(run: Run, hosts: Sequence[Chosen], machine: Machine) -> Found:
    """Simulate our policy first: its polls determine the fixed interval to compare with."""
    tally, promises = Tally(days=run.days), Promises()
    for part, broken in machine.map(partial(play_ours, run), hosts, "ours"):
        tally.add(part)
        promises.add(broken)
    equal = tally.feeds * run.days * DAY / tally.polls
    tallies = {"ours": tally}
    # The largest hosts are left out, because their budgets would shape the curve.
    some = [host for host in hosts if host.size < 64][:: round(1 / OTHERS_SHARE)] or hosts
    scale = sum(host.size * host.weight for host in hosts) / sum(host.size * host.weight for host in some)
    fewer = [replace(host, weight=host.weight * scale) for host in some]
    for interval in OTHERS:
        # A minimum of its own: the curve is of what an operator would set.
        other = replace(run, policy=Policy(interval=interval))
        name = f"ours_{interval / timedelta(minutes=1):.0f}m"
        tallies[name] = Tally(days=run.days)
        for part, broken in machine.map(partial(play_ours, other), fewer, name):
            tallies[name].add(part)
            promises.add(broken)
    fixed = sorted({*FIXED, equal})
    polite = polite_interval(tally)
    for peers in machine.map(partial(play_others, run, fixed, polite), hosts, "others"):
        for name, part in peers.items():
            tallies.setdefault(name, Tally(days=run.days)).add(part)
    return Found(tallies=tallies, promises=promises, equal=fixed_name(equal))
