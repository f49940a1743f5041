"""Delete rows that are past their retention, in a thread of every ``ingest serve``.

Several processes may prune at once: each deletes the rows that it sees.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from typing import Protocol

from ingest import runtime
from ingest.runtime import Stop, failpoint

logger = logging.getLogger(__name__)


class PrunableLog(Protocol):
    """The part of a log that retention needs."""

    def prune(self, *, now: datetime, retention: timedelta, streams: timedelta) -> int: ...


class Retention:
    """Prune in a thread until ``stop``. A failure requests the stop, and :meth:`check` raises it.

    Args:
        log: the log in the database.
        prune_history: deletes rows of polls, robots and hosts from before a time, and returns their number.
        retention_polls, retention_log, retention_streams: how long rows are kept.
        stop: ends the thread.
        every: the time between two passes.
        clock: returns the current time.
    """

    def __init__(
        self,
        log: PrunableLog,
        prune_history: Callable[[datetime], int],
        *,
        retention_polls: timedelta,
        retention_log: timedelta,
        retention_streams: timedelta,
        stop: Stop,
        every: timedelta,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._log = log
        self._prune_history = prune_history
        self._retention_polls = retention_polls
        self._retention_log = retention_log
        self._retention_streams = retention_streams
        self._stop = stop
        self._every = every
        self._clock = clock
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name="retention", daemon=True)

    def __enter__(self) -> Retention:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.request()
        self._thread.join()

    def check(self) -> None:
        """Raise the failure of the thread, if there is one: a process must not continue without retention."""
        if self._failure is not None:
            raise self._failure

    def prune(self) -> int:
        """Prune once. Return the number of deleted rows."""
        now = self._clock()
        records = self._log.prune(now=now, retention=self._retention_log, streams=self._retention_streams)
        failpoint("housekeep.log-pruned")
        rows = self._prune_history(now - self._retention_polls)
        if records or rows:
            logger.info("pruned %d log records and %d rows of polls, robots and hosts", records, rows)
        return records + rows

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._every.total_seconds()):
                self.prune()
        except Exception as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._failure = error
            self._stop.request()
