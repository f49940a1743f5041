"""``python -m tests.feedworld``: run a feed world in its own process (see :mod:`tests.feedworld.control`)."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import threading

from ingest.demo.world import FeedWorld, loopback_addresses
from tests.bench.figures import corpus_dir
from tests.feedworld.codings import ALL_CODINGS
from tests.feedworld.control import Control
from tests.feedworld.generated import Generated
from tests.feedworld.mixed import choose_mixed, load_mixed
from tests.feedworld.recorded import Recording
from tests.feedworld.wild import load_wild, read_wild


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.feedworld", description="Serve feeds on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
    parser.add_argument(
        "--addresses", type=int, default=1, metavar="N", help="listen on N loopback addresses"
    )
    parser.add_argument("--generated", type=int, default=0, metavar="N", help="N generated feeds")
    parser.add_argument("--rounds", type=int, default=1, help="rounds the generated feeds have in stock")
    parser.add_argument("--window", type=int, default=20, help="entries of a generated feed")
    parser.add_argument("--fresh", type=int, default=2, help="new entries of a generated feed per round")
    parser.add_argument("--words", type=int, default=120, help="length of a generated article")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recorded", action="store_true", help="the recorded polls of the corpus")
    parser.add_argument("--wild", action="store_true", help="the wild feeds of the corpus")
    parser.add_argument(
        "--mixed", type=int, default=0, metavar="N", help="N of the recorded and wild documents"
    )
    parser.add_argument("--corpus", metavar="DIR", help="the corpus's folder")
    parser.add_argument(
        "--keep-requests", action="store_true", help="remember every request, not only counts"
    )
    parser.add_argument("--show", action="store_true", help="show the first version of every feed at once")
    return parser.parse_args()


def main() -> None:
    options = _options()
    addresses = loopback_addresses(options.addresses)
    world = FeedWorld(
        addresses=addresses, port=options.port, codings=ALL_CODINGS, keep_requests=options.keep_requests
    )
    if options.generated:
        plan = Generated(
            seed=options.seed,
            feeds=options.generated,
            window=options.window,
            fresh=options.fresh,
            words=options.words,
        )
        plan.load(world, options.rounds)
    if options.recorded:
        Recording.open(corpus_dir(options.corpus)).load(world)
    if options.wild:
        load_wild(world, read_wild(corpus_dir(options.corpus)))
    if options.mixed:
        load_mixed(world, choose_mixed(corpus_dir(options.corpus), options.mixed))
    if options.show:
        world.advance_all()
    control = Control(world)
    path = f"/-/control/{secrets.token_hex(16)}"
    world.feed(path).respond_with(control.answer)
    with world:
        print(json.dumps({"address": addresses[0], "port": world.port, "control": path}), flush=True)
        threading.Thread(target=_stop_with_stdin, args=(control,), daemon=True).start()
        control.stopped.wait()


def _stop_with_stdin(control: Control) -> None:
    # stdin closes with the process that started this one, however that process ends
    sys.stdin.read()
    control.stopped.set()


main()
