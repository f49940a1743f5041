"""The process tree, with real processes."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from ingest.errors import Unavailable
from ingest.supervise import Process, RestartPolicy, Status
from tests.supervise.trees import QUICK, SLEEPER, program, tree, wait_until

NOTES_ITS_END = """
import pathlib, signal, sys, time
def leave(number, frame):
    with pathlib.Path(sys.argv[1]).open("a") as out:
        out.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("listening", flush=True)
while True:
    time.sleep(0.01)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("listening", flush=True)
while True:
    time.sleep(600)
"""


def test_output_passes_through_with_the_name_of_the_part_before_every_line() -> None:
    source = (
        "import sys, time; print('one\\ntwo', flush=True); print('three', file=sys.stderr); time.sleep(600)"
    )
    with tree([program("poll", source), program("consume", SLEEPER)]) as running:
        wait_until(lambda: len(running.lines) == 4)
        assert sorted(running.lines) == [
            "consume | at work",
            "poll    | one",
            "poll    | three",
            "poll    | two",
        ]


def test_output_that_is_not_text_or_has_no_end_of_line_does_no_harm() -> None:
    source = (
        "import sys, time\n"
        "sys.stdout.buffer.write(b'\\xff\\n' + b'x' * 200_000)\n"
        "sys.stdout.flush()\n"
        "time.sleep(600)"
    )
    with tree([program("poll", source)]) as running:
        wait_until(lambda: sum(line.count("x") for line in running.lines) >= 131_072)
        assert running.lines[0] == "poll | \ufffd"
        assert max(map(len, running.lines)) <= 2 * 65_536 + len("poll | ")


def test_what_a_part_said_just_before_its_end_is_not_lost() -> None:
    source = (
        "import os, sys, time\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(0.2)\n"
        "print('x' * 50_000)\n"
        "print('the end', file=sys.stderr)\n"
        "sys.exit(2)"
    )
    said: list[str] = []

    def slow(line: str) -> None:
        said.append(line)
        if len(said) == 1:  # the rest comes, and the part ends, while we are busy with its first line
            part = psutil.Process(int(line.removeprefix("poll | ")))
            wait_until(lambda: part.status() == psutil.STATUS_ZOMBIE)

    with tree([program("poll", source)], echo=slow) as running:
        wait_until(running.ended)
    assert "poll | " + "x" * 50_000 in said
    assert "poll | the end" in said
    assert str(running.error).endswith("last error output: the end")


def test_parts_stop_one_after_the_other_in_the_written_order(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    parts = [
        program(name, NOTES_ITS_END, ends, name, stop_order=order)
        for order, name in [(3, "relay"), (1, "poll"), (4, "serve"), (2, "consume")]
    ]
    with tree(parts) as running:
        wait_until(lambda: len(running.lines) == 4)
    assert ends.read_text().split() == ["poll", "consume", "relay", "serve"]
    assert running.error is None
    assert {state.status for state in running.supervisor.state} == {Status.STOPPED}


def test_parts_start_in_the_reverse_order_each_when_the_one_before_is_ready(tmp_path: Path) -> None:
    sign, calls = tmp_path / "sign", []
    parts = [
        program("poll", SLEEPER, stop_order=1),
        program("serve", SLEEPER, stop_order=2, ready=sign.exists),
    ]
    with tree(parts, on_ready=lambda: calls.append("ready")) as running:
        wait_until(lambda: running.state("serve").status is Status.STARTING)
        wait_until(lambda: "serve | at work" in running.lines)
        assert running.state("poll").status is Status.WAITING
        assert calls == []
        sign.touch()
        wait_until(lambda: running.state("poll").status is Status.READY)
        wait_until(lambda: calls)
    assert calls == ["ready"]


def test_a_part_that_never_becomes_ready_has_failed() -> None:
    part = program("serve", SLEEPER, ready=lambda: False, ready_timeout=timedelta(seconds=0.2))
    with tree([part]) as running:
        wait_until(running.ended)
    assert isinstance(running.error, Unavailable)
    assert "was not ready within 0.2 s" in str(running.error)


def test_a_killed_part_is_started_again_and_the_others_are_left_alone() -> None:
    with tree([program("poll", SLEEPER), program("consume", SLEEPER)]) as running:
        wait_until(lambda: len(running.lines) == 2)
        poll, consume = running.pid("poll"), running.pid("consume")
        os.kill(poll, signal.SIGKILL)
        wait_until(lambda: running.lines.count("poll    | at work") == 2)
        assert running.pid("poll") != poll
        assert running.state("poll").restarts == 1
        assert running.state("poll").reason == "was killed by SIGKILL"
        assert running.pid("consume") == consume
    assert running.error is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; print('the disk is full', file=sys.stderr); sys.exit(3)",
         "exited with code 3; last error output: the disk is full"),
        ("raise LookupError('no such thing')",
         "exited with code 1; last error output: LookupError: no such thing"),
        ("pass", "exited with code 0 without a stop request"),
    ],
    ids=["unavailable", "a bug", "a clean end that nobody asked for"],
)  # fmt: skip
def test_a_part_that_fails_too_often_brings_the_tree_down_with_its_reason(
    tmp_path: Path, source: str, reason: str
) -> None:
    ends, starts = tmp_path / "ends", tmp_path / "starts"
    counting = f"import pathlib, sys\nwith pathlib.Path(sys.argv[1]).open('a') as f: f.write('x')\n{source}"
    parts = [
        program("poll", counting, starts, stop_order=1),
        program("serve", NOTES_ITS_END, ends, "serve", stop_order=2),
    ]
    with tree(parts) as running:
        wait_until(running.ended)
    assert str(running.error) == f"poll is not available: it {reason}"
    assert starts.read_text() == "x" * (QUICK.max_restarts + 1)
    assert running.state("serve").status is Status.STOPPED


@pytest.mark.parametrize("code", [2, 4], ids=["refused settings", "another migration"])
def test_a_part_that_needs_an_operator_is_not_tried_again(tmp_path: Path, code: int) -> None:
    source = (
        f"import pathlib, sys\nwith pathlib.Path(sys.argv[1]).open('a') as f: f.write('x')\nsys.exit({code})"
    )
    with tree([program("poll", source, tmp_path / "starts")]) as running:
        wait_until(running.ended)
    assert f"exited with code {code}" in str(running.error)
    assert running.error is not None
    assert running.error.exit_code == code  # so that systemd does not start the tree again either
    assert (tmp_path / "starts").read_text() == "x"


def test_a_program_that_is_not_there_is_named() -> None:
    missing = Process(name="poll", command=["/no/such/program"], environment={}, stop_order=1)
    with tree([missing]) as running:
        wait_until(running.ended)
    assert "/no/such/program: No such file or directory" in str(running.error)


def test_a_part_that_does_not_stop_in_time_is_killed_and_the_rest_still_stops_in_order(
    tmp_path: Path,
) -> None:
    ends = tmp_path / "ends"
    parts = [
        program("deaf", DEAF, stop_order=1),
        program("serve", NOTES_ITS_END, ends, "serve", stop_order=2),
    ]
    with tree(parts, stop_timeout=timedelta(seconds=0.3)) as running:
        wait_until(lambda: len(running.lines) == 2)
        deaf = psutil.Process(running.pid("deaf"))
    assert not deaf.is_running()
    assert running.state("deaf").reason == "was killed by SIGKILL"
    assert ends.read_text().split() == ["serve"]


def test_a_stop_during_the_wait_for_a_restart_does_not_wait_for_it() -> None:
    patient = RestartPolicy(initial_delay=timedelta(hours=1), max_delay=timedelta(hours=1))
    with tree([program("poll", "raise SystemExit(1)")], policy=patient) as running:
        wait_until(lambda: running.state("poll").restarts == 1)
        began = time.monotonic()
    assert time.monotonic() - began < 30
    assert running.error is None


def test_what_a_part_started_does_not_outlive_it() -> None:
    source = (
        "import subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)"
    )
    with tree([program("poll", source)]) as running:
        wait_until(lambda: running.lines)
        worker = psutil.Process(int(running.lines[0].removeprefix("poll | ")))
        os.kill(running.pid("poll"), signal.SIGKILL)
        wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        assert running.state("poll").restarts <= 1


def test_ctrl_c_in_a_terminal_reaches_the_supervisor_alone() -> None:
    """A terminal signals its whole foreground process group; the order of stopping is the supervisor's to keep."""
    with tree([program("poll", SLEEPER)]) as running:
        wait_until(lambda: running.lines)
        assert os.getpgid(running.pid("poll")) == running.pid("poll")
        assert os.getpgid(0) != running.pid("poll")


def test_a_reader_of_our_output_that_went_away_does_not_end_the_tree() -> None:
    said: list[str] = []

    def closed(line: str) -> None:
        said.append(line)
        raise BrokenPipeError(32, "Broken pipe")

    source = "import time\nfor n in range(600):\n    print(n, flush=True)\n    time.sleep(0.01)"
    with tree([program("poll", source)], echo=closed) as running:
        wait_until(lambda: said)
        wait_until(lambda: running.state("poll").status is Status.READY)
        assert not running.ended()
    assert running.error is None
    assert len(said) == 1
