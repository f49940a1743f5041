"""Reconcile the outcome of a poll with changes that operators made to its feed during the poll. Pure.

Each operator's change increments the feed's ``config_version``. The lease carries the version, and recording compares
it. Where it is the same, the outcome is stored as it is. Where it differs, :func:`keep_operator_changes` decides by
value which part of the memory the operator changed:

================  ==============================  ==================================================================
operator's change detected by                     stays as the operator left it
================  ==============================  ==================================================================
request options   other options than the lease's, validators and user-agent trial: the response belongs to the old
                  or other validators             request, and the next one has to fetch the whole document
confirmed site    other site than the lease's     identity and suspicion: the next document defines the site
muted, resumed,   other state than the lease's,   state, its start and its reason; the address, so a due relocation
confirmed site    or other start or reason        waits for the next poll
================  ==============================  ==================================================================

Everything else is written from the outcome, because no operator's command changes it: the history of polls, the
seen-set, body, publishing rate and gaps, poll hints, interval, failures and the permanent redirect. The alert of a
state or site that is not written is not sent. The alert about missed entries always is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ingest.types import Alert, AlertKind, FeedMemory, FeedState, Health, PollOutcome, RequestOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeed:
    """A feed as it is stored at the moment of recording."""

    config_version: int
    request_options: RequestOptions
    memory: FeedMemory


def keep_operator_changes(outcome: PollOutcome, stored: StoredFeed) -> PollOutcome:
    """Return ``outcome`` with everything that operators changed during the poll as ``stored`` has it.

    The result carries the stored ``config_version`` in its lease, so that it can be recorded.
    """
    leased, memory = outcome.lease, outcome.memory
    before = leased.memory
    new_request = stored.request_options != leased.request_options
    if new_request or stored.memory.validators != before.validators:
        memory = replace(
            memory,
            validators=replace(stored.memory.validators, unreliable=memory.validators.unreliable),
            user_agent_trial=stored.memory.user_agent_trial,
        )
    site_kept = stored.memory.site != before.site
    if site_kept:
        memory = replace(memory, site=stored.memory.site)
    health = stored.memory.health
    state_kept = _state_of(health) != _state_of(before.health)
    if state_kept:
        kept = replace(memory.health, state=health.state, since=health.since, reason=health.reason)
        memory = replace(memory, health=kept)
    return replace(
        outcome,
        lease=replace(leased, config_version=stored.config_version),
        memory=memory,
        relocate=None if state_kept else outcome.relocate,
        alerts=tuple(
            [
                replace(alert, after=memory.health.state)
                for alert in outcome.alerts
                if _is_true(alert, state_kept=state_kept, site_kept=site_kept)
            ]
        ),
    )


def _state_of(health: Health) -> tuple[FeedState, datetime | None, str | None]:
    return health.state, health.since, health.reason


def _is_true(alert: Alert, *, state_kept: bool, site_kept: bool) -> bool:
    """Whether an alert describes what is stored."""
    if alert.kind is AlertKind.SITE_CHANGED:
        return not site_kept
    return alert.kind is not AlertKind.STATE or not state_kept
