"""docs/api.md and docs/streams.md say what is there."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from ingest.api.openapi import describe_api
from ingest.query import QUERY_PARAMETERS
from ingest.types import EventKind
from tests.library import Library

DOCS = Path(__file__).parents[2] / "docs"


def first_column(text: str, heading: str) -> set[str]:
    """The code in the first column of the table behind ``heading``."""
    table = text.split(heading, 1)[1].split("\n\n## ", 1)[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row)}


def test_the_paths_in_the_document_are_the_routes() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    named = {path.split("?")[0] for path in first_column(text, "# HTTP API")}
    assert named == set(describe_api()["paths"])


def test_the_parameters_in_the_document_are_those_of_the_search() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    assert first_column(text, "## Articles") == set(QUERY_PARAMETERS)


def test_the_parameters_in_the_document_are_those_of_the_feeds() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    described = describe_api()["paths"]["/v1/feeds"]["get"]["parameters"]
    assert first_column(text, "## Feeds") == {parameter["name"] for parameter in described}


def test_the_kinds_in_the_document_are_those_of_events() -> None:
    text = (DOCS / "streams.md").read_text("utf-8")
    assert first_column(text, "## The event") == {kind.value for kind in EventKind}


@pytest.mark.store
def test_the_metrics_in_the_document_are_those_that_are_exposed(
    library: Library, client: httpx.Client
) -> None:
    library.topic("football")
    library.event("football")
    client.get("/v1/articles")
    text = (DOCS / "api.md").read_text("utf-8").split("## Metrics", 1)[1]
    named = {name.removesuffix("_total") for name in re.findall(r"`(ingest_[a-z_]+)", text)}
    exposed = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    exposed = {name.removesuffix("_total") for name in exposed if not name.endswith("_created")}
    assert named == exposed
