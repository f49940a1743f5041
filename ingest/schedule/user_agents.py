"""The user agent that a feed is offered, where the operator did not set one. Pure.

Some servers respond with 403 or a web page to a user agent that declares a bot. Such a feed is requested once with the
fall-back, which is spelled as those servers expect and still identifies us. The trial uses the feed's next regular
poll, so it costs no additional request. The result is stored, and the configured user agent is tried again once in
:data:`RETRY_AFTER`.

::

    configured ──refused──▶ TRYING ──feed──▶ FALLBACK ──after 30 days──▶ configured: refused ─▶ FALLBACK
       ▲  ▲                   └───refused──▶ NEITHER ──after 30 days──▶ refused ─▶ TRYING
       │  └───────────────────────────────────refused, from FALLBACK
       └── the configured one brought the feed, from any state
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingest.types import Failed, FailureKind, FetchResult, Lease, UserAgentState, UserAgentTrial

RETRY_AFTER: Final = timedelta(days=30)
REFUSALS: Final = frozenset({403, 406})
"""Statuses that concern the client, not the resource."""


def user_agent_for(lease: Lease, *, fallback: str | None, now: datetime) -> str | None:
    """Return the user agent for the next request of a feed; None: the configured one."""
    if lease.request_options.user_agent is not None:
        return lease.request_options.user_agent
    return fallback if _uses_fallback(lease, fallback=fallback, now=now) else None


def next_trial(
    lease: Lease, result: FetchResult, *, fallback: str | None, now: datetime
) -> UserAgentTrial | None:
    """Return the trial to store after the poll that began with ``lease`` and ended with ``result``."""
    if lease.request_options.user_agent is not None or fallback is None:
        return None
    used_fallback = _uses_fallback(lease, fallback=fallback, now=lease.leased_at)
    trial = lease.memory.user_agent_trial
    if not isinstance(result, Failed):
        if not used_fallback:
            return None
        accepted = UserAgentTrial(state=UserAgentState.FALLBACK, since=now)
        return trial if _is(trial, UserAgentState.FALLBACK) else accepted
    if not _refuses_client(result):
        return trial
    if used_fallback:
        refused = UserAgentTrial(state=UserAgentState.NEITHER, since=now)
        return refused if _is(trial, UserAgentState.TRYING) else None
    if _is(trial, UserAgentState.FALLBACK):
        return UserAgentTrial(state=UserAgentState.FALLBACK, since=now)
    if trial is not None and lease.leased_at - trial.since < RETRY_AFTER:
        return trial
    return UserAgentTrial(state=UserAgentState.TRYING, since=now)


def is_trying(trial: UserAgentTrial | None) -> bool:
    """Whether the next poll tries the fall-back."""
    return _is(trial, UserAgentState.TRYING)


def _uses_fallback(lease: Lease, *, fallback: str | None, now: datetime) -> bool:
    trial = lease.memory.user_agent_trial
    if fallback is None or trial is None or trial.state is UserAgentState.NEITHER:
        return False
    return trial.state is UserAgentState.TRYING or now - trial.since < RETRY_AFTER


def _is(trial: UserAgentTrial | None, state: UserAgentState) -> bool:
    return trial is not None and trial.state is state


def _refuses_client(failed: Failed) -> bool:
    """Whether a failure may concern our user agent. A challenge does not: only a browser passes it."""
    if failed.kind is FailureKind.STATUS:
        return failed.status in REFUSALS
    return failed.kind is FailureKind.NOT_A_FEED
