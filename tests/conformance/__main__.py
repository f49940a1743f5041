"""``./run conformance``: passed / applicable per suite, no crash over all we have, and memory that stays flat."""

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
from tests.conformance.sturdy import cross, documents, parse_again_and_again, small

FLOOR: Final = 99.5
"""Per cent of a suite's applicable claims."""
GROWTH_MB: Final = 20
"""Of resident memory after the warm-up: a leak of 250 bytes a parse would be that over 80,000."""
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
    told = {}
    for name in options.suite or SUITES:
        tally = SUITES[name](folder)
        told[name] = tell(name, tally, figures, explanations())
    if not options.suite:
        sturdy_figures(corpus, figures, parses=options.parses)
    figures.write_json(options.json)
    if options.json is not None:
        path = Path(options.json)
        path.write_text(json.dumps({**json.loads(path.read_text()), "suites": told}, indent=2) + "\n")
    return figures.exit_code()


def sturdy_figures(corpus: Path, figures: Figures, *, parses: int) -> None:
    """No crash over every document, and memory that stays flat."""
    crossing = cross(documents(corpus))
    figures.add("sturdy.documents", crossing.documents, "documents")
    figures.add("sturdy.read", crossing.read, "documents")
    figures.add("sturdy.crashes", len(crossing.crashed), "documents", floor=0, lower_is_better=True)
    for each in crossing.crashed:
        print(f"  {each}")
    if parses:
        growth = parse_again_and_again(small(documents(corpus, every=7)), parses=parses)
        figures.add("sturdy.parses", growth.parses, "parses")
        figures.add("sturdy.memory", growth.after / 1e6, "MB")
        figures.add("sturdy.growth", growth.megabytes, "MB", floor=GROWTH_MB, lower_is_better=True)


def explanations() -> Mapping[str, Any]:
    """``{suite: {file: {field or "*": why}}}``."""
    return tomllib.loads(EXPLAINED.read_text("utf-8"))


def why(explained: Mapping[str, Any], suite: str, claim: Claim) -> str | None:
    said = explained.get(suite, {}).get(claim.case, {})
    reason = said.get(claim.about, said.get("*"))
    return None if reason is None else str(reason)


def tell(name: str, tally: Tally, figures: Figures, explained: Mapping[str, Any]) -> dict[str, Any]:
    """Add a suite's figures and print each claim of it that does not hold; all of it for JSON."""
    applicable, failed = len(tally.claims), tally.failed
    figures.add(f"{name}.files", tally.files, "files")
    figures.add(f"{name}.not_applicable", tally.elsewhere, "claims")
    figures.add(f"{name}.applicable", applicable, "claims")
    figures.add(f"{name}.passed", applicable - len(failed), "claims")
    share = 100 * (applicable - len(failed)) / applicable if applicable else 0.0
    figures.add(f"{name}.conformance", round(share, 3), "%", floor=FLOOR)
    listed = []
    for claim in failed:
        reason = why(explained, name, claim)
        print(f"  {name} {claim.case} {claim.about}: {reason or 'NOT EXPLAINED'}")
        print(f"    stated {claim.expected}\n    read   {claim.found}")
        listed.append({**asdict(claim), "why": reason})
    return {"applicable": applicable, "passed": applicable - len(failed), "failed": listed}


if __name__ == "__main__":
    sys.exit(main())
