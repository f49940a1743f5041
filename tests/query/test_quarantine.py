"""``ingest quarantine``: no record in quarantine is lost, and records can be replayed."""

from __future__ import annotations

import base64
import json

import pytest
from sqlalchemy import Engine

from ingest.db import quarantine
from ingest.log.postgres import PostgresLog
from tests.library import NOON, Library
from tests.query.conftest import Run

pytestmark = pytest.mark.store


def test_a_list_and_a_record_in_full(library: Library, run: Run) -> None:
    number = library.quarantine(b'{"v":9}', key="k1")
    found = run("quarantine", "list").output
    assert f"{number}" in found
    assert "news.articles/0/7" in found
    assert "Unusable: version 9 is unknown" in found
    (one,) = [json.loads(text) for text in run("quarantine", "list", "--json").output.splitlines()]
    assert (one["id"], one["size"], one["stage"], one["replayed_at"]) == (number, 7, "persist", None)
    shown = run("quarantine", "show", str(number)).output
    assert '{"v":9}' in shown
    assert "key k1" in shown
    assert json.loads(run("quarantine", "show", str(number), "--json").output)["value"] == {"text": '{"v":9}'}


def test_bytes_that_are_no_text_come_back_as_they_are(library: Library, run: Run) -> None:
    number = library.quarantine(b"\xff\x00\n\x1b[2J")
    assert run("quarantine", "show", str(number), "--raw").stdout_bytes == b"\xff\x00\n\x1b[2J"
    value = json.loads(run("quarantine", "show", str(number), "--json").output)["value"]
    assert base64.b64decode(value["base64"]) == b"\xff\x00\n\x1b[2J"
    assert "\x1b" not in run("quarantine", "show", str(number)).output


def test_replay_hands_in_the_original_bytes_and_marks_it(
    library: Library, run: Run, database: Engine
) -> None:
    first = library.quarantine(b"\xffone", key="k1", offset=1)
    second = library.quarantine(b"two", key="k2", offset=2)
    assert run("quarantine", "replay", str(second)).output == f"{second} replayed to news.articles\n"
    assert run("quarantine", "replay", "--all").output == f"{first} replayed to news.articles\n"
    assert run("quarantine", "replay", "--all").output == "nothing to replay\n"
    records = PostgresLog(database).read("news.articles", after=0, limit=10)
    assert [(r.key, bytes(r.value), dict(r.headers)) for r in records] == [
        ("k2", b"two", {"h": "1", "replayed": str(second)}),
        ("k1", b"\xffone", {"h": "1", "replayed": str(first)}),
    ]
    assert run("quarantine", "list").output == "quarantine is empty\n"
    assert len(run("quarantine", "list", "--replayed", "--json").output.splitlines()) == 2


def test_a_wrong_number_among_many_replays_none(library: Library, run: Run, database: Engine) -> None:
    number = library.quarantine()
    assert run("quarantine", "replay", str(number), "99").exit_code == 2
    assert "NUMBERS: no value; expected the numbers" in run("quarantine", "replay").output
    assert PostgresLog(database).read("news.articles", after=0, limit=10) == []


def test_an_entry_of_a_feed_is_not_replayed_for_the_log_never_had_it(
    library: Library, run: Run, database: Engine
) -> None:
    entry = library.quarantine(b"{}", topic="feed:3", offset=1)
    record = library.quarantine(b"one", offset=2)
    refused = run("quarantine", "replay", str(entry))
    assert refused.exit_code == 2
    assert "an entry of feed:3" in refused.stderr
    assert run("quarantine", "replay", "--all").output == f"{record} replayed to news.articles\n"
    assert [bytes(r.value) for r in PostgresLog(database).read("news.articles", after=0, limit=9)] == [b"one"]
    assert PostgresLog(database).read("feed:3", after=0, limit=9) == []


def test_a_crash_between_append_and_mark_only_repeats(library: Library, run: Run, database: Engine) -> None:
    number = library.quarantine(b"one")
    one = quarantine.find_record(database, number)
    assert one is not None
    PostgresLog(database).append(one.topic, [one.message()])  # and then the process died
    run("quarantine", "replay", "--all")
    records = PostgresLog(database).read("news.articles", after=0, limit=10)
    assert [bytes(r.value) for r in records] == [b"one", b"one"]
    assert quarantine.replayable_ids(database) == ()


def test_drop_asks_and_deletes(library: Library, run: Run, database: Engine) -> None:
    number = library.quarantine()
    assert run("quarantine", "drop", str(number), input="n\n").exit_code == 0
    assert quarantine.find_record(database, number) is not None
    assert run("quarantine", "drop", str(number), "--yes").output == f"{number} dropped\n"
    assert quarantine.find_record(database, number) is None


def test_lists_come_in_pages(library: Library, database: Engine) -> None:
    numbers = [library.quarantine(offset=n) for n in range(5)]
    quarantine.mark_replayed(database, numbers[2], now=NOON)
    first = quarantine.list_records(database, limit=2)
    assert [one.id for one in first] == [numbers[4], numbers[3]]
    rest = quarantine.list_records(database, limit=9, below=first[-1].id)
    assert [one.id for one in rest] == [numbers[1], numbers[0]]
