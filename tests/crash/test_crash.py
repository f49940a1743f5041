"""Kill the service at its failpoints, in the short plan that fits into CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.crash import plan
from tests.crash.compare import Kind
from tests.crash.labels import Label
from tests.crash.run import run
from tests.crash.sabotage import SABOTAGES, sabotaged

SEED = 3


@pytest.mark.timeout(1200)
def test_nothing_is_lost_or_repeated_when_anything_is_killed_at_any_failpoint_on_the_embedded_log(
    labels: Sequence[Label],
) -> None:
    outcome = run(plan.ci(labels, "postgres"), log="postgres", seed=SEED)
    assert not outcome.violations, f"{outcome.report()}\n{outcome.log_tails}"
    assert outcome.struck == {label.name for label in plan.in_mode(labels, "postgres")}


@pytest.mark.kafka
@pytest.mark.timeout(1200)
def test_nothing_is_lost_or_repeated_when_anything_is_killed_on_kafka_with_two_of_each_process(
    labels: Sequence[Label], kafka_jars: Path
) -> None:
    outcome = run(plan.ci(labels, "kafka"), log="kafka", seed=SEED, jars=kafka_jars, pairs=True)
    assert not outcome.violations, f"{outcome.report()}\n{outcome.log_tails}"
    assert {label.name for label in labels if label.role == "relay"} <= outcome.struck


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SABOTAGES)
def test_the_harness_catches_a_service_that_breaks_the_guarantee(name: str, labels: Sequence[Label]) -> None:
    sabotage = SABOTAGES[name]
    struck = [label for label in labels if label.name in sabotage.labels]
    with sabotaged(name) as source:
        outcome = run(
            plan.repeated(struck), log="postgres", seed=SEED, patience=sabotage.patience, source=source
        )
    assert outcome.count(Kind.LOST) > 0
