"""``ingest articles``, ``explain``, ``topics``, ``status``, ``schema``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest

from ingest.cli import articles, quarantine, tail, topics
from tests.library import NOON, Library
from tests.query.conftest import Run

pytestmark = pytest.mark.store

TOPICS = """
topics:
  - slug: football
    title: Football
    phrases: {game: [football, Fußball]}
    rule: $game
  - slug: chess
    title: Chess
    phrases: {game: [chess]}
    rule: $game
"""


REFUSED = [
    (["articles", "search", "!!"], "QUERY, character 1: '!!'", "-word"),
    (["articles", "search", "a\udcffb"], "QUERY", "UTF-8"),
    (["articles", "search", "--from", "soon"], "--from: 'soon'", "ISO 8601"),
    (["articles", "search", "--limit", "many"], "--limit: 'many'", "1 to 200"),
    (["articles", "search", "--cursor", "x"], "--cursor: 'x'", "next_cursor"),
    (["articles", "search", "--topic", "x"], "topic: 'x'", "one of football"),
    (
        ["articles", "show", "https://nowhere.example/"],
        "ID|URL: 'https://nowhere.example/'",
        "stored article",
    ),
    (["articles", "show", str(uuid4())], "ID|URL", "stored article"),
    (["tail", "football", "--from", "x"], "--from: 'x'", "the cursor of an event"),
    (["tail", "football", "--from", "9"], "--from: 9", "whose last is 0"),
    (["tail", "hockey"], "topic: 'hockey'", "one of football"),
    (["topics", "show", "hockey"], "topic: 'hockey'", "one of football"),
    (["topics", "check", "/nowhere.yaml"], "FILE: '/nowhere.yaml'", "readable"),
    (["quarantine", "show", "9"], "number: 9", "quarantine list"),
    (["quarantine", "replay"], "NUMBERS", "or --all"),
    (["quarantine", "replay", "9"], "number: 9", "quarantine list"),
    (["quarantine", "drop", "9"], "number: 9", "quarantine list"),
]


def lines(output: str) -> list[Any]:
    return [json.loads(text) for text in output.splitlines()]


def test_search_shows_where_it_hit(library: Library, run: Run) -> None:
    library.topic("football")
    library.article(
        "https://a.example/1", title="Cup final", text="The football match ended.", topics=["football"]
    )
    library.article("https://a.example/2", title="Other", text="No ball.")
    found = run("articles", "search", "football")
    assert found.exit_code == 0
    assert "Cup final" in found.output
    assert "[football]" in found.output
    assert "football match ended" in found.output
    assert "Other" not in found.output


def test_search_gives_programs_a_line_an_article_and_where_to_go_on(library: Library, run: Run) -> None:
    for n in range(5):
        library.article(f"https://a.example/{n}", title=f"Number {n}", at=NOON + timedelta(minutes=n))
    first = lines(run("articles", "search", "number", "--limit", "3", "--json").output)
    assert [one["title"] for one in first[:3]] == ["Number 4", "Number 3", "Number 2"]
    assert {"text": "Number", "hit": True} not in first[0]["snippet"]
    rest = lines(run("articles", "search", "number", "--cursor", first[3]["next_cursor"], "--json").output)
    assert [one["title"] for one in rest[:2]] == ["Number 1", "Number 0"]
    assert rest[2] == {"next_cursor": None, "exact": True, "since": None}


def test_search_narrows_by_every_option(library: Library, run: Run) -> None:
    library.topic("football")
    library.article(
        "https://a.example/1", title="One", source="a.example", topics=["football"], language="ko"
    )
    library.article("https://b.example/2", title="Two", source="b.example", at=NOON - timedelta(days=9))
    for options, title in (
        (["--topic", "football"], "One"),
        (["--source", "b.example"], "Two"),
        (["--language", "ko"], "One"),
        (["--from", "2026-02-28"], "One"),
        (["--to", "2026-02-28"], "Two"),
    ):
        found = lines(run("articles", "search", "--json", *options).output)
        assert [one.get("title") for one in found] == [title, None], options


def test_a_query_that_begins_with_without_is_told_to_stand_behind_two_dashes(
    library: Library, run: Run
) -> None:
    library.article("https://a.example/1", title="Chess cup")
    library.article("https://a.example/2", title="Football cup")
    hinted = run("articles", "search", "-football")
    assert hinted.exit_code == 2
    assert "No such option '-f'" in hinted.stderr
    assert "Put -- before a QUERY that begins with -: ingest articles search -- -football" in hinted.stderr
    found = run("articles", "search", "--", "-football cup").output
    assert "Chess cup" in found
    assert "Football" not in found
    mistyped = run("articles", "search", "cup", "--topci", "chess")
    assert (mistyped.exit_code, "behind --" in mistyped.stderr) == (2, False)


def test_bad_input_is_refused_with_its_name(library: Library, run: Run) -> None:
    library.topic("football")
    for arguments, named, accepted in REFUSED:
        found = run(*arguments)
        assert found.exit_code == 2, arguments
        assert named in found.stderr
        assert accepted in found.stderr
        assert found.stdout == ""


def test_show_takes_an_id_or_an_address(library: Library, run: Run) -> None:
    article_id = library.article("https://a.example/1", title="First", text="Line one.\nLine two.")
    library.revise(article_id, title="Second", text="Corrected.", at=NOON + timedelta(hours=1))
    for which in (str(article_id), "http://A.example/1?utm_source=x"):
        found = run("articles", "show", which)
        assert found.exit_code == 0, found.output
        assert "Revision 2, current" in found.output
        assert "Revision 1, superseded" in found.output
        assert "Line two." in found.output
        (body,) = lines(run("articles", "show", which, "--json").output)
        assert [one["number"] for one in body["revisions"]] == [2, 1]


def test_explain_tells_when_why_and_where(library: Library, run: Run) -> None:
    library.topic("football")
    article_id = library.article("https://a.example/1", title="A football match", topics=["football"])
    library.event("football", key=article_id)
    found = run("explain", "https://a.example/1").output
    assert "poll 1 of feed 1 (https://news.example/feed.xml): created" in found
    assert "record news.articles/0/1" in found
    assert "matched    football (revision 1)" in found
    assert "'football' in the title: “…A football match…”" in found
    assert "football cursor 1: created" in found
    (body,) = lines(run("explain", "https://a.example/1", "--json").output)
    assert body["recorded"] is True


def test_a_story_counts_its_articles_and_a_date_that_was_not_said_is_none(library: Library, run: Run) -> None:
    first = library.article("https://a.example/1", title="One", published=False)
    found = run("articles", "show", "https://a.example/1").output
    assert "published  not declared, first seen 2026-03-01 12:00:00Z" in found
    library.article("https://a.example/2", title="Two", story=first)
    assert f"story      {first}, 1 other article:" in run("explain", "https://a.example/1").output
    library.article("https://a.example/3", title="Three", story=first)
    assert "2 other articles:" in run("explain", "https://a.example/1").output
    library.article("https://a.example/4", title="Four", story=uuid4())
    assert "no other article stored\n" in run("explain", "https://a.example/4").output


def test_explain_of_what_we_never_met_says_so_and_fails(run: Run) -> None:
    found = run("explain", "https://nowhere.example/1")
    assert found.exit_code == 1
    assert "never seen" in found.output


def test_explain_tells_of_quarantine_and_of_what_is_on_its_way(library: Library, run: Run) -> None:
    number = library.quarantine(b'"https://a.example/1"')
    library.seen(library.feed(), link="https://a.example/1", poll_id=3)
    found = run("explain", "https://a.example/1").output
    assert f"quarantine number {number}" in found
    assert "version 9 is unknown" in found
    assert "on the log, not stored yet" in found


def test_what_feeds_say_cannot_move_the_terminal(library: Library, run: Run) -> None:
    library.article("https://a.example/1", title="Evil \x1b[2J\u202etitle", text="x\x07y")
    for arguments in (["articles", "search"], ["articles", "show", "https://a.example/1"]):
        found = run(*arguments)
        assert "Evil  [2J title" in found.output.replace("\x1b[1m", "").replace("\x1b[0m", "")
        assert "\u202e" not in found.output
        assert "\x07" not in found.output


def test_topics_are_loaded_changed_and_retired_from_a_file(
    library: Library, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(TOPICS)
    assert "2 topics: football, chess" in run("topics", "check", str(file)).output
    assert lines(run("topics", "list", "--json").output) == []
    assert run("topics", "load", str(file)).output == "added      football, chess\n"
    assert run("topics", "load", str(file)).output == "unchanged  football, chess\n"
    library.events("chess", [1, 2])
    file.write_text(TOPICS[: TOPICS.index("  - slug: chess")].replace("Fußball", "fútbol"))
    assert run("topics", "load", str(file)).output == "changed    football\nretired    chess\n"
    chess, football = lines(run("topics", "list", "--json").output)
    assert (chess["slug"], chess["retired"], chess["cursor"]) == ("chess", True, 2)
    assert football["rule"]["phrases"] == {"game": ["football", "fútbol"]}
    assert run("tail", "chess", "--no-follow", "--json").output.count("\n") == 2
    file.write_text(TOPICS)
    assert run("topics", "load", str(file)).output == "changed    football, chess\n"
    assert [one["retired"] for one in lines(run("topics", "list", "--json").output)] == [False, False]
    table = run("topics", "list").output
    assert table.splitlines()[1].split() == ["chess", "Chess", "0", "2", "1"]
    assert "fútbol" not in run("topics", "show", "football").output


def test_a_topics_file_that_is_none_is_refused_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    for content in (b"topics: 3", b"\xff", b"topics: [{slug: x, title: X, rule: $nothing}]"):
        file.write_bytes(content)
        for command in ("check", "load"):
            found = run("topics", command, str(file))
            assert found.exit_code == 2, (content, found.output)
            assert str(file) in found.stderr or "nothing" in found.stderr
    assert lines(run("topics", "list", "--json").output) == []


def test_what_topics_show_and_export_print_can_be_loaded(run: Run, tmp_path: Path) -> None:
    with as_file(files("ingest").joinpath("topics.yaml")) as shipped:
        assert run("topics", "load", str(shipped)).exit_code == 0
    before = lines(run("topics", "list", "--json").output)
    exported = tmp_path / "mine.yaml"
    assert f"{len(before)} topics written to {exported}" in run("topics", "export", str(exported)).stderr
    assert run("topics", "export").stdout == exported.read_text("utf-8")
    loaded = run("topics", "load", str(exported)).output
    assert loaded.startswith("unchanged")
    assert loaded.count("\n") == 1
    shown = tmp_path / "shown.yaml"
    shown.write_text(run("topics", "show", before[0]["slug"]).stdout, "utf-8")
    assert f"unchanged  {before[0]['slug']}\n" in run("topics", "load", str(shown)).output
    assert "# retired" in run("topics", "show", before[-1]["slug"]).stdout
    assert lines(run("topics", "list", "--json").output)[0] == before[0]


def test_topics_are_not_exported_to_a_place_we_may_not_write(run: Run) -> None:
    refused = run("topics", "export", "/no/such/folder/mine.yaml")
    assert (refused.exit_code, "FILE: '/no/such/folder/mine.yaml'" in refused.stderr) == (2, True)


WRONG = """
topics:
  - slug: football
    title: Football
    phrases: {game: [football, 3], none: []}
    rule:
      any:
        - near: [$gmae, $ball]
          within: -1
        - {title: {both: [$game]}}
        - $game
  - {slug: A B, title: T, rule: x}
  - {slug: chess, rule: x}
  - {slug: football, title: Again, rule: x}
  - {slug: hockey, title: Hockey, rule: [hockey]}
"""


def test_a_topics_file_is_told_all_that_is_wrong_with_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(WRONG)
    for command in ("check", "load"):
        found = run("topics", command, str(file))
        assert found.exit_code == 2
        first, *rest = found.stderr.splitlines()
        assert first == "ingest: 10 values are not accepted:"
        assert [
            re.split(" is not accepted|; expected", text.strip())[0].removeprefix(f"{file}, ")
            for text in rest
        ] == [
            "topic football, phrases.game: 3",
            "topic football, phrases.none: []",
            "topic football, rule.any[0].near: '$gmae'",
            "topic football, rule.any[0].near: '$ball'",
            "topic football, rule.any[0].within: -1",
            "topic football, rule.any[1].title: 'both'",
            "topic 2, slug: 'A B'",
            "topic 3 (chess), title: no value",
            "topic 4, slug: 'football'",
            "topic hockey, rule: ['hockey']",
        ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "an empty file"),
        ("# nothing\n", "an empty file"),
        ("topics:\n", "no list of topics under it"),
        ("topics: [{slug: a, title: A, rule: &rule {any: [*rule]}}]", "topic a, rule: 'nested too deeply'"),
    ],
    ids=["empty", "a comment", "a key alone", "a rule that contains itself"],
)
def test_a_topics_file_that_holds_no_topics_is_told_so(
    run: Run, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(content)
    found = run("topics", "check", str(file))
    assert found.exit_code == 2
    assert said in found.stderr


def test_status_for_people_and_programs(library: Library, run: Run) -> None:
    library.topic("football")
    library.events("football", [1])
    library.article()
    library.quarantine()
    (body,) = lines(run("status", "--json").output)
    assert (body["articles"], body["quarantine"]) == (1, 1)
    assert body["streams"] == [{"topic": "football", "cursor": 1, "first_cursor": 1}]
    found = run("status").output
    assert "feeds       1 new" in found
    assert "articles    1 in 1 revisions" in found
    assert "quarantine  1 records waiting, 0 entries of feeds" in found


def test_status_tells_entries_of_feeds_from_records_that_wait(library: Library, run: Run) -> None:
    for offset in range(2):
        library.quarantine(topic="feed:3", offset=offset)
    (body,) = lines(run("status", "--json").output)
    assert (body["quarantine"], body["quarantine_entries"]) == (0, 2)
    found = run("status", color=True).output
    assert "quarantine  0 records waiting, 2 entries of feeds" in found
    assert "\x1b[31m" not in found  # nothing to do: polls bring them again
    library.quarantine(offset=9)
    found = run("status", color=True).output
    assert "\x1b[31mquarantine  1 records waiting, 2 entries of feeds" in found


def test_schema_prints_both_or_one(run: Run) -> None:
    both = json.loads(run("schema").output)
    assert set(both) == {"article", "event", "alert"}
    assert json.loads(run("schema", "--of", "event").output) == both["event"]


def leaves(commands: tuple[click.Command, ...]) -> Iterator[click.Command]:
    for command in commands:
        if isinstance(command, click.Group):
            yield from leaves(tuple(command.commands.values()))
        yield command


def test_every_command_helps_with_an_example() -> None:
    found = list(leaves((*articles.commands, *tail.commands, *topics.commands, *quarantine.commands)))
    assert len(found) > 15
    for command in found:
        assert "Example" in (command.help or ""), command.name
        assert "  ingest " in (command.help or ""), command.name
