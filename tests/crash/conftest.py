"""Nothing of the session's own servers is killed here: each run has its own."""

from __future__ import annotations

import pytest

from tests.crash.labels import Label, find_labels


@pytest.fixture(scope="session")
def labels() -> tuple[Label, ...]:
    return find_labels()
