"""docs/polling.md names every case and window once, and the tests that it says show them are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "polling.md"
LINK = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)")
ROW = re.compile(rf"^\| (\d+) \| .+? \| (open|{LINK.pattern}(?:; {LINK.pattern})*) \|$", re.MULTILINE)


@pytest.mark.parametrize(("heading", "count"), [("Edge cases", 88), ("Loss windows", 16)])
def test_every_row_names_a_test_that_is_there(heading: str, count: int) -> None:
    section = DOCUMENT.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [(int(row[1]), row[2]) for row in ROW.finditer(section)]
    assert [number for number, _ in rows] == list(range(1, count + 1))
    for number, shown_by in rows:
        for name, path in LINK.findall(shown_by):
            wanted = f"def test_{name.replace(' ', '_')}("
            assert wanted in (PROJECT / path).read_text(), f"case {number}: {path} has no {wanted}"
