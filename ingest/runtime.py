"""Facts of the running process: what time it is, whether it should stop, and where a test may kill it.

Only shells ask the clock; decisions are given ``now``.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Final

CRASH_SOCKET: Final = "INGEST_CRASH_SOCKET"


def now() -> datetime:
    """The present, aware UTC."""
    return datetime.now(UTC)


class Stop:
    """Something everything waits on. ``request`` is safe in a signal handler and from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def request(self) -> None:
        self._event.set()
        for listener in tuple(self._listeners):
            listener()

    def wait(self, seconds: float) -> bool:
        """Sleep at most ``seconds``; True as soon as a stop is requested."""
        return self._event.wait(seconds)

    def on_request(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when a stop is requested (an event loop's wake-up); at once if it already was."""
        self._listeners.append(listener)
        if self.requested:
            listener()

    def on_signals(self) -> None:
        """Let SIGTERM and SIGINT request the stop; a second one ends the process at once."""

        def handle(number: int, _frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            self.request()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)


def _no_crash(_label: str) -> None:
    """Production: a labelled step costs one empty call."""


def _ask_harness(path: str) -> Callable[[str], None]:
    """Report each labelled step to the crash harness and go on only when it answers (it may kill us instead)."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    lock = threading.Lock()

    def step(label: str) -> None:
        with lock:
            connection.sendall(f"{os.getpid()} {label}\n".encode())
            if not connection.recv(1):
                raise SystemExit("the crash harness went away")

    return step


crash_step: Callable[[str], None] = (
    _ask_harness(os.environ[CRASH_SOCKET]) if CRASH_SOCKET in os.environ else _no_crash
)
"""``crash_step("poll.appended")`` names a step at which ``./run crash`` may kill this process, the database or the
broker. Labels are ``<stage>.<what has just happened>``."""
