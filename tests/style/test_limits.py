"""The repository keeps the style rules; a listed exception that is no longer needed fails too."""

from __future__ import annotations

import pytest

from tests.style import limits
from tests.style.limits import Located


def _listing(findings: list[Located]) -> str:
    return "\n".join(str(finding) for finding in findings)


def test_names_in_the_product_name_the_thing() -> None:
    findings = limits.vague_names()

    assert len(findings) <= limits.MAX_VAGUE_NAMES, _listing(findings)


@pytest.mark.parametrize(
    ("folders", "bound"),
    [
        pytest.param(("ingest", "migrations"), limits.MAX_RIDDLES, id="product"),
        pytest.param(("tests",), limits.MAX_RIDDLES_IN_TESTS, id="tests"),
    ],
)
def test_docstrings_and_comments_begin_with_a_statement(folders: tuple[str, ...], bound: int) -> None:
    findings = limits.riddles(*folders)

    assert len(findings) <= bound, _listing(findings)


def test_the_long_modules_are_those_listed_with_a_reason() -> None:
    assert limits.long_modules().keys() == limits.LONG_MODULES.keys()
    assert all(limits.LONG_MODULES.values())


def test_the_long_functions_are_those_listed_with_a_reason() -> None:
    assert limits.long_functions().keys() == limits.LONG_FUNCTIONS.keys()
    assert all(limits.LONG_FUNCTIONS.values())
