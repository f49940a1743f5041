"""``./run quality`` measures the subjects that it is asked for, and writes the figures of all in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.figures import ABSENT_EXIT, CorpusAbsentError, Figures
from tests.quality.__main__ import main
from tests.quality.subject import Subject, subjects


def subject(name: str, value: float = 1.0) -> Subject:
    def measure(corpus: Path, figures: Figures, *, show: int) -> None:
        figures.add(f"{name}_share", value, f"ratio_show_{show}", floor=0.5)

    return Subject(about=f"about {name}", measure=measure)


EXAMPLES = {"good": subject("good"), "bad": subject("bad", 0.25)}


def figures_in(path: Path) -> dict[str, float]:
    return {each["name"]: each["value"] for each in json.loads(path.read_text())["figures"]}


def test_without_a_name_all_subjects_are_measured_and_a_missed_floor_fails(tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    arguments = ["--corpus", str(tmp_path), "--json", str(written)]
    assert main(arguments, measured_subjects=EXAMPLES) == 1
    assert figures_in(written) == {"good_share": 1.0, "bad_share": 0.25}


def test_a_named_subject_is_measured_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good", "--corpus", str(tmp_path), "--show", "7"], measured_subjects=EXAMPLES) == 0
    assert capsys.readouterr().out == "good_share 1 ratio_show_7\n"


def test_an_unknown_subject_is_refused_with_the_accepted_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["goood"], measured_subjects=EXAMPLES)
    assert refused.value.code == 2
    assert "'goood' is not accepted; expected one of good, bad" in capsys.readouterr().err


def test_figures_measured_before_a_missing_file_are_written(tmp_path: Path) -> None:
    def absent(corpus: Path, figures: Figures, *, show: int) -> None:
        raise CorpusAbsentError(corpus / "file", "the corpus folder")

    written = tmp_path / "figures.json"
    measured = {**EXAMPLES, "absent": Subject(about="about absent", measure=absent)}
    arguments = ["--corpus", str(tmp_path), "--json", str(written)]
    assert main(arguments, measured_subjects=measured) == ABSENT_EXIT
    assert figures_in(written) == {"good_share": 1.0, "bad_share": 0.25}
    assert main(["--corpus", str(tmp_path / "none")], measured_subjects=EXAMPLES) == ABSENT_EXIT


def test_each_module_that_defines_a_subject_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "topics" in subjects()
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in subjects())
