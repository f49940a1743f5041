"""Fixtures of the crash tests. Each run starts its own servers, so the session's servers are never killed."""

from __future__ import annotations

import pytest

from tests.crash.labels import Label, find_labels


@pytest.fixture(scope="session")
def labels() -> tuple[Label, ...]:
    return find_labels()
