"""The service's processes, started and restarted as an operator's supervisor would."""

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
"""Between two starts of one process at least."""
ORPHAN_SECONDS: Final = 10.0
"""What a dead process started itself must be gone after so long."""
STOP_SECONDS: Final = 20.0
UNAVAILABLE_EXIT: Final = 3
"""``ingest.errors.Unavailable``: a part of our infrastructure was away; a restart resumes."""


def command(*arguments: str) -> list[str]:
    """``ingest …`` of the folder it is started in, tied to this process: if we are killed, it is."""
    tied = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid())]
    return [*tied, sys.executable, "-m", "ingest", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a process ended that nobody asked to end."""

    name: str
    code: int
    """Negative: the signal that ended it."""
    last_words: str


class Service:
    """One process of the service: always there, except for the moments between its end and its restart."""

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
        self._wanted = False
        self._groups: dict[int, float] = {}

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def missing(self) -> bool:
        """Whether it should run and does not."""
        return self._wanted and self._process is None

    def start(self) -> None:
        """Start it, not sooner than ``RESTART_SECONDS`` after its last start."""
        self._wanted = True
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
        """Whether ``pid`` is this process or one that it started."""
        if self._process is None:
            return False
        with suppress(ProcessLookupError):
            return os.getpgid(pid) == self._process.pid
        return False

    def kill(self, pid: int) -> None:
        """SIGKILL to one of its processes: ``pid``; not to the others."""
        self.kills += 1
        self._expected = self._expected or pid == self.pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to stop, as an operator does."""
        self._expected = True
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> End | None:
        """Collect its end; None while it runs, or where its end was our doing.

        After this :attr:`pid` is None.
        """
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._groups[self._process.pid] = time.monotonic()
        self._process = None
        if self._expected:
            return None
        return End(name=self.name, code=code, last_words=self.last_words())

    def last_words(self, lines: int = 12) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def left_running(self) -> list[str]:
        """Processes that a dead one of ours started and that outlived it by ``ORPHAN_SECONDS``; ends them."""
        found = []
        for group, since in list(self._groups.items()):
            members = [one for one in psutil.process_iter() if _group(one.pid) == group and _alive(one)]
            if not members:
                del self._groups[group]
            elif time.monotonic() - since > ORPHAN_SECONDS:
                del self._groups[group]
                found += [f"{self.name}: {_described(one)}" for one in members]
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        return found

    def wait_for_orphans(self) -> list[str]:
        """As :meth:`left_running`, when they have had their time."""
        found: list[str] = []
        while self._groups:
            found += self.left_running()
            if self._groups:
                time.sleep(0.1)
        return found

    def stop(self) -> None:
        """End it for good, gently at first."""
        self._wanted = False
        if self._process is not None:
            self._expected = True
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self.ended()

    def sweep(self) -> None:
        """Kill it and whatever it left behind."""
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
