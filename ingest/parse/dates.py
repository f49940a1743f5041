"""Fast reading of the date formats of nearly all feeds; feedparser reads the rest."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_MONTHS: Final = {
    name: f"{number:02}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_ZONES: Final = {"GMT": 0, "UT": 0, "UTC": 0, "Z": 0, "EST": -5, "EDT": -4, "PST": -8, "PDT": -7}
_TIME: Final = r"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
_RFC_822: Final = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    rf"((?:19|20)\d\d) {_TIME} (GMT|UTC?|Z|E[SD]T|P[SD]T|[+-]\d{{4}})",
    re.ASCII,
)
_RFC_3339: Final = re.compile(
    rf"((?:19|20)\d\d-\d\d-\d\d)T{_TIME}(?:\.\d{{1,9}})?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def read_date(text: str) -> datetime | None:
    """A valid date of RFC 822 or RFC 3339 in its most frequent spelling, without fractions; None for any other."""
    match = _RFC_822.fullmatch(text)
    if match:
        day, month, year, time, zone = match.groups()
        date = f"{year}-{_MONTHS[month]}-{day:0>2}"
    else:
        match = _RFC_3339.fullmatch(text)
        if match is None:
            return None
        date, time, zone = match.groups()
    try:
        return datetime.fromisoformat(f"{date}T{time}+00:00") - _utc_offset(zone)
    except ValueError:  # such as the 31st of June
        return None


@lru_cache(maxsize=128)
def _utc_offset(zone: str) -> timedelta:
    if zone in _ZONES:
        return timedelta(hours=_ZONES[zone])
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -offset if zone[0] == "-" else offset
