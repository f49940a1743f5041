"""Housekeeping: what is past its retention goes, a little at a time, in every ``ingest serve``.

Two at once do no harm: each deletes what it finds.
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
    def prune(self, *, now: datetime, retention: timedelta, streams: timedelta) -> int: ...


class Retention:
    """A thread that prunes until ``stop``; a failure in it requests the stop, and :meth:`check` raises it."""

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
        self._thread = Thread(target=self._run, name="housekeeping", daemon=True)

    def __enter__(self) -> Retention:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.request()
        self._thread.join()

    def check(self) -> None:
        """Raise what made housekeeping fail, if anything did: a process must not live on without it."""
        if self._failure is not None:
            raise self._failure

    def prune(self) -> int:
        """Prune once; how many rows went."""
        now = self._clock()
        records = self._log.prune(now=now, retention=self._retention_log, streams=self._retention_streams)
        failpoint("housekeep.log-pruned")
        rows = self._prune_history(now - self._retention_polls)
        if records or rows:
            logger.info(
                "past their retention: %d log records, %d rows of polls, robots and hosts", records, rows
            )
        return records + rows

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._every.total_seconds()):
                self.prune()
        except Exception as error:  # noqa: BLE001 - not handled here but handed to the main thread, which raises it
            self._failure = error
            self._stop.request()
