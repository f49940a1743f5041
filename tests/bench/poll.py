"""Feeds a second, from a feed's bytes to searchable articles, beside Miniflux and lemon24/reader.

``./run bench poll [--feeds N] [--rounds R] [--require-peers] [--corpus DIR] [--json FILE]``

Every product polls the same documents from one feed world, in turn in one run: all feeds once (*first*), then all of
them unchanged, several times in turn. Limits are measured in the same run: bare feedparser, a bare loop of conditional
GETs, and the cost of the feed world itself. A peer that is not available is reported and left out, with its floors;
with ``--require-peers`` that is a failure. The first run installs and builds the peers in the cache folder.
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
"""Bare feedparser parses every fourth document, spread over all of them."""
PEERS: Final = ("miniflux", "reader")
BOUNDS: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("first", "miniflux"): (1.5, 3.0),
    ("first", "reader"): (1.5, 3.0),
    ("unchanged", "miniflux"): (2.0, 3.0),
    ("unchanged", "reader"): (6.0, 12.0),
}
"""Floor and goal of our rate divided by a peer's."""


MakeProduct = Callable[[Sequence[str]], Product]
"""Makes a product from the URLs of all feeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The passes of one product."""

    product: Product
    first: Pass
    unchanged: list[Pass] = field(default_factory=list)
    refetched: list[int] = field(default_factory=list)
    """Documents sent in full more than expected: in the first pass, then in each unchanged pass."""


def report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def available_peers(
    names: Sequence[str], *, miniflux_workers: int
) -> tuple[dict[str, MakeProduct], list[PeerAbsentError]]:
    """Return a function for each available peer that makes it, and the errors of the unavailable ones."""
    makers: dict[str, MakeProduct] = {}
    absent = []
    for name in names:
        report(f"{name}: taken from the cache folder, or installed there")
        try:
            if name == "miniflux":
                makers[name] = partial(Miniflux, program=miniflux.installed(), workers=miniflux_workers)
            else:
                makers[name] = partial(Reader, python=reader.installed())
        except PeerAbsentError as error:
            report(f"PEER ABSENT: {error}")
            absent.append(error)
    return makers, absent


def bare_feedparser(feeds: Sequence[MixedFeed]) -> float:
    """Return documents a second of feedparser in one process."""
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
    first = measured(world, product, product.first)
    if first.statuses.get("200", 0) < feeds:
        raise RuntimeError(f"{product.name} was to request {feeds} feeds once, and got {first.statuses}")
    report(f"{product.name}: {first.seconds:.1f} s; {_cpu(first)}")
    product.settle()
    return Measured(product=product, first=first, refetched=[first.requests - feeds])


def unchanged_pass(world: WorldProcess, result: Measured, *, feeds: int, failed: int) -> None:
    """Measure one unchanged pass; count the documents that the product fetched in full all the same.

    Args:
        failed: feeds that the product could not read and so has no validators for.

    Raises:
        RuntimeError: the product left feeds out.
    """
    product = result.product
    unchanged = measured(world, product, product.unchanged)
    if unchanged.requests < feeds:
        raise RuntimeError(f"{product.name} was to request {feeds} feeds, and got {unchanged.statuses}")
    result.unchanged.append(unchanged)
    refetched = max(0, unchanged.requests - unchanged.statuses.get("304", 0) - failed)
    result.refetched.append(refetched)
    if refetched:
        report(f"{product.name}: {refetched} unchanged documents more than expected were sent in full")


def _cpu(measured_pass: Pass) -> str:
    roles = ", ".join(
        f"{role} {seconds:.2f}" for role, seconds in measured_pass.cpu.items() if seconds >= 0.005
    )
    return f"CPU s: {roles}, feed world {measured_pass.server_cpu:.2f}"


def measure(figures: Figures, options: argparse.Namespace, peers: Mapping[str, MakeProduct]) -> None:
    corpus = corpus_dir(options.corpus)
    chosen = choose_mixed(corpus, options.feeds)
    count = len(chosen)
    figures.add("poll_feeds", count, "feeds")
    figures.add("poll_documents", sum(feed.path.stat().st_size for feed in chosen) / 1e6, "MB")
    report(f"limit: bare feedparser over every {PARSED_SHARE}th document")
    parsing = bare_feedparser(chosen)
    figures.add("poll_limit_feedparser_per_core", parsing, "feeds/s")
    with ExitStack() as stack:
        world = stack.enter_context(
            WorldProcess(["--mixed", str(count), "--addresses", str(ADDRESSES), "--corpus", str(corpus)])
        )
        urls = world.urls()
        products: dict[str, Measured] = {}
        makers: list[MakeProduct] = [partial(Ours, pollers=1), *peers.values(), partial(Ours, pollers=2)]
        for make in makers:
            product = make(urls)
            report(f"{product.name}: first fetch of {count} feeds")
            stack.enter_context(product)
            products[product.name] = first_pass(world, product, feeds=count)
        etags: dict[str, str] = {}
        asyncio.run(bare_loop(urls, etags, concurrency=LOOP_CONCURRENCY))
        failed = {name: len(result.product.failures()) for name, result in products.items()}
        loop: list[float] = []
        for number in range(options.rounds):
            report(f"unchanged, round {number + 1} of {options.rounds}")
            loop.append(asyncio.run(bare_loop(urls, etags, concurrency=LOOP_CONCURRENCY)))
            for name, result in products.items():
                unchanged_pass(world, result, feeds=count, failed=failed[name])
        figures.add("poll_limit_bare_loop", median(loop), "requests/s")
        add_server_figures(figures, list(products.values()))
        for name, result in products.items():
            add_product_figures(figures, name, result, feeds=count)
        add_ratios(figures, products)
        add_entry_counts(figures, products, names=dict(zip(urls, chosen, strict=True)))


def add_server_figures(figures: Figures, results: Sequence[Measured]) -> None:
    """Add the cost of a response at the feed world, which shares the cores; its CPU clock ticks every 10 ms."""
    first = [result.first for result in results]
    unchanged = [unchanged for result in results for unchanged in result.unchanged]
    for name, passes in (("whole", first), ("unchanged", unchanged)):
        seconds = sum(measured_pass.server_cpu for measured_pass in passes)
        responses = sum(measured_pass.requests for measured_pass in passes)
        figures.add(f"poll_feedworld_{name}", 1000 * seconds / responses, "CPU ms/response")


def add_product_figures(figures: Figures, name: str, result: Measured, *, feeds: int) -> None:
    entries = sum(result.product.entries().values())
    figures.add(f"poll_first_{name}", feeds / result.first.seconds, "feeds/s")
    figures.add(f"poll_first_{name}_entries", entries / result.first.seconds, "entries/s")
    figures.add(f"poll_first_{name}_cpu", result.first.cpu_seconds, "CPU s")
    figures.add(
        f"poll_unchanged_{name}",
        feeds / median(measured_pass.seconds for measured_pass in result.unchanged),
        "feeds/s",
    )
    figures.add(
        f"poll_unchanged_{name}_cpu",
        median(measured_pass.cpu_seconds for measured_pass in result.unchanged),
        "CPU s",
    )
    # Our service may fetch a hundredth again. Beyond that the rate is not one of unchanged feeds.
    bound = max(1, feeds // 100) if isinstance(result.product, Ours) else None
    figures.add(f"poll_refetched_{name}", max(result.refetched), "a pass", floor=bound, lower_is_better=True)
    memory = result.first.memory
    database = memory.get("postgres", 0)
    figures.add(f"poll_memory_{name}", (sum(memory.values()) - database) / 1e6, "MB")
    if database:
        figures.add(f"poll_memory_{name}_postgres", database / 1e6, "MB")


def add_ratios(figures: Figures, products: Mapping[str, Measured]) -> None:
    """Add our rate divided by each peer's. Floors and goals apply to the better of one poller and two."""
    ours = [our_result for name, our_result in products.items() if isinstance(our_result.product, Ours)]
    for peer in (name for name in PEERS if name in products):
        peer_result = products[peer]
        for kind, seconds in (("first", _first_seconds), ("unchanged", _unchanged_seconds)):
            floor, goal = BOUNDS[kind, peer]
            for our_result in ours:
                figures.add(
                    f"poll_{kind}_{our_result.product.name}_of_{peer}",
                    seconds(peer_result) / seconds(our_result),
                    "ratio",
                )
            best = max(seconds(peer_result) / seconds(our_result) for our_result in ours)
            figures.add(f"poll_{kind}_best_of_{peer}", best, "ratio", floor=floor, goal=goal)
        spent = peer_result.first.cpu_seconds / min(our_result.first.cpu_seconds for our_result in ours)
        figures.add(f"poll_first_cpu_{peer}_of_ours", spent, "ratio")


def _first_seconds(result: Measured) -> float:
    return result.first.seconds


def _unchanged_seconds(result: Measured) -> float:
    return median(measured_pass.seconds for measured_pass in result.unchanged)


def add_entry_counts(
    figures: Figures, products: Mapping[str, Measured], *, names: Mapping[str, MixedFeed]
) -> None:
    """Add the entries that each product stored; report on stderr each feed whose numbers differ, with the reason."""
    ours = next(result.product for result in products.values() if isinstance(result.product, Ours))
    unknown = 0
    for name, result in products.items():
        figures.add(f"poll_entries_{name}", sum(result.product.entries().values()), "entries")
        if isinstance(result.product, Ours):
            figures.add(f"poll_articles_{name}", result.product.articles(), "articles")
        if isinstance(result.product, Miniflux):
            figures.add(f"poll_enclosures_{name}", result.product.enclosures(), "rows")
        by_reason: dict[str, int] = {}
        for difference in differences(
            ours.entries(),
            result.product.entries(),
            rule=RULES.get(name, NO_RULE),
            refused_by_us=ours.failures(),
            refused_by_them=result.product.failures(),
            body_of=lambda url: names[url].path.read_bytes(),
        ):
            report(
                f"{name}, {names[difference.feed_url].name}: {difference.entries:+} entries: {difference.reason}"
            )
            by_reason[difference.reason] = by_reason.get(difference.reason, 0) + abs(difference.entries)
        unknown += by_reason.get(UNKNOWN, 0)
    figures.add("poll_entries_unexplained", unknown, "entries", floor=0, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--feeds", type=int, default=1000, metavar="N", help="number of feeds (1000)")
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="rounds of unchanged passes (5)")
    parser.add_argument(
        "--peer", choices=PEERS, action="append", help="measure this peer only; may be repeated"
    )
    parser.add_argument(
        "--miniflux-workers",
        type=int,
        default=miniflux.WORKERS,
        metavar="N",
        help="feeds that Miniflux refreshes at once",
    )
    parser.add_argument("--require-peers", action="store_true", help="fail if a peer is not available")
    options = parser.parse_args(arguments)
    figures = Figures("bench poll")
    began = time.monotonic()
    try:
        corpus_dir(options.corpus)
        peers, absent = available_peers(options.peer or PEERS, miniflux_workers=options.miniflux_workers)
        if absent and options.require_peers:
            return ABSENT_EXIT
        measure(figures, options, peers)
    except CorpusAbsentError as error:
        report(str(error))
        return ABSENT_EXIT
    report(f"all of it took {time.monotonic() - began:.0f} s")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
