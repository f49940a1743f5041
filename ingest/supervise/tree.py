"""The supervisor and what it is told about its parts."""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from ingest.errors import NeedsOperator, Refused, Unavailable, WrongMigration
from ingest.runtime import Stop
from ingest.supervise.child import Child, Pipe
from ingest.supervise.restart import RestartPolicy
from ingest.supervise.watch import Database, DatabaseWatch

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.1
BEYOND_RESTART: Final = frozenset({Refused.exit_code, WrongMigration.exit_code})
"""Exit codes with which a part says that it needs an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One program of the tree."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    """The whole of it; nothing is inherited."""
    stop_order: int
    """The lowest number is stopped first and started last; equal numbers stop together."""
    ready: Callable[[], bool] | None = None
    """Asked ten times a second until it says yes, so it answers at once and does not raise; without one, a
    part is ready as soon as it was started."""
    ready_within: timedelta = timedelta(seconds=60)


class Status(StrEnum):
    WAITING = "waiting"  # for its turn, for its delay, or for the database
    STARTING = "starting"  # running, and not ready yet
    READY = "ready"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """How a part is doing."""

    name: str
    status: Status
    pid: int | None
    restarts: int
    reason: str | None
    """How it ended last."""


class _Run:
    """A part on its way through starts and failures."""

    def __init__(self, part: Process) -> None:
        self.part = part
        self.child: Child | None = None
        self.started_at = 0.0
        self.start_at = 0.0
        self.ready = False
        self.was_ready = False
        self.stopped = False
        self.restarts = 0
        self.reason: str | None = None
        self.failures: list[float] = []

    @property
    def state(self) -> ProcessState:
        child = self.child
        if child is None:
            status = Status.STOPPED if self.stopped else Status.WAITING
        else:
            status = Status.READY if self.ready else Status.STARTING
        pid = child.pid if child else None
        return ProcessState(
            name=self.part.name, status=status, pid=pid, restarts=self.restarts, reason=self.reason
        )


class Supervisor:
    """Runs ``parts`` until ``stop`` is requested or one of them cannot be kept running.

    ``echo`` gets every line the parts print, with the name of the part before it. ``stop_within`` bounds the
    orderly stop of each part; then it is killed. ``on_ready`` is called once, when every part is ready.
    ``database`` is running already; it is watched, restarted when it dies, and stopped last.
    """

    def __init__(
        self,
        parts: Sequence[Process],
        *,
        stop: Stop,
        echo: Callable[[str], None],
        database: Database | None = None,
        policy: RestartPolicy | None = None,
        stop_within: timedelta = timedelta(seconds=30),
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._stop = stop
        self._echo = echo
        self._policy = policy or RestartPolicy()
        self._database = DatabaseWatch(database, self._policy) if database else None
        self._stop_within = stop_within
        self._on_ready = on_ready
        self._width = max((len(part.name) for part in parts), default=0)
        self._selector = selectors.DefaultSelector()
        self._runs = [_Run(part) for part in sorted(parts, key=lambda part: -part.stop_order)]

    @property
    def state(self) -> tuple[ProcessState, ...]:
        """In the order of starting; may be read from any thread."""
        return tuple(run.state for run in self._runs)

    @property
    def database_restarts(self) -> int:
        return self._database.restarts if self._database else 0

    def run(self) -> None:
        """Start everything, keep it running, stop it in order. To be called once.

        The calling thread has to live as long as the process: the parts are tied to it.

        Raises:
            Unavailable: a part (or the database) could not be kept running; everything else was stopped.
            NeedsOperator: a part was refused something; everything else was stopped.
        """
        woken, wake = socket.socketpair()
        with woken, wake:
            woken.setblocking(False)
            wake.setblocking(False)
            self._selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(64))
            self._stop.on_request(lambda: _nudge(wake))
            try:
                if self._database:
                    self._database.begin()
                while not self._stop.requested:
                    self._pass_output_on()
                    self._step()
            finally:
                self._bring_down()
                self._selector.close()

    def _step(self) -> None:
        if self._database:
            self._database.check()
        for run in self._runs:
            if run.child and run.child.gone:
                self._failed(run, run.child)
        for run in self._runs:
            if run.child is None and run.start_at <= time.monotonic() and self._database_up:
                self._start(run)
            if run.child and not run.ready:
                self._ask_ready(run, run.child)
            if not run.was_ready:
                return  # those after it start when it is ready for the first time
        if self._on_ready and all(run.ready for run in self._runs):
            on_ready, self._on_ready = self._on_ready, None
            on_ready()

    @property
    def _database_up(self) -> bool:
        return self._database is None or self._database.up

    def _start(self, run: _Run) -> None:
        run.child = child = Child(run.part.command, run.part.environment)
        run.started_at = time.monotonic()
        for pipe in child.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, partial(self._pass_on, run, pipe))
        logger.info("%s started (process %d)", run.part.name, child.pid)

    def _ask_ready(self, run: _Run, child: Child) -> None:
        bound = run.part.ready_within.total_seconds()
        if run.part.ready is None or run.part.ready():
            run.ready = run.was_ready = True
        elif time.monotonic() - run.started_at > bound:
            self._failed(run, child, f"was not ready within {bound:g} s")

    def _failed(self, run: _Run, child: Child, how: str | None = None) -> None:
        """Decide what follows from the end of a part: another start, or the end of the tree."""
        code = self._bury(run, child, how)
        now = time.monotonic()
        if self._database and self._database.excuses(run.started_at):
            run.start_at = now
            logger.warning("%s %s; it starts again with the database", run.part.name, run.reason)
        else:
            run.failures.append(now)
            if code in BEYOND_RESTART:
                raise NeedsOperator(run.part.name, f"it {run.reason}", exit_code=code)
            delay = self._policy.delay(run.failures, now=now)
            if delay is None:
                raise Unavailable(run.part.name, f"it {run.reason}")
            run.start_at = now + delay
            logger.warning("%s %s; it starts again in %.1f s", run.part.name, run.reason, delay)
        run.restarts += 1

    def _bury(self, run: _Run, child: Child, how: str | None = None) -> int:
        """Sweep up after a part that ended (or, where ``how`` says why, end it); its exit code."""
        code = child.reap()
        for line in child.last_output():
            self._tell(run, line)
        run.reason = child.exit_summary(how)
        for pipe in child.pipes:
            if pipe in self._selector.get_map():
                self._selector.unregister(pipe)
        child.close()
        run.child, run.ready = None, False
        return code

    def _bring_down(self) -> None:
        for order in sorted({run.part.stop_order for run in self._runs}):
            together = [run for run in self._runs if run.part.stop_order == order]
            self._stop_together(together)
        if self._database:
            self._database.end()

    def _stop_together(self, runs: Sequence[_Run]) -> None:
        bound = self._stop_within.total_seconds()
        deadline = time.monotonic() + bound
        for run in runs:
            if run.child:
                run.child.terminate()
        while any(run.child for run in runs):
            self._pass_output_on()
            for run in runs:
                if run.child is None:
                    continue
                if run.child.gone:
                    code = self._bury(run, run.child)
                    logger.log(
                        logging.WARNING if code else logging.INFO, "%s stopped (%d)", run.part.name, code
                    )
                elif time.monotonic() > deadline:
                    self._bury(run, run.child)
                    logger.warning("%s did not stop within %g s and was killed", run.part.name, bound)
        for run in runs:
            run.stopped = True

    def _pass_output_on(self) -> None:
        """Wait a moment for output, and print it."""
        for key, _ in self._selector.select(STEP_SECONDS):
            key.data()

    def _pass_on(self, run: _Run, pipe: Pipe) -> None:
        for line in pipe.read():
            self._tell(run, line)
        if pipe.ended:
            self._selector.unregister(pipe)

    def _tell(self, run: _Run, line: str) -> None:
        try:
            self._echo(f"{run.part.name:{self._width}} | {line}")
        except OSError as error:
            # Whoever read our output went away; the parts have better things to do than to end with it.
            self._echo = _say_nothing
            logger.warning("output is no longer passed on: %s", error)


def _nudge(wake: socket.socket) -> None:
    with suppress(OSError):  # full, so it is awake already; or closed, so nobody waits any more
        wake.send(b"\0")


def _say_nothing(_line: str) -> None:
    """The output of parts nobody listens to."""
