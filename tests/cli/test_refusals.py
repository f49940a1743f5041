"""Bad input, through the command as a user types it: a sentence that names the thing, no traceback, nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from ingest.cli import root
from ingest.db.engine import transaction
from ingest.settings import read_settings

pytestmark = pytest.mark.store


IN_THIS_PROCESS = {"articles", "feeds", "tail", "topics", "websub"}
"""Commands that only look and end. Each process of its own imports for more than a CPU second."""


def ingest(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    if arguments[0] in IN_THIS_PROCESS:
        unset = {name: None for name in os.environ if name.startswith("INGEST_")}
        result = CliRunner().invoke(root, arguments, env={**unset, **settings})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    return subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        env={**kept, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def rows(engine: Engine) -> list[int]:
    with transaction(engine) as connection:
        return [
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("feeds", "topics", "articles", "quarantine", "log_records")
        ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["feeds", "add", "not a url"], ["not a url"]),
        (["feeds", "add", "ftp://news.example/feed"], ["ftp://news.example/feed", "http"]),
        (["feeds", "show", "999"], ["999"]),
        (["tail", "no-such-topic"], ["no-such-topic"]),
        (["tail", "world", "--from", "yesterday"], ["yesterday", "cursor"]),
        (["articles", "show", "not-an-id"], ["not-an-id"]),
        (["articles", "search", "x", "--from", "someday"], ["someday"]),
        (["articles", "search", "x", "--topic", "no-such-topic"], ["no-such-topic"]),
        (["quarantine", "show", "12345"], ["12345"]),
        (["migrate", "--to", "0001"], ["0001", "--yes"]),
    ],
)
def test_a_refusal_is_a_sentence_that_names_the_value(
    database: Engine, database_url: str, arguments: list[str], named: list[str]
) -> None:
    with transaction(database) as connection:
        connection.execute(
            text(
                "INSERT INTO topics (slug, title, rule, changed_at) VALUES ('world', 'W', '{\"any\": [\"w\"]}', now())"
            )
        )
    before = rows(database)
    done = ingest(*arguments, INGEST_DATABASE_URL=database_url)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in named:
        assert part in done.stderr
    assert rows(database) == before


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("topics: [{slug: A B, title: T, rule: x}]", ["slug", "A B"]),
        ("topics: [{slug: a, title: T, rule: {both: [x]}}]", ["topic a", "both"]),
        ("topics: [{slug: a, title: T, rule: {any: [$none]}}]", ["topic a", "$none"]),
        ("topics: [{slug: a, title: T, rule: x}, {slug: a, title: U, rule: y}]", ["slug", "'a'"]),
        ("topics: [{slug: a, title: T, rule: {near: [x, y], within: -1}}]", ["within", "-1"]),
        ("topics:\n  - slug: a\n   title: b", ["YAML"]),
        ("just text", ["topics"]),
    ],
)
def test_a_bad_topics_file_is_refused_whole(
    database: Engine, database_url: str, tmp_path: Path, content: str, named: list[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    before = rows(database)
    done = ingest("topics", "load", str(file), INGEST_DATABASE_URL=database_url)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in ["mine.yaml", *named]:
        assert part in done.stderr
    assert rows(database) == before


def test_a_bad_opml_file_is_refused_by_name(database: Engine, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text("<html><body><p>No list of feeds")
    done = ingest("feeds", "import", str(file), INGEST_DATABASE_URL=database_url)
    assert done.returncode == 2, done.stderr
    assert "feeds.opml" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(database)[0] == 0


@pytest.mark.parametrize("command", ["poll", "consume", "serve", "health", "status"])
def test_no_process_works_on_a_database_that_was_not_migrated(empty_database_url: str, command: str) -> None:
    done = ingest(command, INGEST_DATABASE_URL=empty_database_url)
    assert done.returncode == 4, done.stderr
    assert "ingest migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["poll", "consume", "serve", "migrate"])
def test_no_process_touches_a_database_of_a_newer_version(
    database: Engine, database_url: str, command: str
) -> None:
    with transaction(database) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    done = ingest(command, INGEST_DATABASE_URL=database_url)
    assert done.returncode == 4, done.stderr
    assert "9999" in done.stderr
    assert "newer" in done.stderr


def test_a_database_that_is_not_there_is_unavailable() -> None:
    done = ingest("health", INGEST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/news")
    assert done.returncode == 3, done.stderr
    assert "database is not available" in done.stderr


def test_the_relay_needs_kafka(database_url: str) -> None:
    done = ingest("relay", INGEST_DATABASE_URL=database_url)
    assert done.returncode == 2
    assert "INGEST_LOG" in done.stderr


def test_a_malformed_setting_is_refused_before_anything_starts() -> None:
    done = ingest("up", INGEST_POLL_INTERVAL="often")
    assert done.returncode == 2
    assert "INGEST_POLL_INTERVAL" in done.stderr
    assert "often" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["feeds", "import", "feeds.opml"], "feeds.opml"),
        (["websub", "list", "--state", "asleep"], "asleep"),
    ],
)
def test_bad_input_is_refused_before_a_database_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("feeds.opml").write_text("<html><body><p>No list of feeds")
    done = ingest(*arguments, INGEST_DATA_DIR="data")
    assert done.returncode == 2, done.stderr
    assert named in done.stderr
    assert not Path("data").exists()


def test_an_empty_folder_for_the_demo_is_not_the_current_one() -> None:
    done = ingest("demo", "--data-dir", "")
    assert done.returncode == 2, done.stderr
    assert "--data-dir: '' is not accepted" in done.stderr


GIVEN = {
    "INGEST_RETENTION_POLLS": "36h",
    "INGEST_HOST_SPACING": "0s",
    "INGEST_POLL_ADAPTIVE": "no",
    "INGEST_FETCH_MAX_BYTES": "1536k",
    "INGEST_TOPICS_FILE": "my topics.yaml",
    "INGEST_DATABASE_URL": "postgresql://u:hunter2@db/news",
}


def test_every_value_that_settings_prints_can_be_read_back() -> None:
    done = ingest("settings", **GIVEN)
    printed = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
    assert read_settings(printed) == replace(read_settings(GIVEN), database_url=None)
    assert "INGEST_DATABASE_URL is set, and not shown" in done.stdout
    assert "INGEST_KAFKA_BOOTSTRAP is not set" in done.stdout
    rows = json.loads(ingest("settings", "--json", **GIVEN).stdout)
    told = {row["variable"]: row["value"] for row in rows if row["value"] not in (None, "(set)")}
    assert told == printed


def test_settings_are_shown_with_their_variables_and_without_secrets() -> None:
    done = ingest("settings", "--json", INGEST_DATABASE_URL="postgresql://u:hunter2@db/news")
    assert done.returncode == 0, done.stderr
    assert "INGEST_POLL_INTERVAL" in done.stdout
    assert "hunter2" not in done.stdout
