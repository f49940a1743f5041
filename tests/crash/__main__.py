"""``./run crash``: kill the service at every failpoint, and count losses, repetitions and disorder."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Figures
from tests.crash import plan
from tests.crash.compare import Kind
from tests.crash.labels import Label, find_labels
from tests.crash.plan import Cycle, Strike, Target
from tests.crash.run import Outcome, run
from tests.crash.sabotage import SABOTAGES, OutdatedSabotageError, sabotaged
from tests.kafka_broker import HOW_TO_RUN, CannotStartError, fetch_jars

FULL_KILLS = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    labels = find_labels()
    if options.list:
        for label in labels:
            print(f"{label.name:24} {label.role:8} ingest/{label.file}:{label.line}")
        print(f"{len(labels)} steps")
        return 0
    by_name = {label.name: label for label in labels}
    if strange := [name for name in options.label if name not in by_name]:
        print(f"crash: no step is called {', '.join(strange)}; --list shows them", file=sys.stderr)
        return 2
    if options.sabotage:
        return _sabotage(options.sabotage, by_name, seed=options.seed)
    logs = ["postgres", "kafka"] if options.log == "both" else [options.log]
    jars, not_run = _jars(needed="kafka" in logs)
    if not_run:
        if options.log == "kafka" or options.kafka or os.environ.get("CI") == "true":
            print(f"crash: no Kafka broker: {not_run}. {HOW_TO_RUN}", file=sys.stderr)
            return 1
        logs = ["postgres"]
    figures = Figures("crash")
    figures.add("labels", len(labels), "steps", floor=30)
    kills = (options.kills or FULL_KILLS) // len(logs) + 1
    total = 0
    for log in logs:
        cycles = _cycles(options, log, labels, by_name, kills=kills)
        outcome = run(
            cycles,
            log=log,
            seed=options.seed,
            jars=jars,
            pairs=options.pairs,
            enough=kills if options.full else None,
            keep=options.keep,
            say=_say,
        )
        _report(figures, outcome)
        total += outcome.kills
    if options.full:
        figures.add("kills", total, "kills", floor=options.kills or FULL_KILLS)
    figures.write_json(options.json)
    if not_run:
        print(f"The Kafka side was NOT run: no broker ({not_run}).\n{HOW_TO_RUN}")
    return figures.exit_code()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run crash", description=__doc__)
    parser.add_argument("--log", choices=("postgres", "kafka", "both"), default="both")
    parser.add_argument(
        "--kafka", action="store_true", help="fail where no broker can be had (as with CI=true)"
    )
    parser.add_argument(
        "--full", action="store_true", help=f"at least {FULL_KILLS} kills, over both logs together"
    )
    parser.add_argument("--kills", type=int, help="with --full: at least so many instead")
    parser.add_argument("--label", action="append", default=[], help="only at this step; may be given again")
    parser.add_argument("--target", choices=list(Target), default=Target.PROCESS, help="what --label kills")
    parser.add_argument("--pairs", action="store_true", help="two pollers, consumers and relays side by side")
    parser.add_argument(
        "--seed", type=int, default=1, help="of what is published, and of the order of --full"
    )
    parser.add_argument("--list", action="store_true", help="print the labelled steps and end")
    parser.add_argument(
        "--sabotage", choices=list(SABOTAGES), help="break a guarantee on purpose; must be caught"
    )
    parser.add_argument("--keep", action="store_true", help="leave the files of the run, and say where")
    return Figures.options(parser)


def _jars(*, needed: bool) -> tuple[Path | None, str]:
    """Return the broker's jars, or the reason why none can be had."""
    try:
        return (fetch_jars() if needed else None), ""
    except CannotStartError as error:
        return None, str(error)


def _cycles(
    options: argparse.Namespace, log: str, labels: Sequence[Label], by_name: dict[str, Label], *, kills: int
) -> list[Cycle]:
    if options.label:
        target = Target(options.target)
        return [Cycle((Strike(label=by_name[name], target=target),)) for name in options.label]
    if options.full:
        return plan.full(labels, log, kills=kills, chance=random.Random(options.seed))
    return plan.pairs(labels, log) if options.pairs else plan.short(labels, log)


def _sabotage(name: str, by_name: dict[str, Label], *, seed: int) -> int:
    sabotage = SABOTAGES[name]
    print(f"sabotage: {sabotage.about}", flush=True)
    if strange := [label for label in sabotage.labels if label not in by_name]:
        print(f"crash: the source has no step {', '.join(strange)} any more", file=sys.stderr)
        return 2
    try:
        with sabotaged(name) as source:
            outcome = run(plan.repeated([by_name[label] for label in sabotage.labels]), log="postgres", seed=seed,
                          patience=sabotage.patience, source=source, say=_say)  # fmt: skip
    except OutdatedSabotageError as error:
        print(f"crash: {error}", file=sys.stderr)
        return 2
    lost = outcome.count(Kind.LOST)
    print(f"{'caught' if lost else 'NOT CAUGHT'}: {lost} lost after {outcome.kills} kills")
    for violation in outcome.violations[:5]:
        print(f"  {violation.kind}: {violation.detail}")
    return 0 if lost else 1


def _report(figures: Figures, outcome: Outcome) -> None:
    log = outcome.log
    figures.add(f"{log}_kills", outcome.kills, "kills")
    figures.add(f"{log}_labels_struck", len(outcome.struck), "steps")
    figures.add(f"{log}_cycles", outcome.cycles, "cycles")
    figures.add(f"{log}_articles", outcome.articles, "articles")
    figures.add(f"{log}_revisions", outcome.revisions, "revisions")
    figures.add(f"{log}_events", outcome.events, "events")
    figures.add(f"{log}_reconnections", outcome.connections, "connections")
    figures.add(f"{log}_seconds", round(outcome.seconds, 1), "s")
    for kind in Kind:
        figures.add(f"{log}_{kind}", outcome.count(kind), "violations", floor=0, lower_is_better=True)
    if outcome.violations:
        print(f"\n{outcome.report()}")
        print(outcome.log_tails, file=sys.stderr)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
