"""The measurement of languages counts right, wrong and unknown languages as its labels demand."""

from __future__ import annotations

import pytest

from tests.bench.figures import Figures
from tests.language.test_detection import ENGLISH, FRENCH, KOREAN
from tests.quality.language import LabelledText, add_declared_figures, add_share_figures, table

TEXTS = [
    LabelledText(language="en", title="", text=ENGLISH),
    LabelledText(language="fr", title="", text=FRENCH),
    LabelledText(language="fr", title="", text=KOREAN),
    LabelledText(language="fr", title="Oui", text=""),
]


def test_right_wrong_and_unknown_languages_are_shares_of_all_texts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = Figures("test")
    add_share_figures("language", TEXTS, figures, show=5, floors=(0.6, 0.2))
    values = figures.values()
    names = ("language_right", "language_wrong", "language_unknown", "language_wrong_alone")
    assert [values[name] for name in names] == [0.5, 0.25, 0.25, 0.25]
    assert {figure.name for figure in figures.missed()} == {"language_right", "language_wrong"}
    assert "fr taken for ko" in capsys.readouterr().err


def test_declarations_are_kept_or_corrected() -> None:
    figures = Figures("test")
    add_declared_figures(TEXTS, figures)
    values = figures.values()
    assert values["language_declared_kept"] == 0.75
    assert values["language_wrong_declaration_corrected"] == pytest.approx(1 / 3)
    assert values["language_wrong_declaration_kept"] == pytest.approx(1 / 3)


def test_the_table_has_a_row_for_each_language() -> None:
    header, english, french = table(TEXTS).splitlines()
    assert header.split()[1:] == ["language", "articles", "right", "wrong", "unknown", "alone"]
    assert english.split()[1:5] == ["en", "1", "1", "0"]
    assert french.split()[1:6] == ["fr", "3", "1", "1", "1"]
