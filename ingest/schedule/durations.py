"""Format durations for people. Pure."""

from __future__ import annotations

from datetime import timedelta


def format_duration(duration: timedelta) -> str:
    """Format a duration as settings spell it: ``15m``, ``6h``, ``90s``."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def rounded(duration: timedelta) -> timedelta:
    """Round a duration for people: to hours from ten hours on, to minutes from ten minutes on, else to seconds."""
    seconds = duration.total_seconds()
    for unit, threshold in ((3600, 36_000), (60, 600), (1, 1)):
        if seconds >= threshold:
            return timedelta(seconds=round(seconds / unit) * unit)
    return duration
