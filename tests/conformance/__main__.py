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

FLOOR: Final = 99.5
"""Per cent of a suite's applicable claims."""
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
    figures.write_json(options.json)
    if options.json is not None:
        path = Path(options.json)
        path.write_text(json.dumps({**json.loads(path.read_text()), "suites": told}, indent=2) + "\n")
    return figures.exit_code()


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
