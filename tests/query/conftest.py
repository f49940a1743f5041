"""Run the commands over a fresh database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from ingest.cli import root
from tests.library import Library

Run = Callable[..., Result]


@pytest.fixture
def library(database: Engine) -> Library:
    return Library(database)


@pytest.fixture
def run(database_url: str) -> Run:
    """Run a command in this process, such as ``run("articles", "search", "x")``, and return its result."""

    def call(*arguments: str, input: str | None = None, color: bool = False) -> Result:  # noqa: A002 - as CliRunner has it
        environment = {"INGEST_DATABASE_URL": database_url, "INGEST_CONFIG": None}
        return CliRunner().invoke(root, list(arguments), env=environment, input=input, color=color)

    return call


@pytest.fixture
def start(database_url: str) -> Callable[..., subprocess.Popen[str]]:
    """Start a command in a process of its own, with its output in a pipe."""

    def call(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ingest", *arguments],
            env={**os.environ, "INGEST_DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return call
