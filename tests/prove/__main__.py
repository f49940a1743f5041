"""``./run prove``: all long proofs one after the other, and a table of their results at the end.

A proof that fails does not stop the others; the exit code is then 1. The whole takes hours.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench.figures import ABSENT_EXIT, CORPUS_VARIABLE, CorpusAbsentError, corpus_dir
from tests.prove import PROOFS, Outcome, Proof, prove, table


def main(arguments: Sequence[str] | None = None, *, proofs: Sequence[Proof] = PROOFS) -> int:
    options = _parser(proofs).parse_args(arguments)
    try:
        corpus = corpus_dir(options.corpus).resolve()  # the proofs run in the checkout
    except CorpusAbsentError as absent:
        print(f"prove: {absent}", file=sys.stderr)
        return ABSENT_EXIT
    chosen = [proof for proof in proofs if options.only is None or proof.name in options.only]
    outcomes: list[Outcome] = []
    try:
        for number, proof in enumerate(chosen, 1):
            _say(f"[{number}/{len(chosen)}] {proof.name}: {proof.about}")
            outcome = prove(proof, corpus=str(corpus))
            outcomes.append(outcome)
            _say(
                f"[{number}/{len(chosen)}] {proof.name}: exit {outcome.exit_code} after {outcome.seconds:.0f} s"
            )
            _write(options.json, outcomes)
    except KeyboardInterrupt:
        _say(f"interrupted: {len(chosen) - len(outcomes)} of {len(chosen)} proofs have no result")
    if outcomes:
        print(f"\n{table(outcomes)}", flush=True)
    complete = len(outcomes) == len(chosen)
    return 0 if complete and all(outcome.exit_code == 0 for outcome in outcomes) else 1


def _parser(proofs: Sequence[Proof]) -> argparse.ArgumentParser:
    names = "\n".join(f"  {proof.name:<16} {proof.about}" for proof in proofs)
    parser = argparse.ArgumentParser(
        prog="./run prove",
        description=__doc__,
        epilog=f"proofs, in this order:\n{names}\n\nExample: ./run prove --only quality replay --json proofs.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--corpus", metavar="DIR", help=f"evaluation corpus (else ${CORPUS_VARIABLE}, else ../shared/data)"
    )
    parser.add_argument("--json", metavar="FILE", help="write all results there, after each proof")
    parser.add_argument(
        "--only",
        metavar="NAME",
        nargs="+",
        choices=[proof.name for proof in proofs],
        help="run these proofs alone",
    )
    return parser


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _write(path: str | None, outcomes: Sequence[Outcome]) -> None:
    if path is not None:
        written = {"command": "prove", "proofs": [asdict(outcome) for outcome in outcomes]}
        Path(path).write_text(json.dumps(written, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
