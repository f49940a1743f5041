"""Independent reading of dates, to check the product's: the standard library and a table of zones, no shared code.

:func:`expected` decides as much of a date as it is certain about. Well-formed dates of RFC 5322 go to ``email.utils``,
ISO 8601 to ``datetime.fromisoformat``. The rest is read by one strict expression and the tables below, in which each
abbreviation has the offset of the zone that news feeds use it for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Certainty(Enum):
    """How much the oracle knows about a date."""

    READ = "read"
    UNKNOWN = "unknown"
    """The date has no certain meaning: an impossible day, or a zone that no table lists."""
    UNDECIDED = "undecided"
    """The oracle does not know the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The meaning of one date."""

    certainty: Certainty
    date: datetime | None = None
    has_zone: bool = True


UNDECIDED: Final = Expected(certainty=Certainty.UNDECIDED)
UNKNOWN: Final = Expected(certainty=Certainty.UNKNOWN)

ZONE_HOURS: Final[Mapping[str, float]] = {
    "GMT": 0, "UT": 0, "UTC": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MET": 1, "CEST": 2, "MEST": 2,
    "MESZ": 2, "MEZ": 1, "EET": 2, "EEST": 3, "SAST": 2, "CAT": 2, "EAT": 3, "WAT": 1, "MSK": 3, "TRT": 3,
    "GST": 4, "PKT": 5, "IST": 5.5, "NPT": 5.75, "ICT": 7, "WIB": 7, "WITA": 8, "WIT": 9, "SGT": 8, "HKT": 8,
    "PHT": 8, "AWST": 8, "KST": 9, "JST": 9, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12,
    "NZDT": 13, "NST": -3.5, "NDT": -2.5, "ADT": -3, "AST": -4, "BRT": -3, "ART": -3, "EST": -5, "EDT": -4,
    "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip

_MONTHS: Final = """
    jan january januar janvier enero gennaio gen janeiro stycznia января янв січня януари ene
    feb february februar février févr febrero febbraio fevereiro lutego февраля фев лютого февруари
    mar march märz mär mars marzo março marca марта мар березня март
    apr april avril avr abril aprile kwietnia апреля апр квітня април abr
    may mai mayo maggio mag maio maja мая май травня
    jun june juni juin junio giugno giu junho czerwca июня июн червня юни
    jul july juli juillet juil julio luglio lug julho lipca июля июл липня юли
    aug august août agosto ago sierpnia августа авг серпня август
    sep sept september septembre septiembre settembre set setembro września сентября сен вересня септември
    oct october oktober okt octobre octubre ottobre ott outubro października октября окт жовтня октомври out
    nov november novembre noviembre novembro listopada ноября ноя листопада ноември
    dec december dezember dez décembre déc diciembre dic dicembre dezembro grudnia декабря дек грудня декември
"""
MONTHS: Final[Mapping[str, int]] = {
    name: number for number, line in enumerate(_MONTHS.strip().split("\n"), 1) for name in line.split()
}

_WELL_FORMED: Final = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ?)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? [+-]\d{4}",
    re.ASCII,
)
_DAY_FIRST: Final = re.compile(
    r"(?:[^\W\d]+\.?,?\s*)?(?P<day>\d{1,2})\.?(?:\s+de)?[\s-]+(?P<month>[^\W\d]+)\.?(?:\s+de)?,?[\s-]+"
    r"(?P<year>\d{4}|\d{2})(?:,?\s+(?P<time>[\d:]+)\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>.*))?",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    r"(?:[^\W\d]+\.?,?\s+)?(?P<month>[^\W\d]+)\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})"
    r"(?:,?\s+(?P<time>[\d:]+)\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>.*))?",
    re.IGNORECASE,
)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?")
_NUMERIC_ZONE: Final = re.compile(r"(?:GMT|UTC|UT)?\s?([+-])(\d{1,2})(?::?(\d{2}))?")
_SPACED_ISO: Final = re.compile(r"\s*T\s*")
_BEFORE_OFFSET: Final = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_LONG_FRACTION: Final = re.compile(r"(?<=[.,]\d{6})\d+")
_YEAR_FIRST: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s*(\S*))?"
)
_MONTH_ONLY: Final = re.compile(r"(\d{4})(?:-(\d\d))?")
_EPOCH: Final = re.compile(r"\d{9,10}")
_ISO_LIKE: Final = re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}/")


def expected(raw: str) -> Expected:
    text = " ".join(raw.split())
    if _EPOCH.fullmatch(text):
        return Expected(certainty=Certainty.READ, date=datetime.fromtimestamp(int(text), UTC))
    month = _MONTH_ONLY.fullmatch(text)
    if month:
        return _date_or_unknown(int(month[1]), int(month[2] or 1))
    if _WELL_FORMED.fullmatch(text):
        try:
            return _read(parsedate_to_datetime(text))
        except ValueError:
            return UNKNOWN
    if _ISO_LIKE.match(text):
        return _iso(text)
    match = _DAY_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text)
    return _worded(match) if match else UNDECIDED


def _read(date: datetime) -> Expected:
    has_zone = date.tzinfo is not None
    utc = date.astimezone(UTC) if has_zone else date.replace(tzinfo=UTC)
    return Expected(certainty=Certainty.READ, date=utc, has_zone=has_zone)


def _date_or_unknown(year: int, month: int) -> Expected:
    return _read(datetime(year, month, 1, tzinfo=UTC)) if 1 <= month <= 12 else UNKNOWN


def _iso(text: str) -> Expected:
    tidy = _LONG_FRACTION.sub("", _BEFORE_OFFSET.sub("", _SPACED_ISO.sub("T", text.upper())))
    try:
        return _read(datetime.fromisoformat(tidy))
    except ValueError:
        parts = _YEAR_FIRST.fullmatch(text)
    if parts is None:
        return UNDECIDED
    try:
        local = datetime(*(int(part or 0) for part in parts.groups()[:6]))  # type: ignore[arg-type] # noqa: DTZ001
    except ValueError:
        return UNDECIDED  # some parsers count the 32nd of July as the 1st of August
    return _in_zone(local, parts[7] or "")


def _worded(match: re.Match[str]) -> Expected:
    month = MONTHS.get(match["month"].casefold())
    if month is None:
        return UNDECIDED
    year = int(match["year"])
    year += 0 if year > 99 else 2000 if year < 69 else 1900
    clock = _TIME.fullmatch(match["time"]) if match["time"] else None
    if match["time"] and clock is None:
        return UNDECIDED
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    if match["half"]:
        hour = hour % 12 + (12 if match["half"][0] in "pP" else 0)
    try:
        local = datetime(year, month, int(match["day"]), hour, minute, second)  # noqa: DTZ001 - its zone follows
    except ValueError:
        return UNKNOWN
    return _in_zone(local, (match["zone"] or "").strip(" ()[]"))


def _in_zone(local: datetime, zone: str) -> Expected:
    if not zone:
        return _read(local)
    numeric = _NUMERIC_ZONE.fullmatch(zone)
    if numeric:
        offset = timedelta(hours=int(numeric[2]), minutes=int(numeric[3] or 0))
        return _read(local.replace(tzinfo=timezone(-offset if numeric[1] == "-" else offset)))
    if zone.upper() in ZONE_HOURS:
        return _read(local.replace(tzinfo=timezone(timedelta(hours=ZONE_HOURS[zone.upper()]))))
    if "/" in zone:
        try:
            return _read(local.replace(tzinfo=ZoneInfo(zone)))
        except (ZoneInfoNotFoundError, ValueError):
            return UNKNOWN
    # RFC 5322, section 4.3: the meaning of a single letter is not reliable. An offset may lack a digit.
    return UNDECIDED if len(zone) == 1 or zone[0] in "+-" else UNKNOWN
