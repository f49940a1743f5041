"""Rate limits per host: concurrent requests, the spacing between requests, and pauses that the host requests. Pure.

::

    feeds that are due ─admit─┬─ the host has capacity, and no feed waits for it ─▶ admitted
                              └─ else ─▶ a slot in the host's queue: due again when the slot comes

All pollers share a host's state through the database, so its limits hold for all of them together. Feeds wait in the
order in which they came. A feed is moved once, to its slot, however long the queue is.

Pacing is a virtual clock (GCRA, ITU-T I.371): each admission advances ``next_slot_at`` by the spacing. The clock may
run ahead by the number of requests that may be in flight at once. A poller that queries once a second therefore keeps
up with a spacing of half a second.

Pages of articles count against the same limits (:func:`admit_pages`), behind all feeds: they have a queue of their own,
and no feed waits for that queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingest.urls import is_loopback

MIN_WAIT: Final = timedelta(seconds=1)
"""The minimum delay of a feed that found its host busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """Limits of every host without settings of its own. This machine has none, because it is ours."""

    concurrency: int = 2
    """Requests in flight at once."""
    spacing: timedelta = timedelta(seconds=1)
    """Between two requests, on average."""
    spare_loopback: bool = True
    """Send requests to loopback addresses without limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRequest:
    """A request that is due: of a feed, an article's page or a WebSub subscription."""

    id: int
    """The id of the feed or the page; of a subscription the id of its feed."""
    host: str
    has_slot: bool = False
    """The request waited in its host's queue, and its slot has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The state of one host that all pollers share."""

    next_slot_at: datetime
    """The virtual clock: the time of the next admission that is in step with the spacing."""
    queue_end: datetime
    """The first slot that is free; in the past where no feed waits."""
    paused_until: datetime | None = None
    spacing: timedelta | None = None
    """Set by an operator for this host; None: that of the limits."""
    in_flight: int = 0
    crawl_delay: timedelta | None = None
    """Declared by the host's robots.txt."""
    page_queue_end: datetime | None = None
    """The first slot for a page that is free; None, or in the past, where no page waits."""

    def pace(self, host_limits: HostLimits) -> tuple[timedelta, int]:
        """Return the time between two requests, and the number that may be in flight.

        A host whose robots.txt declares a longer crawl delay gets one request at a time. An operator's spacing has
        priority over both.
        """
        if self.spacing is not None:
            return self.spacing, host_limits.concurrency
        if self.crawl_delay is not None and self.crawl_delay > host_limits.spacing:
            return self.crawl_delay, 1
        return host_limits.spacing, host_limits.concurrency


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A decision over feeds or pages that are due, and the resulting state of their hosts."""

    admitted: tuple[int, ...]
    slots: Mapping[int, datetime]
    """When the rest is due again."""
    hosts: Mapping[str, Host]
    """Only hosts whose state changed."""


def admit(
    due: Sequence[DueRequest], hosts: Mapping[str, Host], *, now: datetime, host_limits: HostLimits
) -> Admission:
    """Decide over requests for feeds or to hubs, in their order. ``hosts`` has every host that :func:`is_bounded`."""
    admitted: list[int] = []
    slots: dict[int, datetime] = {}
    changed: dict[str, Host] = {}
    for feed in due:
        if not is_bounded(feed.host, host_limits=host_limits):
            admitted.append(feed.id)
            continue
        host = changed.get(feed.host) or hosts[feed.host]
        spacing, concurrency = host.pace(host_limits)
        if _has_capacity(host, feed, spacing=spacing, now=now, concurrency=concurrency):
            admitted.append(feed.id)
            changed[feed.host] = _after_admission(host, spacing=spacing, now=now)
        else:
            slots[feed.id] = slot = _free_slot(host, now=now)
            changed[feed.host] = replace(host, queue_end=slot + spacing)
    return Admission(admitted=tuple(admitted), slots=slots, hosts=changed)


def admit_pages(
    due: Sequence[DueRequest], hosts: Mapping[str, Host], *, now: datetime, host_limits: HostLimits
) -> Admission:
    """Decide over pages that are due, in their order.

    A page is admitted where no feed waits for its host and no page is before it. The rest gets slots for which no feed
    waits.
    """
    admitted: list[int] = []
    slots: dict[int, datetime] = {}
    changed: dict[str, Host] = {}
    for page in due:
        if not is_bounded(page.host, host_limits=host_limits):
            admitted.append(page.id)
            continue
        host = changed.get(page.host) or hosts[page.host]
        spacing, concurrency = host.pace(host_limits)
        queue_end = host.page_queue_end or now
        behind_feeds = replace(page, has_slot=False)  # a page's slot is not one in the feeds' queue
        is_first = page.has_slot or queue_end <= now
        if is_first and _has_capacity(host, behind_feeds, spacing=spacing, now=now, concurrency=concurrency):
            admitted.append(page.id)
            changed[page.host] = _after_admission(host, spacing=spacing, now=now)
            continue
        free_slot = _free_slot(host, now=now)
        # A page whose slot a feed took stays in front of the pages that wait behind it.
        slots[page.id] = slot = free_slot if page.has_slot else max(queue_end, free_slot)
        changed[page.host] = replace(host, page_queue_end=max(queue_end, slot + spacing))
    return Admission(admitted=tuple(admitted), slots=slots, hosts=changed)


def next_slot(host: Host, *, now: datetime, host_limits: HostLimits) -> datetime:
    """Return when a feed that is due ``now`` is polled: at once, or at the slot that :func:`admit` would assign."""
    feed = DueRequest(id=0, host="")
    spacing, concurrency = host.pace(host_limits)
    if _has_capacity(host, feed, spacing=spacing, now=now, concurrency=concurrency):
        return now
    return _free_slot(host, now=now)


def is_bounded(host: str, *, host_limits: HostLimits) -> bool:
    """Whether a host has limits."""
    return not (host_limits.spare_loopback and is_loopback(host))


def _after_admission(host: Host, *, spacing: timedelta, now: datetime) -> Host:
    next_slot_at = max(host.next_slot_at, now) + spacing
    return replace(host, next_slot_at=next_slot_at, in_flight=host.in_flight + 1)


def _free_slot(host: Host, *, now: datetime) -> datetime:
    return max(host.queue_end, host.next_slot_at, now + MIN_WAIT, host.paused_until or now)


def _has_capacity(
    host: Host, feed: DueRequest, *, spacing: timedelta, now: datetime, concurrency: int
) -> bool:
    if host.paused_until is not None and host.paused_until > now:
        return False
    if host.in_flight >= concurrency:
        return False
    if not feed.has_slot and host.queue_end > now:
        return False
    return host.next_slot_at - now <= spacing * (concurrency - 1)
