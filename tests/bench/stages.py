"""Polls a second, all new and all unchanged, and MB/s parsed, each beside its limit in the same run.

``python -m tests.bench.stages [--feeds N] [--rounds R] [--concurrency C] [--corpus DIR] [--json FILE]``

The feed world and PostgreSQL run in processes of their own. The limit of unchanged polls is the bare loop: conditional
GETs through ``httpx.AsyncClient`` over aiohttp that keep nothing of the responses. Bare loop and poller run in turn.
The poller's figure includes leases, outcomes and history in PostgreSQL. The limit of parsing is bare feedparser in one
process; the parser pool also normalises, compares with the seen-set and encodes.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

import feedparser
import httpx
import psutil
from httpx_aiohttp import HttpxAiohttpClient
from sqlalchemy import Engine

from ingest import runtime
from ingest.db.feeds import add_feeds, make_due
from ingest.fetch import Limits
from ingest.log.postgres import PostgresLog
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.poll import PollSettings
from ingest.poll_process import PollProcess
from ingest.runtime import Stop
from ingest.schedule import Policy
from ingest.schedule.rate_limit import HostLimits
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir
from tests.bench.service import database
from tests.feedworld.control import WorldProcess
from tests.feedworld.wild import read_wild

PARSE_ROUNDS = 3


async def bare_loop(urls: Sequence[str], etags: dict[str, str], *, concurrency: int) -> float:
    """Return conditional GETs a second of the bare client with kept connections; the first pass only fetches ETags."""
    waiting = list(reversed(urls))
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with HttpxAiohttpClient(limits=limits, timeout=60) as client:

        async def take() -> None:
            while waiting:
                url = waiting.pop()
                etag = etags.get(url)
                response = await client.get(url, headers={} if etag is None else {"If-None-Match": etag})
                if etag is None:
                    etags[url] = response.headers["etag"]
                elif response.status_code != 304:
                    raise RuntimeError(f"{url} responded {response.status_code} to its own ETag")

        begun = time.perf_counter()
        await asyncio.gather(*(take() for _ in range(concurrency)))
        return len(urls) / (time.perf_counter() - begun)


def polled(engine: Engine, poller: PollProcess, feeds: int) -> float:
    """Return polls a second, from the moment all feeds are due to the moment the last outcome is recorded."""
    before = poller.counts.recorded
    make_due(engine, now=runtime.now())
    begun = time.perf_counter()
    recorded = poller.run(Stop(), until_idle=True).recorded - before
    seconds = time.perf_counter() - begun
    if recorded != feeds:
        raise RuntimeError(f"{recorded} of {feeds} polls were recorded: {poller.counts}")
    return feeds / seconds


def cpu_seconds(pids: Sequence[int]) -> list[float]:
    spent = [psutil.Process(pid).cpu_times() for pid in pids]
    return [times.user + times.system for times in spent]


def measure_polls(figures: Figures, options: argparse.Namespace) -> None:
    arguments = ["--generated", str(options.feeds), "--addresses", "50", "--window", "30", "--show"]
    with WorldProcess(arguments) as world, database() as (_, engine):
        urls = world.urls()
        add_feeds(engine, [(url, None) for url in urls], now=runtime.now(), interval=timedelta(days=1))
        etags: dict[str, str] = {}
        asyncio.run(bare_loop(urls, etags, concurrency=options.concurrency))
        workers = options.workers
        with PollProcess(
            engine,
            PostgresLog(engine),
            PostgresLog(engine),
            PollSettings(
                policy=Policy(interval=timedelta(days=1), adaptive=False),
                host_limits=HostLimits(),
                lease=timedelta(minutes=5),
                concurrency=options.concurrency,
            ),
            user_agent="news-ingest-bench/1",
            limits=Limits(),
            allow_private_addresses=True,
            parse_workers=workers,
            parse_deadline=timedelta(seconds=60),
            parse_memory=1024**3,
        ) as poller:
            pids = poller.resources.parsers.pids
            before, own = cpu_seconds(pids), resource.getrusage(resource.RUSAGE_SELF)
            begun = time.perf_counter()
            rate = polled(engine, poller, len(urls))
            wall = time.perf_counter() - begun
            used = [after - earlier for after, earlier in zip(cpu_seconds(pids), before, strict=True)]
            now = resource.getrusage(resource.RUSAGE_SELF)
            parent = now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime
            entries = poller.counts.appended
            figures.add("polls_all_new", rate, "polls/s")
            figures.add("polls_all_new_articles", entries / wall, "articles/s")
            figures.add("polls_all_new_megabytes", poller.counts.body_bytes / 1e6 / wall, "MB/s")
            # On an idle machine the first figure is the number of workers. The second does not depend on other
            # processes.
            figures.add("polls_all_new_parser_cores", sum(used) / wall, "cores")
            busy = poller.resources.parsers.busy_seconds / (wall * workers)
            figures.add("polls_all_new_parsers_busy", busy, "of the time", floor=0.75)
            figures.add("polls_all_new_poller_cores", parent / wall, "cores")
            even = min(used) / (sum(used) / workers)
            figures.add("polls_all_new_least_parser", even, "of an even share", floor=0.5)
            ours: list[float] = []
            bare: list[float] = []
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
                bare.append(asyncio.run(bare_loop(urls, etags, concurrency=options.concurrency)))
                ours.append(polled(engine, poller, len(urls)))
            if poller.counts.not_modified != options.rounds * len(urls):
                raise RuntimeError(f"not every poll was a 304: {poller.counts}")
            figures.add("polls_bare_loop", median(bare), "polls/s")
            figures.add("polls_unchanged", median(ours), "polls/s")
            figures.add(
                "polls_unchanged_of_bare", median(ours) / median(bare), "ratio", floor=0.40, goal=0.50
            )


async def read_all(documents: Sequence[Document], *, workers: int) -> float:
    """Return the bytes a second that the pool parses."""
    size = sum(len(document.body) for document in documents)
    async with ParserPool(workers=workers, deadline=timedelta(minutes=2), memory=2 * 1024**3) as pool:
        waiting = list(documents)

        async def take() -> int:
            usable = 0
            while waiting:
                usable += isinstance(await pool.parse(waiting.pop()), ParsedDocument)
            return usable

        begun = time.perf_counter()
        usable = sum(await asyncio.gather(*(take() for _ in range(2 * workers))))
        seconds = time.perf_counter() - begun
    if usable < 0.9 * len(documents):
        raise RuntimeError(f"only {usable} of {len(documents)} feeds could be parsed")
    return size / seconds


def measure_reading(figures: Figures, options: argparse.Namespace) -> None:
    bodies = [wild.path.read_bytes() for wild in read_wild(corpus_dir(options.corpus))]
    documents = [
        Document(
            feed_id=number,
            feed_url=f"https://bench.example/{number}",
            poll_id=number,
            seen_at=datetime.now(UTC),
            url=f"https://bench.example/{number}",
            content_type="text/xml",
            language=None,
            body=body,
        )
        for number, body in enumerate(bodies, 1)
    ]
    bare: list[float] = []
    pool: list[float] = []
    for _ in range(options.rounds):
        begun = time.perf_counter()
        for body in bodies:
            feedparser.parse(body)  # type: ignore[attr-defined,no-untyped-call]
        bare.append(sum(map(len, bodies)) / (time.perf_counter() - begun))
        pool.append(asyncio.run(read_all(documents, workers=options.workers)))
    figures.add("parse_bare_feedparser", median(bare) / 1e6, "MB/s")
    figures.add("parse_pool", median(pool) / 1e6, "MB/s")
    figures.add("parse_pool_of_bare", median(pool) / median(bare), "ratio")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--feeds", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--workers", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--only", choices=["polls", "reading"])
    options = parser.parse_args(arguments)
    figures = Figures("bench stages")
    try:
        if options.only != "reading":
            measure_polls(figures, options)
        if options.only != "polls":
            measure_reading(figures, options)
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
