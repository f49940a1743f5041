"""The process of the embedded server: its ``postmaster.pid``, its shutdown and its log."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from typing import Final

import psutil

logger = logging.getLogger(__name__)

STOP_SECONDS: Final = 60.0
"""A fast shutdown writes a checkpoint; after this time limit the next start runs crash recovery instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A living server process and the contents of its ``postmaster.pid``."""

    process: psutil.Process
    socket_dir: str
    port: str
    ready: bool

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    @property
    def alive(self) -> bool:
        return _is_alive(self.process)

    def shut_down(self) -> None:
        """Stop the server: a fast shutdown first, then an immediate one, then SIGKILL."""
        for number, seconds in ((SIGINT, STOP_SECONDS), (SIGQUIT, 10.0), (SIGKILL, 10.0)):
            with suppress(psutil.NoSuchProcess):
                self.process.send_signal(number)
            deadline = time.monotonic() + seconds
            while self.alive:
                if time.monotonic() > deadline:
                    logger.warning(
                        "embedded PostgreSQL did not stop within %.0f s of %s", seconds, number.name
                    )
                    break
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Send SIGKILL to the postmaster and all its backends, as a power failure would end them."""
        with suppress(psutil.NoSuchProcess):
            processes = [*self.process.children(recursive=True), self.process]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=10)


def find_postmaster(pgdata: Path) -> Postmaster | None:
    """Return the living server of ``pgdata``, if there is one."""
    lines = _pid_file(pgdata)
    if not lines or not lines[0].isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        is_ours = str(pgdata) in process.cmdline()
    except psutil.Error:
        return None
    if not is_ours or not _is_alive(process):
        return None
    if len(lines) < 8:  # the server writes the file line by line while it starts
        return Postmaster(process=process, socket_dir="", port="", ready=False)
    return Postmaster(process=process, socket_dir=lines[4], port=lines[3], ready=lines[7] == "ready")


def remove_stale_pid_file(pgdata: Path) -> None:
    """Remove a left-over ``postmaster.pid`` without a process id, or whose id now belongs to another program.

    PostgreSQL would refuse to start until an operator removes the file; after a reboot or in a new container another
    program soon has that id. If no process has the id, the file stays: the server itself checks the shared memory
    that the file names.
    """
    pid_file = pgdata / "postmaster.pid"
    pid = next(iter(_pid_file(pgdata)), "")
    if pid_file.exists() and (not pid.isdigit() or psutil.pid_exists(int(pid))):
        logger.warning("removing a stale %s", pid_file)
        pid_file.unlink()


def last_log_error(pgdata: Path) -> str:
    """Return the last error in the server's newest log, and the path of that log."""
    logs = [path for path in (pgdata / "log", *(pgdata / "log.d").glob("*.log")) if path.exists()]
    if not logs:
        return "the server left no log"
    newest = max(logs, key=lambda path: path.stat().st_mtime_ns)
    with newest.open("rb") as log:
        log.seek(max(0, newest.stat().st_size - 8192))
        lines = log.read().decode("utf-8", "replace").splitlines()
    fatal = [line for line in lines if "FATAL: " in line or "PANIC: " in line]
    return f"its log says {(fatal or lines or [''])[-1]!r} (see {newest})"


def _pid_file(pgdata: Path) -> list[str]:
    """Return process id, folder, start time, port, socket folder, address, shared memory and status."""
    try:
        return [line.strip() for line in (pgdata / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        # is_running compares start times, so another process with a reused id does not count.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
