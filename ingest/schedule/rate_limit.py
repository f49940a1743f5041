"""What we may ask of one host: so much at once, so often, and nothing while it asks us to slow down. Pure.

::

    feeds that are due ─admit─┬─ room at their host, and nobody waits there ─▶ admitted
                              └─ else ─▶ a place in the host's queue: due again when its turn comes

All pollers share a host's state through the database, so its budget holds for all of them together. A feed waits
in the order it came; it is moved once, to its turn, however long the queue is. Pacing is a virtual clock (GCRA,
ITU-T I.371): each admission moves ``next_slot_at`` on by the spacing, and the clock may run ahead by as many as may be
under way at once, so that a poller that looks once a second keeps up with a spacing of half a second.

Pages of articles are asked for out of the same budget (:func:`admit_pages`), behind all feeds: they have a queue of
their own, which no feed waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingest.urls import is_loopback

MIN_WAIT: Final = timedelta(seconds=1)
"""Until a feed that found its host busy is looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """Of every host that has no other; of this machine there is none: it is our own."""

    concurrency: int = 2
    """Polls under way at once."""
    spacing: timedelta = timedelta(seconds=1)
    """Between two polls, on average."""
    spare_loopback: bool = True
    """Ask loopback addresses without bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFeed:
    """A feed that is due."""

    feed_id: int
    host: str
    has_slot: bool = False
    """It waited in its host's queue, and this is its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What all pollers know of one host."""

    next_slot_at: datetime
    """Admissions so far, as time: when the next one is in step with the spacing."""
    queue_end: datetime
    """The first turn that nobody has; in the past where nobody waits."""
    paused_until: datetime | None = None
    spacing: timedelta | None = None
    """An operator's, for this host; None: the budget's."""
    in_flight: int = 0
    crawl_delay: timedelta | None = None
    """What its robots.txt asks for."""
    page_queue_end: datetime | None = None
    """The first turn of a page that no page has; None, or in the past, where none waits."""

    def pace(self, host_limits: HostLimits) -> tuple[timedelta, int]:
        """The time between two requests, and how many may be under way. A host that names its own pace in robots.txt
        is asked one thing after the other; an operator's spacing goes before all."""
        if self.spacing is not None:
            return self.spacing, host_limits.concurrency
        if self.crawl_delay is not None and self.crawl_delay > host_limits.spacing:
            return self.crawl_delay, 1
        return host_limits.spacing, host_limits.concurrency


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may go now, who is to come again when, and what is then known of the hosts."""

    admitted: tuple[int, ...]
    slots: Mapping[int, datetime]
    hosts: Mapping[str, Host]
    """Those that changed."""


def admit(
    waiting: Sequence[DueFeed], hosts: Mapping[str, Host], *, now: datetime, host_limits: HostLimits
) -> Admission:
    """Decide over feeds that are due, in their order. ``hosts`` has every host that :func:`is_bounded`."""
    admitted: list[int] = []
    turns: dict[int, datetime] = {}
    changed: dict[str, Host] = {}
    for feed in waiting:
        if not is_bounded(feed.host, host_limits=host_limits):
            admitted.append(feed.feed_id)
            continue
        host = changed.get(feed.host) or hosts[feed.host]
        spacing, concurrency = host.pace(host_limits)
        if _has_room(host, feed, spacing=spacing, now=now, concurrency=concurrency):
            admitted.append(feed.feed_id)
            next_slot_at = max(host.next_slot_at, now) + spacing
            changed[feed.host] = replace(host, next_slot_at=next_slot_at, in_flight=host.in_flight + 1)
        else:
            turns[feed.feed_id] = turn = _turn(host, now=now)
            changed[feed.host] = replace(host, queue_end=turn + spacing)
    return Admission(admitted=tuple(admitted), slots=turns, hosts=changed)


def admit_pages(
    waiting: Sequence[DueFeed], hosts: Mapping[str, Host], *, now: datetime, host_limits: HostLimits
) -> Admission:
    """As :func:`admit`, for pages (their ids stand in ``feed_id``): one is admitted where no feed waits for the host
    and no page is before it; the others get turns that no feed waits for."""
    admitted: list[int] = []
    turns: dict[int, datetime] = {}
    changed: dict[str, Host] = {}
    for page in waiting:
        if not is_bounded(page.host, host_limits=host_limits):
            admitted.append(page.feed_id)
            continue
        host = changed.get(page.host) or hosts[page.host]
        spacing, concurrency = host.pace(host_limits)
        last = host.page_queue_end or now
        behind = replace(page, has_slot=False)  # of the feeds' queue, in which it has no turn
        first = page.has_slot or last <= now
        if first and _has_room(host, behind, spacing=spacing, now=now, concurrency=concurrency):
            admitted.append(page.feed_id)
            next_slot_at = max(host.next_slot_at, now) + spacing
            changed[page.host] = replace(host, next_slot_at=next_slot_at, in_flight=host.in_flight + 1)
            continue
        following = _turn(host, now=now)
        # One whose turn came and that a feed went before stays in front of those who wait behind it.
        turns[page.feed_id] = turn = following if page.has_slot else max(last, following)
        changed[page.host] = replace(host, page_queue_end=max(last, turn + spacing))
    return Admission(admitted=tuple(admitted), slots=turns, hosts=changed)


def next_slot(host: Host, *, now: datetime, host_limits: HostLimits) -> datetime:
    """When a feed that is due ``now`` would be polled: at once, or at the turn that :func:`admit` would give it."""
    waiting = DueFeed(feed_id=0, host="")
    spacing, concurrency = host.pace(host_limits)
    if _has_room(host, waiting, spacing=spacing, now=now, concurrency=concurrency):
        return now
    return _turn(host, now=now)


def is_bounded(host: str, *, host_limits: HostLimits) -> bool:
    """Whether a host has a budget."""
    return not (host_limits.spare_loopback and is_loopback(host))


def _turn(host: Host, *, now: datetime) -> datetime:
    """Of the next one that waits."""
    return max(host.queue_end, host.next_slot_at, now + MIN_WAIT, host.paused_until or now)


def _has_room(host: Host, feed: DueFeed, *, spacing: timedelta, now: datetime, concurrency: int) -> bool:
    if host.paused_until is not None and host.paused_until > now:
        return False
    if host.in_flight >= concurrency:
        return False
    if not feed.has_slot and host.queue_end > now:
        return False
    return host.next_slot_at - now <= spacing * (concurrency - 1)
