"""No part outlives its supervisor, however that ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from ingest.supervise import parent_death
from tests.supervise.trees import wait_until

SUPERVISES_ONE = """
import os, sys
from ingest.runtime import Stop
from ingest.supervise import Process, Supervisor
source = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
part = Process(name="poll", command=[sys.executable, "-c", source], environment=dict(os.environ), stop_order=1)
stop = Stop()
stop.install_signal_handlers()
Supervisor([part], stop=stop, echo=lambda line: print(line, flush=True)).run()
"""


def _launched(parent: int, *command: str) -> subprocess.CompletedProcess[str]:
    tied = [sys.executable, "-I", "-S", parent_death.__file__, str(parent), *command]
    return subprocess.run(tied, capture_output=True, text=True, timeout=60, check=False)


def _supervisor() -> tuple[subprocess.Popen[str], psutil.Process]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISES_ONE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, psutil.Process(int(process.stdout.readline().removeprefix("poll | ")))


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_part_dies_with_a_supervisor_that_was_killed() -> None:
    supervisor, part = _supervisor()
    with supervisor:
        supervisor.kill()
        wait_until(lambda: _gone(part))


def test_a_supervisor_that_is_told_to_stop_stops_its_parts_and_ends_well() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        supervisor, part = _supervisor()
        with supervisor:
            supervisor.send_signal(number)
            assert supervisor.wait(60) == 0
            assert _gone(part)


def test_a_program_becomes_exactly_what_was_asked_for() -> None:
    done = _launched(
        os.getpid(), sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", ""
    )
    assert done.returncode == 7
    assert done.stdout == "['a b', '']\n"


def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    done = _launched(os.getpid() + 100_000, sys.executable, "-c", f"open({str(mark)!r}, 'w')")
    assert done.returncode == 1
    assert "is gone" in done.stderr
    assert not mark.exists()
