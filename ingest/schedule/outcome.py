"""Compose the outcome of a poll from its lease and its result. Pure.

::

    NotModified        validators updated   interval                        failures reset
    Fetched, same      validators replaced  interval                        failures reset
    Fetched, parsed    validators replaced  interval                        failures reset
    Fetched, truncated validators removed   interval                        failures reset
    Failed             validators kept      back-off, at least Retry-After  failures + 1
      400, 412, 431    validators removed

A failure may follow a 200 whose body is not a feed. The old validators stay, so the next poll requests the same bytes
again. The order matters: the outcome is stored only after the articles are durable in the log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ingest.identity import PARSER_VERSION
from ingest.schedule import hints, states, user_agents
from ingest.schedule.backoff import backoff, pause_for
from ingest.schedule.conditional import validators_after, validators_after_failure
from ingest.schedule.interval import next_poll, plan_interval
from ingest.schedule.policy import Policy, with_jitter
from ingest.schedule.publication import gaps_after, missed_entries, rate_after
from ingest.schedule.relocation import ignored_redirect, move_after, relocation_after
from ingest.schedule.site_change import site_after
from ingest.schedule.sitemap_index import children_of
from ingest.types import (
    ChildSitemap,
    DocumentSummary,
    Failed,
    FailureKind,
    FeedMemory,
    Fetched,
    FetchResult,
    Health,
    LastBody,
    Lease,
    NotModified,
    PollOutcome,
    PollResult,
    UserAgentTrial,
)

NOT_MODIFIED_STATUS: Final = 304
MAX_REMARK: Final = 300
"""Characters of the remark about a document that its poll keeps."""


def decide_outcome(
    lease: Lease,
    result: FetchResult,
    document: DocumentSummary | None,
    *,
    now: datetime,
    policy: Policy,
    hashed: bytes | None = None,
    body_bytes: int = 0,
) -> PollOutcome:
    """Return the outcome of a poll.

    Args:
        lease: the lease that the poll began with.
        result: the response; for a body that could not be used, the :class:`Failed` that the parser returned.
        document: the summary of a parsed body; None for a 304, a failure, and the bytes of the last poll.
        now: the end of the poll.
        policy: the operator's settings.
        hashed: the :func:`ingest.schedule.body_hash` of a :class:`Fetched` body.
        body_bytes: the size of a body that could not be used.
    """
    trial = user_agents.next_trial(lease, result, fallback=policy.fallback_user_agent, now=now)
    if isinstance(result, Failed):
        return _after_failure(lease, result, trial=trial, now=now, policy=policy, body_bytes=body_bytes)
    if isinstance(result, Fetched) and document is not None:
        return _after_document(lease, result, document, trial=trial, now=now, policy=policy, hashed=hashed)
    return _after_no_change(lease, result, trial=trial, now=now, policy=policy, hashed=hashed)


def _after_no_change(
    lease: Lease,
    result: Fetched | NotModified,
    *,
    trial: UserAgentTrial | None,
    now: datetime,
    policy: Policy,
    hashed: bytes | None,
) -> PollOutcome:
    """Return the outcome of a 304, or of a 200 with the bytes of the last poll. Most polls end here."""
    memory = lease.memory
    body = memory.body
    if isinstance(result, Fetched):
        body = LastBody(hash=hashed, at=now, entries=body.entries, parser_version=body.parser_version)
    rate = rate_after(lease, None, now=now)
    poll_hints = memory.poll_hints
    plan = plan_interval(
        rate,
        poll_hints=poll_hints,
        freshness=hints.freshness_lifetime(result.headers, now=now),
        entries=body.entries,
        policy=policy,
    )
    next_poll_at, reason = next_poll(lease.feed_id, plan, poll_hints=poll_hints, now=now, policy=policy)
    move = move_after(lease, result.moved_to, now=now)
    state, state_reason = states.state_after_success(
        memory.site, move, memory.publish_gaps, complete=True, now=now
    )
    not_modified = isinstance(result, NotModified)
    return PollOutcome(
        lease=lease,
        result=PollResult.NOT_MODIFIED if not_modified else PollResult.UNCHANGED,
        finished_at=now,
        next_poll_at=next_poll_at,
        reason=reason,
        memory=FeedMemory(
            interval=plan.interval,
            validators=validators_after(lease, result, complete=True, hashed=hashed, now=now),
            body=body,
            publish_rate=rate,
            publish_gaps=memory.publish_gaps,
            poll_hints=poll_hints,
            site=memory.site,
            move=move,
            health=Health(
                state=state,
                since=states.since_when(lease, state, now=now),
                reason=state_reason,
                failures=0,
                succeeded_at=now,
            ),
            user_agent_trial=trial,
            entry_identity=memory.entry_identity,
        ),
        status=NOT_MODIFIED_STATUS if isinstance(result, NotModified) else result.status,
        detail=_with_violation(ignored_redirect(lease, result.moved_to, move), result),
        body_bytes=0 if isinstance(result, NotModified) else len(result.body),
        relocate=relocation_after(move, site_changed=memory.site.changed_reason is not None, now=now),
        alerts=states.alerts_after(lease, state, state_reason, move=move, now=now),
    )


def _after_document(
    lease: Lease,
    fetched: Fetched,
    document: DocumentSummary,
    *,
    trial: UserAgentTrial | None,
    now: datetime,
    policy: Policy,
    hashed: bytes | None,
) -> PollOutcome:
    """Return the outcome of a 200 whose document was parsed."""
    complete = document.complete
    missed = missed_entries(lease, document, now=now)
    children = _children(document, url=fetched.url, now=now, policy=policy)
    memory, next_poll_at, reason = _memory_after_document(
        lease, fetched, document, trial=trial, now=now, policy=policy, hashed=hashed
    )
    site_changed = memory.site.changed_reason is not None
    detail = _remark(document, missed=missed, children=children)
    return PollOutcome(
        lease=lease,
        result=PollResult.FETCHED,
        finished_at=now,
        next_poll_at=next_poll_at,
        reason=reason,
        memory=memory,
        feed_title=document.title,
        status=fetched.status,
        detail=_with_violation(detail or ignored_redirect(lease, fetched.moved_to, memory.move), fetched),
        body_bytes=len(fetched.body),
        entries=document.entries,
        appended=document.appended,
        created=document.created,
        duplicates=document.duplicates,
        missed=missed,
        seen=document.seen,
        # The missing part of a truncated index may list more sitemaps.
        children=children if complete else None,
        relocate=relocation_after(memory.move, site_changed=site_changed, now=now),
        alerts=states.alerts_after(
            lease,
            memory.health.state,
            memory.health.reason,
            move=memory.move,
            site_changed=site_changed,
            missed=missed,
            now=now,
        ),
    )


def _memory_after_document(
    lease: Lease,
    fetched: Fetched,
    document: DocumentSummary,
    *,
    trial: UserAgentTrial | None,
    now: datetime,
    policy: Policy,
    hashed: bytes | None,
) -> tuple[FeedMemory, datetime, str]:
    """Return the memory after a parsed document, the time of the next poll and its reason."""
    complete = document.complete
    rate = rate_after(lease, document, now=now)
    plan = plan_interval(
        rate,
        poll_hints=document.poll_hints,
        freshness=hints.freshness_lifetime(fetched.headers, now=now),
        entries=document.entries,
        policy=policy,
    )
    next_poll_at, reason = next_poll(
        lease.feed_id, plan, poll_hints=document.poll_hints, now=now, policy=policy
    )
    gaps = gaps_after(lease, document, now=now)
    site = site_after(lease.memory.site, document)
    move = move_after(lease, fetched.moved_to, now=now)
    state, state_reason = states.state_after_success(site, move, gaps, complete=complete, now=now)
    memory = FeedMemory(
        interval=plan.interval,
        validators=validators_after(lease, fetched, complete=complete, hashed=hashed, now=now),
        body=LastBody(
            hash=hashed if complete else None,
            at=now,
            entries=document.entries,
            parser_version=PARSER_VERSION if complete else lease.memory.body.parser_version,
        ),
        publish_rate=rate,
        publish_gaps=gaps,
        poll_hints=document.poll_hints,
        site=site,
        move=move,
        health=Health(
            state=state,
            since=states.since_when(lease, state, now=now),
            reason=state_reason,
            failures=0,
            succeeded_at=now,
        ),
        user_agent_trial=trial,
        entry_identity=document.entry_identity or lease.memory.entry_identity,
    )
    return memory, next_poll_at, reason


def _after_failure(
    lease: Lease,
    failed: Failed,
    *,
    trial: UserAgentTrial | None,
    now: datetime,
    policy: Policy,
    body_bytes: int,
) -> PollOutcome:
    """Return the outcome of a failure. It changes validators, health and user-agent trial only."""
    memory = lease.memory
    failures = memory.health.failures + (failed.kind is not FailureKind.OUTAGE)
    delay, reason = backoff(lease, failed, failures, policy=policy)
    if trial != memory.user_agent_trial and user_agents.is_trying(trial):
        reason += "; next with the fall-back user agent"
    state, state_reason = states.state_after_failure(lease, failed, failures)
    retry_after = failed.retry_after
    return PollOutcome(
        lease=lease,
        result=PollResult.FAILED,
        finished_at=now,
        next_poll_at=now + with_jitter(lease.feed_id, delay, policy=policy),
        reason=reason,
        memory=FeedMemory(
            interval=memory.interval,
            validators=validators_after_failure(lease, failed),
            body=memory.body,
            publish_rate=memory.publish_rate,
            publish_gaps=memory.publish_gaps,
            poll_hints=memory.poll_hints,
            site=memory.site,
            move=memory.move,
            health=Health(
                state=state,
                since=states.since_when(lease, state, now=now),
                reason=state_reason,
                failures=failures,
                succeeded_at=memory.health.succeeded_at,
            ),
            user_agent_trial=trial,
            entry_identity=memory.entry_identity,
        ),
        status=failed.status,
        failure=failed.kind,
        detail=failed.detail,
        sample=failed.sample,
        body_bytes=body_bytes,
        retry_after_until=None if retry_after is None else now + min(retry_after, policy.maximum),
        pause=pause_for(lease.url, failed, now=now),
        alerts=states.alerts_after(lease, state, state_reason, move=memory.move, now=now),
    )


def _children(
    document: DocumentSummary, *, url: str, now: datetime, policy: Policy
) -> tuple[ChildSitemap, ...] | None:
    """Return the sitemaps of an index that are to be polled; None: the document is not an index."""
    if document.children is None:
        return None
    return children_of(
        document.children,
        url=url,
        now=now,
        limit=policy.max_children,
        stagger=policy.child_stagger,
        interval=policy.interval,
    )


def _remark(
    document: DocumentSummary, *, missed: int, children: tuple[ChildSitemap, ...] | None
) -> str | None:
    """Return the remark about the document that the history of polls shows."""
    if not document.complete:
        return states.TRUNCATED
    if children is not None:
        return f"sitemap index of {len(document.children or ())} sitemaps, {len(children)} of them polled"
    remarks = (*((states.missed_reason(missed),) if missed else ()), *document.warnings)
    return "; ".join([remark for remark in remarks if remark])[:MAX_REMARK] or None


def _with_violation(remark: str | None, result: Fetched | NotModified) -> str | None:
    """Add to a remark that the response was not valid HTTP."""
    if isinstance(result, NotModified) or result.violation is None:
        return remark
    repaired = f"the response is not valid HTTP and was repaired: {result.violation}"
    return repaired if remark is None else f"{remark}; {repaired}"
