"""The long proofs, each a command of its own: ``./run prove`` runs them one after the other.

CI runs a sample of each (tests/crash, tests/replay, tests/conformance …); the proofs whole take hours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.__main__ import _EXTRA, BENCHES, module_of

CHECKOUT: Final = Path(__file__).resolve().parents[2]
_BENCH_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {"poll": ("--require-peers",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A command ``python -m MODULE ARGUMENT…`` that takes ``--corpus`` and ``--json``."""

    name: str
    about: str
    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a proof ended. A proof that crashed before its end has no figures."""

    name: str
    exit_code: int
    seconds: float
    figures: tuple[Mapping[str, Any], ...] = ()


def _benches() -> Iterator[Proof]:
    for name, about in BENCHES.items():
        arguments = (*_EXTRA.get(name, ()), *_BENCH_ARGUMENTS.get(name, ()))
        yield Proof(name=f"bench-{name}", about=about, module=module_of(name).__name__, arguments=arguments)


PROOFS: Final[tuple[Proof, ...]] = (
    Proof(
        name="quality",
        about="how often results are right: every subject of ./run quality",
        module="tests.quality",
    ),
    Proof(
        name="conformance",
        about="suites of other feed readers, all documents, memory",
        module="tests.conformance",
    ),
    *_benches(),
    Proof(
        name="bench-store-large",
        about="articles a second into a database of a million articles, beside an empty one",
        module="tests.bench.store",
        arguments=("--articles", "1000000"),
    ),
    Proof(
        name="replay",
        about="every recorded poll through the service, on both logs",
        module="tests.replay",
        arguments=("--kafka",),
    ),
    Proof(
        name="simulate",
        about="a month of 100,000 feeds through the polling policy",
        module="tests.simulate",
    ),
    Proof(
        name="crash",
        about="a thousand kills at labelled steps, on both logs",
        module="tests.crash",
        arguments=("--full", "--kafka"),
    ),
)


def prove(proof: Proof, *, corpus: str | None) -> Outcome:
    """Run one proof; its output goes to the terminal."""
    with tempfile.TemporaryDirectory(prefix="ingest-prove-") as folder:
        written = Path(folder) / "figures.json"
        command = [sys.executable, "-m", proof.module, *proof.arguments, "--json", str(written)]
        if corpus is not None:
            command += ["--corpus", corpus]
        begun = time.monotonic()
        exit_code = subprocess.run(command, cwd=CHECKOUT, check=False).returncode
        seconds = time.monotonic() - begun
        figures = json.loads(written.read_text("utf-8"))["figures"] if written.exists() else ()
    return Outcome(name=proof.name, exit_code=exit_code, seconds=round(seconds, 1), figures=tuple(figures))


def table(outcomes: Sequence[Outcome]) -> str:
    """One row a proof, with the figures that have a floor or a goal."""
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [f"{'proof':<{width}}  exit  seconds  figures that have a floor or a goal"]
    for outcome in outcomes:
        shown = [_shown(figure) for figure in outcome.figures if _is_key(figure)] or ["-"]
        row = f"{outcome.name:<{width}}  {outcome.exit_code:>4}  {outcome.seconds:>7.0f}  "
        lines += [f"{row}{shown[0]}", *(" " * len(row) + each for each in shown[1:])]
    failed = [outcome.name for outcome in outcomes if outcome.exit_code != 0]
    names = f": {', '.join(failed)}" if failed else ""
    lines.append(f"{len(outcomes) - len(failed)} proved, {len(failed)} failed{names}")
    return "\n".join(lines)


def _is_key(figure: Mapping[str, Any]) -> bool:
    return figure["floor"] is not None or figure["goal"] is not None


def _shown(figure: Mapping[str, Any]) -> str:
    bounds = [f"{name} {figure[name]:g}" for name in ("floor", "goal") if figure[name] is not None]
    missed = "" if figure["met"] else "  MISSED"
    return f"{figure['name']} {figure['value']:.5g} {figure['unit']} ({', '.join(bounds)}){missed}"
