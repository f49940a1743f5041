"""Decide when new entries of a feed are overdue. Pure.

::

    dates of a first document ─┐
    a poll with new entries ───┴▶ PublishGaps: mean and deviation of the gaps ─▶ expected_by

The estimate is TCP's for round trips (RFC 6298 §2): mean plus four deviations, where a new gap weighs an eighth and a
quarter. It follows a feed that slows down, and weekends widen it instead of exceeding it. Silence beyond it deserves a
look: a feed that froze responds as correctly as one without news.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ingest.types import PublishGaps

ENOUGH_GAPS: Final = 6
"""The number of gaps that an estimate needs."""
DEVIATIONS: Final = 4
PATIENCE: Final = 2
"""The tolerated silence, as a multiple of the longest regular gap."""
LEAST: Final = timedelta(days=1)
"""The shortest silence that counts: nights are quiet."""
MAX_COUNT: Final = 1000


def initial_gaps(dates: Sequence[datetime], *, now: datetime) -> PublishGaps | None:
    """Return the gaps between the dates of a feed's first document; None: it has no date in the past."""
    past = sorted({date for date in dates if date <= now})
    if not past:
        return None
    gaps = PublishGaps(last_new_at=past[0])
    for date in past[1:]:
        gaps = update_gaps(gaps, at=date)
    return gaps


def update_gaps(gaps: PublishGaps | None, *, at: datetime) -> PublishGaps:
    """Return ``gaps`` after new entries at ``at``."""
    if gaps is None:
        return PublishGaps(last_new_at=at)
    gap = max(at - gaps.last_new_at, timedelta(0))
    if gaps.count == 0:
        return PublishGaps(last_new_at=at, mean=gap, deviation=gap / 2, count=1)
    return PublishGaps(
        last_new_at=at,
        mean=gaps.mean * 7 / 8 + gap / 8,
        deviation=gaps.deviation * 3 / 4 + abs(gaps.mean - gap) / 4,
        count=min(gaps.count + 1, MAX_COUNT),
    )


def expected_by(gaps: PublishGaps | None) -> datetime | None:
    """Return the time by which new entries are overdue; None: too few gaps were observed."""
    if gaps is None or gaps.count < ENOUGH_GAPS:
        return None
    return gaps.last_new_at + max(LEAST, PATIENCE * (gaps.mean + DEVIATIONS * gaps.deviation))
