"""When an article's page is tried again, and when it is given up. Pure.

::

    text in the log                              taken
    a redirect                                   waiting, for the page it leads to: its host's budget and robots.txt
    a host whose robots.txt was asked for first  waiting, not tried
    our own network is down                      waiting, not tried
    404, robots.txt says no, no page at all …    given up
    else                                         waiting 10 minutes, an hour, six hours; then given up

Whatever it comes to, the article is stored and on its streams with its feed's text since before the page was asked for.
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
"""After the first try that failed, the second …"""
MAX_TRIES: Final = len(RETRIES) + 1
MAX_HOPS: Final = 5
TWICE: Final = frozenset({FailureKind.NO_BETTER, FailureKind.PARSE_LIMIT})
"""What is looked at once more: a page may not have been finished when it was announced, or our machine was busy."""
LONGEST_WAIT: Final = timedelta(days=1)
FINAL: Final = frozenset(
    {
        FailureKind.ADDRESS,
        FailureKind.NOT_HTML,
        FailureKind.REDIRECT,
        FailureKind.TOO_LARGE,
        FailureKind.UNPARSABLE,
    }
)
FINAL_STATUSES: Final = frozenset({404, 410, 451})


class PageState(StrEnum):
    """Where a page is on its way."""

    WAITING = "waiting"
    TAKEN = "taken"  # its text is in the log
    GIVEN_UP = "given-up"  # the article keeps its feed's text


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOutcome:
    """What one lease of a page came to."""

    state: PageState
    due_at: datetime | None = None
    """When it is tried next, where it waits."""
    tried: bool = True
    """False: it does not count as one of its tries."""
    url: str | None = None
    """Where it redirects to."""
    status: int | None = None
    failure: FailureKind | None = None
    detail: str | None = None
    pause: Pause | None = None


def taken(*, status: int) -> PageOutcome:
    """Its text is in the log."""
    return PageOutcome(state=PageState.TAKEN, status=status)


def asked_robots(*, now: datetime) -> PageOutcome:
    """The turn at its host went to robots.txt; the page has to wait for another."""
    return PageOutcome(
        state=PageState.WAITING, due_at=now, tried=False, detail="robots.txt was asked for first"
    )


def moved(url: str, *, status: int | None, hops: int, now: datetime) -> PageOutcome:
    """It is at ``url``, which has a host's budget and robots.txt of its own. ``hops``: redirects before this one."""
    if hops >= MAX_HOPS:
        return PageOutcome(
            state=PageState.GIVEN_UP,
            failure=FailureKind.REDIRECT,
            status=status,
            detail=f"more than {MAX_HOPS} redirects",
        )
    return PageOutcome(state=PageState.WAITING, due_at=now, tried=False, url=url, status=status)


def failed_page(url: str, failed: Failed, *, tries: int, outage: bool, now: datetime) -> PageOutcome:
    """What follows from a try that failed. ``tries``: this one counted; ``outage``: our own network is down."""
    detail = failed.detail
    if outage and failed.unreachable:
        return PageOutcome(
            state=PageState.WAITING,
            due_at=now + OUTAGE_DELAY,
            tried=False,
            failure=FailureKind.OUTAGE,
            detail=f"our own network seems to be down: {detail}",
        )
    final = (
        failed.kind in FINAL
        or failed.status in FINAL_STATUSES
        or tries >= MAX_TRIES
        or (failed.kind is FailureKind.ROBOTS and failed.retry_after is None)
        or (failed.kind in TWICE and tries > 1)
    )
    if final:
        detail += f" (tried {tries} times)" if tries > 1 else ""
        return PageOutcome(
            state=PageState.GIVEN_UP,
            status=failed.status,
            failure=failed.kind,
            detail=detail,
            pause=pause_for(url, failed, now=now),
        )
    wait = RETRIES[min(tries, len(RETRIES)) - 1]
    if failed.kind in TWICE:
        wait = max(RETRIES[1], wait)
    if failed.retry_after is not None:
        wait = min(max(wait, failed.retry_after), LONGEST_WAIT)
    return PageOutcome(
        state=PageState.WAITING,
        due_at=now + wait,
        status=failed.status,
        failure=failed.kind,
        detail=f"{detail}; tried again after {format_duration(wait)}",
        pause=pause_for(url, failed, now=now),
    )
