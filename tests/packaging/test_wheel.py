"""The built wheel holds all the service needs: it migrates a database and shows its help far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import inspect

from ingest.db.engine import open_engine
from ingest.db.tables import metadata

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what ``pip install --no-deps`` of our wheel would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(PROJECT),
    ]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def ingest(installed: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    return subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        cwd=installed.parent,
        env={**kept, "PYTHONPATH": str(installed), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_carries_migrations_topics_and_the_demo_and_no_tests(installed: Path) -> None:
    inside = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert "ingest/migrations/env.py" in inside
    assert "ingest/migrations/versions/0001_initial_schema.py" in inside
    assert "ingest/topics.yaml" in inside
    assert "ingest/py.typed" in inside
    assert any(name.startswith("ingest/demo/") for name in inside)
    assert not [name for name in inside if name.startswith("tests")]
    every_module = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "ingest").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    assert every_module <= inside


@pytest.mark.store
def test_the_wheel_migrates_an_empty_database(installed: Path, empty_database_url: str) -> None:
    done = ingest(installed, "migrate", INGEST_DATABASE_URL=empty_database_url)
    assert done.returncode == 0, done.stderr
    engine = open_engine(empty_database_url)
    try:
        assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_every_command_of_the_wheel_shows_help_with_an_example(installed: Path) -> None:
    root = ingest(installed, "--help")
    assert root.returncode == 0, root.stderr
    assert "Example" in root.stdout
