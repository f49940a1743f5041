"""``./run simulate [--feeds N] [--days D] [--seed S] [--share X] [--pictures DIR] [--corpus DIR] [--json FILE]``

A month of many feeds through our own polling policy, on a clock of its own, and through those of others. What is
exact and what is drawn, and how the world is made: docs/simulation.md.

A share of the hosts is simulated completely and stands for all: hosts are independent of each other, and hosts of
every size are in it. ``--share 1`` leaves none out, and takes hours.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from tests.bench.figures import CorpusAbsentError, Figures
from tests.simulate.ours import simulate
from tests.simulate.run import POLITE, Chosen, Found, Machine, Run, run_all
from tests.simulate.world import DAY, HOUR, OUR_OUTAGE, draw_hosts, host_sizes, make_host

CROWD: Final = 12_000
"""Feeds of one host: the largest that Media Cloud knows has so many."""
CROWD_DAYS: Final = 2.0


def add_figures(figures: Figures, found: Found) -> None:
    ours, equal, polite = (found.tallies[name] for name in ("ours", found.equal, POLITE))
    broken = found.promises
    for name, tally in found.tallies.items():
        shown = "fixed_equal" if name == found.equal else name
        figures.add(f"{shown}_polls", tally.polls_a_day, "a day and feed")
        for share in (50, 95):
            figures.add(f"{shown}_p{share}", tally.percentile(share / 100), "s")
        figures.add(f"{shown}_mean", tally.mean, "s")
        figures.add(f"{shown}_feeds_p50", tally.percentile(0.5, of_feeds=True), "s")
        figures.add(f"{shown}_missed", 1e6 * tally.missed / tally.entries, "of a million entries")
        figures.add(f"{shown}_unseen", 1e6 * tally.unseen / tally.entries, "of a million entries")
        if name == "ours":
            figures.add("ours_lost", tally.lost, "feeds", floor=0, lower_is_better=True)
        else:
            figures.add(f"{shown}_lost", tally.lost, "feeds")
    figures.add("equal_interval", found.tallies["ours"].feeds * ours.days * DAY / ours.polls, "s")
    figures.add("polls_equal", equal.polls / ours.polls, "of ours")
    for name, other in (("fixed", equal), ("polite", polite)):
        for what, value in (
            ("p50", ours.percentile(0.5) / other.percentile(0.5)),
            ("p95", ours.percentile(0.95) / other.percentile(0.95)),
            ("mean", ours.mean / other.mean),
        ):
            # Nine feeds of ten may be asked at any time; the slowest twentieth of all entries comes from those that
            # ask to be left alone for an hour, which the first of the two does not hear.
            floor = None if (name, what) == ("fixed", "p95") else 1.0
            figures.add(f"delay_{what}_of_{name}", value, "ratio", floor=floor, lower_is_better=True)
    missed = (ours.missed + ours.unseen) / max(polite.missed + polite.unseen, 1.0)
    figures.add("missed_of_polite", missed, "ratio", floor=1.0, lower_is_better=True)
    figures.add("not_modified", ours.bytes_saved / ours.polls, "of polls")
    # All that failed in our own outage is asked for again after a minute: that hour says nothing of the others.
    quiet = np.delete(ours.by_hour[1:], slice(int(OUR_OUTAGE[0] // HOUR) - 1, int(OUR_OUTAGE[1] // HOUR)))
    figures.add("busiest_hour", float(quiet.max()) / HOUR, "polls/s")
    figures.add("host_busiest_hour", broken.busiest, "of its budget", floor=1.001, lower_is_better=True)
    for name in ("early", "crowded", "paused", "unasked", "hasty", "silent"):
        figures.add(f"broken_{name}", getattr(broken, name), "polls", floor=0, lower_is_better=True)
    if broken.waits:
        figures.add("host_wait_p95", float(np.quantile(broken.waits, 0.95)), "s")


def add_crowd(figures: Figures, run: Run, *, size: int) -> None:
    """Add a host with more feeds than its rate limit allows to poll in time."""
    crowd = replace(run, days=CROWD_DAYS)
    host = make_host(10**9, size, weight=1.0, seed=run.seed, days=crowd.days)
    _, promises = simulate(
        replace(host, a_minute=None, outages=(), _begins=()),
        policy=run.policy,
        host_limits=run.host_limits,
        days=crowd.days,
        seed=run.seed,
    )
    figures.add("crowd_feeds", size, "of one host")
    figures.add("crowd_busiest_hour", promises.busiest, "of its budget", floor=1.001, lower_is_better=True)
    figures.add("crowd_broken", promises.broken, "polls", floor=0, lower_is_better=True)
    if promises.waits:
        figures.add("crowd_wait_p50", float(np.quantile(promises.waits, 0.5)), "s")
        # One that finds all places taken when its turn comes waits for another one, behind all others.
        most = 2 * size * run.host_limits.spacing.total_seconds()
        longest = float(np.max(promises.waits))
        figures.add("crowd_wait_longest", longest, "s", floor=most, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(
            prog="./run simulate",
            description=__doc__,
            epilog="example: ./run simulate --feeds 10000 --days 14 --pictures /tmp",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    parser.add_argument("--feeds", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=30.0, help="at least 4")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.02, help="of the hosts, more than 0 and at most 1")
    parser.add_argument(
        "--crowd", type=int, default=CROWD, help="feeds of the host that has too many; 0: none"
    )
    parser.add_argument("--workers", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--pictures", metavar="DIR", help="write the pictures there")
    options = parser.parse_args(arguments)
    for name, accepted in (
        ("feeds", options.feeds >= 1),
        ("days", options.days >= 4),
        ("share", 0 < options.share <= 1),
    ):
        if not accepted:
            parser.error(f"--{name}: {getattr(options, name)} is not accepted; see --help")
    figures = Figures("simulate")
    try:
        sizes, source = host_sizes(options.feeds, options.corpus)
    except CorpusAbsentError as error:
        print(error, file=sys.stderr)
        return 2
    hosts = [Chosen(number=n, size=sizes[n], weight=w) for n, w in draw_hosts(sizes, share=options.share)]
    print(f"{source}: {len(sizes)} hosts, the largest has {max(sizes)} feeds", file=sys.stderr)
    figures.add("feeds", options.feeds, "feeds")
    figures.add("hosts", len(sizes), "hosts")
    figures.add("feeds_simulated", sum(host.size for host in hosts), "feeds")
    run = Run(days=options.days, seed=options.seed)
    begun = time.monotonic()
    found = run_all(run, hosts, Machine(options.workers))
    figures.add("polls_simulated", found.tallies["ours"].simulated, "polls")
    add_figures(figures, found)
    if options.crowd:
        add_crowd(figures, run, size=options.crowd)
    figures.add("seconds", time.monotonic() - begun, "s")
    if options.pictures:
        from tests.simulate.pictures import draw

        draw(Path(options.pictures), found.tallies, equal=found.equal)
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
