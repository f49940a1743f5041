"""Fixture of the corpus; tests that need it are skipped where it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.figures import CorpusAbsentError, corpus_dir


@pytest.fixture(scope="session")
def corpus() -> Path:
    try:
        return corpus_dir()
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))
