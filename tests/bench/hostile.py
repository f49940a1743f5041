"""Good feeds among hostile ones: throughput of the good feeds, memory, and the result of each hostile poll.

``python -m tests.bench.hostile [--feeds N] [--copies C] [--json FILE]``

The hostile feeds are decompression bombs in all codings, endless bodies and headers, stalls, drips, redirect loops, and
documents that exhaust a parser. All are due at once with the good feeds, which have new entries. Rates are those of the
good feeds, from the moment all are due until the last of them is recorded, without and with hostile feeds in one run.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.request import urlopen

import psutil
from sqlalchemy import Engine, select

from ingest import runtime
from ingest.db.feeds import add_feeds, make_due
from ingest.db.tables import feeds, polls
from ingest.fetch import Limits
from ingest.log.postgres import PostgresLog
from ingest.poll import PollSettings
from ingest.poll_process import PollProcess
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from tests.bench.figures import Figures
from tests.bench.service import database
from tests.feedworld.control import WorldProcess

LIMITS: Final = Limits(deadline=timedelta(seconds=20))
PARSE_DEADLINE: Final = timedelta(seconds=20)
PARSE_MEMORY: Final = 1024**3
CONCURRENCY: Final = 100
SHARE: Final = 0.25
"""Least rate of the good feeds, relative to their rate alone; a documented bound (docs/polling.md)."""
POLLER_GROWTH: Final = 600.0
"""Most growth of the poller's process in MB; a documented bound."""
SAMPLE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A kind of hostile feed, with the permitted results of a poll."""

    ends: frozenset[str]
    fault: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b"<rss version='2.0'><channel><item><title>bait</title></item></channel></rss>"


def _xml(inside: bytes, before: bytes = b"") -> bytes:
    return b"<?xml version='1.0'?>" + before + b"<rss version='2.0'><channel>" + inside + b"</channel></rss>"


_ENTITIES: Final = b"".join(
    b"<!ENTITY e%d '%s'>" % (level, b"&e%d;" % (level - 1) * 10) for level in range(1, 12)
)
_READ: Final = frozenset({"unparsable", "not-a-feed", "parse-limit", "fetched"})
KINDS: Final[Mapping[str, Hostile]] = {
    **{
        f"bomb_{coding}": Hostile(
            ends=frozenset({"too-large"}), fault="gzip_bomb", arguments={"coding": coding}
        )
        for coding in ("gzip", "deflate", "br", "zstd")
    },
    "endless_body": Hostile(ends=frozenset({"too-large"}), fault="endless_body"),
    "endless_headers": Hostile(ends=frozenset({"protocol"}), fault="endless_headers"),
    "huge_header": Hostile(ends=frozenset({"protocol"}), fault="huge_header"),
    "silence": Hostile(ends=frozenset({"timeout"}), fault="stall"),
    "drip": Hostile(ends=frozenset({"timeout"}), fault="drip"),
    "loop": Hostile(ends=frozenset({"redirect"}), fault="redirect_to", arguments={"location": "?"}),
    "deep": Hostile(ends=_READ, body=_xml(b"<a>" * 100_000 + b"</a>" * 100_000)),
    "attributes": Hostile(
        ends=_READ, body=_xml(b"<item " + b" ".join(b"a%d=''" % n for n in range(1_000_000)) + b"/>")
    ),
    "entities": Hostile(
        ends=frozenset({"unparsable"}),
        body=_xml(
            b"<item><title>&e11;</title></item>",
            b"<!DOCTYPE rss [<!ENTITY e0 'ha'>" + _ENTITIES + b"]>",
        ),
    ),
    "json": Hostile(ends=_READ, body=json.dumps({"version": "x", "items": [[[]] * 8] * 300_000}).encode()),
}


@dataclass(slots=True)
class Peaks:
    """Peak memory in bytes."""

    poller: int = 0
    workers: int = 0
    """Peak of the largest parser process."""


@contextmanager
def watched(poller: PollProcess) -> Iterator[Peaks]:
    peaks, done, own = Peaks(), threading.Event(), psutil.Process()

    def look() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peaks.poller = max(peaks.poller, own.memory_info().rss)
            for pid in poller.resources.parsers.pids:
                try:
                    peaks.workers = max(peaks.workers, psutil.Process(pid).memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def rate(engine: Engine, poller: PollProcess, world: WorldProcess, good: Sequence[str]) -> float:
    """Return good feeds a second, all with new entries, from due to recorded; every other feed is due too."""
    world.advance_all()
    begun, moment = time.perf_counter(), runtime.now()
    make_due(engine, now=moment)
    poller.run(Stop(), until_idle=True)
    seconds_of_all = time.perf_counter() - begun
    with engine.connect() as connection:
        rows = connection.execute(
            select(polls.c.finished_at, polls.c.result, polls.c.failure, polls.c.detail)
            .join(feeds, feeds.c.id == polls.c.feed_id)
            .where(feeds.c.url.in_(good), polls.c.started_at >= moment)
        ).all()
    failures = Counter(f"{row.result} {row.failure} {row.detail}" for row in rows if row.result != "fetched")
    if failures or len(rows) != len(good):
        raise RuntimeError(
            f"not every good feed was polled once: {len(rows)} polls of {len(good)}, {failures}"
        )
    seconds: float = max((row.finished_at - moment).total_seconds() for row in rows)
    print(
        f"last good feed recorded after {seconds:.1f} s, last of all after {seconds_of_all:.1f} s",
        file=sys.stderr,
    )
    return len(good) / seconds


def unexpected(engine: Engine, hostile: Mapping[str, str]) -> list[str]:
    """Describe the hostile feeds (URL → kind) whose only poll ended in a result that is not permitted."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(feeds.c.url, polls.c.result, polls.c.failure, polls.c.detail).join(
                polls, feeds.c.id == polls.c.feed_id
            )
        ).all()
    results: dict[str, list[str]] = {url: [] for url in hostile}
    for row in rows:
        if row.url in results:
            results[row.url].append(row.failure or row.result)
    return [
        f"{hostile[url]}: {ends}"
        for url, ends in results.items()
        if len(ends) != 1 or ends[0] not in KINDS[hostile[url]].ends
    ]


def measure(figures: Figures, options: argparse.Namespace) -> None:
    arguments = f"--generated {options.feeds} --addresses 20 --window 30 --fresh 5 --rounds 4".split()
    with WorldProcess(arguments) as world, WorldProcess() as hostile_world, database() as (_, engine):
        good = world.urls()
        add_feeds(engine, [(url, None) for url in good], now=runtime.now(), interval=timedelta(days=1))
        with _poller(engine) as poller:
            rate(engine, poller, world, good)
            with watched(poller) as before:
                alone = rate(engine, poller, world, good)
            hostile = publish_hostile(hostile_world, copies=options.copies)
            add_feeds(engine, [(url, None) for url in hostile], now=runtime.now(), interval=timedelta(days=1))
            with watched(poller) as among:
                beside = rate(engine, poller, world, good)
            wrong = unexpected(engine, hostile)
        for line in wrong:
            print(line, file=sys.stderr)
        figures.add("hostile_feeds", len(hostile), "feeds")
        figures.add("hostile_good_alone", alone, "feeds/s")
        figures.add("hostile_good_beside", beside, "feeds/s")
        figures.add("hostile_good_share", beside / alone, "of alone", floor=SHARE)
        figures.add("hostile_poller_peak", among.poller / 1e6, "MB")
        growth = (among.poller - before.poller) / 1e6
        figures.add("hostile_poller_growth", growth, "MB", floor=POLLER_GROWTH, lower_is_better=True)
        limit = PARSE_MEMORY / 1e6
        figures.add("hostile_parser_peak", among.workers / 1e6, "MB", floor=limit, lower_is_better=True)
        figures.add("hostile_parsers_lost", poller.resources.parsers.lost, "parsers")
        figures.add("hostile_unexpected", len(wrong), "polls", floor=0, lower_is_better=True)


def _poller(engine: Engine) -> PollProcess:
    return PollProcess(
        engine,
        PostgresLog(engine),
        PostgresLog(engine),
        PollSettings(
            policy=Policy(interval=timedelta(days=1), adaptive=False),
            host_limits=HostLimits(),
            lease=timedelta(minutes=5),
            concurrency=CONCURRENCY,
        ),
        user_agent="news-ingest-bench/1",
        limits=LIMITS,
        allow_private_addresses=True,
        parse_workers=psutil.cpu_count() or 1,
        parse_deadline=PARSE_DEADLINE,
        parse_memory=PARSE_MEMORY,
    )


def publish_hostile(world: WorldProcess, *, copies: int) -> dict[str, str]:
    """Publish ``copies`` feeds of each kind; return the kind by URL."""
    hostile: dict[str, str] = {}
    for kind, feed in KINDS.items():
        for copy in range(copies):
            path = f"/hostile/{kind}/{copy}"
            url = world.publish(path, feed.body)
            hostile[url] = kind
            if feed.fault is not None:
                arguments = {**feed.arguments} | ({"location": path} if kind == "loop" else {})
                world.fail_every(path, feed.fault, every=1, **arguments)
            if copy == 0 and feed.fault == "gzip_bomb":
                with urlopen(url, timeout=300) as packed:  # compressed once, before a poll waits for it
                    packed.read()
    return hostile


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--feeds", type=int, default=400, help="good feeds")
    parser.add_argument("--copies", type=int, default=4, help="copies of each hostile feed")
    options = parser.parse_args(arguments)
    figures = Figures("bench hostile")
    measure(figures, options)
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
