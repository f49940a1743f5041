"""The measures of ``./run quality text`` notice what they exist to notice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.types import Entry, ParsedFeed
from tests.bench.figures import CorpusAbsentError, corpus_dir
from tests.quality import boilerplate, dates, encodings, removed_lines
from tests.quality.boilerplate import MarkedLine, Tally
from tests.quality.date_oracle import Certainty, expected


def judged(line: MarkedLine, cleaned: str) -> Tally:
    tally = Tally(kept=[], damaged=[])
    boilerplate.judge(tally, [line], cleaned)
    return tally


def test_the_lines_are_enough_in_both_halves_and_in_many_languages() -> None:
    rows = boilerplate.read_lines()
    assert len(rows) >= 320
    assert len({row.line.text for row in rows}) == len(rows)
    assert len({row.language for row in rows}) >= 8
    for half in boilerplate.HALVES:
        marked = [bool(row.line.boilerplate) for row in rows if row.half == half]
        assert min(marked.count(True), marked.count(False)) >= 80


@pytest.mark.parametrize(
    ("cleaned", "damaged"),
    [("The bell rang twice.", []), ("The bell", ["The bell rang twice."]), ("", ["The bell rang twice."])],
)
def test_a_story_line_is_damaged_unless_it_is_whole(cleaned: str, damaged: list[str]) -> None:
    assert judged(MarkedLine(text="The bell rang twice."), cleaned).damaged == damaged


@pytest.mark.parametrize(
    ("cleaned", "removed"), [("Other text.", 1), ("Share this story", 0), ("Share this\nOther text.", 0)]
)
def test_a_rest_of_a_boilerplate_line_is_not_removed(cleaned: str, removed: int) -> None:
    line = MarkedLine(text="Share this story", boilerplate=("Share this story",))
    assert judged(line, cleaned).removed == removed


def test_the_marked_part_of_a_line_is_boilerplate_and_the_rest_is_story() -> None:
    line = MarkedLine(text="The bell rang. (Related: Bells)", boilerplate=("(Related: Bells)",))
    kept = judged(line, line.text)
    assert (kept.removed, kept.damaged) == (0, [])
    removed = judged(line, "The bell rang.")
    assert (removed.removed, removed.damaged) == (1, [])
    assert judged(line, "(Related: Bells)").damaged == [line.text]


@pytest.mark.parametrize(
    ("before", "after", "removed"),
    [
        ("a b\nc d", "a b\nc d", []),
        ("a b\nc d\ne f", "a b\ne f", ["c d"]),
        ("a b (more: c) d\ne", "a b d\ne", ["(more: c)"]),
        ("a b\nc d e", "a b\nc", ["d e"]),
    ],
)
def test_removed_parts_are_the_words_that_the_later_text_lacks(
    before: str, after: str, removed: list[str]
) -> None:
    assert list(removed_lines.removed_parts(before, after)) == removed


def test_a_removed_line_is_counted_and_a_repeated_title_apart() -> None:
    link = "https://outlet.example/1"
    content = "<p>The bell</p><p>It rang twice.</p><p>Read more</p>"
    entry = Entry(guid=link, link=link, title="The bell", summary=None, content=content)
    removals = removed_lines.Removals(lines=Counter())
    removed_lines.removals_of(
        ParsedFeed(title=None, link=None, language="en", entries=(entry,)),
        source="outlet",
        feed_url="https://outlet.example/feed",
        removals=removals,
    )
    assert (removals.articles, removals.titles) == (1, 1)
    assert [removal.text for removal in removals.lines] == ["Read more"]


def test_each_verdict_is_one_of_two() -> None:
    assert set(removed_lines.read_verdicts().values()) <= {"story", "boilerplate"}


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Tue, 12 May 2026 10:00:00 +0200", 8),
        ("Tue, 12 May 2026 10:00:00 KST", 1),
        ("2026-05-12T10:00:00.1234567+02:00", 8),
        ("12 mai 2026 9:05 pm UTC+3", 18),
        ("Tue, 12 May 2026 10:00:00 Europe/Berlin", 8),
        ("2026/5/12 10:00", 10),
    ],
)
def test_the_oracle_reads_zones_months_and_halves_of_the_day(text: str, hour: int) -> None:
    date = expected(text).date
    assert date is not None
    assert date.replace(minute=0, second=0, microsecond=0) == datetime(2026, 5, 12, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("Tue, 12 May 2026 10:00:00 XQZ", Certainty.UNKNOWN),
        ("Wed, 31 Jun 2026 10:00:00 +0000", Certainty.UNKNOWN),
        ("yesterday", Certainty.UNDECIDED),
    ],
)
def test_the_oracle_admits_what_it_does_not_know(text: str, certainty: Certainty) -> None:
    assert expected(text).certainty is certainty


def test_a_date_that_is_hours_off_is_wrong_and_one_of_an_unknown_zone_too() -> None:
    text = "Tue, 12 May 2026 10:00:00 KST"
    right = datetime(2026, 5, 12, 1, tzinfo=UTC)
    assert dates.judge(text, right) == "right"
    assert dates.judge(text, right + timedelta(hours=9)) == "wrong"
    assert dates.judge(text, None) == "unread"
    assert dates.judge("Tue, 12 May 2026 10:00:00 XQZ", right) == "wrong"
    assert dates.judge("yesterday", right) == "undecided"


def test_a_form_masks_digits_weekday_and_month_but_no_zone() -> None:
    raw = dates.RawDate(element="pubDate", text="Tue, 12 May 2026 10:00:00 KST")
    assert raw.form == "pubDate Ddd, 99 Mmm 9999 99:99:99 KST"


def test_dates_go_through_the_parser_in_order() -> None:
    raws = [
        dates.RawDate(element=element, text=f"2026-05-{day:02}T10:00:00Z")
        for element in ("pubDate", "updated", "published", "dc:date", "issued", "modified")
        for day in range(1, 29)
    ]
    read = list(dates.read_through_product(raws))
    assert [raw for raw, _ in read] == raws
    assert all(date == datetime.fromisoformat(raw.text) for raw, date in read)


def test_the_text_of_a_file_survives_the_way_through_a_feed() -> None:
    text = encodings.visible_text("<p>Паром &amp; <b>порт</b></p><script>x</script> 1 < 2")
    assert text == "Паром порт 1 < 2"
    file = encodings.CharsetFile(folder="utf-8", name="a", encoding="utf-8", text=text)
    assert encodings.parsed_text(file.feed(), None) == text
    wrong = encodings.CharsetFile(folder="KOI8-R", name="a", encoding="koi8-r", text=text)
    assert encodings.parsed_text(wrong.feed(), "application/rss+xml; charset=windows-1251") != text
    assert encodings.parsed_text(wrong.feed(), "application/rss+xml; charset=koi8-r") == text


@pytest.mark.corpus
def test_the_sample_loses_its_boilerplate_and_no_sentence() -> None:
    try:
        tally = boilerplate.judge_sample(corpus_dir())
    except CorpusAbsentError as absent:
        pytest.skip(str(absent))
    assert tally.removed_share >= boilerplate.MIN_REMOVED
    assert tally.damaged == []
    assert Path(boilerplate.LINES).is_file()
