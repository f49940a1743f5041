"""Notice a clock that was or is wrong, correct the stored times, and alert.

::

    start of the poller, and every hour    every stored time is compared with its bound
    every few seconds                      the clock was set, forward or back: the same, and an alert;
                                           a feed is due later than any interval allows: the same,
                                           at most once an hour
    ``ingest feeds refresh``               every stored time is compared with its bound

The clock was set if it differs from the time since the start of the machine, which counts while a machine is suspended.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from ingest import runtime
from ingest.alerts import Outbox, append_clock_alert
from ingest.db.engine import Connection, Engine, transaction
from ingest.db.stored_times import Corrected, correct_times, farthest_feed
from ingest.fetch_resources import FetchResources
from ingest.schedule.durations import format_duration, rounded
from ingest.schedule.stored_times import Limit, TimeLimits
from ingest.types import ClockAlert

logger = logging.getLogger(__name__)

CHECK_INTERVAL: Final = timedelta(seconds=5)
FARTHEST_INTERVAL: Final = timedelta(minutes=1)
"""Between two queries for a feed that is due too late."""
FULL_INTERVAL: Final = timedelta(hours=1)
"""Between two comparisons of all stored times."""
MIN_STEP: Final = timedelta(minutes=1)
"""A smaller difference is a correction by the network's time."""


class ClockGuard:
    """Guards the stored times of one poller.

    Args:
        engine: the database.
        outbox: receives the alerts.
        limits: the settings that determine the bounds.
        clock, monotonic: return the current time, and the seconds since any fixed moment (:func:`seconds_since_boot`).
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        limits: TimeLimits,
        *,
        clock: Callable[[], datetime] = runtime.now,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic or seconds_since_boot
        self._last = clock(), self._monotonic()
        self._full_at = self._farthest_at = self._corrected_at = float("-inf")
        """When the last checks were made, and the last one that corrected rows, by the monotonic clock."""

    def start(self) -> Corrected:
        """Compare all stored times with their bounds, and begin to watch the clock.

        Raises:
            Unavailable: the database.
        """
        self._last = self._clock(), self._monotonic()
        return self._correct(set_by=timedelta(0))

    def check(self) -> Corrected | None:
        """Make the checks that are due. Return the correction; None: no comparison was made.

        Raises:
            Unavailable: the database.
        """
        now, seconds = self._clock(), self._monotonic()
        before, seconds_before = self._last
        self._last = now, seconds
        set_by = (now - before) - timedelta(seconds=seconds - seconds_before)
        if abs(set_by) >= MIN_STEP:
            return self._correct(set_by=set_by)
        if seconds - self._full_at < FULL_INTERVAL.total_seconds():
            if seconds - self._farthest_at < FARTHEST_INTERVAL.total_seconds():
                return None
            # A machine whose clock is ahead now stores such times again and again. Each correction makes feeds due.
            if seconds - self._corrected_at < FULL_INTERVAL.total_seconds():
                return None
            self._farthest_at = seconds
            if not self._has_unbelievable_feed(now):
                return None
        return self._correct(set_by=timedelta(0))

    def _correct(self, *, set_by: timedelta) -> Corrected:
        now, seconds = self._last
        self._full_at = self._farthest_at = seconds
        corrected = correct_stored_times(
            self._engine, self._outbox, now=now, limits=self._limits, set_by=set_by
        )
        if corrected.total:
            self._corrected_at = seconds
        return corrected

    def _has_unbelievable_feed(self, now: datetime) -> bool:
        farthest = farthest_feed(self._engine)
        # A slot in a long queue may be farther away; the comparison then corrects nothing.
        return farthest is not None and farthest > now + self._limits.lengths(queue=timedelta(0))[Limit.POLL]

    async def run(self, stopping: asyncio.Event, resources: FetchResources) -> None:
        """Check until ``stopping`` is set."""
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL.total_seconds()):
                    await stopping.wait()
            if not stopping.is_set():
                await resources.in_thread(self.check)


def correct_stored_times(
    engine: Engine,
    outbox: Outbox,
    *,
    now: datetime,
    limits: TimeLimits,
    set_by: timedelta = timedelta(0),
) -> Corrected:
    """Correct the stored times that are beyond their bounds. Alert if there are any, or if the clock was set."""

    def append(connection: Connection, corrected: Corrected) -> None:
        reason = _reason(corrected, now=now, set_by=set_by)
        logger.warning("%s", reason)
        append_clock_alert(outbox, connection, ClockAlert(at=now, reason=reason))

    corrected = correct_times(engine, now=now, limits=limits, append_alert=append)
    if not corrected.total and set_by:
        with transaction(engine) as connection:
            append(connection, corrected)
    return corrected


def _reason(corrected: Corrected, *, now: datetime, set_by: timedelta) -> str:
    """Explain a correction, or a clock that was set, for people."""
    parts: list[str] = []
    if set_by:
        direction = "forward" if set_by > timedelta(0) else "back"
        parts.append(f"the clock was set {direction} by {format_duration(rounded(abs(set_by)))}")
    if corrected.total:
        tables = ", ".join(f"{count} of {table}" for table, count in corrected.rows.items())
        ahead = format_duration(rounded(corrected.ahead))
        parts.append(f"stored times lie up to {ahead} ahead of {now:%Y-%m-%d %H:%M} UTC")
        parts.append("the clock was ahead, or is behind now")
        parts.append(f"rows with corrected times: {tables}")
    return "; ".join(parts)


def seconds_since_boot() -> float:
    """Return the seconds since the machine started, its suspensions included where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
