"""What leases and outcomes cost as the registry grows: no more with a million feeds than with ten thousand.

``python -m tests.bench.registry [--sizes N,N…] [--corpus DIR] [--json FILE]``

Hosts have as many feeds as in the corpus. Each size is measured three times over:

quiet     as in a running service: a few thousand are due, the others later
late      all are due at once, as after a week in which no poller ran
blocked   the feeds that are due first are of one host that is paused: each is given its turn, and the next are found

``lease`` is one call for 500 feeds, ``record`` stores the outcomes of as many. The median of several calls, of which
the first is not counted. PostgreSQL's own upkeep runs as it comes.
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
"""The size that the largest is compared with."""
RATIO: Final = 2.0
NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEASE: Final = timedelta(minutes=5)
WIDE: Final = HostLimits(concurrency=1_000_000, spacing=timedelta(0))
"""So that each call leases a whole batch; what budgets keep back is measured in ``blocked``."""
BLOCKED_HOST: Final = "host0.example"


def fill(engine: Engine, feeds: int, corpus: str | None) -> None:
    """A registry of so many feeds, polled before, none of them due."""
    sizes, _ = host_sizes(feeds, corpus)
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("TRUNCATE feeds, hosts, polls, seen RESTART IDENTITY CASCADE")
        columns = "url, added_at, next_poll_at, polled_at, interval, failures, etag, body_hash, succeeded_at, entries"
        with cursor.copy(f"COPY feeds ({columns}) FROM STDIN") as copy:
            number = 0
            for host, size in enumerate(sizes):
                for place in range(size):
                    number += 1
                    due = NOW + timedelta(hours=1, seconds=number * 7919 % 86_400)
                    url = f"https://host{host}.example/{place}/feed.xml"
                    row = (url, NOW, due, NOW, timedelta(minutes=15), 0, f'"{number}"', b"h" * 16, NOW, 20)
                    copy.write_row(row)
        raw.commit()
    finally:
        raw.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE feeds"))


def cycles(engine: Engine, *, now: datetime) -> tuple[float, float]:
    """Median seconds of a lease and of a record, of batches that are all leased."""
    leases, records = [], []
    for number in range(CALLS + 1):
        at = now + timedelta(seconds=number)
        begun = time.perf_counter()
        found = lease_due(engine, now=at, limit=BATCH, lease=LEASE, host_limits=WIDE)
        leases.append(time.perf_counter() - begun)
        if len(found) != BATCH:
            raise RuntimeError(f"{len(found)} of {BATCH} feeds were leased")
        outcomes = [
            decide_outcome(lease, _unchanged(lease), None, now=at, policy=Policy()) for lease in found
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
    """Seconds until feeds of other hosts are leased, where the host with most feeds is paused and due first."""
    now = NOW + timedelta(days=20)
    found = []
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
            # All of one page of the registry and more, at the head of what is due.
            connection.execute(
                text("UPDATE feeds SET next_poll_at = :due, slot_at = NULL WHERE host = :host"),
                {"due": at - timedelta(days=300), "host": BLOCKED_HOST},
            )
        begun = time.perf_counter()
        leases = lease_due(engine, now=at, limit=BATCH, lease=LEASE, host_limits=WIDE)
        found.append(time.perf_counter() - begun)
        if len(leases) != BATCH or any(BLOCKED_HOST in lease.url for lease in leases):
            raise RuntimeError(f"{len(leases)} were leased, and none should be of {BLOCKED_HOST}")
    return median(found)


def measure(figures: Figures, sizes: Sequence[int], corpus: str | None) -> None:
    taken: dict[str, dict[int, float]] = {}
    with database() as (_, engine):
        for size in sizes:
            print(f"{size} feeds", file=sys.stderr)
            fill(engine, size, corpus)
            found: dict[str, float] = {}
            if size > (CALLS + 2) * BATCH:
                found["quiet_lease"], found["quiet_record"] = quiet(engine)
                found["late_lease"], found["late_record"] = late(engine)
                found["blocked_lease"] = blocked(engine)
            for name, seconds in found.items():
                figures.add(f"registry_{name}_{size}", 1000 * seconds, "ms")
                taken.setdefault(name, {})[size] = seconds
    largest = max(sizes)
    for name, by_size in taken.items():
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
