"""The other end of ``INGEST_CRASH_SOCKET``: every process asks at every labelled step whether it may go on.

The question is one line, ``<pid> <label>``; the answer is one byte, when it may. At an armed step it does not
come until the harness has done its damage (:mod:`ingest.runtime` has the asking side).
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
    """A process stands at an armed step and waits."""

    label: str
    pid: int
    asking: socket.socket


class Steps:
    """Answers every step at once, except the armed ones: those are kept for :meth:`take`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        """How often each label was reached."""
        self.pids: dict[str, set[int]] = {}
        """By which processes."""
        self._armed: dict[str, int] = {}
        self._reached: list[Reached] = []
        self._rests: dict[socket.socket, bytes] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
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
        self._ended.set()
        self._thread.join()
        for one in (*self._rests, self._listening):
            one.close()
        self._selector.close()

    def arm(self, label: str, *, occurrence: int = 1) -> None:
        """Hold whoever reaches ``label`` for the ``occurrence``-th time from now."""
        with self._lock:
            self._armed[label] = occurrence

    def disarm(self) -> Sequence[str]:
        """Answer everything again; the labels that were armed and not reached."""
        with self._lock:
            unreached, self._armed = sorted(self._armed), {}
        return unreached

    @property
    def armed(self) -> Sequence[str]:
        """Labels that nobody has reached yet."""
        with self._lock:
            return sorted(self._armed)

    def take(self) -> Reached | None:
        """A process that stands at an armed step, if there is one; :meth:`release` lets it go on."""
        with self._lock:
            return self._reached.pop(0) if self._reached else None

    def release(self, reached: Reached) -> None:
        """Let it go on, if it still lives."""
        self._answer(reached.asking)

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                if key.fileobj is self._listening:
                    asking, _ = self._listening.accept()
                    self._rests[asking] = b""
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
            del self._rests[asking]
            asking.close()
            return
        *lines, self._rests[asking] = (self._rests[asking] + piece).split(b"\n")
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
        self._answer(asking)

    @staticmethod
    def _answer(asking: socket.socket) -> None:
        with suppress(OSError):  # it is dead, and its connection perhaps closed already
            asking.sendall(GO_ON)
