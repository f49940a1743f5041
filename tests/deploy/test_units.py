"""The systemd units: what systemd accepts, in the right order, with little to reach."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from ingest.errors import Refused, Unavailable, WrongMigration
from ingest.settings import read_settings
from tests.deploy.composefile import COMMANDS, UNITS

SERVICES = sorted(UNITS.glob("*.service"))
PROCESSES = [path for path in SERVICES if path.name not in {"ingest-migrate.service", "ingest.service"}]
PROGRAM = "/opt/news-ingest/bin/ingest"
MOST_EXPOSED = 20
"""Tenths of systemd's own scale from 0 (nothing to reach) to 10."""


def settings_of(unit: Path) -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in unit.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, value = line.split("=", 1)
            found[name].append(value)
    return found


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip(
            "systemd-analyze is not installed; the other tests of this file read the units themselves"
        )
    units = []
    for path in [*SERVICES, *UNITS.glob("*.target")]:
        copy = tmp_path / path.name.replace("@.", "@1.")
        copy.write_text(path.read_text().replace(PROGRAM, "/bin/true"))
        units.append(str(copy))
    checked = subprocess.run([tool, "verify", *units], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    ours = [line for line in checked.stderr.splitlines() if "ingest" in line]
    assert not ours


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_there_is_little_to_reach_from_a_unit(unit: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    command = [tool, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(unit)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("codes", "ends_with", "tries"), [("0", 0, 1), ("3 3 0", 0, 3), ("3 2", 2, 2), ("4", 4, 1)]
)
def test_a_database_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, codes: str, ends_with: int, tries: int
) -> None:
    """As systemd runs it, ``$$`` being a ``$``; with a program that ends with one of these codes after the other."""
    (start,) = settings_of(UNITS / "ingest-migrate.service")["ExecStart"]
    shell, flag, script = shlex.split(start.replace("$$", "$"))
    assert Unavailable.exit_code == 3
    (tmp_path / "codes").write_text("\n".join(codes.split()) + "\n")
    program = tmp_path / "ingest"
    program.write_text(
        f'#!/bin/sh\ncd {tmp_path}; echo "$1" >> tries; read code < codes; sed -i 1d codes; exit $code\n'
    )
    program.chmod(0o755)
    script = script.replace(PROGRAM, str(program)).replace("sleep 5", "sleep 0")
    done = subprocess.run([shell, flag, script], check=False)
    assert done.returncode == ends_with
    assert (tmp_path / "tries").read_text() == "migrate\n" * tries


@pytest.mark.parametrize(
    "unit", [path for path in SERVICES if "migrate" not in path.name], ids=lambda path: path.name
)
def test_a_unit_runs_one_of_our_commands_without_root(unit: Path) -> None:
    found = settings_of(unit)
    (start,) = found["ExecStart"]
    program, command = start.split()
    assert program == PROGRAM
    assert command in COMMANDS
    assert found["User"] == ["news-ingest"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["StateDirectory"] == ["news-ingest"]


@pytest.mark.parametrize(
    "unit", [path for path in SERVICES if "migrate" not in path.name], ids=lambda p: p.name
)
def test_a_process_is_restarted_for_ever_unless_it_asks_for_an_operator(unit: Path) -> None:
    found = settings_of(unit)
    assert found["Restart"] == ["always"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["RestartPreventExitStatus"] == [f"{Refused.exit_code} {WrongMigration.exit_code}"]
    assert found["KillMode"] == ["mixed"]


@pytest.mark.parametrize("unit", PROCESSES, ids=lambda path: path.name)
def test_a_process_of_the_cluster_waits_for_the_migration_and_belongs_to_the_target(unit: Path) -> None:
    found = settings_of(unit)
    assert found["Requires"] == ["ingest-migrate.service"]
    assert "ingest-migrate.service" in found["After"][0].split()
    assert found["PartOf"] == ["ingest.target"]
    assert found["WantedBy"] == ["ingest.target"]


def test_units_stop_in_the_order_of_the_flow() -> None:
    """Systemd stops units in the reverse of their start order."""

    def after(name: str) -> set[str]:
        return set(settings_of(UNITS / name)["After"][0].split())

    assert "ingest-consume@1.service" in after("ingest-poll@.service")
    assert "ingest-relay.service" in after("ingest-consume@.service")
    assert "ingest-serve.service" in after("ingest-relay.service")


def test_the_two_ways_to_run_exclude_each_other() -> None:
    assert settings_of(UNITS / "ingest.service")["Conflicts"] == ["ingest.target"]
    assert settings_of(UNITS / "ingest.target")["Conflicts"] == ["ingest.service"]


def test_the_whole_tree_has_time_to_stop_in_order() -> None:
    (seconds,) = settings_of(UNITS / "ingest.service")["TimeoutStopSec"]
    parts, each, database = 4, 30, 60
    assert int(seconds) > parts * each + database


def test_example_settings_are_accepted() -> None:
    lines = (UNITS / "environment.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    assert read_settings(dict(pairs)).log == "kafka"


def test_the_user_is_declared() -> None:
    assert re.search(r"^u news-ingest ", (UNITS / "news-ingest.sysusers").read_text(), re.MULTILINE)
