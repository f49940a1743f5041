"""Compare our parser with plain feedparser over every recorded poll in order, in time and field by field.

``python -m tests.bench.parse [--every N] [--parses N] [--only PART] [--corpus DIR] [--json FILE]``

``amortised``  each recorded poll with a worker's entry cache, against plain feedparser over every N-th poll; and,
               untimed, against our parser without the fast path, field by field.
``cold``       the wild feeds without a cache: MB/s, and the share that takes the fast path.
``large``      a feed of five megabytes, in seconds.
``memory``     growth of the process over 100,000 parses, after a tenth of them as warm-up.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import feedparser
import psutil

from ingest.parse import EntryCache, parse_feed
from ingest.parse.xml import takes_fastpath
from ingest.parse_pool import ENTRY_CACHE_BYTES
from ingest.types import Failed, ParsedFeed
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir
from tests.feedworld.recorded import Recording
from tests.feedworld.wild import read_wild

LARGE_BYTES = 5_000_000
LARGE_TEXT = "the talks in the capital ended on Tuesday with a statement that nobody wanted to sign"
_T = TypeVar("_T")


def plain(body: bytes) -> None:
    """feedparser with its defaults: it sanitises HTML and resolves addresses."""
    feedparser.parse(body)  # type: ignore[attr-defined,no-untyped-call]


def timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """The result, and this process's CPU time in seconds."""
    begun = time.process_time()
    result = work()
    return result, time.process_time() - begun


def difference(ours: ParsedFeed | Failed, theirs: ParsedFeed | Failed) -> str | None:
    """The first field in which two parsed feeds differ, with both values; None where every field is equal."""
    if ours == theirs:
        return None
    if not (isinstance(ours, ParsedFeed) and isinstance(theirs, ParsedFeed)):
        return f"{ours!r:.300} is not {theirs!r:.300}"
    for name in ("title", "link", "language", "warnings", "version", "hints"):
        if getattr(ours, name) != getattr(theirs, name):
            return f"{name}: {getattr(ours, name)!r:.200} is not {getattr(theirs, name)!r:.200}"
    if len(ours.entries) != len(theirs.entries):
        return f"{len(ours.entries)} entries are not {len(theirs.entries)}"
    for number, (entry, another) in enumerate(zip(ours.entries, theirs.entries, strict=True), 1):
        for name in entry.__slots__:
            if getattr(entry, name) != getattr(another, name):
                return f"entry {number}, {name}: {getattr(entry, name)!r:.200} is not {getattr(another, name)!r:.200}"
    return "they are not equal"


def measure_amortised(figures: Figures, corpus: Path, *, every: int) -> None:
    cache = EntryCache(ENTRY_CACHE_BYTES)
    polls = Recording.open(corpus).polls
    size = sampled = fast = 0
    seconds = sampled_seconds = reference_seconds = 0.0
    different = 0
    for number, poll in enumerate(polls):
        body = poll.path.read_bytes()
        url = f"https://recorded.example/{poll.feed}"
        size += len(body)
        ours, took = timed(lambda body=body, url=url: parse_feed(body, url=url, cache=cache))  # type: ignore[misc]
        seconds += took
        if number % every == 0:
            sampled += len(body)
            sampled_seconds += timed(lambda body=body: plain(body))[1]  # type: ignore[misc]
        theirs, took = timed(lambda body=body, url=url: parse_feed(body, url=url, use_fastpath=False))  # type: ignore[misc]
        reference_seconds += took
        fast += takes_fastpath(body, url=url)
        differing = difference(ours, theirs)
        if differing is not None:
            different += 1
            print(f"{poll.path.parent.name}/{poll.path.name}: {differing}", file=sys.stderr)
        if number % 500 == 499:
            print(f"{number + 1} polls", file=sys.stderr)
    rate = size / 1e6 / seconds
    plain_rate = sampled / 1e6 / sampled_seconds
    figures.add("parse_amortised", rate, "MB/s")
    figures.add("parse_plain_feedparser", plain_rate, "MB/s")
    figures.add("parse_reference_lane", size / 1e6 / reference_seconds, "MB/s")
    figures.add("parse_amortised_of_plain", rate / plain_rate, "times", floor=4, goal=10)
    figures.add("parse_known_entries", cache.hits / max(1, cache.hits + cache.misses), "of all")
    figures.add("parse_lane_recorded", fast / len(polls), "of the polls", floor=0.9)
    figures.add("parse_different", different, "polls", floor=0, lower_is_better=True)


def measure_cold(figures: Figures, corpus: Path) -> None:
    feeds = read_wild(corpus)
    size = different = fast = 0
    seconds = plain_seconds = 0.0
    for wild in feeds:
        body = wild.path.read_bytes()
        url = f"https://wild.example/{wild.name}"
        size += len(body)
        ours, took = timed(lambda body=body, url=url: parse_feed(body, url=url))  # type: ignore[misc]
        seconds += took
        plain_seconds += timed(lambda body=body: plain(body))[1]  # type: ignore[misc]
        fast += takes_fastpath(body, url=url)
        differing = difference(ours, parse_feed(body, url=url, use_fastpath=False))
        if differing is not None:
            different += 1
            print(f"{wild.name}: {differing}", file=sys.stderr)
    figures.add("parse_cold", size / 1e6 / seconds, "MB/s")
    figures.add("parse_cold_of_plain", plain_seconds / seconds, "times", floor=2)
    figures.add("parse_lane_wild", fast / len(feeds), "of the feeds", floor=0.8)
    figures.add("parse_cold_different", different, "feeds", floor=0, lower_is_better=True)


def large_feed(size: int = LARGE_BYTES) -> bytes:
    """A feed of about ``size`` bytes: thousands of different entries of some hundred words."""
    words = LARGE_TEXT.split()
    parts = [b'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>']
    total, number = len(parts[0]), 0
    while total < size:
        number += 1
        text = " ".join(words[(number * k) % len(words)] for k in range(1, 150))
        part = (
            f"<item><title>Story {number}</title><link>https://news.example/{number}</link>"
            f"<guid>https://news.example/{number}</guid><pubDate>Mon, 02 Mar 2026 10:00:{number % 60:02} GMT</pubDate>"
            f"<category>World</category><description><![CDATA[<p>{text}</p>]]></description></item>\n"
        ).encode()
        parts.append(part)
        total += len(part)
    return b"".join((*parts, b"</channel></rss>"))


def measure_large(figures: Figures, _corpus: Path) -> None:
    body = large_feed()
    url = "https://news.example/feed.xml"
    cache = EntryCache(ENTRY_CACHE_BYTES)
    ours, seconds = timed(lambda: parse_feed(body, url=url, cache=cache))
    again, cached_seconds = timed(lambda: parse_feed(body, url=url, cache=cache))
    if not (isinstance(ours, ParsedFeed) and ours == again):
        raise RuntimeError(f"the large feed was not read as it is: {ours!r:.300}")
    figures.add("parse_large", seconds, "s", floor=1, lower_is_better=True)
    figures.add("parse_large_again", cached_seconds, "s")
    figures.add("parse_large_plain", timed(lambda: plain(body))[1], "s")


def memory_growth(bodies: Sequence[bytes], *, parses: int, cache_bytes: int = 4 * 1024**2) -> float:
    """Megabytes by which this process grows over ``parses`` parses of these documents, in turn.

    The first tenth is warm-up, within which the cache reaches its limit. Each parse changes one entry, so that the
    cache is always written.
    """
    cache = EntryCache(cache_bytes)
    process = psutil.Process()
    before = 0
    for number in range(parses):
        if number == parses // 10:
            gc.collect()
            before = process.memory_info().rss
        body = bodies[number % len(bodies)].replace(b"<title>", b"<title>%d " % number, 3)
        parse_feed(body, url=f"https://bench.example/{number % len(bodies)}", cache=cache)
    gc.collect()
    return (process.memory_info().rss - before) / 1e6


def small_feeds(corpus: Path, *, most: int = 12_000) -> list[bytes]:
    """The small ones of the wild feeds and of the latest recorded poll of each feed."""
    recording = Recording.open(corpus)
    paths = [wild.path for wild in read_wild(corpus)] + [
        recording.of(feed)[-1].path for feed in recording.feeds
    ]
    return [path.read_bytes() for path in paths if path.stat().st_size <= most]


def measure_memory(figures: Figures, corpus: Path, *, parses: int) -> None:
    grown, seconds = timed(lambda: memory_growth(small_feeds(corpus), parses=parses))
    figures.add("parse_memory_parses", parses, "parses")
    figures.add("parse_memory_seconds", seconds, "s")
    figures.add("parse_memory_growth", grown, "MB", floor=16, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument(
        "--every", type=int, default=10, help="plain feedparser reads every N-th poll (default 10)"
    )
    parser.add_argument(
        "--parses", type=int, default=100_000, help="for the memory's growth (default 100,000)"
    )
    parser.add_argument("--only", choices=["amortised", "cold", "large", "memory"])
    options = parser.parse_args(arguments)
    for name in ("every", "parses"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: {getattr(options, name)} is not accepted; expected 1 or more")
    figures = Figures("bench parse")
    parts: dict[str, Callable[[Figures, Path], None]] = {
        "amortised": lambda figures, corpus: measure_amortised(figures, corpus, every=options.every),
        "cold": measure_cold,
        "large": measure_large,
        "memory": lambda figures, corpus: measure_memory(figures, corpus, parses=options.parses),
    }
    try:
        corpus = corpus_dir(options.corpus)
        for part in [options.only] if options.only else parts:
            parts[part](figures, corpus)
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
