"""Declared languages in every spelling become one tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.language import declared_tag, names
from ingest.language.tags import MAX_TAG_CHARACTERS
from tests.language.tables import table


@pytest.mark.parametrize(
    ("declared", "tag"),
    [
        ("en", "en"),
        (" EN_us ", "en-us"),
        ("eng", "en"),
        ("English", "en"),
        ("Deutsch", "de"),
        ("ger", "de"),
        ("русский", "ru"),
        ("中文", "zh"),
        ("zh-Hans", "zh-hans"),
        ("zh_CN.UTF-8", "zh-cn"),
        ("zh-cmn-Hans-CN", "zh-hans-cn"),
        ("chi", "zh"),
        ("iw-IL", "he-il"),
        ("jp", "ja"),
        ("ua", "uk"),
        ("pt-BR", "pt-br"),
        ("de-DE@euro", "de-de"),
        ("bg, en", "bg"),
        ("fr;q=0.9", "fr"),
        ("no", "no"),
        ("nb-NO", "nb-no"),
        ("sr-Latn-RS", "sr-latn-rs"),
        ("en-x-custom", "en"),
        ("haw", "haw"),
        ("Norwegian Bokmål", "nb"),
    ],
)
def test_a_declared_language_becomes_a_tag_of_bcp_47(declared: str, tag: str) -> None:
    assert declared_tag(declared) == tag


@pytest.mark.parametrize(
    "declared",
    [
        "",
        None,
        "und",
        "mul",
        "zxx",
        "x-default",
        "<none>",
        "xx",
        "us",
        "12",
        "en-",
        "en-toolongsubtag",
        "e",
        "language",
    ],
)
def test_what_names_no_language_is_no_tag(declared: str | None) -> None:
    assert declared_tag(declared) is None


@given(st.text(max_size=300))
def test_a_tag_is_short_lower_case_ascii_and_its_own_tag(declared: str) -> None:
    tag = declared_tag(declared)
    if tag is not None:
        assert len(tag) <= MAX_TAG_CHARACTERS
        assert tag == tag.lower()
        assert tag.isascii()
        assert declared_tag(tag) == tag


def test_the_table_of_names_is_that_of_cldr() -> None:
    assert table() == names._TABLE.strip()
    assert "no" in names.CODES  # also a former code of nb; feeds declare it for either written form
