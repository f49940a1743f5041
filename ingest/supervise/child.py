"""A child process: its process group, its output and its exit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

from ingest.supervise import parent_death

MAX_LINE_BYTES: Final = 64 * 1024
"""A longer line of output is passed on in pieces."""
MAX_SUMMARY_CHARACTERS: Final = 500
_READ_SIZE: Final = 64 * 1024
_FINAL_READS: Final = 64
"""Reads after the exit. A pipe holds 64 KiB, and a descendant may write to it without end."""


class Pipe:
    """One output stream of a process, split into lines."""

    def __init__(self, file: IO[bytes] | None) -> None:
        if file is None:
            raise TypeError("the process was started without a pipe")
        os.set_blocking(file.fileno(), False)
        self._file = file
        self._rest = b""
        self.ended = False
        self.last_line = ""

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self) -> list[str]:
        """Return the lines received so far. At the end of the stream an unfinished line counts as a line."""
        try:
            piece = os.read(self.fileno(), _READ_SIZE)
        except BlockingIOError:
            return []
        self.ended = not piece
        *complete, self._rest = (self._rest + piece).split(b"\n")
        if self._rest and (self.ended or len(self._rest) > MAX_LINE_BYTES):
            complete.append(self._rest)
            self._rest = b""
        lines = [line.decode("utf-8", "replace").rstrip("\r") for line in complete]
        self.last_line = next((line for line in reversed(lines) if line.strip()), self.last_line)
        return lines

    def close(self) -> None:
        self._file.close()


class Child:
    """A process that leads its own process group and dies with this process; the constructor starts it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        launcher = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *command]
        self._process = subprocess.Popen(  # noqa: S603 - the commands are ours, and there is no shell
            launcher,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        self._errors = Pipe(self._process.stderr)
        self.pipes = (Pipe(self._process.stdout), self._errors)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exited(self) -> bool:
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Send SIGTERM to the process alone; it stops its own children."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the process and all its descendants."""
        # The kernel does not reuse a group id while the group has members, so no other process is hit.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def reap(self) -> int:
        """Kill its descendants and return its exit code (negative: the signal that ended it)."""
        self.kill()
        return self._process.wait()

    def last_output(self) -> Iterator[str]:
        """Yield the lines that were still in the pipes at the exit."""
        for pipe in self.pipes:
            for _ in range(_FINAL_READS):
                lines = pipe.read()
                yield from lines
                if pipe.ended or not lines:
                    break

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()

    def exit_summary(self, reason: str | None = None) -> str:
        """Describe the exit: ``reason`` (default: from the exit code) and the last line of standard error."""
        last_error = self._errors.last_line.strip()[:MAX_SUMMARY_CHARACTERS]
        suffix = f"; last error output: {last_error}" if last_error else ""
        return f"{reason or describe_exit(self._process.wait())}{suffix}"


def describe_exit(code: int) -> str:
    """Describe an exit code, as the predicate of a sentence with the process's name as subject."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    if code == 0:
        return "exited with code 0 without a stop request"
    return f"exited with code {code}"
