"""``./run bench [NAME…] [--corpus DIR] [--json FILE]``: rates and latencies, each beside its limit in the same run.

Without a name all benches run. ``--json FILE`` with several benches writes one object that holds the figures of all. A
bench that is named alone takes arguments of its own, which ``./run bench poll --help`` lists.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Final

from tests.bench.figures import CORPUS_VARIABLE

BENCHES: Final = {
    "feedworld": "responses a second of the feed world",
    "poll": "feeds a second, from bytes to searchable articles, beside Miniflux and lemon24/reader",
    "stages": "the poller alone, beside a raw HTTP loop; the parsers alone, beside bare feedparser",
    "parse": "MB/s over every recorded poll beside plain feedparser, every field equal; 5 MB; memory over 100,000",
    "store": "articles a second from the log into the store, beside COPY",
    "query": "searches over a million articles beside hand-written SQL, alone and at once; 500 subscribers",
    "fulltext": "F1 of extracted articles, beside all text of the page; pages a second",
    "hostile": "good feeds beside hostile ones: their rate, memory, and the result of each hostile poll",
    "registry": "leases and outcomes with ten thousand and with a million feeds",
    "latency": "from publishing to the subscriber, on both logs",
}
_MODULES: Final = {"feedworld": "feedworld_rate"}
_EXTRA: Final = {"store": ["--kafka"]}


def module_of(name: str) -> ModuleType:
    """Return the module of a bench; its ``main`` takes arguments and returns an exit code."""
    return importlib.import_module(f"tests.bench.{_MODULES.get(name, name)}")


def main() -> int:
    epilog = "\n".join(f"  {name:<10} {about}" for name, about in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description=__doc__,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(BENCHES)}")
    parser.add_argument(
        "--corpus", metavar="DIR", help=f"evaluation corpus (else ${CORPUS_VARIABLE}, else ../shared/data)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there as JSON too")
    if len(sys.argv) > 2 and sys.argv[1] in BENCHES and not set(sys.argv[2:]) & set(BENCHES):
        return int(module_of(sys.argv[1]).main([*_EXTRA.get(sys.argv[1], []), *sys.argv[2:]]))
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHES:
            parser.error(f"NAME: {name!r} is not accepted; expected one of {', '.join(BENCHES)}")
    worst, results = 0, []
    for name in options.names or BENCHES:
        print(f"# {name}: {BENCHES[name]}", file=sys.stderr)
        bench = module_of(name)
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "figures.json"
            arguments = [*_EXTRA.get(name, []), "--json", str(written)]
            if options.corpus:
                arguments += ["--corpus", options.corpus]
            worst = max(worst, bench.main(arguments))
            if written.exists():
                results.append(json.loads(written.read_text()))
    if options.json:
        Path(options.json).write_text(json.dumps({"benches": results}, indent=2) + "\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
