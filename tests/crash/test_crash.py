"""The crash harness in the size of CI: every labelled step once on each log, and the two sabotages it must catch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.labels import find_labels

PROJECT = Path(__file__).resolve().parents[2]
MINUTES = 60


def crash(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_at_least_thirty_steps_are_labelled_each_with_a_name_of_its_own() -> None:
    names = [label.name for label in find_labels()]
    assert len(names) >= 30
    assert len(set(names)) == len(names)


@pytest.mark.timeout(10 * MINUTES)
def test_killing_everything_once_loses_and_repeats_nothing() -> None:
    done = crash("--log", "postgres")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.kafka
@pytest.mark.timeout(12 * MINUTES)
def test_killing_everything_once_loses_and_repeats_nothing_on_kafka(kafka_jars: Path) -> None:
    assert (
        kafka_jars.is_dir()
    )  # asked for, so that a machine without a broker says so; the harness runs one of its own
    done = crash("--log", "kafka")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(10 * MINUTES)
@pytest.mark.parametrize("sabotage", ["validators-first", "stream-outside"])
def test_a_broken_guarantee_is_caught(sabotage: str) -> None:
    done = crash("--sabotage", sabotage)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "caught" in done.stdout + done.stderr
