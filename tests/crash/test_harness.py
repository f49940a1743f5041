"""Tests of the harness itself; real runs are in test_crash.py."""

from __future__ import annotations

import random
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.crash import plan
from tests.crash.compare import (
    Kind,
    StoredRevision,
    compare_cursors,
    compare_intervals,
    compare_polls,
    compare_store,
    compare_stream,
)
from tests.crash.labels import Label, Role, UnplacedFailpointError, find_labels
from tests.crash.news import EVERYTHING, STORMS, Published, Text, stream_kinds
from tests.crash.plan import Strike, Target
from tests.crash.sabotage import SABOTAGES, OutdatedSabotageError, Rewrite, rewrite, sabotaged
from tests.crash.steps import Steps
from tests.crash.subscriber import ReceivedEvent

URL = "https://a.example/1"
STORM = "There is a storm warning for the coast."
ONE = Published(
    url=URL,
    at=datetime(2026, 1, 1, tzinfo=UTC),
    texts=[Text(title="One", body=f"First. {STORM}"), Text(title="One (2)", body="Second.")],
)


def stored(number: int, title: str, text: str, *, url: str = URL, of: str = "id-1") -> StoredRevision:
    return StoredRevision(url=url, id=of, number=number, title=title, text=text)


FIRST = stored(1, "One", f"First.\n{STORM}")
SECOND = stored(2, "One (2)", "Second.")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([FIRST, SECOND], []),
        ([SECOND, FIRST], []),
        ([FIRST], [Kind.LOST]),
        ([], [Kind.LOST, Kind.LOST]),
        ([FIRST, SECOND, stored(3, "One (2)", "Second.")], [Kind.REPEATED]),
        ([FIRST, stored(2, "One (2)", "Second.", of="id-2")], [Kind.REPEATED]),
        ([stored(2, "One", f"First. {STORM}"), stored(1, "One (2)", "Second.")], [Kind.OUT_OF_ORDER]),
        ([FIRST, stored(3, "One (2)", "Second.")], [Kind.OUT_OF_ORDER]),
        ([FIRST, stored(2, "One (2)", "Secon")], [Kind.LOST, Kind.WRONG]),
        ([FIRST, SECOND, stored(1, "X", "X", url="https://b.example/")], [Kind.WRONG]),
    ],
)
def test_the_store_must_have_every_text_once_under_its_number(
    rows: list[StoredRevision], expected: list[Kind]
) -> None:
    assert sorted(violation.kind for violation in compare_store({URL: ONE}, rows)) == sorted(expected)


def received(*events: tuple[int, str, int]) -> list[ReceivedEvent]:
    return [ReceivedEvent(cursor, kind, "id-1", revision) for cursor, kind, revision in events]


@pytest.mark.parametrize(
    ("topic", "events", "expected"),
    [
        (EVERYTHING, received((1, "created", 1), (2, "updated", 2)), []),
        (EVERYTHING, received((1, "merged", 1), (2, "updated", 2)), []),
        (EVERYTHING, received((1, "created", 1)), [Kind.LOST]),
        (EVERYTHING, received((1, "created", 1), (2, "updated", 2), (3, "updated", 2)), [Kind.REPEATED]),
        (EVERYTHING, received((1, "created", 1), (2, "updated", 2), (2, "updated", 2)), [Kind.REPEATED] * 2),
        (EVERYTHING, received((1, "updated", 2), (2, "created", 1)), [Kind.OUT_OF_ORDER]),
        (EVERYTHING, received((1, "created", 1), (3, "updated", 2)), [Kind.GAP]),
        (EVERYTHING, received((1, "created", 1), (2, "retracted", 2)), [Kind.LOST, Kind.REPEATED]),
        (STORMS, received((1, "created", 1), (2, "reclassified", 2)), []),
        (STORMS, received((1, "created", 1)), [Kind.LOST]),
        (
            EVERYTHING,
            [*received((1, "created", 1), (2, "updated", 2)), ReceivedEvent(3, "created", "?", 1)],
            [Kind.WRONG],
        ),
    ],
)
def test_a_stream_must_contain_every_event_once_in_order(
    topic: str, events: list[ReceivedEvent], expected: list[Kind]
) -> None:
    violations = compare_stream("somewhere", topic, events, [ONE], {URL: "id-1"})
    assert sorted(violation.kind for violation in violations) == sorted(expected)


def test_an_article_that_was_never_stored_is_lost_on_its_streams_too() -> None:
    assert {violation.kind for violation in compare_stream("x", EVERYTHING, [], [ONE], {})} == {Kind.LOST}


@pytest.mark.parametrize(
    ("cursors", "expected"),
    [([], []), ([1, 2, 3], []), ([2], [Kind.GAP]), ([1, 1], [Kind.REPEATED]), ([1, 3, 2], [Kind.GAP, Kind.REPEATED])],
)  # fmt: skip
def test_cursors_must_count_from_one(cursors: list[int], expected: list[Kind]) -> None:
    violations = compare_cursors("x", [ReceivedEvent(cursor, "created", "id", 1) for cursor in cursors])
    assert [violation.kind for violation in violations] == expected


@pytest.mark.parametrize(
    ("recorded", "current", "expected"),
    [
        ([1, 2], [], []),
        ([1], [2], []),
        ([1], [], [Kind.UNRECORDED_POLL]),
        ([1, 1, 2], [], [Kind.REPEATED]),
        ([1, 2, 9], [], [Kind.WRONG]),
    ],
)
def test_every_leased_poll_must_end_in_one_outcome(
    recorded: list[int], current: list[int], expected: list[Kind]
) -> None:
    violations = compare_polls({1: 7, 2: 7}, recorded, current)
    assert [violation.kind for violation in violations] == expected


def test_a_feed_requested_sooner_than_its_interval_is_a_violation() -> None:
    assert compare_intervals("/a.xml", [0.0, 1.0, 2.5], interval=1.0) == []
    assert [v.kind for v in compare_intervals("/a.xml", [0.0, 1.0, 1.5], interval=1.0)] == [Kind.POLLED_EARLY]


def test_an_article_that_leaves_a_topic_and_returns_has_events_for_both() -> None:
    texts = [Text(title="t", body=body) for body in (STORM, "Calm.", "Calm still.", STORM + " Again.", STORM)]
    article = Published(url=URL, at=ONE.at, texts=texts)
    assert stream_kinds(article, STORMS) == [
        (1, "created"),
        (2, "reclassified"),
        (4, "created"),
        (5, "updated"),
    ]


def test_the_source_has_at_least_thirty_failpoints_and_each_log_must_reach_its_own() -> None:
    labels = find_labels()
    assert len(labels) >= 30
    assert {label.role for label in labels} == set(Role)
    embedded = {label.name for label in plan.in_mode(labels, "postgres")}
    assert {label.name for label in plan.in_mode(labels, "kafka")} == {label.name for label in labels}
    assert {label.name for label in labels} - embedded >= {"relay.sent"}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("failpoint(name)", "one string literal"),
        ('failpoint("nobody.knows")', "none of the stages"),
        ('failpoint("poll.a")\nruntime.failpoint("poll.a")', "is a step of"),
    ],
)
def test_a_failpoint_that_no_process_owns_is_refused(tmp_path: Path, source: str, complaint: str) -> None:
    (tmp_path / "module.py").write_text(source)
    with pytest.raises(UnplacedFailpointError, match=complaint):
        find_labels(tmp_path)


def test_the_short_set_strikes_every_label_once_and_no_process_twice_at_once() -> None:
    labels = find_labels()
    for log in ("postgres", "kafka"):
        cycles = plan.short(labels, log)
        struck = [
            strike.label.name
            for cycle in cycles
            for strike in cycle.strikes
            if strike.target is Target.PROCESS
        ]
        assert sorted(struck) == sorted(label.name for label in plan.in_mode(labels, log))
        for cycle in cycles:
            roles = [strike.label.role for strike in cycle.strikes]
            assert len(roles) == len(set(roles))


def test_a_full_run_has_the_requested_kills_and_is_the_same_for_a_seed() -> None:
    labels = find_labels()

    def cycles_of(seed: int) -> list[plan.Cycle]:
        return plan.full(labels, "kafka", kills=200, chance=random.Random(seed))

    assert sum(len(cycle.strikes) for cycle in cycles_of(1)) >= 200
    assert cycles_of(1) == cycles_of(1)
    assert cycles_of(1) != cycles_of(2)


def test_an_armed_failpoint_is_held_at_its_occurrence_and_no_other(tmp_path: Path) -> None:
    with Steps(tmp_path / "s") as steps, socket.socket(socket.AF_UNIX) as process:
        process.settimeout(5)
        process.connect(str(steps.path))
        steps.arm("poll.a", occurrence=2)
        for label in ("poll.a", "poll.b"):
            process.sendall(f"7 {label}\n".encode())
            assert process.recv(1)
        process.sendall(b"7 poll.a\n")
        process.settimeout(0.3)
        with pytest.raises(TimeoutError):
            process.recv(1)
        reached = steps.take()
        assert reached is not None
        assert (reached.label, reached.pid) == ("poll.a", 7)
        assert steps.disarm() == []
        steps.release(reached)
        assert process.recv(1)
        assert steps.counts == {"poll.a": 2, "poll.b": 1}


@pytest.mark.parametrize("name", SABOTAGES)
def test_each_sabotage_finds_the_text_it_rewrites(name: str) -> None:
    names = {label.name for label in find_labels()}
    assert set(SABOTAGES[name].labels) <= names
    with sabotaged(name) as folder:
        assert find_labels(folder / "ingest")


def test_a_sabotage_that_finds_nothing_to_rewrite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(OutdatedSabotageError, match=r"a\.py has 0 times"):
        rewrite(tmp_path, [Rewrite(file="a.py", old="y", new="z")])


def test_a_strike_is_described_by_failpoint_and_target() -> None:
    label = Label(name="poll.a", role=Role.POLL, file="poll.py", line=1)
    assert str(Strike(label=label, target=Target.BROKER, occurrence=2)) == "poll.a #2 → broker"
