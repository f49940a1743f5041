"""Dates are read whole, or they are unknown: zones, languages, calendars, hostile texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import babel
import pytest
from babel.dates import format_date, format_datetime
from babel.localedata import locale_identifiers
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dates import Evidence, read_date
from tests.speed import cpu_limit
from tests.tables import date_names

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ZONES = {
    zone: hours
    for hours, zones in (
        *((0, "GMT UT Z UTC"), (-3, "UTC-3"), (-3.5, "-0330"), (-4, "EDT"), (-5, "EST CDT ET Etc/GMT+5")),
        *(
            (-5, "America/Port-au-Prince"),
            (-6, "CST"),
            (-7, "MST PDT"),
            (-8, "America/Los_Angeles"),
            (-10, "HST"),
        ),
        *((1, "BST CET"), (2, "CEST EET"), (3, "EEST MSK (MSK) UTC+3 Z+0300"), (5.5, "IST GMT+05:30 +530")),
        *(
            (5.75, "NPT"),
            (7, "WIB"),
            (8, "HKT SGT AWST"),
            (9.5, "ACST"),
            (10, "AEST"),
            (11, "AEDT"),
            (13, "NZDT"),
        ),
        *((9, "KST JST GMT+9 GMT+0900 +9 Asia/Seoul [Asia/Tokyo]"),),
    )
    for zone in zones.split()
} | {"+0900 (KST)": 9, "+0900 KST": 9, "GMT+0300 (Moscow Standard Time)": 3}


@pytest.mark.parametrize(("zone", "hours"), ZONES.items(), ids=ZONES)
def test_a_zone_is_read(zone: str, hours: float) -> None:
    expected = NOON - timedelta(hours=hours)
    assert read_date(f"Tue, 01 Dec 2026 12:00:00 {zone}") == expected
    assert read_date(f"2026-12-01T12:00:00 {zone}") == expected


@pytest.mark.parametrize(
    "zone",
    ["XYZ", "LMT", "+15", "+0975", "EST KST", "Asia/Nowhere", "../etc/passwd", "A", "Local", "GMT+"],
)
def test_an_unknown_zone_makes_the_date_unknown(zone: str) -> None:
    assert read_date(f"Tue, 01 Dec 2026 12:00:00 {zone}") is None
    assert read_date(f"2026-12-01 12:00:00 {zone}") is None


def test_summer_time_follows_the_date() -> None:
    assert read_date("Wed, 15 Jul 2026 12:00:00 America/New_York") == datetime(2026, 7, 15, 16, tzinfo=UTC)
    assert read_date("Wed, 15 Jul 2026 12:00:00 PT") == datetime(2026, 7, 15, 19, tzinfo=UTC)
    assert read_date("1 Jul 2013 12:00 MSK") == datetime(2013, 7, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "evidence", "hours"),
    [
        ("CST", Evidence(languages=("zh-cn",)), 8),
        ("CST", Evidence(country="tw"), 8),
        ("CST", Evidence(languages=("en-us",), country="com"), -6),
        ("IST", Evidence(country="ie"), 1),
        ("IST", Evidence(languages=("he",)), 2),
        ("BST", Evidence(languages=("bn",), country="bd"), 6),
        ("AST", Evidence(languages=("ar",)), 3),
        ("IST", Evidence(languages=("he",), country="ie"), None),
    ],
)
def test_an_ambiguous_zone_is_decided_by_the_feeds_country_and_language(
    zone: str, evidence: Evidence, hours: float | None
) -> None:
    expected = None if hours is None else NOON - timedelta(hours=hours)
    assert read_date(f"Tue Dec 01 12:00:00 {zone} 2026", evidence) == expected


FORMS = {
    "1er décembre 2026": (0, 0),
    "mardi 1 décembre 2026 à 15h04": (15, 4),
    "1. Dezember 2026": (0, 0),
    "Di, 01 Dez 2026 15:04:00": (15, 4),
    "mar, 1 dic 2026 15:04:00 +0000": (15, 4),
    "martes, 1 de diciembre de 2026, 15:04": (15, 4),
    "1 decembre 2026": (0, 0),
    "вт, 1 дек 2026 15:04:00": (15, 4),
    "1 декабря 2026 г., 15:04": (15, 4),
    "wt., 1 gru 2026 15:04:00": (15, 4),
    "ngày 1 tháng 12 năm 2026": (0, 0),
    "2026年12月1日": (0, 0),
    "2026年12月1日(火) 15時04分": (15, 4),
    "2026年12月1日 星期二 下午3:04:00": (15, 4),
    "令和8年12月1日": (0, 0),
    "民國115年12月1日": (0, 0),
    "2026. 12. 1.": (0, 0),
    "2026. 12. 1. 15:04": (15, 4),
    "1 ธันวาคม 2569 15:04": (15, 4),
    "วันอังคารที่ 1 ธันวาคม พ.ศ. 2569 15:04 น.": (15, 4),
    "1 दिसंबर 2026": (0, 0),
    "الثلاثاء، 1 ديسمبر 2026": (0, 0),
    "١ ديسمبر ٢٠٢٦": (0, 0),
    "01 Dec 26 15:04:00 GMT": (15, 4),
    "Dec 1, 2026 03:04 PM": (15, 4),
    "December 1st, 2026 at 3:04 p.m.": (15, 4),
    "3 pm, December 1, 2026": (15, 0),
    "12:30 AM, Dec 1, 2026": (0, 30),
    "Tue Dec 1 2026 15.04.00": (15, 4),
    "13/12/2026": None,
    "1.12.2026 15:04": (15, 4),
    "20261201T150400Z": (15, 4),
    "1796137440": (15, 4),
    "1796137440000": (15, 4),
    "2026-12-01": (0, 0),
    "Mon, 30 Nov 2026 24:00:00 GMT": (0, 0),
}


@pytest.mark.parametrize(("text", "clock"), FORMS.items(), ids=FORMS)
def test_local_forms_are_read(text: str, clock: tuple[int, int] | None) -> None:
    expected = (
        datetime(2026, 12, 13, tzinfo=UTC)
        if clock is None
        else datetime(2026, 12, 1, clock[0], clock[1], tzinfo=UTC)
    )
    assert read_date(text) == expected


def test_korean_dates_without_a_zone_are_in_korean_time() -> None:
    assert read_date("2026년 12월 1일 오후 3:04") == datetime(2026, 12, 1, 6, 4, tzinfo=UTC)
    assert read_date("2026년 12월 1일 15:04 GMT") == datetime(2026, 12, 1, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "01/02/2026",
            "26.12.01",
            "02-10-12",
            "1 lis 2026",
            "26 dez 01",
            "1 Dec",
            "Dec 2026",
            "1 Dec 2026 44",
        ),
        *(
            "Tue, 01 Dec 2026 12:00:00 GMT perhaps",
            "Published 1 Dec 2026",
            "3 Dec 2026 BC",
            "1 Dec 2026 13:00 AM",
        ),
        *("Tue, 01 Dec 2026 25:00:00 GMT", "31 Jun 2026", "2024-13-45 99:99:99", "10:00 10:00 1 Dec 2026"),
        *("۱۰ آذر ۱۴۰۵", "1405/09/10", "1448-06-20", "10 Jumada II 1448", "2083-08-15", "16 मंसिर २०८३"),
        *("2569-12-01", "yesterday", "2 hours ago", "now", "", " ", ":", "+", "T", "1 Dec 2026 - 2 Dec 2026"),
    ],
)
def test_a_date_that_is_not_certain_is_unknown(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "languages", "date"),
    [
        ("01/02/2026", ("en-us",), datetime(2026, 1, 2, tzinfo=UTC)),
        ("01/02/2026", ("fr",), datetime(2026, 2, 1, tzinfo=UTC)),
        ("01/02/2026", ("en",), None),
        ("Sun, 01/02/2026", (), datetime(2026, 2, 1, tzinfo=UTC)),
        ("26. 12. 1.", ("ko",), datetime(2026, 12, 1, tzinfo=UTC)),
        ("1 lis 2026", ("hr",), datetime(2026, 10, 1, tzinfo=UTC)),
        ("1 lis 2026", ("pl-pl",), datetime(2026, 11, 1, tzinfo=UTC)),
        ("nie, 1 lis 2026", (), datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_language_or_weekday_decides_between_two_readings(
    text: str, languages: tuple[str, ...], date: datetime | None
) -> None:
    assert read_date(text, Evidence(languages=languages)) == date


LOCALES = sorted(locale_identifiers())


@settings(deadline=None)  # the first example loads the table
@given(
    identifier=st.sampled_from(LOCALES),
    moment=st.datetimes(min_value=datetime(1990, 1, 2), max_value=datetime(2069, 12, 30)),  # noqa: DTZ001
    form=st.sampled_from(["full", "long", "medium", "short"]),
    timed=st.booleans(),
    declared=st.booleans(),
)
def test_a_date_of_any_locale_is_read_right_or_unknown(
    identifier: str, moment: datetime, form: str, timed: bool, declared: bool
) -> None:
    locale = babel.Locale.parse(identifier)
    if not declared and locale.language not in date_names.MODERN:
        return  # "14 mar" is May in Teso
    if form == "short" and not 2000 <= moment.year <= 2069:
        return  # two digits of a year
    languages = "-".join(filter(None, (locale.language, (locale.territory or "").lower())))
    evidence = Evidence(languages=(languages,)) if declared else Evidence()
    moment = moment.replace(microsecond=0, second=0 if form == "short" else moment.second)
    if timed:
        text = format_datetime(moment, "long" if form == "full" else form, locale=locale)
    else:
        text = format_date(moment, form, locale=locale)
        moment = moment.replace(hour=0, minute=0, second=0)
    expected = moment.replace(tzinfo=UTC)
    allowed = {None, expected}
    if locale.language == "ko" and timed:
        allowed.add(expected - timedelta(hours=9))
    assert read_date(text, evidence) in allowed, text


def test_most_dates_of_common_languages_are_read() -> None:
    """A reader that knows nothing would pass the test above."""
    moment = datetime(2026, 12, 1, 15, 4, 5, tzinfo=UTC)
    unread = [
        language
        for language in sorted(date_names.MODERN)
        if read_date(format_date(moment, "long", locale=language))
        != moment.replace(hour=0, minute=0, second=0)
        or read_date(format_date(moment, "medium", locale=language)) is None
    ]
    # Basque and Mongolian inflect the parts; Somali and Yoruba have names that babel writes as numbers.
    assert len(unread) <= 12, unread


def test_the_table_of_names_is_what_the_command_writes() -> None:
    assert json.loads(date_names.PATH.read_text(encoding="utf-8"))["months"] == date_names.table()["months"]


@settings(deadline=None)
@given(text=st.text(max_size=120))
def test_any_text_is_read_or_unknown(text: str) -> None:
    assert read_date(text) is None or isinstance(read_date(text), datetime)


@pytest.mark.parametrize(
    "text",
    [
        *("1" * 100_000, "1:" * 50_000, " " * 100_000, "December " * 11, "1.1." * 24, "日" * 99, "ที่" * 33),
        *(
            "1 2 3 " * 16,
            "+1" * 49,
            "(" * 99,
            "10:00 " * 16,
            "a/" * 49,
            "١" * 99,
            "e\u0301" * 49,
            "a.m." * 24,
        ),
    ],
)
def test_hostile_texts_are_unknown_at_once(text: str) -> None:
    read_date("1 décembre 2026")  # loads the table
    with cpu_limit(0.1):
        assert read_date(text) is None
