"""Bylines: the names in author elements of feeds, and in the first lines of texts."""

from __future__ import annotations

import pytest

from ingest.normalise.bylines import clean_authors, text_byline

AUTHORS = {
    "Jane Doe": ("Jane Doe",),
    "By Jane Doe": ("Jane Doe",),
    "by Jane Doe": ("Jane Doe",),
    "By JANE DOE": ("JANE DOE",),
    "By: Jane Doe": ("Jane Doe",),
    "(By Jane Doe)": ("Jane Doe",),
    "Written by Jane Doe": ("Jane Doe",),
    "By Jane Doe and John Roe": ("Jane Doe", "John Roe"),
    "Jane Doe & John Roe": ("Jane Doe", "John Roe"),
    "Jane Doe, John Roe and Ann Poe": ("Jane Doe", "John Roe", "Ann Poe"),
    "Jane Doe, John Roe, and Ann Poe": ("Jane Doe", "John Roe", "Ann Poe"),
    "Jane Doe; John Roe": ("Jane Doe", "John Roe"),
    "Jane Doe, Reuters": ("Jane Doe",),
    "Jane Doe, Associated Press": ("Jane Doe",),
    "Jane Doe, The New York Times": ("Jane Doe",),
    "Jane Doe, Staff Writer": ("Jane Doe",),
    "Jane Doe, CNN Contributor": ("Jane Doe",),
    "Jane Doe | Staff Reporter": ("Jane Doe",),
    "Jane Doe (Staff Writer)": ("Jane Doe",),
    "By Jane Doe and John Roe, Associated Press Writers": ("Jane Doe", "John Roe"),
    "Jane Doe Special to The Evening Paper": ("Jane Doe",),
    "Von Jana Muster": ("Jana Muster",),
    "Par Jeanne Dupont": ("Jeanne Dupont",),
    "Por Juana Pérez": ("Juana Pérez",),
    "От Ивана Петрова": ("Ивана Петрова",),
    "Автор: Иван Петров": ("Иван Петров",),
    "홍길동 기자": ("홍길동",),
    "记者 王小明": ("王小明",),
    "jane@paper.example (Jane Doe)": ("Jane Doe",),
    "Jane Doe <jane@paper.example>": ("Jane Doe",),
    "Jane Doe jane@paper.example": ("Jane Doe",),
    "jane.doe@paper.example": ("jane.doe@paper.example",),
    "noreply@paper.example": (),
    "editor@paper.example": (),
    "admin": (),
    "Staff Writer": (),
    # Names that stay whole.
    "AFP": ("AFP",),
    "NPR Staff": ("NPR Staff",),
    "The Evening Paper": ("The Evening Paper",),
    "Jane and John Doe": ("Jane and John Doe",),
    "Simon & Schuster": ("Simon & Schuster",),
    "Doe, Jane": ("Doe, Jane",),
    "Martin Luther King, Jr.": ("Martin Luther King, Jr.",),
    "Ursula von der Leyen": ("Ursula von der Leyen",),
    "Parker Doe": ("Parker Doe",),
    "Byron Tau": ("Byron Tau",),
    "ann_author": ("ann_author",),
    "By the book": ("By the book",),
    "김정은": ("김정은",),
    "": (),
}  # fmt: skip

SENTENCES = [
    "By 1990 the war was over and the troops had left the country for good.",
    "Jane Doe is a reporter who covers the ministry and writes about the war.",
    "This column was written by a person who does not want to be named here.",
]


@pytest.mark.parametrize(("value", "names"), AUTHORS.items(), ids=AUTHORS)
def test_an_author_element_names_people(value: str, names: tuple[str, ...]) -> None:
    assert clean_authors([value]) == names


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_no_name(sentence: str) -> None:
    assert clean_authors([sentence]) == ()


@pytest.mark.parametrize("value", AUTHORS)
def test_cleaning_names_again_changes_nothing(value: str) -> None:
    names = clean_authors([value])
    assert clean_authors(names) == names


def test_each_name_counts_once() -> None:
    assert clean_authors(["By Jane Doe", "Jane Doe", "John Roe"]) == ("Jane Doe", "John Roe")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("By Jane Doe", ("Jane Doe",)),
        ("By Jane Doe & John M. Roe", ("Jane Doe", "John M. Roe")),
        ("Von Jana Muster", ("Jana Muster",)),
        ("作者：谢正平", ("谢正平",)),
        ("By Jane Doe.", ()),
        ("By Christmas Eve", ()),
        ("By May Day", ()),
        ("By land and sea", ()),
        ("By Land and Sea", ()),
        ("By the end of the year", ()),
        ("Author Jane Doe", ()),
        ("Jane Doe", ()),
    ],
)
def test_a_line_of_a_text_is_a_byline_only_if_it_is_nothing_but_names(
    line: str, names: tuple[str, ...]
) -> None:
    assert text_byline(line) == names
