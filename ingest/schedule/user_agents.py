"""Which user agent a feed is asked with, where an operator did not say. Pure.

Some servers answer whoever says honestly that they are a bot with 403 or a web page. Such a feed is asked once
with the fall-back, which is spelled as those servers want it and names us still; at its next poll, so that it
costs no request more. What worked is remembered; once in :data:`PLAIN_AGAIN` our own is tried again.

::

    our own ──refused──▶ TRYING ──feed──▶ FALLBACK ──after 30 days──▶ our own: refused ─▶ FALLBACK
       ▲  ▲                 └───refused──▶ NEITHER ──after 30 days──▶ refused ─▶ TRYING
       │  └─────────────────────────────────refused, of FALLBACK
       └── our own brought the feed, from wherever
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingest.types import Failed, FailureKind, FetchResult, Lease, UserAgentState, UserAgentTrial

PLAIN_AGAIN: Final = timedelta(days=30)
REFUSALS: Final = frozenset({403, 406})
"""Of the statuses, what is said of who asks and not of what is asked for."""


def user_agent_for(lease: Lease, *, fallback: str | None, now: datetime) -> str | None:
    """The user agent that the feed is to be asked with; None: our own."""
    if lease.request_options.user_agent is not None:
        return lease.request_options.user_agent
    return fallback if _falls_back(lease, fallback=fallback, now=now) else None


def next_agent(
    lease: Lease, result: FetchResult, *, fallback: str | None, now: datetime
) -> UserAgentTrial | None:
    """What is to be remembered of the poll that began with ``lease`` and ended with ``result``."""
    if lease.request_options.user_agent is not None or fallback is None:
        return None
    fell_back = _falls_back(lease, fallback=fallback, now=lease.leased_at)
    agent = lease.user_agent_trial
    if not isinstance(result, Failed):
        if not fell_back:
            return None
        return (
            agent
            if _is(agent, UserAgentState.FALLBACK)
            else UserAgentTrial(state=UserAgentState.FALLBACK, since=now)
        )
    if not _refused_us(result):
        return agent
    if fell_back:
        return (
            UserAgentTrial(state=UserAgentState.NEITHER, since=now)
            if _is(agent, UserAgentState.TRYING)
            else None
        )
    if _is(agent, UserAgentState.FALLBACK):
        return UserAgentTrial(state=UserAgentState.FALLBACK, since=now)
    if agent is not None and lease.leased_at - agent.since < PLAIN_AGAIN:
        return agent
    return UserAgentTrial(state=UserAgentState.TRYING, since=now)


def is_trying(agent: UserAgentTrial | None) -> bool:
    """Whether the next poll is the one that tries the fall-back."""
    return _is(agent, UserAgentState.TRYING)


def _falls_back(lease: Lease, *, fallback: str | None, now: datetime) -> bool:
    agent = lease.user_agent_trial
    if fallback is None or agent is None or agent.state is UserAgentState.NEITHER:
        return False
    return agent.state is UserAgentState.TRYING or now - agent.since < PLAIN_AGAIN


def _is(agent: UserAgentTrial | None, use: UserAgentState) -> bool:
    return agent is not None and agent.state is use


def _refused_us(failed: Failed) -> bool:
    """Whether a server may have meant who asked. A challenge is none: only a browser passes it."""
    if failed.kind is FailureKind.STATUS:
        return failed.status in REFUSALS
    return failed.kind is FailureKind.NOT_A_FEED
