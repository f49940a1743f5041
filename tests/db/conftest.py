"""Fixtures of the tests of migrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from ingest.db.engine import open_engine


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """A database without tables."""
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()
