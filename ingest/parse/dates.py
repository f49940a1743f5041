"""Dates of entries: the usual forms at once, the others by :mod:`ingest.dates` with what the whole feed declares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ingest.dates import Evidence, read_date
from ingest.parse.text_values import OLDEST, text
from ingest.types import Entry
from ingest.urls import host_of

SHOWN_DATES: Final = 3
"""Unreadable dates that the warning names."""
SHOWN_CHARACTERS: Final = 60

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


def read_usual_date(text: str) -> datetime | None:
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


def complete_dates(
    entries: Sequence[Entry], *, url: str, languages: Iterable[str | None], warnings: list[str]
) -> list[Entry]:
    """Read the dates of ``entries`` that have only their text. A text that is not understood gets a warning.

    ``languages`` are those that the feed and its response declare.
    """
    if all(
        (entry.published is not None or not entry.published_raw)
        and (entry.updated is not None or not entry.updated_raw)
        for entry in entries
    ):
        return list(entries)
    feed_languages = _normalised(languages)
    country = (host_of(url) or "").rpartition(".")[2] or None
    unreadable: Counter[str] = Counter()
    completed = []
    for entry in entries:
        own = _normalised((entry.language,))
        evidence = Evidence(languages=own or feed_languages, country=country)
        dates: dict[str, datetime] = {}
        for name, date, raw in (
            ("published", entry.published, entry.published_raw),
            ("updated", entry.updated, entry.updated_raw),
        ):
            if date is not None or not raw:
                continue
            read = read_date(raw, evidence)
            if read is None:
                unreadable[raw] += 1
            elif read >= OLDEST:
                dates[name] = read
        completed.append(replace(entry, **dates) if dates else entry)  # type: ignore[arg-type]
    if unreadable:
        shown = ", ".join(
            [f"'{text(raw)[:SHOWN_CHARACTERS]}'" for raw, _ in unreadable.most_common(SHOWN_DATES)]
        )
        more = ", …" if len(unreadable) > SHOWN_DATES else ""
        warnings.append(f"{unreadable.total()} dates are unknown, because they cannot be read: {shown}{more}")
    return completed


def _normalised(languages: Iterable[str | None]) -> tuple[str, ...]:
    """Language tags in lower case, of plausible length."""
    return tuple(dict.fromkeys([each[:20].strip().lower().replace("_", "-") for each in languages if each]))
