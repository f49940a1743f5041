"""Bounds of the style rules, and the modules and functions that may exceed a length, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.style import counting
from tests.style.counting import Finding

ROOT = Path(__file__).parents[2]

MAX_VAGUE_NAMES = 40
"""Uses and definitions of vague names in ``ingest/``."""

MAX_RIDDLES = 5
"""Docstrings and comments of ``ingest/`` and ``migrations/`` that begin with What, Whoever, Of, That or Which."""

MAX_RIDDLES_IN_TESTS = 5
"""The same for ``tests/``."""

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
"""Without decorators (declarations) and docstring."""

_ONE_SUBJECT = "The tests of one stage share its fixtures and helpers; most lines are cases."

LONG_MODULES: Mapping[str, str] = {
    "ingest/db/tables.py": "Every table and column of the schema with its comment: a declaration.",
    "tests/persist/test_persist.py": _ONE_SUBJECT,
    "tests/poll/test_page_fetch.py": _ONE_SUBJECT,
    "tests/poll/test_polling.py": _ONE_SUBJECT,
    "tests/poll/test_schedule.py": _ONE_SUBJECT,
    "tests/poll/test_states.py": _ONE_SUBJECT,
    "tests/pure/test_fastpath.py": _ONE_SUBJECT,
    "tests/pure/test_parse.py": _ONE_SUBJECT,
    "tests/registry/test_cli.py": _ONE_SUBJECT,
    "tests/registry/test_polls.py": _ONE_SUBJECT,
    "tests/simulate/ours.py": "Plays the poller's loop over one host, and checks its promises against the same record.",
    "tests/websub/test_hubs.py": _ONE_SUBJECT,
}
"""Path of each module that may be longer, and the reason."""

_SCHEMA = "A migration lists tables and columns in the order in which they are made."

LONG_FUNCTIONS: Mapping[str, str] = {
    "migrations/versions/0001_initial_schema.py upgrade": _SCHEMA,
    "migrations/versions/0010_hubs.py upgrade": _SCHEMA,
    "migrations/versions/0011_full_text.py upgrade": _SCHEMA,
    "tests/api/test_service.py cases": "One table: a request for each operation of the API.",
    "tests/simulate/ours.py _play": "One loop over the seconds of a host; its steps share the host's queue.",
}
"""``path function`` of each function that may be longer, and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A finding with the path of its source below the repository's root."""

    path: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.path}:{self.finding.line} {self.finding.name}"


def sources(*folders: str, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Path and text of each Python source below the folders, in the order of their paths."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def vague_names() -> list[Located]:
    """Vague names in the product."""
    return [
        Located(path=path, finding=finding)
        for path, source in sources("ingest")
        for finding in counting.vague_names(source)
    ]


def riddles(*folders: str) -> list[Located]:
    """Docstrings and comments below ``folders`` whose first word is one of the forbidden ones."""
    return [
        Located(path=path, finding=finding)
        for path, source in sources(*folders)
        for finding in counting.riddles(source)
    ]


def inner_riddles(*folders: str) -> list[Located]:
    """Later sentences below ``folders`` that begin with one of the forbidden words."""
    return [
        Located(path=path, finding=finding)
        for path, source in sources(*folders)
        for finding in counting.inner_riddles(source)
    ]


def long_modules() -> dict[str, int]:
    """Lines of each module that exceeds the limit."""
    return {
        path: lines
        for path, source in sources("ingest", "migrations", "tests")
        if (lines := counting.module_lines(source)) > MAX_MODULE_LINES
    }


def long_functions() -> dict[str, int]:
    """Lines of each function that exceeds the limit, by path and dotted name."""
    return {
        f"{path} {function.name}": function.lines
        for path, source in sources("ingest", "migrations", "tests")
        for function in counting.functions(source)
        if function.lines > MAX_FUNCTION_LINES
    }
