"""Without a broker the Kafka tests are skipped, and it is said last of all; where they must run, they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One Kafka test, on a machine that has no programs at all."""
    (folder / "bin").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "INGEST_TEST_KAFKA"}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "tests/log"]
    return subprocess.run(
        [*command, "-k", "test_appending_nothing_is_no_append and kafka"],
        cwd=ROOT,
        env={**kept, "PATH": str(folder / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_lines_say_that_kafka_was_not_run_and_how_to_run_it(tmp_path: Path) -> None:
    ended = run(tmp_path)
    assert ended.returncode == 0
    last = ended.stdout.strip().splitlines()[-2:]
    assert last[0] == "The Kafka side was NOT run: no broker (not installed: java, mvn)."
    assert "INGEST_TEST_KAFKA=host:port" in last[1]


@pytest.mark.parametrize(("options", "environment"), [(["--kafka"], {}), ([], {"CI": "true"})])
def test_where_kafka_must_be_tested_a_missing_broker_is_a_failure(
    tmp_path: Path, options: list[str], environment: dict[str, str]
) -> None:
    ended = run(tmp_path, *options, **environment)
    assert ended.returncode == 1
    assert "no Kafka broker: not installed: java, mvn. To run it, install java" in ended.stdout
    assert "NOT run" not in ended.stdout
