"""docs/architecture.md names only packages, modules and functions that exist, and every package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.style.limits import ROOT
from tests.style.naming import code_spans, exists, top_level

PACKAGE = ROOT / "ingest"
DOCUMENT = ROOT / "docs" / "architecture.md"
LINES = 120
"""Two pages."""
_DOTTED = re.compile(r"[a-z_]+(\.\w+)+")
_OTHER = re.compile(r"ingest|ingest [a-z]+|\[tool\.importlinter\]")


def test_the_map_has_two_pages_at_most() -> None:
    assert len(DOCUMENT.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("span", dict.fromkeys(code_spans(DOCUMENT.read_text(encoding="utf-8"))))
def test_each_name_in_the_map_exists(span: str) -> None:
    if "/" in span or Path(span).suffix in {".py", ".toml"}:
        assert (PACKAGE / span).exists() or (ROOT / span).exists()
    elif _DOTTED.fullmatch(span):
        assert exists(span, package=PACKAGE)
    else:
        assert _OTHER.fullmatch(span)


@pytest.mark.parametrize("name", top_level(PACKAGE))
def test_each_package_and_module_is_in_the_map(name: str) -> None:
    spans = code_spans(DOCUMENT.read_text(encoding="utf-8"))

    assert name in spans or f"{name}__init__.py" in spans


def _package(folder: Path) -> Path:
    (folder / "db").mkdir()
    (folder / "db" / "__init__.py").write_text("from ingest.db.polls import record as store\n")
    (folder / "db" / "polls.py").write_text(
        "LIMIT: int = 1\nfirst = 2\n\ndef record(): ...\n\nclass Poll:\n    id: int\n    async def end(self): ...\n"
    )
    (folder / "wire.py").write_text("import json\n")
    (folder / "notes").mkdir()
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "db",
        "db.polls",
        "db.store",
        "db.polls.record",
        "db.polls.LIMIT",
        "db.polls.first",
        "db.polls.Poll",
        "db.polls.Poll.id",
        "db.polls.Poll.end",
        "wire",
        "wire.json",
    ],
)
def test_a_name_of_the_source_exists(tmp_path: Path, name: str) -> None:
    assert exists(name, package=_package(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "poll",
        "db.poll",
        "db.polls.record.x",
        "db.polls.Record",
        "db.polls.Poll.feed",
        "wire.encode",
        "notes.x",
    ],
)
def test_another_name_does_not_exist(tmp_path: Path, name: str) -> None:
    assert not exists(name, package=_package(tmp_path))


def test_packages_and_modules_are_listed(tmp_path: Path) -> None:
    assert top_level(_package(tmp_path)) == ["db/", "wire.py"]


def test_code_blocks_have_no_code_spans() -> None:
    assert code_spans("`a.b` and `c`\n```\n`no`\n```\n`d`") == ["a.b", "c", "d"]
