"""``./run``, called from a folder that is not the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.composefile import PROJECT

TOPICS = "topics: [{slug: chess, title: Chess, rule: chess}]"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is the one we run in, so that nothing is installed."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("run", "ingest", "deploy", "migrations"):
        (folder / name).symlink_to(PROJECT / name)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed-deploy").touch()
    return folder


def run(checkout: Path, *arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "PYTHON"))}
    command = [str(checkout / "run"), *arguments]
    return subprocess.run(
        command, cwd=folder, env={**kept, **settings}, capture_output=True, text=True, check=False
    )


def test_files_are_looked_for_in_the_folder_of_the_caller(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "mine.yaml").write_text(TOPICS)
    (folder / "ingest.py").write_text("raise SystemExit('not the service')")  # must not be imported
    done = run(checkout, "ingest", "topics", "check", "mine.yaml", folder=folder)
    assert (done.returncode, done.stdout) == (0, "mine.yaml: 1 topics: chess\n"), done.stderr


@pytest.mark.parametrize("verb", ["up", "demo", "ingest"])
def test_every_verb_of_the_service_works_elsewhere(checkout: Path, tmp_path: Path, verb: str) -> None:
    done = run(checkout, verb, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout


def test_a_python_that_is_too_old_is_refused_in_one_line(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / ".installed-deploy").unlink()
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "basename", "env"):
        (tools / name).symlink_to(str(shutil.which(name)))
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    refused = run(checkout, "up", folder=tmp_path, PATH=str(tools))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == ("run: python3 is missing or older than 3.11; install Python 3.11 or newer\n")
