"""GET /v1/feeds and /v1/feeds/{id}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from ingest.api.feeds import DEFAULT_FEEDS
from ingest.cli import root
from ingest.db.engine import open_engine
from ingest.db.feed_codecs import FEED_STATES
from ingest.db.feeds import remove_feed
from tests.api.conftest import running
from tests.conftest import Postgres
from tests.library import NOON, Library

pytestmark = pytest.mark.store

STATES = "one of new, healthy, degraded, backing-off, muted, moved, gone, challenged, silent"


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feed["title"] for feed in answer.json()["feeds"]]


@pytest.fixture(scope="module")
def stocked(postgres: Postgres) -> Iterator[httpx.Client]:
    """A server over a feed in every state, for tests that only ask."""
    url = postgres.create()
    engine = open_engine(url, name="test")
    _stock(Library(engine))
    with running(engine) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
    engine.dispose()
    postgres.drop(url)


def _stock(library: Library) -> None:
    def feed(title: str, **values: Any) -> None:
        library.feed(f"https://{title}.example/", title=title, **values)

    feed("never")
    feed("fetched", polled_at=NOON, last_outcome="fetched", state="healthy")
    feed("silent", polled_at=NOON, last_outcome="unchanged", state="silent")
    feed("not-modified", polled_at=NOON, last_outcome="not-modified", state="healthy")
    feed("broken", polled_at=NOON, last_outcome="failed", failures=3, state="degraded")
    feed("cut", polled_at=NOON, last_outcome="fetched", state="degraded")
    feed("muted", enabled=False, state="muted")
    feed("muted-broken", enabled=False, polled_at=NOON, last_outcome="failed", failures=9, state="muted")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            {},
            ["never", "fetched", "silent", "not-modified", "broken", "cut", "muted", "muted-broken"],
        ),
        ({"state": "new"}, ["never"]),
        ({"state": "healthy"}, ["fetched", "not-modified"]),
        ({"state": "silent"}, ["silent"]),
        ({"state": "gone"}, []),
        ({"state": "degraded"}, ["broken", "cut"]),
        ({"state": "muted"}, ["muted", "muted-broken"]),
        ({"failing": "true"}, ["broken"]),
        ({"failing": "true", "state": "degraded"}, ["broken"]),
        ({"failing": "true", "state": "muted"}, []),
        ({"limit": "2"}, ["never", "fetched"]),
        ({"after": "6"}, ["muted", "muted-broken"]),
        ({"after": "4", "state": "degraded", "limit": "1"}, ["broken"]),
        ({"after": "8"}, []),
        ({"after": "9" * 18}, []),
    ],
)
def test_every_parameter_narrows_and_the_oldest_id_comes_first(
    stocked: httpx.Client, query: dict[str, str], expected: list[str]
) -> None:
    assert names(stocked.get("/v1/feeds", params=query)) == expected


def test_the_states_and_the_failing_are_those_that_the_status_counts(stocked: httpx.Client) -> None:
    status = stocked.get("/v1/status").raise_for_status().json()
    counted = {
        state: len(names(stocked.get("/v1/feeds", params={"state": state}))) for state in status["feeds"]
    }
    assert tuple(counted) == FEED_STATES
    assert counted == status["feeds"]
    assert len(names(stocked.get("/v1/feeds", params={"failing": "true"}))) == status["feeds_failing"]


@pytest.mark.parametrize(
    ("query", "parameter", "expected"),
    [
        ("limit=0", "limit", "a whole number from 1 to 500"),
        ("limit=501", "limit", "a whole number from 1 to 500"),
        ("limit=ten", "limit", "a whole number from 1 to 500"),
        ("limit=", "limit", "a whole number from 1 to 500"),
        ("limit=%D9%A1", "limit", "a whole number from 1 to 500"),
        ("limit=1&limit=2", "limit", "one value"),
        ("after=-1", "after", "a whole number from 0"),
        ("after=x", "after", "a whole number from 0"),
        ("after=", "after", "a whole number from 0"),
        ("after=1.0", "after", "a whole number from 0"),
        ("after=" + "9" * 19, "after", "a whole number from 0"),
        ("state=", "state", STATES),
        ("state=disabled", "state", STATES),
        ("state=Failed", "state", STATES),
        ("state=a%00b", "state", STATES),
        ("failing=false", "failing", "true; without it"),
        ("failing=", "failing", "true; without it"),
        ("failing=1", "failing", "true; without it"),
        ("cursor=1", "query parameter", "one of state, failing, tag, limit, after"),
    ],
)
def test_bad_input_is_a_400_that_names_it(
    stocked: httpx.Client, query: str, parameter: str, expected: str
) -> None:
    answer = stocked.get(f"/v1/feeds?{query}")
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["parameter"] == parameter
    assert expected in error["expected"]


def pages(client: httpx.Client, **query: str) -> Iterator[list[int]]:
    """The ids of page after page, each asked for when the one before was taken."""
    while True:
        answer = client.get("/v1/feeds", params=query).raise_for_status().json()
        yield [feed["id"] for feed in answer["feeds"]]
        if answer["next_after"] is None:
            return
        query["after"] = str(answer["next_after"])


def test_pages_together_are_every_feed_once(library: Library, client: httpx.Client) -> None:
    added = [library.feed(f"https://{n}.example/", failures=n % 3) for n in range(DEFAULT_FEEDS + 1)]
    assert list(pages(client)) == [added[:-1], added[-1:]]
    assert list(pages(client, limit=str(len(added)))) == [added]  # a full page may be the last
    assert sum(pages(client, limit="7"), []) == added  # noqa: RUF017 - fifteen short lists
    failing = [feed_id for n, feed_id in enumerate(added) if n % 3]
    found = list(pages(client, limit="10", failing="true"))
    assert [len(page) for page in found] == [10, 10, 10, 10, 10, 10, 7]
    assert sum(found, []) == failing  # noqa: RUF017 - the same


def test_pages_hold_still_while_feeds_come_and_go(
    library: Library, client: httpx.Client, database: Engine
) -> None:
    added = [library.feed(f"https://{n}.example/") for n in range(12)]
    found: list[int] = []
    for number, page in enumerate(pages(client, limit="3")):
        found += page
        if number == 0:
            # Of the page before, its last one, at which the next begins; and one that was not told yet.
            assert remove_feed(database, added[0])
            assert remove_feed(database, added[2])
            assert remove_feed(database, added[7])
            added.append(library.feed("https://new.example/"))
    assert found == [feed_id for feed_id in added if feed_id != added[7]]


def test_no_feeds_are_one_empty_page(client: httpx.Client) -> None:
    assert client.get("/v1/feeds").raise_for_status().json() == {"feeds": [], "next_after": None}


def test_a_feed_comes_with_its_last_polls_as_the_command_shows_it(
    library: Library, client: httpx.Client, database_url: str
) -> None:
    other = library.feed("https://other.example/")
    feed_id = library.feed(
        "https://a.example/rss",
        title="The A",
        polled_at=NOON,
        last_outcome="failed",
        last_reason="failed once",
        failures=1,
        entries=30,
        publish_rate_entries=4.5,
        publish_rate_hours=24.0,
        poll_hints={"interval_seconds": 3600, "skip_hours": [0, 1], "skip_days": [6]},
    )
    polled = [library.poll(feed_id, NOON + timedelta(minutes=n)) for n in range(11)]
    library.poll(other, NOON)
    polled.append(
        library.poll(
            feed_id, NOON + timedelta(hours=1), result="failed", failure="status", status=503, detail="503 …"
        )
    )
    feed = client.get(f"/v1/feeds/{feed_id}").raise_for_status().json()["feed"]
    assert (feed["id"], feed["url"], feed["title"]) == (feed_id, "https://a.example/rss", "The A")
    assert (feed["interval"], feed["next_poll_at"]) == (900, "2026-03-01T12:15:00Z")
    assert feed["publish_rate"] == {"entries": 4.5, "hours": 24}
    assert feed["poll_hints"] == {"interval": 3600, "skip_hours": [0, 1], "skip_days": [6]}
    assert [poll["id"] for poll in feed["polls"]] == polled[:1:-1]
    last = feed["polls"][0]
    assert (last["result"], last["failure"], last["status"], last["detail"]) == (
        "failed",
        "status",
        503,
        "503 …",
    )
    shown = CliRunner().invoke(
        root, ["feeds", "show", str(feed_id), "--json"], env={"INGEST_DATABASE_URL": database_url}
    )
    assert json.loads(shown.output) == feed
    (listed,) = client.get("/v1/feeds", params={"after": str(other)}).json()["feeds"]
    assert {**listed, "websub": None, "polls": feed["polls"]} == feed


def test_how_a_feed_is_asked_is_shown_without_secrets(library: Library, client: httpx.Client) -> None:
    options = {"user_agent": "Example/1", "headers": [["X-Token", "s3cret"]], "proxy": "http://me:s3cret@p:1"}
    agent = {"state": "fallback", "since": NOON.isoformat()}
    feed_id = library.feed("https://a.example/rss", request_options=options, user_agent_trial=agent)
    plain = library.feed("https://b.example/rss")
    answer = client.get(f"/v1/feeds/{feed_id}").raise_for_status()
    feed = answer.json()["feed"]
    assert feed["request_options"] == {
        "user_agent": "Example/1",
        "headers": {"X-Token": "(hidden)"},
        "proxy": "http://(hidden)@p:1",
        "tls": [],
        "ca": [],
    }
    assert feed["user_agent_trial"] == {"state": "fallback", "since": "2026-03-01T12:00:00Z"}
    listed = client.get("/v1/feeds").raise_for_status()
    assert "s3cret" not in answer.text + listed.text
    other = client.get(f"/v1/feeds/{plain}").raise_for_status().json()["feed"]
    assert (other["request_options"], other["user_agent_trial"]) == (None, None)


def test_a_feed_that_was_never_polled_has_no_polls(library: Library, client: httpx.Client) -> None:
    feed = client.get(f"/v1/feeds/{library.feed()}").raise_for_status().json()["feed"]
    assert (feed["polls"], feed["polled_at"], feed["last_outcome"]) == ([], None, None)


@pytest.mark.parametrize("unknown", ["9", "9" * 18])
def test_an_unknown_feed_is_a_404(stocked: httpx.Client, unknown: str) -> None:
    answer = stocked.get(f"/v1/feeds/{unknown}")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {"parameter": "id", "value": unknown, "expected": "the id of a feed of /v1/feeds"}
    }


@pytest.mark.parametrize("malformed", ["0", "-1", "x", "1.0", "9" * 19, "%D9%A1", "a%00b", "1%20", "1%0A"])
def test_a_malformed_id_is_a_400(stocked: httpx.Client, malformed: str) -> None:
    answer = stocked.get(f"/v1/feeds/{malformed}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["parameter"] == "id"
    assert "a whole number from 1 to" in answer.json()["error"]["expected"]
