"""``./run bench`` can start every bench that it lists, with the arguments that it passes."""

from __future__ import annotations

import sys

import pytest
from sqlalchemy import Engine

from tests.bench import store
from tests.bench.__main__ import _EXTRA, BENCHES, main, module_of


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_accepts_the_arguments_of_the_runner(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [*_EXTRA.get(name, []), "--json", "figures.json", "--corpus", "corpus", "--help"]
    with pytest.raises(SystemExit) as ended:
        module_of(name).main(given)
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_a_bench_named_alone_takes_arguments_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "poll", "--feeds", "10", "--require-peers", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "--require-peers" in capsys.readouterr().out


@pytest.mark.store
def test_the_limit_of_the_store_copies_existing_columns(database: Engine) -> None:
    assert store.measure_copy(database) == 0.0  # articles a second: the tables are empty, but each is copied
