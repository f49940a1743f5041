"""Start and restart the service's processes as an operator's supervisor would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from ingest.supervise import parent_death
from tests.crash.labels import Role

RESTART_SECONDS: Final = 0.1
"""Least time between two starts of one process."""
ORPHAN_SECONDS: Final = 10.0
"""Time after which the children of a dead process must be gone."""
STOP_SECONDS: Final = 20.0
UNAVAILABLE_EXIT: Final = 3
"""Exit code of ``ingest.errors.Unavailable``: database or broker was away; a restart resumes."""


def command(*arguments: str) -> list[str]:
    """Return the command line of ``ingest …`` for the current folder, ended when the harness itself is killed."""
    tied = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid())]
    return [*tied, sys.executable, "-m", "ingest", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An exit of a process that the harness did not request."""

    name: str
    code: int
    """Exit code; a negative one is the signal that ended the process."""
    log_tail: str


class Service:
    """One process of the service, restarted whenever it ends."""

    def __init__(
        self, role: Role, number: int, *, folder: Path, working: Path, environment: Mapping[str, str]
    ) -> None:
        self.role = role
        self.name = f"{role.value}-{number}"
        self.log = folder / f"{self.name}.log"
        self.kills = 0
        self.starts = 0
        self._working = working
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._expected = False
        self._should_run = False
        self._groups: dict[int, float] = {}

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def missing(self) -> bool:
        """Whether the process should run but does not."""
        return self._should_run and self._process is None

    def start(self) -> None:
        """Start the process, not sooner than ``RESTART_SECONDS`` after its last start."""
        self._should_run = True
        early = self._started_at + RESTART_SECONDS - time.monotonic()
        if early > 0:
            time.sleep(early)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command(self.role.value),
                cwd=self._working,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._expected = False
        self.starts += 1

    def owns(self, pid: int) -> bool:
        """Return whether ``pid`` is this process or one of its children."""
        if self._process is None:
            return False
        with suppress(ProcessLookupError):
            return os.getpgid(pid) == self._process.pid
        return False

    def kill(self, pid: int) -> None:
        """Send SIGKILL to ``pid``, one of this service's processes, and to no other."""
        self.kills += 1
        self._expected = self._expected or pid == self.pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to stop, as an operator does."""
        self._expected = True
        if self._process is not None:
            self._process.terminate()

    def collect_end(self) -> End | None:
        """Collect the exit of the process; None while it runs, or if the harness ended it.

        Afterwards :attr:`pid` is None.
        """
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._groups[self._process.pid] = time.monotonic()
        self._process = None
        if self._expected:
            return None
        return End(name=self.name, code=code, log_tail=self.log_tail())

    def log_tail(self, lines: int = 12) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def left_running(self) -> list[str]:
        """Kill the children of dead processes that outlived them by ``ORPHAN_SECONDS``, and describe each."""
        orphans = []
        for group, since in list(self._groups.items()):
            members = [
                process
                for process in psutil.process_iter()
                if _group(process.pid) == group and _alive(process)
            ]
            if not members:
                del self._groups[group]
            elif time.monotonic() - since > ORPHAN_SECONDS:
                del self._groups[group]
                orphans += [f"{self.name}: {_described(process)}" for process in members]
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        return orphans

    def wait_for_orphans(self) -> list[str]:
        """Wait until every child of a dead process is gone; describe those that had to be killed."""
        orphans: list[str] = []
        while self._groups:
            orphans += self.left_running()
            if self._groups:
                time.sleep(0.1)
        return orphans

    def stop(self) -> None:
        """Stop the process for good: terminate it, and kill it after ``STOP_SECONDS``."""
        self._should_run = False
        if self._process is not None:
            self._expected = True
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self.collect_end()

    def sweep(self) -> None:
        """Kill the process and every child that is left."""
        if self._process is not None:
            self._groups[self._process.pid] = 0.0
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _described(process: psutil.Process) -> str:
    try:
        return f"pid {process.pid}, {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"pid {process.pid}"
