"""The server behind ``INGEST_CRASH_SOCKET``: every process asks at every failpoint whether it may go on.

The request is one line, ``<pid> <label>``; the response is one byte. At an armed failpoint it is sent only after the
harness has struck (:mod:`ingest.runtime` has the client).
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

GO_ON: Final = b"g"


@dataclass(frozen=True, slots=True)
class Reached:
    """A process that waits at an armed failpoint."""

    label: str
    pid: int
    asking: socket.socket


class Steps:
    """Responds at once, except at armed failpoints: those are kept for :meth:`take`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        """How often each label was reached."""
        self.pids: dict[str, set[int]] = {}
        """Processes that reached each label."""
        self._armed: dict[str, int] = {}
        self._reached: list[Reached] = []
        self._unfinished_lines: dict[socket.socket, bytes] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crash-steps", daemon=True)

    def __enter__(self) -> Self:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for connection in (*self._unfinished_lines, self._listening):
            connection.close()
        self._selector.close()

    def arm(self, label: str, *, occurrence: int = 1) -> None:
        """Hold the process that reaches ``label`` for the ``occurrence``-th time from now."""
        with self._lock:
            self._armed[label] = occurrence

    def disarm(self) -> Sequence[str]:
        """Respond to everything again; return the armed labels that were not reached."""
        with self._lock:
            unreached, self._armed = sorted(self._armed), {}
        return unreached

    @property
    def armed(self) -> Sequence[str]:
        """Labels that are armed and not reached yet."""
        with self._lock:
            return sorted(self._armed)

    def take(self) -> Reached | None:
        """Return a process that waits at an armed failpoint, if there is one; :meth:`release` lets it go on."""
        with self._lock:
            return self._reached.pop(0) if self._reached else None

    def release(self, reached: Reached) -> None:
        """Let the process go on, if it still lives."""
        self._let_go(reached.asking)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                if key.fileobj is self._listening:
                    asking, _ = self._listening.accept()
                    self._unfinished_lines[asking] = b""
                    self._selector.register(asking, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)

    def _read(self, asking: socket.socket) -> None:
        try:
            piece = asking.recv(4096)
        except ConnectionError:
            piece = b""
        if not piece:
            self._selector.unregister(asking)
            del self._unfinished_lines[asking]
            asking.close()
            return
        *lines, self._unfinished_lines[asking] = (self._unfinished_lines[asking] + piece).split(b"\n")
        for line in lines:
            pid, _, label = line.decode().partition(" ")
            self._step(asking, int(pid), label)

    def _step(self, asking: socket.socket, pid: int, label: str) -> None:
        with self._lock:
            self.counts[label] += 1
            self.pids.setdefault(label, set()).add(pid)
            left = self._armed.get(label)
            if left == 1:
                del self._armed[label]
                self._reached.append(Reached(label, pid, asking))
                return
            if left is not None:
                self._armed[label] = left - 1
        self._let_go(asking)

    @staticmethod
    def _let_go(asking: socket.socket) -> None:
        with suppress(OSError):  # the process is dead, and its connection may be closed already
            asking.sendall(GO_ON)
