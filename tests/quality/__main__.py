"""``./run quality [SUBJECT…] [--corpus DIR] [--json FILE] [--show N]``: how often the product is right.

Without a subject all of them are measured. A figure beyond its floor makes the exit code 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures, corpus_dir
from tests.quality.subject import Subject, subjects


def main(
    arguments: Sequence[str] | None = None, *, measured_subjects: Mapping[str, Subject] | None = None
) -> int:
    available = subjects() if measured_subjects is None else measured_subjects
    options = _parser(available).parse_args(arguments)
    figures = Figures("quality")
    try:
        corpus = corpus_dir(options.corpus)
        for name in options.subjects or available:
            print(f"# {name}: {available[name].about}", file=sys.stderr)
            available[name].measure(corpus, figures, show=options.show)
    except CorpusAbsentError as absent:
        print(f"quality: {absent}", file=sys.stderr)
        return ABSENT_EXIT
    finally:
        figures.write_json(options.json)
    return figures.exit_code()


def _parser(available: Mapping[str, Subject]) -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<8} {subject.about}" for name, subject in available.items())
    parser = Figures.options(
        argparse.ArgumentParser(
            prog="./run quality",
            description=__doc__,
            epilog=f"subjects:\n{listed}\n\nExample: ./run quality topics --show 20",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )

    def subject_name(value: str) -> str:
        if value not in available:
            raise argparse.ArgumentTypeError(
                f"{value!r} is not accepted; expected one of {', '.join(available)}"
            )
        return value

    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", type=subject_name, help=f"of {', '.join(available)}"
    )
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="print at most N wrong results of each kind"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
