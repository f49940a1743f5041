"""Whether a feed has been without anything new for longer than it ever is. Pure.

::

    dates of a first document ─┐
    a poll that had something ─┴▶ Rhythm: mean and deviation of the gaps ─▶ expected_by

The estimate is the one that TCP has for its round trips (RFC 6298 §2: the mean and four deviations, a new gap
weighing an eighth and a quarter): it follows a feed that gets slower, and weekends widen it instead of setting it
off. Quiet after that is worth a look: a feed that froze answers as politely as one that has nothing to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ingest.types import PublishGaps

ENOUGH_GAPS: Final = 6
"""Fewer are no rhythm."""
DEVIATIONS: Final = 4
PATIENCE: Final = 2
"""Times the longest gap that is in step."""
LEAST: Final = timedelta(days=1)
"""No feed is silent sooner: nights are quiet."""


def initial_gaps(dates: Sequence[datetime], *, now: datetime) -> PublishGaps | None:
    """What the dates of a feed's first document tell; None: nothing."""
    past = sorted({date for date in dates if date <= now})
    if not past:
        return None
    rhythm = PublishGaps(last_new_at=past[0])
    for date in past[1:]:
        rhythm = update_gaps(rhythm, at=date)
    return rhythm


def update_gaps(rhythm: PublishGaps | None, *, at: datetime) -> PublishGaps:
    """``rhythm`` after something was new at ``at``."""
    if rhythm is None:
        return PublishGaps(last_new_at=at)
    gap = max(at - rhythm.last_new_at, timedelta(0))
    if rhythm.count == 0:
        return PublishGaps(last_new_at=at, mean=gap, deviation=gap / 2, count=1)
    deviation = rhythm.deviation * 3 / 4 + abs(rhythm.mean - gap) / 4
    return PublishGaps(
        last_new_at=at,
        mean=rhythm.mean * 7 / 8 + gap / 8,
        deviation=deviation,
        count=min(rhythm.count + 1, 1000),
    )


def expected_by(rhythm: PublishGaps | None) -> datetime | None:
    """When something new is overdue; None: it has no rhythm that would say."""
    if rhythm is None or rhythm.count < ENOUGH_GAPS:
        return None
    return rhythm.last_new_at + max(LEAST, PATIENCE * (rhythm.mean + DEVIATIONS * rhythm.deviation))
