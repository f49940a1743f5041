"""Outcomes of polls during which an operator changed the feed: the values that stay, and those that are written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingest.schedule import keep_operator_changes
from ingest.schedule.reconcile import StoredFeed
from ingest.types import (
    Alert,
    AlertKind,
    FeedState,
    PermanentMove,
    PollOutcome,
    PollResult,
    RequestOptions,
    SiteIdentity,
    UserAgentState,
    UserAgentTrial,
    Validators,
)
from tests.memories import NOON, make_lease, memory_with

LEASE = make_lease(
    etag='"1"',
    state=FeedState.DEGRADED,
    state_since=NOON - timedelta(days=1),
    state_reason="failed",
    site_identity=SiteIdentity(title="A", hosts=("a.example",)),
    site_changed_reason="it was A and is now B",
)
AFTER: dict[str, Any] = {
    "etag": '"2"',
    "validators_unreliable": True,
    "entries": 7,
    "failures": 3,
    "interval": timedelta(hours=2),
    "state": FeedState.MOVED,
    "state_since": NOON,
    "state_reason": "moved",
    "site_identity": SiteIdentity(title="B", hosts=("b.example",)),
    "site_changed_reason": None,
    "user_agent_trial": UserAgentTrial(state=UserAgentState.TRYING, since=NOON),
    "move": PermanentMove(to="https://b.example/", since=NOON),
}
KINDS = (AlertKind.STATE, AlertKind.SITE_CHANGED, AlertKind.MISSED)


def alert(kind: AlertKind) -> Alert:
    return Alert(
        kind=kind,
        feed_id=7,
        url=LEASE.url,
        at=NOON,
        before=FeedState.DEGRADED,
        after=FeedState.MOVED,
        reason="why",
    )


OUTCOME = PollOutcome(
    lease=LEASE,
    result=PollResult.FETCHED,
    finished_at=NOON,
    next_poll_at=NOON,
    reason="why",
    memory=memory_with(LEASE.memory, **AFTER),
    relocate="https://b.example/",
    alerts=tuple(alert(kind) for kind in KINDS),
)


def stored(*, options: RequestOptions = LEASE.request_options, **memory: Any) -> StoredFeed:
    return StoredFeed(
        config_version=5,
        request_options=options,
        memory=memory_with(LEASE.memory, **memory),
    )


OTHER_OPTIONS = RequestOptions(user_agent="Example/1")
MUTED: dict[str, Any] = {
    "state": FeedState.MUTED,
    "state_since": NOON + timedelta(seconds=1),
    "state_reason": "by hand",
}
RESUMED: dict[str, Any] = {**MUTED, "state": FeedState.HEALTHY}
CONFIRMED: dict[str, Any] = {"site_identity": None, "site_changed_reason": None}
REQUEST: dict[str, Any] = {"etag": None, "validators_unreliable": True, "user_agent_trial": None}


@pytest.mark.parametrize(
    ("row", "kept", "relocated", "alerts"),
    [
        pytest.param(stored(), {}, True, KINDS, id="a change of nothing that a poll writes"),
        pytest.param(stored(options=OTHER_OPTIONS, etag=None), REQUEST, True, KINDS, id="request options"),
        pytest.param(
            stored(etag=None), REQUEST, True, KINDS, id="options that were changed and changed back"
        ),
        pytest.param(stored(**CONFIRMED), CONFIRMED, True, (KINDS[0], KINDS[2]), id="a confirmed site"),
        pytest.param(
            stored(**CONFIRMED, **RESUMED),
            {**CONFIRMED, **RESUMED},
            False,
            (AlertKind.MISSED,),
            id="a confirmed site of a polled feed",
        ),
        pytest.param(stored(**MUTED), MUTED, False, (KINDS[1], KINDS[2]), id="a muted feed"),
        pytest.param(stored(**RESUMED), RESUMED, False, (KINDS[1], KINDS[2]), id="a resumed feed"),
    ],
)
def test_operators_values_stay_and_everything_else_is_written(
    row: StoredFeed, kept: dict[str, Any], alerts: tuple[AlertKind, ...], *, relocated: bool
) -> None:
    reconciled = keep_operator_changes(OUTCOME, row)
    assert reconciled.memory == memory_with(OUTCOME.memory, **kept)
    assert reconciled.lease == replace(LEASE, config_version=5)
    assert (reconciled.relocate is not None) is relocated
    assert tuple(each.kind for each in reconciled.alerts) == alerts
    assert {each.after for each in reconciled.alerts} == {reconciled.memory.health.state}


def test_options_that_changed_during_a_first_poll_leave_no_validators() -> None:
    """The stored validators equal the lease's, because neither has any."""
    first = replace(LEASE, memory=memory_with(LEASE.memory, etag=None))
    row = replace(stored(options=OTHER_OPTIONS), memory=first.memory)
    reconciled = keep_operator_changes(replace(OUTCOME, lease=first), row)
    assert reconciled.memory.validators == Validators(unreliable=True)
