"""docs/polling.md names every case and window once, and the tests that it says show them are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "polling.md"
ROW = re.compile(r"^\| (\d+) \| .+ \| (?:open|\[(.+?)\]\(\.\./(tests/[\w/]+\.py)\)) \|$", re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "count"), [("The cases", 88), ("The windows in which others lose articles", 16)]
)
def test_every_row_names_a_test_that_is_there(heading: str, count: int) -> None:
    section = DOCUMENT.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = ROW.findall(section)
    assert [int(number) for number, _, _ in rows] == list(range(1, count + 1))
    for number, name, path in rows:
        if path:
            wanted = f"def test_{name.replace(' ', '_')}("
            assert wanted in (PROJECT / path).read_text(), f"case {number}: {path} has no {wanted}"
