"""Time zones of dates: offsets, abbreviations and names of the IANA database.

Abbreviations have no authority. The table has those of RFC 822 and those that are in use with one meaning, as the IANA
time zone database (https://www.iana.org/time-zones) lists them. Where two countries share one, the feed's country or
language decides. Without such evidence the meaning of RFC 822, or the one that far more people use, counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

MAX_OFFSET: Final = timedelta(hours=14)
"""Kiribati's offset, the largest of all."""

_HOURS: Final[Mapping[str, float]] = {
    name: float(hours)
    for hours, names in (
        # RFC 822. Its letters A to Y are left out: software wrote them with both signs (RFC 2822 §4.3).
        *((0, "gmt ut utc z"), (-5, "est cdt"), (-4, "edt"), (-7, "mst pdt"), (-6, "mdt")),
        # America
        *((-3.5, "nst"), (-2.5, "ndt"), (-9, "akst"), (-8, "akdt"), (-10, "hst"), (-2, "brst")),
        *((-3, "adt brt art clst uyt"), (-4, "clt vet bot"), (-5, "cot pet")),
        # Europe and Africa
        *((0, "wet"), (1, "west cet met mez wat"), (2, "cest mest mesz eet cat sast"), (3, "eest trt eat")),
        # Asia
        *((3, "idt"), (3.5, "irst"), (4.5, "irdt"), (4, "gst azt"), (5, "pkt uzt yekt"), (5.75, "npt")),
        *((6, "omst"), (6.5, "mmt"), (7, "ict wib krat"), (8, "wita hkt sgt myt pht irkt"), (10, "vlat")),
        (9, "wit jst kst yakt"),
        # Australia and the Pacific
        *((8, "awst"), (9.5, "acst"), (10.5, "acdt"), (10, "aest chst"), (11, "aedt")),
        *((12, "nzst"), (13, "nzdt")),
    )
    for name in names.split()
}
_BY_PLACE: Final[Mapping[str, tuple[float, Mapping[str, float]]]] = {
    # Java writes China Standard Time as CST.
    "cst": (-6, {"cn": 8, "tw": 8, "hk": 8, "mo": 8, "zh": 8, "cu": -5}),
    "ist": (5.5, {"ie": 1, "ga": 1, "il": 2, "he": 2}),
    "bst": (1, {"bd": 6, "bn": 6}),
    "ast": (-4, {"sa": 3, "kw": 3, "qa": 3, "bh": 3, "iq": 3, "ye": 3, "ar": 3}),
    "pst": (-8, {"ph": 8, "fil": 8}),
}
_NAMES: Final[Mapping[str, str]] = {
    # Zones whose abbreviation does not tell the offset: summer time, or an offset that changed over the years.
    "at": "America/Halifax",
    "ct": "America/Chicago",
    "et": "America/New_York",
    "mt": "America/Denver",
    "pt": "America/Los_Angeles",
    "msk": "Europe/Moscow",
}
_OFFSET: Final = re.compile(r"(?:gmt|utc?|z)?\s?([+-])\s?(\d{1,2})(?::?(\d{2}))?")
_NAME: Final = re.compile(r"[a-z][a-z_]{1,30}(?:/[a-z][a-z_+\-0-9]{1,30}){1,2}")


def read_zone(text: str, *, places: frozenset[str] = frozenset()) -> tzinfo | None:
    """Return the zone that ``text``, in lower case, names; None where it is not known.

    ``places`` are the feed's country and languages.
    """
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        return _fixed(sign=offset[1], hours=int(offset[2]), minutes=int(offset[3] or 0))
    if text in _BY_PLACE:
        usual, by_place = _BY_PLACE[text]
        hours = {by_place[place] for place in places if place in by_place} or {usual}
        return _of_hours(hours.pop()) if len(hours) == 1 else None
    if text in _HOURS:
        return _of_hours(_HOURS[text])
    name = _NAMES.get(text, text)
    return _named(name.lower()) if _NAME.fullmatch(name.lower()) else None


def to_utc(local: datetime, zone: tzinfo) -> datetime:
    """Return ``local`` in UTC. An hour that summer time repeats is taken the first time."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def _fixed(*, sign: str, hours: int, minutes: int) -> tzinfo | None:
    offset = timedelta(hours=hours, minutes=minutes)
    if offset > MAX_OFFSET or minutes > 59:
        return None
    return timezone(-offset if sign == "-" else offset)


def _of_hours(hours: float) -> tzinfo:
    return timezone(timedelta(hours=hours))


@lru_cache(maxsize=256)
def _named(name: str) -> tzinfo | None:
    """Return the zone of an IANA name in lower case."""
    parts = [
        "_".join([_capitalised(word) for word in part.split("_")])
        if not part.startswith("gmt")
        else part.upper()
        for part in name.split("/")
    ]
    try:
        return ZoneInfo("/".join(parts))
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder
        return None


def _capitalised(word: str) -> str:
    """Return a word as the database writes it: "Port-au-Prince", "Dar_es_Salaam"."""
    if word in {"es", "of", "au"}:
        return word
    return "-".join([part if part == "au" else part[:1].upper() + part[1:] for part in word.split("-")])
