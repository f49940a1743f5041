"""Spellings that search takes for each other, and those that it keeps apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.search.accents import fold_accents
from ingest.text import tokenize

EQUAL = [
    ("café", "cafe"),
    ("Łódź", "lodz"),
    ("København", "kobenhavn"),
    ("Đà Nẵng", "da nang"),
    ("œuvre", "oeuvre"),
    ("straße", "strasse"),
    ("İstanbul", "istanbul"),
    ("ISPARTA ısparta", "isparta ısparta"),
    ("Þór", "thor"),
    ("Heydər Əliyev", "heyder eliyev"),
    ("Αθήνα", "αθηνα"),
    ("ΰ", "υ"),
    ("Королёв", "королев"),
    ("за́мок", "замок"),
    ("Ґудзь", "гудзь"),
    ("إيران أمريكا آسيا", "ايران امريكا اسيا"),
    ("موسى", "موسي"),
    ("ایران کشور", "ايران كشور"),
    ("مدرسة", "مدرسه"),
    ("مُحَمَّد", "محمد"),
    ("محـمد", "محمد"),
    ("עִבְרִית", "עברית"),
    ("फ़िल्म", "फिल्म"),
    ("चाँद", "चांद"),
    ("१२३ ١٢٣ ๑๒๓", "123 123 123"),
    ("น้ำ", "นํ้า"),
    ("ｶﾞｽ", "ガス"),
]
DIFFERENT = [
    ("мой", "мои"),
    ("їх", "іх"),
    ("が", "か"),
    ("हिंदी", "हदी"),
    ("ท่า", "ทา"),
    ("ปี", "ปิ"),
    ("俄罗斯", "俄羅斯"),
    ("한국", "한극"),
]


def folded(text: str) -> list[str]:
    return [fold_accents(token) for token in tokenize(text)]


@pytest.mark.parametrize(("written", "typed"), EQUAL)
def test_these_spellings_are_equal(written: str, typed: str) -> None:
    assert folded(written) == folded(typed)


@pytest.mark.parametrize(("written", "typed"), DIFFERENT)
def test_these_spellings_are_different(written: str, typed: str) -> None:
    assert folded(written) != folded(typed)


@given(st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_folding_accents_keeps_every_token_and_is_done_once(text: str) -> None:
    for token in tokenize(text):
        plain = fold_accents(token)
        assert plain
        assert fold_accents(plain) == plain
        assert unicodedata.is_normalized("NFC", plain)
