"""A proof that takes no time, for the tests of ``./run prove``."""

from __future__ import annotations

import argparse
import sys

from tests.bench.figures import Figures


def main() -> int:
    parser = Figures.options(argparse.ArgumentParser())
    parser.add_argument("--value", type=float, default=9.0)
    parser.add_argument("--crash", action="store_true")
    options = parser.parse_args()
    if options.crash:
        raise RuntimeError("as it was told to")
    figures = Figures("example")
    figures.add("example_rate", options.value, "/s", floor=5, goal=10)
    figures.add("example_size", 1, "MB")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
