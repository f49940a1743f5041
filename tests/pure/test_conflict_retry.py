"""A transaction that conflicts with another is retried a bounded number of times; other errors are not retried."""

from __future__ import annotations

import pytest

from ingest.db.engine import CONFLICT_RETRY, Conflict, Rejected
from ingest.errors import Unavailable


def attempts(error: Exception, *, failures: int) -> tuple[list[str], list[float]]:
    """The calls of an operation that fails so often at first, and the delays between them."""
    calls: list[str] = []
    delays: list[float] = []

    def operation() -> None:
        calls.append("")
        if len(calls) <= failures:
            raise error

    retry = CONFLICT_RETRY.copy(sleep=delays.append)
    if failures < 5 and isinstance(error, Conflict):
        retry(operation)
    else:
        with pytest.raises(type(error)):
            retry(operation)
    return calls, delays


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_a_conflict_is_retried_until_the_transaction_succeeds(failures: int) -> None:
    calls, _ = attempts(Conflict("deadlock"), failures=failures)
    assert len(calls) == failures + 1


def test_the_fifth_conflict_is_raised_and_the_delays_grow_to_about_a_second_in_all() -> None:
    calls, delays = attempts(Conflict("deadlock"), failures=99)
    assert len(calls) == 5
    assert all(later > earlier * 1.2 for earlier, later in zip(delays[::2], delays[2::2], strict=False))
    assert 0.75 <= sum(delays) <= 0.95


@pytest.mark.parametrize(
    "error", [Rejected("too long"), Unavailable("database", "gone"), ValueError("a bug")]
)
def test_another_error_is_not_retried(error: Exception) -> None:
    assert len(attempts(error, failures=1)[0]) == 1


def test_the_log_has_the_reason_of_a_conflict_and_no_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ingest.db.engine")
    attempts(Conflict("duplicate key value\nDETAIL:  Key (token)=(hunter2) already exists."), failures=1)
    assert caplog.messages == ["attempt 1 of a transaction conflicted with another: duplicate key value"]
