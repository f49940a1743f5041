"""Decide when an article's page is tried again, and when it is given up. Pure.

::

    the text is in the log                          taken
    a redirect                                      waiting, for the target under its own host's limits and robots.txt
    the slot was used to fetch robots.txt           waiting, not counted as a try
    our own network is down                         waiting, not counted as a try
    404, disallowed by robots.txt, no HTML page …   given up
    else                                            waiting 10 minutes, an hour, six hours; then given up

In every case the article is stored and on its streams with its feed's text since before the page was fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ingest.schedule.backoff import OUTAGE_DELAY, pause_for
from ingest.schedule.durations import format_duration
from ingest.types import Failed, FailureKind, Pause

RETRIES: Final = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""The delay after the first failed try, after the second …"""
MAX_TRIES: Final = len(RETRIES) + 1
MAX_REDIRECTS: Final = 5
RETRIED_ONCE: Final = frozenset({FailureKind.NO_BETTER, FailureKind.PARSE_LIMIT})
"""Failures after which a page gets one more try: it may have been unfinished when announced, or our machine busy."""
MAX_WAIT: Final = timedelta(days=1)
PERMANENT_FAILURES: Final = frozenset(
    {
        FailureKind.ADDRESS,
        FailureKind.NOT_HTML,
        FailureKind.REDIRECT,
        FailureKind.TOO_LARGE,
        FailureKind.UNPARSABLE,
    }
)
PERMANENT_STATUSES: Final = frozenset({404, 410, 451})


class PageState(StrEnum):
    """The state of a page."""

    WAITING = "waiting"
    TAKEN = "taken"  # its text is in the log
    GIVEN_UP = "given-up"  # the article keeps its feed's text


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOutcome:
    """The outcome of one lease on a page."""

    state: PageState
    due_at: datetime | None = None
    """When a waiting page is tried next."""
    tried: bool = True
    """False: the lease does not count as a try."""
    url: str | None = None
    """The target of a redirect."""
    status: int | None = None
    failure: FailureKind | None = None
    detail: str | None = None
    pause: Pause | None = None


def taken(*, status: int) -> PageOutcome:
    """Return the outcome of a page whose text is in the log."""
    return PageOutcome(state=PageState.TAKEN, status=status)


def after_robots_fetch(*, now: datetime) -> PageOutcome:
    """Return the outcome of a lease whose slot was used to fetch robots.txt: the page waits for another slot."""
    return PageOutcome(
        state=PageState.WAITING, due_at=now, tried=False, detail="robots.txt was fetched first"
    )


def after_redirect(url: str, *, status: int | None, hops: int, now: datetime) -> PageOutcome:
    """Return the outcome of a redirect to ``url``, whose host has limits and a robots.txt of its own.

    ``hops``: the number of redirects before this one.
    """
    if hops >= MAX_REDIRECTS:
        return PageOutcome(
            state=PageState.GIVEN_UP,
            failure=FailureKind.REDIRECT,
            status=status,
            detail=f"more than {MAX_REDIRECTS} redirects",
        )
    return PageOutcome(state=PageState.WAITING, due_at=now, tried=False, url=url, status=status)


def after_failure(url: str, failed: Failed, *, tries: int, outage: bool, now: datetime) -> PageOutcome:
    """Return the outcome of a failed try. ``tries``: counts this one; ``outage``: our own network is down."""
    detail = failed.detail
    if outage and failed.unreachable:
        return PageOutcome(
            state=PageState.WAITING,
            due_at=now + OUTAGE_DELAY,
            tried=False,
            failure=FailureKind.OUTAGE,
            detail=f"our own network seems to be down: {detail}",
        )
    permanent = (
        failed.kind in PERMANENT_FAILURES
        or failed.status in PERMANENT_STATUSES
        or tries >= MAX_TRIES
        or (failed.kind is FailureKind.ROBOTS and failed.retry_after is None)
        or (failed.kind in RETRIED_ONCE and tries > 1)
    )
    if permanent:
        detail += f" (tried {tries} times)" if tries > 1 else ""
        return PageOutcome(
            state=PageState.GIVEN_UP,
            status=failed.status,
            failure=failed.kind,
            detail=detail,
            pause=pause_for(url, failed, now=now),
        )
    wait = RETRIES[min(tries, len(RETRIES)) - 1]
    if failed.kind in RETRIED_ONCE:
        wait = max(RETRIES[1], wait)
    if failed.retry_after is not None:
        wait = min(max(wait, failed.retry_after), MAX_WAIT)
    return PageOutcome(
        state=PageState.WAITING,
        due_at=now + wait,
        status=failed.status,
        failure=failed.kind,
        detail=f"{detail}; tried again after {format_duration(wait)}",
        pause=pause_for(url, failed, now=now),
    )
