"""The dates that nearly all feeds write, read at once; None for any other, which the reference reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_ZONES: Final = {"GMT": 0, "UT": 0, "UTC": 0, "Z": 0, "EST": -5, "EDT": -4, "PST": -8, "PDT": -7}
_RFC_822: Final = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"((?:19|20)\d\d) (\d\d):(\d\d):(\d\d) (GMT|UTC?|Z|E[SD]T|P[SD]T|[+-]\d{4})",
    re.ASCII,
)
_RFC_3339: Final = re.compile(
    r"((?:19|20)\d\d)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def read_date(text: str) -> datetime | None:
    """A date of RFC 822 or RFC 3339, in the spelling of most feeds, and possible; fractions are dropped."""
    try:
        found = _RFC_822.fullmatch(text)
        if found:
            day, month, year, hour, minute, second, zone = found.groups()
            return _utc(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), zone)
        found = _RFC_3339.fullmatch(text)
        if found:
            year, month, day, hour, minute, second, zone = found.groups()
            return _utc(int(year), int(month), int(day), int(hour), int(minute), int(second), zone)
    except ValueError:  # the 31st of June
        pass
    return None


def _utc(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: str) -> datetime:
    local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if zone[0] not in "+-":
        ahead = _ZONES[zone]
        return local - timedelta(hours=ahead) if ahead else local
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return local + timedelta(minutes=minutes) if zone[0] == "-" else local - timedelta(minutes=minutes)
