"""``./run prove`` goes on after a failure and tells at the end how each proof ended; the proofs are not run here."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from tests.bench.figures import ABSENT_EXIT
from tests.prove import PROOFS, Proof
from tests.prove.__main__ import main


def proof(name: str, *arguments: str) -> Proof:
    return Proof(name=name, about=f"about {name}", module="tests.prove.example", arguments=arguments)


EXAMPLES = [proof("good"), proof("slow", "--value", "3"), proof("crashing", "--crash"), proof("last")]


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    folder = tmp_path / "corpus"
    folder.mkdir()
    return str(folder)


def test_a_failure_does_not_stop_the_rest_and_the_table_shows_it(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "proofs.json"
    assert main(["--corpus", corpus, "--json", str(written)], proofs=EXAMPLES) == 1
    shown = capsys.readouterr()
    header, good, slow, crashing, last, summary = shown.out.strip().splitlines()
    assert header.split()[:3] == ["proof", "exit", "seconds"]
    assert good.split()[:2] == ["good", "0"]
    assert good.endswith("example_rate 9 /s (floor 5, goal 10)")
    assert slow.split()[:2] == ["slow", "1"]
    assert slow.endswith("example_rate 3 /s (floor 5, goal 10)  MISSED")
    assert (crashing.split()[:2], crashing.split()[-1]) == (["crashing", "1"], "-")
    assert last.split()[:2] == ["last", "0"]
    assert summary == "2 proved, 2 failed: slow, crashing"
    assert "[2/4] slow: about slow" in shown.err
    proofs = json.loads(written.read_text())["proofs"]
    assert [(each["name"], each["exit_code"]) for each in proofs] == [
        ("good", 0),
        ("slow", 1),
        ("crashing", 1),
        ("last", 0),
    ]
    assert proofs[0]["figures"][0]["value"] == 9


def test_the_named_proofs_are_run_alone(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--corpus", corpus, "--only", "good", "last"], proofs=EXAMPLES) == 0
    assert capsys.readouterr().out.strip().endswith("2 proved, 0 failed")


def test_an_unknown_proof_and_an_absent_corpus_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--only", "goood"], proofs=EXAMPLES)
    assert refused.value.code == 2
    assert "goood" in capsys.readouterr().err
    assert main(["--corpus", str(tmp_path / "none")], proofs=EXAMPLES) == ABSENT_EXIT


def test_the_help_has_an_example_and_names_every_proof(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "Example: ./run prove --only" in shown
    assert all(proof.name in shown for proof in PROOFS)


@pytest.mark.parametrize("name", [proof.name for proof in PROOFS])
def test_every_proof_takes_the_arguments_that_it_is_given(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (chosen,) = (proof for proof in PROOFS if proof.name == name)
    module = chosen.module if chosen.module.startswith("tests.bench") else f"{chosen.module}.__main__"
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main([*chosen.arguments, "--json", "f", "--corpus", "c", "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
