"""Notice a clock that was or is wrong, correct the stored times, and alert.

::

    start of the poller, and every hour      every stored time is compared with its bound
    every few seconds                        the clock went back against the monotonic clock,
                                             or a feed is due later than any interval allows: the same,
                                             for the latter at most once an hour
    ``ingest feeds refresh``                 the same

A clock that goes forward is no evidence: a machine that was suspended looks the same, and every time is due then.
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
from ingest.db.engine import Connection, Engine
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
"""The clock is set back if it loses at least this much against the monotonic clock."""


class ClockGuard:
    """Guards the stored times of one poller.

    Args:
        engine: the database.
        outbox: receives the alerts.
        limits: the settings that determine the bounds.
        clock, monotonic: return the current time, and the seconds since any fixed moment.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        limits: TimeLimits,
        *,
        clock: Callable[[], datetime] = runtime.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic
        self._last = clock(), monotonic()
        self._full_at = self._farthest_at = self._corrected_at = float("-inf")
        """When the last checks were made, and the last one that corrected rows, by the monotonic clock."""

    def check(self) -> Corrected | None:
        """Make the checks that are due. Return the correction; None: no comparison was made.

        Raises:
            Unavailable: the database.
        """
        now, seconds = self._clock(), self._monotonic()
        before, seconds_before = self._last
        self._last = now, seconds
        set_back = timedelta(seconds=seconds - seconds_before) - (now - before)
        if set_back >= MIN_STEP:
            logger.warning("the clock was set back by %s", format_duration(rounded(set_back)))
        elif seconds - self._full_at < FULL_INTERVAL.total_seconds():
            if seconds - self._farthest_at < FARTHEST_INTERVAL.total_seconds():
                return None
            # A machine whose clock is ahead now stores such times again and again. Each correction makes feeds due.
            if seconds - self._corrected_at < FULL_INTERVAL.total_seconds():
                return None
            self._farthest_at = seconds
            if not self._has_unbelievable_feed(now):
                return None
        self._full_at = self._farthest_at = seconds
        corrected = correct_stored_times(
            self._engine, self._outbox, now=now, limits=self._limits, set_back=max(set_back, timedelta(0))
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
    set_back: timedelta = timedelta(0),
) -> Corrected:
    """Correct the stored times that are beyond their bounds, and alert if there are any."""

    def append(connection: Connection, corrected: Corrected) -> None:
        alert = ClockAlert(at=now, reason=_reason(corrected, now=now, set_back=set_back))
        append_clock_alert(outbox, connection, alert)

    corrected = correct_times(engine, now=now, limits=limits, append_alert=append)
    if corrected.total:
        logger.warning("%s", _reason(corrected, now=now, set_back=set_back))
    return corrected


def _reason(corrected: Corrected, *, now: datetime, set_back: timedelta) -> str:
    """Explain a correction for people."""
    tables = ", ".join(f"{count} of {table}" for table, count in corrected.rows.items())
    step = f"the clock was set back by {format_duration(rounded(set_back))}; " if set_back >= MIN_STEP else ""
    return (
        f"{step}stored times lie up to {format_duration(rounded(corrected.ahead))} ahead of {now:%Y-%m-%d %H:%M} UTC: "
        f"the clock was ahead, or is behind now; rows with corrected times: {tables}"
    )
