"""The restart policy is a table."""

from __future__ import annotations

import pytest

from ingest.supervise import RestartPolicy


@pytest.mark.parametrize(
    ("failures", "now", "delay"),
    [
        pytest.param([100.0], 100.0, 0.5, id="the first failure: after half a second"),
        pytest.param([99.0, 100.0], 100.0, 1.0, id="the second: twice that"),
        pytest.param([97.0, 99.0, 100.0], 100.0, 2.0, id="the third: twice that again"),
        pytest.param([95.0, 97.0, 99.0, 100.0], 100.0, 4.0, id="the fourth"),
        pytest.param([90.0, 95.0, 97.0, 99.0, 100.0], 100.0, 8.0, id="the fifth: as long as it gets"),
        pytest.param([80.0, 90.0, 95.0, 97.0, 99.0, 100.0], 100.0, None, id="the sixth in a minute: give up"),
        pytest.param(
            [10.0, 20.0, 30.0, 35.0, 39.9, 100.0], 100.0, 0.5, id="failures of long ago are forgiven"
        ),
        pytest.param([40.0, 100.0], 100.0, 0.5, id="a minute ago is long ago"),
        pytest.param([40.1, 100.0], 100.0, 1.0, id="a little less than a minute ago is not"),
    ],
)
def test_the_delay_grows_with_recent_failures_until_we_give_up(
    failures: list[float], now: float, delay: float | None
) -> None:
    assert RestartPolicy().delay(failures, now=now) == delay
