"""The Dockerfile builds a small, rootless image of exactly what the locks name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from ingest.settings import read_settings
from tests.deploy.composefile import COMMANDS, DOCKERFILE, PROJECT, entrypoint, instructions, last_stage


def test_hadolint_has_no_complaint() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_it_is_built_in_stages_and_runs_as_nobody_special() -> None:
    assert sum(name == "FROM" for name, _ in instructions()) == 2
    users = [rest for name, rest in last_stage() if name == "USER"]
    assert users == ["10001:10001"]
    order = [name for name, _ in last_stage()]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_everything_it_installs_is_named_with_hashes_or_was_built_here() -> None:
    runs = " && ".join(rest for name, rest in instructions() if name == "RUN")
    installs = [command for command in runs.split("&&") if re.search(r"pip (install|wheel)", command)]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command


def test_its_command_and_health_check_are_ours() -> None:
    found = dict(last_stage())
    assert entrypoint() == ("ingest",)
    (command,) = json.loads(found["CMD"])
    assert command in COMMANDS
    program, health = json.loads(found["HEALTHCHECK"].split("CMD ", 1)[1])
    assert program == "ingest"
    assert health in COMMANDS


def test_its_settings_are_accepted() -> None:
    pairs = [pair for name, rest in last_stage() if name == "ENV" for pair in rest.split()]
    variables = dict(pair.split("=", 1) for pair in pairs)
    settings = read_settings({name: value for name, value in variables.items() if name.startswith("INGEST_")})
    assert settings.api_host == "0.0.0.0"
    exposed = {rest for name, rest in last_stage() if name == "EXPOSE"}
    assert exposed == {str(settings.api_port)}


def test_the_builder_gets_all_that_is_copied_and_nothing_else() -> None:
    allowed = [
        line.removeprefix("!")
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert sorted(allowed) == sorted(copied)
    for source in copied:
        assert (PROJECT / source).exists(), source


def test_the_builders_setuptools_is_found_in_the_lock() -> None:
    (program,) = re.findall(r"awk '([^']+)' (\S+)", DOCKERFILE.read_text())
    picked = subprocess.run(
        ["awk", program[0], PROJECT / program[1]], capture_output=True, text=True, check=True
    )
    first, *rest = picked.stdout.splitlines()
    assert re.fullmatch(r"setuptools==[\d.]+ \\", first)
    assert all(line.startswith((" ", "#")) for line in rest)
    assert "--hash=sha256:" in picked.stdout
