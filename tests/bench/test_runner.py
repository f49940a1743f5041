"""``./run bench`` can start every bench it names, with what it gives to each."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import _EXTRA, BENCHES, module_of


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_takes_what_the_runner_gives_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [*_EXTRA.get(name, []), "--json", "figures.json", "--corpus", "corpus", "--help"]
    with pytest.raises(SystemExit) as ended:
        module_of(name).main(given)
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
