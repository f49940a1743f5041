"""The Dockerfile builds a small, rootless image of exactly what the locks name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

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


def test_the_lock_has_all_that_builds_it() -> None:
    (program,) = re.findall(r"awk '([^']+)'[\\\s]+(\S+)", DOCKERFILE.read_text())
    picked = subprocess.run(
        ["awk", program[0], PROJECT / program[1]], capture_output=True, text=True, check=True
    ).stdout
    assert "--hash=sha256:" in picked
    assert all(line.startswith((" ", "#")) or "==" in line for line in picked.splitlines())
    names = set(re.findall(r"^([\w.-]+)==", picked, re.MULTILINE))
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert _with_what_they_need(wanted) == names


def _with_what_they_need(wanted: list[str]) -> set[str]:
    """The names of these requirements, and of theirs, as they are installed here."""
    found: set[str] = set()
    left = [Requirement(text) for text in wanted]
    while left:
        requirement = left.pop()
        if requirement.name in found or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        found.add(requirement.name)
        left += [Requirement(text) for text in metadata.requires(requirement.name) or ()]
    return found
