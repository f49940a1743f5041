"""``ingest tail``: from a cursor to the end, then new events."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import pytest

from ingest.db.engine import open_engine
from tests.library import Library
from tests.query.conftest import Run

pytestmark = pytest.mark.store

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def topic(library: Library) -> None:
    library.topic("football")


def cursors(output: str) -> list[int]:
    return [json.loads(text)["cursor"] for text in output.splitlines()]


def test_the_last_ten_are_shown_or_all_from_a_cursor(library: Library, run: Run) -> None:
    library.events("football", range(25))
    assert cursors(run("tail", "football", "--no-follow", "--json").output) == list(range(16, 26))
    assert cursors(run("tail", "football", "--from", "20", "--no-follow", "--json").output) == list(
        range(21, 26)
    )
    assert cursors(run("tail", "football", "--from", "0", "--no-follow", "--json").output) == list(
        range(1, 26)
    )
    assert cursors(run("tail", "football", "--from", "0", "--count", "3", "--json").output) == [1, 2, 3]


def test_people_see_cursor_kind_title_source_and_why(library: Library, run: Run) -> None:
    library.event("football", 7, kind="merged")
    shown = run("tail", "football", "--no-follow").output
    assert shown == (
        "     1  2026-03-01 12:00:00Z  merged        Event 7: Встреча\u2028в Пхеньяне  news.example  (event)\n"
    )


def test_a_gap_is_told(library: Library, run: Run) -> None:
    library.events("football", range(10))
    library.forget("football", before=6)
    shown = run("tail", "football", "--from", "2", "--no-follow", "--json").output.splitlines()
    assert json.loads(shown[0]) == {
        "v": 1,
        "kind": "gap",
        "topic": "football",
        "after": 2,
        "first_cursor": 6,
        "lost": 3,
    }
    assert [json.loads(text)["cursor"] for text in shown[1:]] == [6, 7, 8, 9, 10]
    assert (
        "3 events after cursor 2 were deleted by retention"
        in run("tail", "football", "--from", "2", "--no-follow").output
    )
    # The last ten do not exist any more: nobody asked for the missing ones by a cursor.
    assert cursors(run("tail", "football", "--no-follow", "--json").output) == [6, 7, 8, 9, 10]


def test_following_shows_what_comes_and_ctrl_c_tells_how_to_go_on(library: Library, start: Start) -> None:
    library.events("football", range(3))
    process = start("tail", "football", "--from", "1", "--json")
    assert process.stdout is not None
    assert [json.loads(process.stdout.readline())["cursor"] for _ in range(2)] == [2, 3]
    assert process.stderr is not None
    waiting = process.stderr.readline()
    assert waiting == (
        "waiting for events after cursor 3; Ctrl-C ends. "
        "No poller is running; start one with `ingest up` or `ingest poll`\n"
    )
    library.event("football", 4)
    assert json.loads(process.stdout.readline())["cursor"] == 4
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert rest == ""
    assert errors == "resume with: ingest tail football --from 4\n"
    assert process.returncode == 0


def test_who_follows_a_stream_is_told_that_it_waits(
    library: Library, database_url: str, start: Start
) -> None:
    library.events("football", range(3))
    poller = open_engine(database_url, name="ingest poll")
    with poller.connect():
        process = start("tail", "football")
        assert process.stderr is not None
        assert process.stderr.readline() == "waiting for events after cursor 3; Ctrl-C ends\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == "resume with: ingest tail football --from 3\n"
    poller.dispose()


def test_a_reader_that_goes_away_ends_it_quietly(library: Library, start: Start) -> None:
    library.events("football", range(500))
    process = start("tail", "football", "--from", "0")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    library.events("football", range(2000))
    process.wait(timeout=30)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
