"""Facts of the running process: the time, whether it should stop or is stuck, its port, and where a test may kill it.

Only shells ask the clock; decisions are given ``now``.
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

COLLECTED_OBJECTS: Final = 20_000
"""That were made, and not let go, between two looks for cycles."""
CRASH_SOCKET: Final = "INGEST_CRASH_SOCKET"


def now() -> datetime:
    """The present, aware UTC."""
    return datetime.now(UTC)


def tune_gc() -> None:
    """To be called when all is imported, which stays, and which no collection need then look through again. What work
    leaves behind are hardly ever cycles, and looking for them every 700 objects, Python's default, took a tenth of the
    consumer's processor time."""
    gc.freeze()
    gc.set_threshold(COLLECTED_OBJECTS, 20, 20)


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


LAST_WORDS_SECONDS: Final = 5.0
"""How long a process that is stuck has to say so before it ends."""


class Watchdog:
    """Ends this process if it is not :meth:`alive` for ``limit``: in its log is what each thread was doing.

    For work in which every wait should have an end and a library's may not: whoever starts the process again finds
    it going on, while one that is stuck stays so. It ends with the exit code of :class:`~ingest.errors.Unavailable`,
    as if killed: nothing is closed, for that may be what is stuck.

    Time in which the process itself did not run (it was stopped, or the machine was) does not count.
    """

    def __init__(self, limit: timedelta, *, doing: str) -> None:
        self._limit = limit
        self._doing = doing
        self._tick = min(1.0, limit.total_seconds() / 10)
        self._over = threading.Event()
        self._silent = 0.0
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def alive(self) -> None:
        """Something went on; count from here."""
        self._silent = 0.0

    def _watch(self) -> None:
        while not self._over.wait(self._tick):
            self._silent += self._tick  # not the clock: see above
            if self._silent > self._limit.total_seconds():
                try:
                    # Beside this thread: the log may be what is stuck, its reader gone and its lock held.
                    last_words = threading.Thread(target=self._say, args=(_stacks(),), daemon=True)
                    last_words.start()
                    last_words.join(LAST_WORDS_SECONDS)
                finally:
                    os._exit(Unavailable.exit_code)

    def _say(self, stacks: str) -> None:
        said = "%s: nothing went on for %g s; ending, to be started again. What was being done:%s"
        logger.critical(said, self._doing, self._limit.total_seconds(), stacks)


def _stacks() -> str:
    """Where every thread is, but this one."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "".join(
        f"\nthread {names.get(number, number)}:\n{''.join(traceback.format_stack(frame)).rstrip()}"
        for number, frame in sys._current_frames().items()  # noqa: SLF001
        if number != threading.get_ident()
    )


def bind_port(host: str, port: int) -> socket.socket:
    """A TCP socket at this address, which does not listen yet. Port 0: any free one.

    Raises:
        Refused: the address is not ours, or another process has the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, address = found[0][0], found[0][4]
        # asyncio sets TCP_NODELAY only where the protocol is named, as socket.create_server does not: head and
        # body of an answer are two writes, and the second would wait 40 ms for the client's acknowledgement.
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


def url_of(bound: socket.socket) -> str:
    """Where HTTP on this socket is asked."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def address_refused(host: str, port: int, error: OSError | UnicodeError) -> Refused:
    reason = getattr(error, "strerror", None) or str(error)
    return Refused(
        "address of the API", f"{host}:{port}", f"an address of this machine and a free port ({reason})"
    )


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


failpoint: Callable[[str], None] = (
    _ask_harness(os.environ[CRASH_SOCKET]) if CRASH_SOCKET in os.environ else _no_crash
)
"""``failpoint("poll.appended")`` names a step at which ``./run crash`` may kill this process, the database or the
broker. Labels are ``<stage>.<what has just happened>``."""
