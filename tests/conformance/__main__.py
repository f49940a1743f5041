"""``./run conformance``: passed and applicable claims of each suite, crashes over all documents, growth of memory."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures, corpus_dir
from tests.conformance import SUITES
from tests.conformance.claims import Claim, Tally, unpacked
from tests.conformance.robustness import documents, measure_growth, parse_in_pool, small

FLOOR: Final = 99.5
"""Least percentage of a suite's applicable claims that must hold."""
GROWTH_MB: Final = 20
"""Most growth of resident memory after the warm-up: a leak of 250 bytes for each parse adds up to it in 80,000
parses."""
EXPLAINED: Final = Path(__file__).with_name("explained.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(
            prog="./run conformance",
            description=__doc__,
            epilog="example: ./run conformance --suite feedparser --suite gofeed",
        )
    )
    parser.add_argument("--suite", metavar="NAME", action="append", choices=SUITES, help=", ".join(SUITES))
    parser.add_argument(
        "--parses",
        type=int,
        default=100_000,
        metavar="N",
        help="of the run that watches memory (default: %(default)s; 0: none). With --suite nothing but that runs",
    )
    options = parser.parse_args(arguments)
    try:
        corpus = corpus_dir(options.corpus)
        folder = unpacked(corpus)
    except CorpusAbsentError as absent:
        print(f"conformance: {absent}", file=sys.stderr)
        return ABSENT_EXIT
    figures = Figures("conformance")
    suites = {}
    for name in options.suite or SUITES:
        tally = SUITES[name](folder)
        suites[name] = report_suite(name, tally, figures, explanations())
    if not options.suite:
        add_robustness_figures(corpus, figures, parses=options.parses)
    figures.write_json(options.json)
    if options.json is not None:
        path = Path(options.json)
        path.write_text(json.dumps({**json.loads(path.read_text()), "suites": suites}, indent=2) + "\n")
    return figures.exit_code()


def add_robustness_figures(corpus: Path, figures: Figures, *, parses: int) -> None:
    """Add the figures of the parser pool over every document, and of memory over many parses."""
    pool_run = parse_in_pool(documents(corpus))
    figures.add("robustness.documents", pool_run.documents, "documents")
    figures.add("robustness.read", pool_run.read, "documents")
    figures.add("robustness.crashes", len(pool_run.crashed), "documents", floor=0, lower_is_better=True)
    for crash in pool_run.crashed:
        print(f"  {crash}")
    if parses:
        growth = measure_growth(small(documents(corpus, every=7)), parses=parses)
        figures.add("robustness.parses", growth.parses, "parses")
        figures.add("robustness.memory", growth.after / 1e6, "MB")
        figures.add("robustness.growth", growth.megabytes, "MB", floor=GROWTH_MB, lower_is_better=True)


def explanations() -> Mapping[str, Any]:
    """Return the explanations as ``{suite: {file: {field or "*": reason}}}``."""
    return tomllib.loads(EXPLAINED.read_text("utf-8"))


def reason_for(explained: Mapping[str, Any], suite: str, claim: Claim) -> str | None:
    reasons = explained.get(suite, {}).get(claim.case, {})
    reason = reasons.get(claim.about, reasons.get("*"))
    return None if reason is None else str(reason)


def report_suite(name: str, tally: Tally, figures: Figures, explained: Mapping[str, Any]) -> dict[str, Any]:
    """Add a suite's figures, and print each claim of it that fails; return all of it for JSON."""
    applicable, failed = len(tally.claims), tally.failed
    figures.add(f"{name}.files", tally.files, "files")
    figures.add(f"{name}.not_applicable", tally.not_applicable, "claims")
    figures.add(f"{name}.applicable", applicable, "claims")
    figures.add(f"{name}.passed", applicable - len(failed), "claims")
    share = 100 * (applicable - len(failed)) / applicable if applicable else 0.0
    figures.add(f"{name}.conformance", round(share, 3), "%", floor=FLOOR)
    listed = []
    for claim in failed:
        reason = reason_for(explained, name, claim)
        print(f"  {name} {claim.case} {claim.about}: {reason or 'NOT EXPLAINED'}")
        print(f"    stated {claim.expected}\n    read   {claim.actual}")
        listed.append({**asdict(claim), "reason": reason})
    return {"applicable": applicable, "passed": applicable - len(failed), "failed": listed}


if __name__ == "__main__":
    sys.exit(main())
