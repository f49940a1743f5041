"""Decide on WebSub subscriptions (W3C Recommendation of January 2018): when to send which request, the consequences of
a hub's response, and when a hub is reliable. Pure.

::

                requested            verified
    wanted ───────────▶ pending ──────────────▶ active ─half of the lease─▶ requested again, active meanwhile
      ▲                   │ failed, not verified  │ the lease expired
      └── with back-off; ─┘                       ▼
          the next hub                          lapsed ─▶ requested again, with back-off
    denied     by all hubs; requested again after a week
    cancelled  by an operator; unsubscribed at the hub, not requested again

A hub is an addition to polling, not a replacement. Its pushes are used, and polls find what it does not push. A feed is
polled less often (:func:`is_reliable`) only while its hub is verified, renewed in time, and trusted because it
delivered. Whatever ends one of these conditions restores the ordinary schedule at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ingest.schedule.hub_offer import Offer, is_usable_url

REQUESTED_LEASE: Final = timedelta(days=10)
"""The default that the Recommendation proposes (§5.1)."""
DEFAULT_LEASE: Final = timedelta(days=1)
"""The lease where a hub declares none, or no number."""
MIN_LEASE: Final = timedelta(minutes=1)
MAX_LEASE: Final = timedelta(days=30)
VERIFY_TIMEOUT: Final = timedelta(minutes=10)
"""A request that a hub accepted and did not verify within this time has failed."""
MIN_RETRY: Final = timedelta(minutes=5)
MAX_RETRY: Final = timedelta(days=1)
DENIAL_RETRY: Final = timedelta(days=7)
TRIES_PER_HUB: Final = 3
"""Consecutive failures; after them the request goes to the next of the feed's hubs."""

INITIAL_TRUST: Final = 0.5
TRUST_THRESHOLD: Final = 0.7
"""A hub needs this trust to be reliable: two good pushes after verification, three after one missed entry."""
_GAIN: Final = 0.25
_LOSS: Final = 0.5
PUSH_GRACE: Final = timedelta(minutes=10)
"""The time after which an entry that a poll found and no push contained counts as missed."""
YOUTUBE_LAG: Final = timedelta(minutes=5)
"""YouTube's feed lags behind its hub by up to this much, so it is polled this long after a push."""

_REQUIRED_TOPIC: Final = re.compile(
    r"you may only subscribe to:?\s+[\"'<]?(https?://[^\s\"'<>]+)", re.IGNORECASE
)


class SubscriptionState(StrEnum):
    """The state of a subscription; the diagram at the top has the transitions."""

    WANTED = "wanted"
    PENDING = "pending"
    ACTIVE = "active"
    DENIED = "denied"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A feed's subscription at its hub. ``token`` is the last part of our callback URL, and the hub signs with
    ``secret``. Both are disclosed to that hub only."""

    feed_id: int
    hubs: tuple[str, ...]
    """The hubs that the feed declares."""
    hub: str
    """The hub that requests go to."""
    self_url: str
    """The topic URL that the feed declares."""
    topic: str
    """The topic URL that the hub accepts."""
    state: SubscriptionState
    token: str
    secret: str = field(repr=False)
    next_try_at: datetime | None
    """When the next request is due; None: never."""
    requested_at: datetime | None = None
    """When the request in progress was sent; None: there is none."""
    verified_at: datetime | None = None
    """When the subscription last became active."""
    lease_until: datetime | None = None
    failures: int = 0
    """Consecutive failed requests."""
    trust: float = INITIAL_TRUST
    push_count: int = 0
    """Pushes with a valid signature."""
    last_push_at: datetime | None = None
    last_ping_at: datetime | None = None
    """The last push that contained no entries and only announced a change."""
    missed_entries: int = 0
    """Entries that polls found and the hub did not push."""
    invalid_pushes: int = 0
    """Pushes without a valid signature."""
    detail: str | None = None
    """The result of the last request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubResponse:
    """The response of a hub to a request."""

    status: int | None
    """None: no response."""
    text: str
    """The body, or the reason why there is no response."""
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSignals:
    """Consequences of a poll for its feed's subscription."""

    feed_id: int
    offer: Offer | None
    """The hubs that the feed declares, where they differ from the subscription's."""
    new_entry_keys: tuple[bytes, ...]
    """Keys of entries that the hub should have pushed."""


def new_subscription(feed_id: int, offer: Offer, *, token: str, secret: str, now: datetime) -> Subscription:
    """Return a subscription that is to be requested."""
    return Subscription(
        feed_id=feed_id,
        hubs=offer.hubs,
        hub=offer.hubs[0],
        self_url=offer.topic,
        topic=offer.topic,
        state=SubscriptionState.WANTED,
        token=token,
        secret=secret,
        next_try_at=now,
    )


def matches_offer(subscription: Subscription, offer: Offer) -> bool:
    """Whether the feed still declares the hub and the topic of the subscription; other hubs may have changed."""
    return subscription.self_url == offer.topic and subscription.hub in offer.hubs


def begin_request(subscription: Subscription, *, now: datetime) -> tuple[Subscription, bool]:
    """Return a subscription that is due in its next state, and whether to send a request to its hub."""
    subscription = _lapsed(subscription, now=now)
    if subscription.requested_at is not None:
        reason = f"the hub did not verify the request within {_minutes(VERIFY_TIMEOUT)}"
        return after_failure(subscription, reason, now=now), False
    stays = subscription.state in (SubscriptionState.ACTIVE, SubscriptionState.CANCELLED)
    state = subscription.state if stays else SubscriptionState.PENDING
    return replace(subscription, state=state, requested_at=now, next_try_at=now + VERIFY_TIMEOUT), True


def after_response(subscription: Subscription, response: HubResponse, *, now: datetime) -> Subscription:
    """Return ``subscription`` after the hub responded to a request, or did not respond."""
    if subscription.requested_at is None:  # verified meanwhile: hubs may do that before they respond
        return subscription
    if response.accepted:
        return replace(subscription, detail=f"accepted ({response.status}), not verified yet")
    match = _REQUIRED_TOPIC.search(response.text)
    required_topic = "" if match is None else match[1].rstrip(".,;:!)")  # punctuation of the hub's sentence
    is_first = subscription.topic == subscription.self_url
    if is_first and required_topic != subscription.topic and is_usable_url(required_topic):
        # The hub serves the feed under another URL. Followed once: a hub that requires a third URL has failed.
        state = subscription.state
        return replace(
            subscription,
            state=state if state is SubscriptionState.ACTIVE else SubscriptionState.WANTED,
            topic=required_topic,
            requested_at=None,
            next_try_at=now,
            detail=f"the hub serves the feed as {required_topic}",
        )
    text = " ".join(response.text.split())[:300]
    reason = text if response.status is None else f"{response.status} {text}".strip()
    return after_failure(subscription, reason, now=now, wait=response.retry_after)


def after_failure(
    subscription: Subscription, reason: str, *, now: datetime, wait: timedelta | None = None
) -> Subscription:
    """Return ``subscription`` after a request that failed. ``wait``: the hub's Retry-After."""
    failures = subscription.failures + 1
    delay = min(max(MIN_RETRY * 2 ** min(failures - 1, 16), wait or timedelta(0)), MAX_RETRY)
    changed = replace(
        subscription, failures=failures, requested_at=None, next_try_at=now + delay, detail=reason
    )
    if changed.state is SubscriptionState.CANCELLED:  # the hub's lease on us expires without us
        return replace(changed, next_try_at=None if failures >= TRIES_PER_HUB else changed.next_try_at)
    if changed.state is SubscriptionState.PENDING:
        never_active = changed.verified_at is None
        state = SubscriptionState.WANTED if never_active else SubscriptionState.LAPSED
        changed = replace(changed, state=state)
    if changed.state is not SubscriptionState.ACTIVE and failures % TRIES_PER_HUB == 0:
        changed = replace(changed, hub=_next_hub(changed), topic=changed.self_url)
    return changed


def after_verification(
    subscription: Subscription, lease_seconds: str | None, *, now: datetime
) -> Subscription:
    """Return ``subscription`` after its hub verified the request at our callback."""
    lease = granted_lease(lease_seconds)
    was_active = _lapsed(subscription, now=now).state is SubscriptionState.ACTIVE
    return replace(
        subscription,
        state=SubscriptionState.ACTIVE,
        requested_at=None,
        verified_at=subscription.verified_at if was_active else now,
        lease_until=now + lease,
        next_try_at=now + lease / 2,
        failures=0,
        detail=None,
    )


def granted_lease(lease_seconds: str | None) -> timedelta:
    """Return the lease that a hub's ``hub.lease_seconds`` grants, within our bounds."""
    if lease_seconds is None or not re.fullmatch(r"[0-9]{1,12}", lease_seconds) or int(lease_seconds) == 0:
        return DEFAULT_LEASE
    return min(max(timedelta(seconds=min(int(lease_seconds), 10**9)), MIN_LEASE), MAX_LEASE)


def after_denial(subscription: Subscription, reason: str | None, *, now: datetime) -> Subscription:
    """Return ``subscription`` after its hub denied it, which a hub may do at any time (§5.2)."""
    text = " ".join((reason or "").split())[:300]
    detail = f"denied by {subscription.hub}" + (f": {text}" if text else "")
    if subscription.state is SubscriptionState.CANCELLED:
        return replace(subscription, requested_at=None, next_try_at=None, lease_until=None, detail=detail)
    failures = subscription.failures + 1
    has_more_hubs = failures < len(subscription.hubs)
    return replace(
        subscription,
        state=SubscriptionState.WANTED if has_more_hubs else SubscriptionState.DENIED,
        hub=_next_hub(subscription),
        topic=subscription.self_url,
        requested_at=None,
        verified_at=None,
        lease_until=None,
        failures=failures if has_more_hubs else 0,
        next_try_at=now if has_more_hubs else now + DENIAL_RETRY,
        detail=detail,
    )


def retry_now(subscription: Subscription, *, now: datetime) -> Subscription:
    """Return ``subscription`` with a request due now, by order of an operator."""
    is_active = _lapsed(subscription, now=now).state is SubscriptionState.ACTIVE
    state = SubscriptionState.ACTIVE if is_active else SubscriptionState.WANTED
    return replace(subscription, state=state, requested_at=None, next_try_at=now, failures=0)


def cancel(subscription: Subscription, *, now: datetime) -> Subscription:
    """Return ``subscription`` cancelled by an operator. Unsubscribe only at a hub that accepted it."""
    was_accepted = subscription.state in (SubscriptionState.ACTIVE, SubscriptionState.PENDING)
    return replace(
        subscription,
        state=SubscriptionState.CANCELLED,
        requested_at=None,
        next_try_at=now if was_accepted else None,
        failures=0,
        detail=None,
    )


def after_unsubscribed(subscription: Subscription) -> Subscription:
    """Return a cancelled ``subscription`` after its hub verified the end of it."""
    return replace(
        subscription, requested_at=None, next_try_at=None, lease_until=None, detail="unsubscribed at the hub"
    )


def after_push(subscription: Subscription, *, at: datetime) -> Subscription:
    """Return ``subscription`` after a push with entries."""
    trust = subscription.trust + (1 - subscription.trust) * _GAIN
    return replace(subscription, trust=trust, push_count=subscription.push_count + 1, last_push_at=at)


def after_ping(subscription: Subscription, *, at: datetime) -> Subscription:
    """Return ``subscription`` after a push without entries. It earns the same trust, because it starts a poll."""
    return replace(after_push(subscription, at=at), last_ping_at=at)


def after_invalid_push(subscription: Subscription) -> Subscription:
    """Return ``subscription`` after a push without a valid signature. Anyone may have sent it, so trust stays."""
    return replace(subscription, invalid_pushes=subscription.invalid_pushes + 1)


def after_missed_entries(subscription: Subscription, missed: int) -> Subscription:
    """Return ``subscription`` after polls found ``missed`` entries that the hub did not push."""
    return replace(
        subscription,
        trust=subscription.trust * _LOSS ** min(missed, 16),
        missed_entries=subscription.missed_entries + missed,
    )


def is_reliable(subscription: Subscription | None, *, now: datetime) -> bool:
    """Whether polls of the feed are only a backup, because its hub is active, renewed and trusted."""
    return (
        subscription is not None
        and subscription.state is SubscriptionState.ACTIVE
        and subscription.lease_until is not None
        and subscription.lease_until > now
        and subscription.failures == 0
        and subscription.trust >= TRUST_THRESHOLD
    )


def should_have_pushed(subscription: Subscription, *, polled_at: datetime | None) -> bool:
    """Whether the hub should have pushed the entries that are new since the poll at ``polled_at``.

    That is so if the hub was verified before that poll and has announced no change since.
    """
    if (
        subscription.state is not SubscriptionState.ACTIVE
        or subscription.verified_at is None
        or polled_at is None
    ):
        return False
    ping = subscription.last_ping_at
    return subscription.verified_at < polled_at and (ping is None or ping < polled_at)


def _lapsed(subscription: Subscription, *, now: datetime) -> Subscription:
    """Return ``subscription``, lapsed if its lease has expired."""
    lease_until = subscription.lease_until
    if subscription.state is SubscriptionState.ACTIVE and (lease_until is None or lease_until <= now):
        return replace(subscription, state=SubscriptionState.LAPSED)
    return subscription


def _next_hub(subscription: Subscription) -> str:
    hubs = subscription.hubs
    index = hubs.index(subscription.hub) if subscription.hub in hubs else -1
    return hubs[(index + 1) % len(hubs)]


def _minutes(time: timedelta) -> str:
    return f"{time / timedelta(minutes=1):g}m"
