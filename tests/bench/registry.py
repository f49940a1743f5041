"""Cost of leases and outcomes as the registry grows: a million feeds must cost no more than ten thousand.

``python -m tests.bench.registry [--sizes N,N…] [--corpus DIR] [--json FILE]``

Hosts have as many feeds as in the corpus. Each size is measured three times over:

quiet     as in a running service: a few thousand feeds are due, the others later
late      all feeds are due at once, as after a week without a poller
blocked   the feeds due first belong to one host that is paused: each gets a slot, then other feeds are leased

``lease`` is one call for 500 feeds, ``record`` stores the outcomes of as many. The figure is the median of several
calls, without the first. PostgreSQL's autovacuum runs as usual.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from sqlalchemy import Engine, text

from ingest.db.polls import lease_due, record
from ingest.schedule import Policy, decide_outcome
from ingest.schedule.rate_limit import HostLimits
from ingest.types import Lease, NotModified
from tests.bench.figures import CorpusAbsentError, Figures
from tests.bench.service import database
from tests.simulate.world import host_sizes

SIZES: Final = (10_000, 100_000, 1_000_000)
BATCH: Final = 500
CALLS: Final = 9
BASE: Final = 10_000
"""Size with which the largest one is compared."""
RATIO: Final = 2.0
NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEASE: Final = timedelta(minutes=5)
WIDE: Final = HostLimits(concurrency=1_000_000, spacing=timedelta(0))
"""Limits so wide that each call leases a whole batch; ``blocked`` measures the effect of limits."""
BLOCKED_HOST: Final = "host0.example"


def fill(engine: Engine, feeds: int, corpus: str | None) -> None:
    """Fill a registry with this many feeds, polled before and not due."""
    sizes, _ = host_sizes(feeds, corpus)
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("TRUNCATE feeds, hosts, polls, seen RESTART IDENTITY CASCADE")
        columns = "url, added_at, next_poll_at, polled_at, interval, failures, etag, body_hash, succeeded_at, entries"
        with cursor.copy(f"COPY feeds ({columns}) FROM STDIN") as copy:
            number = 0
            for host, size in enumerate(sizes):
                for path in range(size):
                    number += 1
                    due = NOW + timedelta(hours=1, seconds=number * 7919 % 86_400)
                    url = f"https://host{host}.example/{path}/feed.xml"
                    row = (url, NOW, due, NOW, timedelta(minutes=15), 0, f'"{number}"', b"h" * 16, NOW, 20)
                    copy.write_row(row)
        raw.commit()
    finally:
        raw.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE feeds"))


def cycles(engine: Engine, *, now: datetime) -> tuple[float, float]:
    """Return the median seconds of a lease and of a record, over batches of full size."""
    leases, records = [], []
    for number in range(CALLS + 1):
        at = now + timedelta(seconds=number)
        begun = time.perf_counter()
        leased = lease_due(engine, now=at, limit=BATCH, lease=LEASE, host_limits=WIDE)
        leases.append(time.perf_counter() - begun)
        if len(leased) != BATCH:
            raise RuntimeError(f"{len(leased)} of {BATCH} feeds were leased")
        outcomes = [
            decide_outcome(lease, _unchanged(lease), None, now=at, policy=Policy()) for lease in leased
        ]
        begun = time.perf_counter()
        record(engine, outcomes, now=at)
        records.append(time.perf_counter() - begun)
    return median(leases[1:]), median(records[1:])


def _unchanged(lease: Lease) -> NotModified:
    return NotModified(url=lease.url, etag=None, last_modified=None)


def quiet(engine: Engine) -> tuple[float, float]:
    with engine.begin() as connection:
        few = (CALLS + 2) * BATCH
        connection.execute(
            text(
                "UPDATE feeds SET next_poll_at = :now WHERE id IN "
                "(SELECT id FROM feeds WHERE next_poll_at > :now ORDER BY md5(id::text) LIMIT :few)"
            ),
            {"now": NOW, "few": few},
        )
    return cycles(engine, now=NOW)


def late(engine: Engine) -> tuple[float, float]:
    return cycles(engine, now=NOW + timedelta(days=8))


def blocked(engine: Engine) -> float:
    """Return the seconds until feeds of other hosts are leased, where the largest host is paused and due first."""
    now = NOW + timedelta(days=20)
    seconds = []
    for number in range(3):
        at = now + timedelta(days=number)
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE hosts SET paused_until = :until WHERE host = :host"),
                {"until": at + timedelta(hours=1), "host": BLOCKED_HOST},
            )
            connection.execute(
                text(
                    "INSERT INTO hosts (host, next_slot_at, queue_end, paused_until) "
                    "VALUES (:host, :now, :now, :until) "
                    "ON CONFLICT DO NOTHING"
                ),
                {"host": BLOCKED_HOST, "now": at, "until": at + timedelta(hours=1)},
            )
            # More feeds than the registry reads at once, all at the head of the due ones.
            connection.execute(
                text("UPDATE feeds SET next_poll_at = :due, slot_at = NULL WHERE host = :host"),
                {"due": at - timedelta(days=300), "host": BLOCKED_HOST},
            )
        begun = time.perf_counter()
        leases = lease_due(engine, now=at, limit=BATCH, lease=LEASE, host_limits=WIDE)
        seconds.append(time.perf_counter() - begun)
        if len(leases) != BATCH or any(BLOCKED_HOST in lease.url for lease in leases):
            raise RuntimeError(f"{len(leases)} were leased, none of which may belong to {BLOCKED_HOST}")
    return median(seconds)


def measure(figures: Figures, sizes: Sequence[int], corpus: str | None) -> None:
    by_name: dict[str, dict[int, float]] = {}
    with database() as (_, engine):
        for size in sizes:
            print(f"{size} feeds", file=sys.stderr)
            fill(engine, size, corpus)
            seconds_by_name: dict[str, float] = {}
            if size > (CALLS + 2) * BATCH:
                seconds_by_name["quiet_lease"], seconds_by_name["quiet_record"] = quiet(engine)
                seconds_by_name["late_lease"], seconds_by_name["late_record"] = late(engine)
                seconds_by_name["blocked_lease"] = blocked(engine)
            for name, seconds in seconds_by_name.items():
                figures.add(f"registry_{name}_{size}", 1000 * seconds, "ms")
                by_name.setdefault(name, {})[size] = seconds
    largest = max(sizes)
    for name, by_size in by_name.items():
        if BASE in by_size and largest in by_size and largest > BASE and name != "blocked_lease":
            ratio = by_size[largest] / by_size[BASE]
            figures.add(f"registry_{name}_ratio", ratio, f"of {BASE}", floor=RATIO, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), metavar="N,N…", help="feeds of the registry"
    )
    options = parser.parse_args(arguments)
    figures = Figures("bench registry")
    try:
        measure(figures, [int(size) for size in options.sizes.split(",")], options.corpus)
    except CorpusAbsentError as error:
        print(error, file=sys.stderr)
        return 2
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
