"""Facts about the running process: clock, stop request, watchdog, listening socket and failpoints.

Only shells read the clock; decisions receive ``now`` as a parameter. Importing this module reads no environment
variable and opens no socket.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Final, Self

from ingest.errors import Refused, Unavailable

logger = logging.getLogger(__name__)

GC_THRESHOLD: Final = 20_000
"""Net allocations of container objects that start a collection."""
CRASH_SOCKET: Final = "INGEST_CRASH_SOCKET"
"""Environment variable with the path of the crash harness's socket; the entry point reads it."""
REPORT_SECONDS: Final = 5.0
"""Time limit for a stuck process to write its thread stacks to the log before it exits."""


def now() -> datetime:
    """Return the current time in UTC, with its zone."""
    return datetime.now(UTC)


def tune_gc() -> None:
    """Exempt loaded objects from garbage collection and raise its thresholds; call once after all imports.

    The work hardly ever leaves reference cycles. Collecting every 700 objects, Python's default, took a tenth of the
    consumer's processor time.
    """
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)


class Stop:
    """Stop request that every loop of a process waits on.

    :meth:`request` is safe in a signal handler and from any thread.
    """

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
        """Sleep for at most ``seconds``; return True as soon as a stop is requested."""
        return self._event.wait(seconds)

    def on_request(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when a stop is requested (to wake an event loop), or now if it already was."""
        self._listeners.append(listener)
        if self.requested:
            listener()

    def install_signal_handlers(self) -> None:
        """Request the stop on SIGTERM and SIGINT; a second signal ends the process at once."""

        def handle(number: int, _frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            self.request()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)


class Watchdog:
    """Ends this process when no :meth:`heartbeat` arrives within ``timeout``; logs the stack of every thread first.

    It guards library calls that may wait without a time limit: a supervisor restarts a process that exited, not one
    that hangs. The process exits with the code of :class:`~ingest.errors.Unavailable` and closes nothing, because the
    hanging call may be a close.

    Time in which the process itself did not run (it was stopped, or the machine was) does not count.
    """

    def __init__(self, timeout: timedelta, *, activity: str) -> None:
        self._timeout = timeout
        self._activity = activity
        self._tick = min(1.0, timeout.total_seconds() / 10)
        self._closed = threading.Event()
        self._silent_seconds = 0.0
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def heartbeat(self) -> None:
        """Restart the timeout: the watched activity made progress."""
        self._silent_seconds = 0.0

    def _watch(self) -> None:
        while not self._closed.wait(self._tick):
            self._silent_seconds += self._tick  # counted in ticks: a suspended process must not time out
            if self._silent_seconds > self._timeout.total_seconds():
                try:
                    # In a thread of its own: logging itself may hang, with its reader gone and its lock held.
                    report = threading.Thread(target=self._log_stacks, args=(_stacks(),), daemon=True)
                    report.start()
                    report.join(REPORT_SECONDS)
                finally:
                    os._exit(Unavailable.exit_code)

    def _log_stacks(self, stacks: str) -> None:
        message = "%s: no progress for %g s; exiting so that a restart resumes. Thread stacks:%s"
        logger.critical(message, self._activity, self._timeout.total_seconds(), stacks)


def _stacks() -> str:
    """Format the stack of every thread but this one."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "".join(
        f"\nthread {names.get(number, number)}:\n{''.join(traceback.format_stack(frame)).rstrip()}"
        for number, frame in sys._current_frames().items()  # noqa: SLF001
        if number != threading.get_ident()
    )


def bind_port(host: str, port: int) -> socket.socket:
    """Bind a TCP socket to this address, without listening yet. Port 0 takes any free port.

    Raises:
        Refused: the address is not of this machine, or another process has the port.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, address = addresses[0][0], addresses[0][4]
        # asyncio sets TCP_NODELAY only where the protocol is named, which socket.create_server does not do. Head and
        # body of a response are two writes, and the second would wait 40 ms for the client's acknowledgement.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise address_refused(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise address_refused(host, port, error) from None
    return bound


def base_url(bound: socket.socket) -> str:
    """Return the base URL of an HTTP server on this socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def address_refused(host: str, port: int, error: OSError | UnicodeError) -> Refused:
    reason = getattr(error, "strerror", None) or str(error)
    return Refused(
        "address of the API", f"{host}:{port}", f"an address of this machine and a free port ({reason})"
    )


_on_failpoint: Callable[[str], None] | None = None


def failpoint(label: str) -> None:
    """Mark a step at which ``./run crash`` may kill this process, the database or the broker.

    A label is ``<stage>.<completed step>``, such as ``poll.appended``. In production a failpoint costs this call.
    """
    if _on_failpoint is not None:
        _on_failpoint(label)


def connect_crash_harness(path: str) -> None:
    """Report every failpoint of this process to the crash harness that listens at ``path``, from now on.

    The process continues when the harness responds. The harness may kill it instead. Call once, at process start.
    """
    global _on_failpoint
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    lock = threading.Lock()

    def report(label: str) -> None:
        with lock:
            connection.sendall(f"{os.getpid()} {label}\n".encode())
            if not connection.recv(1):
                raise SystemExit("the crash harness closed the connection")

    _on_failpoint = report
