"""docs/operations.md promises nothing that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ingest.settings import NOT_SETTINGS, Settings, environment_name
from tests.deploy.composefile import COMMANDS, PROJECT

DOCUMENTS = ["docs/operations.md", "deploy/README.md"]
SETTINGS = {environment_name(field.name) for field in fields(Settings)} | NOT_SETTINGS
SOURCES = "".join(path.read_text() for path in (PROJECT / "ingest" / "api").glob("*.py"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_it_names_exists(document: str) -> None:
    named = set(re.findall(r"\bINGEST_[A-Z_]+[A-Z]", (PROJECT / document).read_text()))
    assert named <= SETTINGS


@pytest.mark.parametrize("document", ["docs/operations.md", "README.md"])
def test_how_feeds_at_private_addresses_are_allowed_is_said(document: str) -> None:
    assert "INGEST_ALLOW_PRIVATE_ADDRESSES=true" in (PROJECT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_it_names_exists(document: str) -> None:
    named = set(re.findall(r"(?:`|/bin/)ingest ([a-z]+)", (PROJECT / document).read_text()))
    assert named <= COMMANDS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_metric_it_names_exists(document: str) -> None:
    for name in set(re.findall(r"`(ingest_[a-z_]+)`", (PROJECT / document).read_text())):
        assert f'"{name}"' in SOURCES, name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    path = PROJECT / document
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_of_deploy_is_in_its_readme() -> None:
    text = (PROJECT / "deploy" / "README.md").read_text()
    for path in (PROJECT / "deploy").iterdir():
        assert path.name in text or path.name == "README.md", path.name
