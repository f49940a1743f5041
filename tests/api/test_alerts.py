"""/v1/alerts, its stream, and `ingest alerts`: what there is to tell of feeds, with cursors as any stream has."""

from __future__ import annotations

import json

import httpx
import pytest
from click.testing import CliRunner

from ingest.cli import root
from ingest.log.api import ALERTS_STREAM
from tests.library import Library

pytestmark = pytest.mark.store


def test_alerts_are_a_stream_of_their_own(library: Library, client: httpx.Client) -> None:
    library.alerts(3)
    page = client.get("/v1/alerts", params={"after": "1", "limit": "1"}).raise_for_status().json()
    assert (page["topic"], page["last_cursor"], page["next_after"], page["gap"]) == ("alerts", 3, 2, None)
    (alert,) = page["events"]
    assert (alert["cursor"], alert["kind"], alert["before"], alert["after"]) == (
        2,
        "state",
        "healthy",
        "silent",
    )
    assert alert["feed"] == {"id": 1, "url": "https://a.example/feed"}
    assert client.get("/v1/topics/alerts/events").status_code == 404
    status = client.get("/v1/status").json()
    assert {"topic": "alerts", "cursor": 3, "first_cursor": 1} in status["streams"]


def test_alerts_come_live_behind_a_cursor(library: Library, client: httpx.Client) -> None:
    library.alerts(2)
    seen: list[str] = []
    with client.stream("GET", "/v1/alerts/stream", headers={"Last-Event-ID": "1"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("id: "):
                seen.append(line)
                if len(seen) == 2:
                    library.alerts(1)
                if len(seen) == 3:
                    break
    assert seen == ["id: 1", "id: 2", "id: 3"]


def test_the_command_shows_alerts_and_goes_on_behind_a_cursor(library: Library, database_url: str) -> None:
    def run(*words: str) -> str:
        given = {"INGEST_DATABASE_URL": database_url}
        result = CliRunner().invoke(root, ["alerts", "--no-follow", *words], env=given)
        assert result.exit_code == 0, result.output
        return result.output

    library.alerts(3)
    assert "silent        feed 1  https://a.example/feed: nothing new since yesterday" in run()
    lines = run("--from", "1", "--json").splitlines()
    assert [json.loads(line)["cursor"] for line in lines] == [2, 3]
    library.forget(ALERTS_STREAM, before=3)
    assert "gap" in run("--from", "1")
