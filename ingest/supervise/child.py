"""One running program of the tree: its process, its process group, its output and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

from ingest.supervise import parent_death

LONGEST_LINE: Final = 64 * 1024
"""Bytes after which a line of output is passed on in pieces."""
LONGEST_LAST_WORDS: Final = 500
_READ_SIZE: Final = 64 * 1024
_LAST_READS: Final = 64
"""A pipe holds 64 KiB; whoever writes on after the end of its part is not listened to for ever."""


class Pipe:
    """One output of a program, in lines."""

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
        """The lines that have come; none when nothing has. At the end an unfinished line counts."""
        try:
            piece = os.read(self.fileno(), _READ_SIZE)
        except BlockingIOError:
            return []
        self.ended = not piece
        *whole, self._rest = (self._rest + piece).split(b"\n")
        if self._rest and (self.ended or len(self._rest) > LONGEST_LINE):
            whole.append(self._rest)
            self._rest = b""
        lines = [line.decode("utf-8", "replace").rstrip("\r") for line in whole]
        self.last_line = next((line for line in reversed(lines) if line.strip()), self.last_line)
        return lines

    def close(self) -> None:
        self._file.close()


class Child:
    """A program, started now, tied to this process and leading a process group of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        tied = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *command]
        self._process = subprocess.Popen(  # noqa: S603 - the commands are ours, and there is no shell
            tied,
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
    def gone(self) -> bool:
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Ask it to stop; how its own processes stop is its business."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and everything it started, now."""
        # The group's number stays taken while it has members, so this cannot meet strangers.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def reap(self) -> int:
        """Sweep what it left running; its exit code (negative: the signal that ended it)."""
        self.kill()
        return self._process.wait()

    def last_output(self) -> Iterator[str]:
        """The lines still on their way when it ended."""
        for pipe in self.pipes:
            for _ in range(_LAST_READS):
                lines = pipe.read()
                yield from lines
                if pipe.ended or not lines:
                    break

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()

    def exit_summary(self, how: str | None = None) -> str:
        """``how`` it ended (by default from its exit code), and its last words on standard error."""
        said = self._errors.last_line.strip()[:LONGEST_LAST_WORDS]
        return f"{how or describe_end(self._process.wait())}{f'; its last words: {said}' if said else ''}"


def describe_end(code: int) -> str:
    """In words, for a sentence that begins with the name of a part."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    if code == 0:
        return "ended with exit code 0, which nobody asked for"
    return f"ended with exit code {code}"
