"""The supervisor and the description of its processes."""

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
NOT_RESTARTABLE: Final = frozenset({Refused.exit_code, WrongMigration.exit_code})
"""Exit codes of a process that needs an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of the tree, as configured."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    """The complete environment; nothing is inherited."""
    stop_order: int
    """The lowest number is stopped first and started last; processes with equal numbers are stopped together."""
    ready: Callable[[], bool] | None = None
    """Readiness check, called ten times a second until it returns True; it must be fast and must not raise. A process
    without a check is ready as soon as it has started."""
    ready_timeout: timedelta = timedelta(seconds=60)


class Status(StrEnum):
    WAITING = "waiting"  # for its predecessor, for its restart delay, or for the database
    STARTING = "starting"  # running, not ready yet
    READY = "ready"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """Current state of a process."""

    name: str
    status: Status
    pid: int | None
    restarts: int
    reason: str | None
    """Summary of its last exit."""


class _Run:
    """Run-time state of a process across restarts."""

    def __init__(self, process: Process) -> None:
        self.process = process
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
            name=self.process.name, status=status, pid=pid, restarts=self.restarts, reason=self.reason
        )


class Supervisor:
    """Runs ``processes`` until ``stop`` is requested or one of them cannot be kept running.

    Args:
        echo: receives every line of output, prefixed with the name of its process.
        database: a running database, which is watched, restarted when it dies, and stopped last.
        stop_timeout: time limit of an orderly stop; a slower process is killed.
        on_ready: called once, when every process is ready.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        stop: Stop,
        echo: Callable[[str], None],
        database: Database | None = None,
        policy: RestartPolicy | None = None,
        stop_timeout: timedelta = timedelta(seconds=30),
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._stop = stop
        self._echo = echo
        self._policy = policy or RestartPolicy()
        self._database = DatabaseWatch(database, self._policy) if database else None
        self._stop_timeout = stop_timeout
        self._on_ready = on_ready
        self._width = max((len(process.name) for process in processes), default=0)
        self._selector = selectors.DefaultSelector()
        self._runs = [_Run(process) for process in sorted(processes, key=lambda process: -process.stop_order)]

    @property
    def state(self) -> tuple[ProcessState, ...]:
        """States in start order; thread-safe."""
        return tuple(run.state for run in self._runs)

    @property
    def database_restarts(self) -> int:
        return self._database.restarts if self._database else 0

    def run(self) -> None:
        """Start all processes, keep them running, and stop them in order. Call once.

        The calling thread must live as long as this process: the kernel kills the processes when the thread ends.

        Raises:
            Unavailable: a process or the database could not be kept running; everything else was stopped.
            NeedsOperator: a process was refused something; everything else was stopped.
        """
        wake_receiver, wake_sender = socket.socketpair()
        with wake_receiver, wake_sender:
            wake_receiver.setblocking(False)
            wake_sender.setblocking(False)
            self._selector.register(wake_receiver, selectors.EVENT_READ, lambda: wake_receiver.recv(64))
            self._stop.on_request(lambda: _wake(wake_sender))
            try:
                if self._database:
                    self._database.begin()
                while not self._stop.requested:
                    self._forward_output()
                    self._step()
            finally:
                self._stop_all()
                self._selector.close()

    def _step(self) -> None:
        if self._database:
            self._database.check()
        for run in self._runs:
            if run.child and run.child.exited:
                self._handle_failure(run, run.child)
        for run in self._runs:
            if run.child is None and run.start_at <= time.monotonic() and self._database_up:
                self._start(run)
            if run.child and not run.ready:
                self._check_ready(run, run.child)
            if not run.was_ready:
                return  # its successors start when it is ready for the first time
        if self._on_ready and all(run.ready for run in self._runs):
            on_ready, self._on_ready = self._on_ready, None
            on_ready()

    @property
    def _database_up(self) -> bool:
        return self._database is None or self._database.up

    def _start(self, run: _Run) -> None:
        run.child = child = Child(run.process.command, run.process.environment)
        run.started_at = time.monotonic()
        for pipe in child.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, partial(self._forward_pipe, run, pipe))
        logger.info("%s started (process %d)", run.process.name, child.pid)

    def _check_ready(self, run: _Run, child: Child) -> None:
        timeout = run.process.ready_timeout.total_seconds()
        if run.process.ready is None or run.process.ready():
            run.ready = run.was_ready = True
        elif time.monotonic() - run.started_at > timeout:
            self._handle_failure(run, child, f"was not ready within {timeout:g} s")

    def _handle_failure(self, run: _Run, child: Child, reason: str | None = None) -> None:
        """React to a failed process: restart it, or stop the tree."""
        code = self._reap(run, child, reason)
        now = time.monotonic()
        if self._database and self._database.explains_failure(run.started_at):
            run.start_at = now
            logger.warning("%s %s; it restarts with the database", run.process.name, run.reason)
        else:
            run.failures.append(now)
            if code in NOT_RESTARTABLE:
                raise NeedsOperator(run.process.name, f"it {run.reason}", exit_code=code)
            delay = self._policy.delay(run.failures, now=now)
            if delay is None:
                raise Unavailable(run.process.name, f"it {run.reason}")
            run.start_at = now + delay
            logger.warning("%s %s; restarting in %.1f s", run.process.name, run.reason, delay)
        run.restarts += 1

    def _reap(self, run: _Run, child: Child, reason: str | None = None) -> int:
        """Kill what is left of the process, forward its last output and return its exit code."""
        code = child.reap()
        for line in child.last_output():
            self._echo_line(run, line)
        run.reason = child.exit_summary(reason)
        for pipe in child.pipes:
            if pipe in self._selector.get_map():
                self._selector.unregister(pipe)
        child.close()
        run.child, run.ready = None, False
        return code

    def _stop_all(self) -> None:
        for order in sorted({run.process.stop_order for run in self._runs}):
            self._stop_group([run for run in self._runs if run.process.stop_order == order])
        if self._database:
            self._database.end()

    def _stop_group(self, runs: Sequence[_Run]) -> None:
        timeout = self._stop_timeout.total_seconds()
        deadline = time.monotonic() + timeout
        for run in runs:
            if run.child:
                run.child.terminate()
        while any(run.child for run in runs):
            self._forward_output()
            for run in runs:
                if run.child is None:
                    continue
                if run.child.exited:
                    code = self._reap(run, run.child)
                    logger.log(
                        logging.WARNING if code else logging.INFO, "%s stopped (%d)", run.process.name, code
                    )
                elif time.monotonic() > deadline:
                    self._reap(run, run.child)
                    logger.warning("%s did not stop within %g s and was killed", run.process.name, timeout)
        for run in runs:
            run.stopped = True

    def _forward_output(self) -> None:
        """Wait up to ``STEP_SECONDS`` for output, and forward it."""
        for key, _ in self._selector.select(STEP_SECONDS):
            key.data()

    def _forward_pipe(self, run: _Run, pipe: Pipe) -> None:
        for line in pipe.read():
            self._echo_line(run, line)
        if pipe.ended:
            self._selector.unregister(pipe)

    def _echo_line(self, run: _Run, line: str) -> None:
        try:
            self._echo(f"{run.process.name:{self._width}} | {line}")
        except OSError as error:
            # The reader of our output is gone; the processes continue without output.
            self._echo = _discard_line
            logger.warning("output is no longer forwarded: %s", error)


def _wake(sender: socket.socket) -> None:
    with suppress(OSError):  # full: the loop is awake already; closed: the loop has ended
        sender.send(b"\0")


def _discard_line(_line: str) -> None:
    """Drop a line of output that has no reader."""
