"""Process trees for tests: real programs, a real supervisor in a thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from ingest.errors import IngestError
from ingest.runtime import Stop
from ingest.supervise import Process, ProcessState, RestartPolicy, Supervisor

QUICK = RestartPolicy(
    max_restarts=3,
    window=timedelta(seconds=60),
    initial_delay=timedelta(seconds=0.02),
    max_delay=timedelta(seconds=0.05),
)

SLEEPER = "import time\nprint('at work', flush=True)\ntime.sleep(600)"
"""A program that ends only when it is told to."""


def program(name: str, source: str, *arguments: str | Path, stop_order: int = 1, **more: Any) -> Process:
    """A part that runs ``source`` in a Python of its own."""
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return Process(name=name, command=command, environment=dict(os.environ), stop_order=stop_order, **more)


def wait_until(claim: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Return as soon as the claim holds; an assertion fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"never came true: {claim}"
        time.sleep(0.01)


class Tree:
    """A supervisor at work in a thread."""

    def __init__(self, parts: Sequence[Process], **given: Any) -> None:
        self.stop = Stop()
        self.lines: list[str] = []
        self.error: IngestError | None = None
        options: dict[str, Any] = {"policy": QUICK, "echo": self.lines.append} | given
        self.supervisor = Supervisor(parts, stop=self.stop, **options)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except IngestError as error:
            self.error = error

    def state(self, name: str) -> ProcessState:
        return next(state for state in self.supervisor.state if state.name == name)

    def pid(self, name: str) -> int:
        pid = self.state(name).pid
        assert pid is not None
        return pid

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(60)
        assert self.ended()


@contextmanager
def tree(parts: Sequence[Process], **options: Any) -> Iterator[Tree]:
    running = Tree(parts, **options)
    try:
        yield running
    finally:
        running.stop.request()
        running.join()
