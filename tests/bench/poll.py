"""Feeds a second, from a feed's bytes to articles that can be searched, beside Miniflux and lemon24/reader.

``./run bench poll [--feeds N] [--rounds R] [--require-peers] [--corpus DIR] [--json FILE]``

Everybody gets the same documents from one feed world, in turn in one run: all feeds once (*first*), then all of them
unchanged, several times in turn. The limits stand beside them: bare feedparser, a bare loop of conditional GETs, and
what the feed world itself costs. A peer that cannot be had is told and left out, with its floors; with
``--require-peers`` that is a failure. The first run installs and builds the peers into the cache folder.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Final

import feedparser

from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures, corpus_dir
from tests.bench.polling import miniflux, reader
from tests.bench.polling.differences import NO_RULE, RULES, UNKNOWN, differences
from tests.bench.polling.miniflux import Miniflux
from tests.bench.polling.ours import Ours
from tests.bench.polling.passes import Pass, PeerAbsentError, Product, measured
from tests.bench.polling.reader import Reader
from tests.bench.stages import bare_loop
from tests.feedworld.control import WorldProcess
from tests.feedworld.mixed import MixedFeed, choose_mixed

ADDRESSES: Final = 50
LOOP_CONCURRENCY: Final = 100
PARSED_SHARE: Final = 4
"""Bare feedparser reads every so manieth document, spread over all of them."""
PEERS: Final = ("miniflux", "reader")
BOUNDS: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("first", "miniflux"): (1.5, 3.0),
    ("first", "reader"): (1.5, 3.0),
    ("unchanged", "miniflux"): (2.0, 3.0),
    ("unchanged", "reader"): (6.0, 12.0),
}
"""Floor and goal of our rate over a peer's."""


MakeProduct = Callable[[Sequence[str]], Product]
"""Of the URLs of all feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One product's passes."""

    product: Product
    first: Pass
    unchanged: list[Pass] = field(default_factory=list)
    refetched: list[int] = field(default_factory=list)
    """Documents sent in full more than expected: in the first pass, then in each unchanged pass."""


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def peers_to_be_had(
    names: Sequence[str], *, miniflux_workers: int
) -> tuple[dict[str, MakeProduct], list[PeerAbsentError]]:
    """How to make each peer that can be had, and why the others cannot."""
    found: dict[str, MakeProduct] = {}
    absent = []
    for name in names:
        say(f"{name}: looked for in the cache folder, else installed there")
        try:
            if name == "miniflux":
                found[name] = partial(Miniflux, program=miniflux.installed(), workers=miniflux_workers)
            else:
                found[name] = partial(Reader, python=reader.installed())
        except PeerAbsentError as error:
            say(f"PEER ABSENT: {error}")
            absent.append(error)
    return found, absent


def bare_feedparser(feeds: Sequence[MixedFeed]) -> float:
    """Documents a second, one process, nothing kept."""
    bodies = [feed.path.read_bytes() for feed in feeds[::PARSED_SHARE]]
    begun = time.process_time()
    for body in bodies:
        feedparser.parse(body)  # type: ignore[attr-defined,no-untyped-call]
    return len(bodies) / (time.process_time() - begun)


def first_pass(world: WorldProcess, product: Product, *, feeds: int) -> Measured:
    """Measure the first fetch.

    Raises:
        RuntimeError: the product left feeds out.
    """
    found = measured(world, product, product.first)
    if found.statuses.get("200", 0) < feeds:
        raise RuntimeError(f"{product.name} was to request {feeds} feeds once, and got {found.statuses}")
    say(f"{product.name}: {found.seconds:.1f} s; {_cpu(found)}")
    product.settle()
    return Measured(product=product, first=found, refetched=[found.requests - feeds])


def unchanged_pass(world: WorldProcess, each: Measured, *, feeds: int, failed: int) -> None:
    """Measure one unchanged pass; count the documents that the product fetched in full all the same.

    Args:
        failed: feeds that the product could not read and so has no validators for.

    Raises:
        RuntimeError: the product left feeds out.
    """
    found = measured(world, each.product, each.product.unchanged)
    if found.requests < feeds:
        raise RuntimeError(f"{each.product.name} was to request {feeds} feeds, and got {found.statuses}")
    each.unchanged.append(found)
    refetched = max(0, found.requests - found.statuses.get("304", 0) - failed)
    each.refetched.append(refetched)
    if refetched:
        say(f"{each.product.name}: {refetched} unchanged documents more than expected were sent in full")


def _cpu(one: Pass) -> str:
    roles = ", ".join(f"{role} {seconds:.2f}" for role, seconds in one.cpu.items() if seconds >= 0.005)
    return f"CPU s: {roles}, feed world {one.server_cpu:.2f}"


def measure(figures: Figures, options: argparse.Namespace, peers: Mapping[str, MakeProduct]) -> None:
    corpus = corpus_dir(options.corpus)
    chosen = choose_mixed(corpus, options.feeds)
    count = len(chosen)
    figures.add("poll_feeds", count, "feeds")
    figures.add("poll_documents", sum(feed.path.stat().st_size for feed in chosen) / 1e6, "MB")
    say(f"limit: bare feedparser over every {PARSED_SHARE}th document")
    parsing = bare_feedparser(chosen)
    figures.add("poll_limit_feedparser_per_core", parsing, "feeds/s")
    with ExitStack() as stack:
        world = stack.enter_context(
            WorldProcess(["--mixed", str(count), "--addresses", str(ADDRESSES), "--corpus", str(corpus)])
        )
        urls = world.urls()
        found: dict[str, Measured] = {}
        makers: list[MakeProduct] = [partial(Ours, pollers=1), *peers.values(), partial(Ours, pollers=2)]
        for make in makers:
            product = make(urls)
            say(f"{product.name}: first fetch of {count} feeds")
            stack.enter_context(product)
            found[product.name] = first_pass(world, product, feeds=count)
        etags: dict[str, str] = {}
        asyncio.run(bare_loop(urls, etags, concurrency=LOOP_CONCURRENCY))
        failed = {name: len(each.product.failures()) for name, each in found.items()}
        loop: list[float] = []
        for number in range(options.rounds):
            say(f"unchanged, round {number + 1} of {options.rounds}")
            loop.append(asyncio.run(bare_loop(urls, etags, concurrency=LOOP_CONCURRENCY)))
            for name, each in found.items():
                unchanged_pass(world, each, feeds=count, failed=failed[name])
        figures.add("poll_limit_bare_loop", median(loop), "requests/s")
        tell_server(figures, list(found.values()))
        for name, each in found.items():
            tell_product(figures, name, each, feeds=count)
        tell_ratios(figures, found)
        tell_entries(figures, found, names=dict(zip(urls, chosen, strict=True)))


def tell_server(figures: Figures, found: Sequence[Measured]) -> None:
    """What an answer costs the feed world, which shares the cores with everybody; its clock ticks every 10 ms."""
    whole = [each.first for each in found]
    unchanged = [one for each in found for one in each.unchanged]
    for name, passes in (("whole", whole), ("unchanged", unchanged)):
        used, answers = sum(one.server_cpu for one in passes), sum(one.requests for one in passes)
        figures.add(f"poll_feedworld_{name}", 1000 * used / answers, "CPU ms/answer")


def tell_product(figures: Figures, name: str, each: Measured, *, feeds: int) -> None:
    entries = sum(each.product.entries().values())
    figures.add(f"poll_first_{name}", feeds / each.first.seconds, "feeds/s")
    figures.add(f"poll_first_{name}_entries", entries / each.first.seconds, "entries/s")
    figures.add(f"poll_first_{name}_cpu", each.first.cpu_seconds, "CPU s")
    figures.add(f"poll_unchanged_{name}", feeds / median(one.seconds for one in each.unchanged), "feeds/s")
    figures.add(f"poll_unchanged_{name}_cpu", median(one.cpu_seconds for one in each.unchanged), "CPU s")
    # Of ours at most a hundredth: beyond that the unchanged rate is none of unchanged feeds.
    bound = max(1, feeds // 100) if isinstance(each.product, Ours) else None
    figures.add(f"poll_refetched_{name}", max(each.refetched), "a pass", floor=bound, lower_is_better=True)
    memory = each.first.memory
    database = memory.get("postgres", 0)
    figures.add(f"poll_memory_{name}", (sum(memory.values()) - database) / 1e6, "MB")
    if database:
        figures.add(f"poll_memory_{name}_postgres", database / 1e6, "MB")


def tell_ratios(figures: Figures, found: Mapping[str, Measured]) -> None:
    """Our rate over each peer's. Floors and goals are for the better one of one poller and two."""
    ours = [each for name, each in found.items() if isinstance(each.product, Ours)]
    for peer in (name for name in PEERS if name in found):
        theirs = found[peer]
        for kind, seconds in (("first", _first_seconds), ("unchanged", _unchanged_seconds)):
            floor, goal = BOUNDS[kind, peer]
            for each in ours:
                figures.add(
                    f"poll_{kind}_{each.product.name}_of_{peer}", seconds(theirs) / seconds(each), "ratio"
                )
            best = max(seconds(theirs) / seconds(each) for each in ours)
            figures.add(f"poll_{kind}_best_of_{peer}", best, "ratio", floor=floor, goal=goal)
        spent = theirs.first.cpu_seconds / min(each.first.cpu_seconds for each in ours)
        figures.add(f"poll_first_cpu_{peer}_of_ours", spent, "ratio")


def _first_seconds(each: Measured) -> float:
    return each.first.seconds


def _unchanged_seconds(each: Measured) -> float:
    return median(one.seconds for one in each.unchanged)


def tell_entries(figures: Figures, found: Mapping[str, Measured], *, names: Mapping[str, MixedFeed]) -> None:
    """What everybody stored, and why it is not the same number: each feed by name on stderr."""
    ours = next(each.product for each in found.values() if isinstance(each.product, Ours))
    unknown = 0
    for name, each in found.items():
        figures.add(f"poll_entries_{name}", sum(each.product.entries().values()), "entries")
        if isinstance(each.product, Ours):
            figures.add(f"poll_articles_{name}", each.product.articles(), "articles")
        if isinstance(each.product, Miniflux):
            figures.add(f"poll_enclosures_{name}", each.product.enclosures(), "rows")
        by_reason: dict[str, int] = {}
        for one in differences(
            ours.entries(),
            each.product.entries(),
            rule=RULES.get(name, NO_RULE),
            refused_by_us=ours.failures(),
            refused_by_them=each.product.failures(),
            body_of=lambda url: names[url].path.read_bytes(),
        ):
            say(f"{name}, {names[one.feed_url].name}: {one.entries:+} entries: {one.reason}")
            by_reason[one.reason] = by_reason.get(one.reason, 0) + abs(one.entries)
        unknown += by_reason.get(UNKNOWN, 0)
    figures.add("poll_entries_unexplained", unknown, "entries", floor=0, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--feeds", type=int, default=1000, metavar="N", help="how many (1000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="of unchanged passes, in turn (5)")
    parser.add_argument(
        "--peer", choices=PEERS, action="append", help="beside this one alone; may be repeated"
    )
    parser.add_argument(
        "--miniflux-workers",
        type=int,
        default=miniflux.WORKERS,
        metavar="N",
        help="feeds it has under way at once",
    )
    parser.add_argument("--require-peers", action="store_true", help="fail where a peer cannot be had")
    options = parser.parse_args(arguments)
    figures = Figures("bench poll")
    began = time.monotonic()
    try:
        corpus_dir(options.corpus)
        peers, absent = peers_to_be_had(options.peer or PEERS, miniflux_workers=options.miniflux_workers)
        if absent and options.require_peers:
            return ABSENT_EXIT
        measure(figures, options, peers)
    except CorpusAbsentError as error:
        say(str(error))
        return ABSENT_EXIT
    say(f"all of it took {time.monotonic() - began:.0f} s")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
