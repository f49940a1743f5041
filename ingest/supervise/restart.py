"""When something that died is started again; a pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """At most ``restarts`` in ``within``; the delay doubles from ``first_delay`` up to ``longest_delay``."""

    restarts: int = 5
    within: timedelta = timedelta(seconds=60)
    first_delay: timedelta = timedelta(seconds=0.5)
    longest_delay: timedelta = timedelta(seconds=8)

    def delay(self, failures: Sequence[float], *, now: float) -> float | None:
        """Seconds until the next start, or None to give up.

        ``failures`` are the times (in seconds, on the clock of ``now``) of all failures, this one included.
        """
        recent = sum(1 for at in failures if now - at < self.within.total_seconds())
        if recent > self.restarts:
            return None
        doubled = self.first_delay.total_seconds() * 2.0 ** max(recent - 1, 0)
        return min(doubled, self.longest_delay.total_seconds())
