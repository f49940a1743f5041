"""Restart policy: a pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """At most ``max_restarts`` within ``window``; the delay doubles from ``initial_delay`` up to ``max_delay``."""

    max_restarts: int = 5
    window: timedelta = timedelta(seconds=60)
    initial_delay: timedelta = timedelta(seconds=0.5)
    max_delay: timedelta = timedelta(seconds=8)

    def delay(self, failures: Sequence[float], *, now: float) -> float | None:
        """Return the seconds until the next start, or None to give up.

        ``failures`` are the times of all failures including this one, in seconds on the clock of ``now``.
        """
        recent = sum(1 for at in failures if now - at < self.window.total_seconds())
        if recent > self.max_restarts:
            return None
        doubled = self.initial_delay.total_seconds() * 2.0 ** max(recent - 1, 0)
        return min(doubled, self.max_delay.total_seconds())
