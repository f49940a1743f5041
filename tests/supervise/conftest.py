"""A data folder for servers that are started, killed and started again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.db import embedded
from tests.scratch import scratch_parent


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    """An empty folder that a server may use.

    Not pytest's own: for root the server runs as another user, whom each start of another pytest locks out.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-supervise-", dir=scratch_parent()) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data folder whose server was initialised once and is not running."""
    with tempfile.TemporaryDirectory(prefix="ingest-supervise-", dir=scratch_parent()) as folder:
        assert embedded.start(Path(folder)).stop()
        yield Path(folder)


@pytest.fixture
def data_dir(prepared: Path) -> Iterator[Path]:
    """The prepared folder; a server that a test leaves running there is stopped."""
    yield prepared
    assert embedded.start(prepared).stop(), "somebody still uses the server"
