"""Subscriptions to hubs (WebSub, W3C Recommendation of January 2018): whom to ask and when, what an answer means, and
how far a hub is believed. Pure.

::

                asked                verified
    wanted ───────────▶ pending ──────────────▶ active ─half of the lease─▶ asked again, and active meanwhile
      ▲                   │ refused, silent       │ the lease ran out
      └── ever later; ────┘                       ▼
          the next hub                          lapsed ─▶ asked again, ever later
    denied     the hub said so; asked again in a week
    cancelled  by an operator; the hub is told, and not asked again

A hub is a shortcut and no promise: what it brings is taken, and what it does not bring a poll finds. A feed is polled
less often (:func:`covers`) only while its hub is verified, renewed in time, and trusted because it delivered; whatever
goes wrong with one of these brings the ordinary schedule back at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

REQUESTED_LEASE: Final = timedelta(days=10)
"""What the Recommendation proposes (§5.1)."""
DEFAULT_LEASE: Final = timedelta(days=1)
"""Where a hub does not say how long, or nothing that is a number."""
MIN_LEASE: Final = timedelta(minutes=1)
MAX_LEASE: Final = timedelta(days=30)
VERIFY_TIMEOUT: Final = timedelta(minutes=10)
"""A hub that accepted a request and did not verify it by then counts as one that did not answer."""
MIN_RETRY: Final = timedelta(minutes=5)
MAX_RETRY: Final = timedelta(days=1)
DENIAL_RETRY: Final = timedelta(days=7)
TRIES_PER_HUB: Final = 3
"""In a row; then the next of the feed's hubs is asked."""
MAX_HUBS: Final = 8
MAX_URL_CHARACTERS: Final = 2_048

INITIAL_TRUST: Final = 0.5
TRUST_THRESHOLD: Final = 0.7
"""From here on a hub makes polls rarer: two good pushes after it was verified, three after one that it missed."""
_GAIN: Final = 0.25
_LOSS: Final = 0.5
PUSH_GRACE: Final = timedelta(minutes=10)
"""An entry that a poll found may still be pushed so long after; then the hub missed it."""
YOUTUBE_LAG: Final = timedelta(minutes=5)
"""YouTube's feed lags so far behind what its hub says: it is polled so long after a push."""

_YOUTUBE: Final = frozenset({"www.youtube.com", "youtube.com", "m.youtube.com"})
_YOUTUBE_HUB: Final = "https://pubsubhubbub.appspot.com/subscribe"
# RFC 8288 §3: <target>; name=token; name="quoted". What does not fit is passed over.
_LINK: Final = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"<>]*))?)*)')
_REL: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)
_ONLY: Final = re.compile(r"you may only subscribe to:?\s+[\"'<]?(https?://[^\s\"'<>]+)", re.IGNORECASE)


class SubscriptionState(StrEnum):
    """How a subscription stands."""

    WANTED = "wanted"
    PENDING = "pending"
    ACTIVE = "active"
    DENIED = "denied"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where a feed says that its changes can be subscribed to."""

    hubs: tuple[str, ...]
    """Its first choice first."""
    topic: str
    """What it calls itself: the name its hubs know it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What we have with the hub of a feed. ``token`` names our callback and is known to that hub alone, as ``secret``
    is, by which it signs."""

    feed_id: int
    hubs: tuple[str, ...]
    """As the feed offers them."""
    hub: str
    """Of these the one that is asked."""
    self_url: str
    """The topic as the feed offers it."""
    topic: str
    """As its hub wants it."""
    state: SubscriptionState
    token: str
    secret: str = field(repr=False)
    next_try_at: datetime | None
    """When the hub is asked again; None: never."""
    requested_at: datetime | None = None
    """A request that was not verified yet."""
    verified_at: datetime | None = None
    """Since when it is active without a break."""
    lease_until: datetime | None = None
    failures: int = 0
    """In a row."""
    trust: float = INITIAL_TRUST
    push_count: int = 0
    """Good pushes so far."""
    last_push_at: datetime | None = None
    last_ping_at: datetime | None = None
    """The last push that only said that there is something."""
    missed_entries: int = 0
    """Entries that polls found and the hub did not bring."""
    invalid_pushes: int = 0
    """Pushes without a good signature."""
    detail: str | None = None
    """The last that the hub said, or did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubResponse:
    """What came of a request to a hub."""

    status: int | None
    """None: no answer."""
    text: str
    """What it said, or why there is no answer."""
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def find_offer(
    *, feed_url: str, url: str, link: str | None, hubs: tuple[str, ...], self_url: str | None
) -> Offer | None:
    """What a feed offers: in the ``Link`` headers of the answer from ``url``, else in its document, else by a rule of
    ours; None: it has no hub."""
    named = list(_links(link or "", base=url))
    of_headers = [target for target, relations in named if "hub" in relations]
    own = next((target for target, relations in named if "self" in relations), None) or self_url
    found = tuple(dict.fromkeys(hub for hub in (of_headers or hubs) if _is_usable(hub)))[:MAX_HUBS]
    if found:
        return Offer(hubs=found, topic=own if own is not None and _is_usable(own) else feed_url)
    topic = _youtube_topic(feed_url)
    return None if topic is None else Offer(hubs=(_YOUTUBE_HUB,), topic=topic)


def lags_behind_hub(feed_url: str) -> bool:
    """Whether the feed lags behind its hub for minutes."""
    return _youtube_topic(feed_url) is not None


def new_subscription(feed_id: int, offer: Offer, *, token: str, secret: str, now: datetime) -> Subscription:
    """A subscription that nobody was asked for yet."""
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


def matches_offer(known: Subscription, offer: Offer) -> bool:
    """Whether the feed still offers what we have, whatever other hubs it names today."""
    return known.self_url == offer.topic and known.hub in offer.hubs


def begin_request(known: Subscription, *, now: datetime) -> tuple[Subscription, bool]:
    """What becomes of a subscription whose time has come, and whether its hub is to be asked."""
    known = _lapsed(known, now=now)
    if known.requested_at is not None:
        return after_failure(known, f"it did not verify within {_minutes(VERIFY_TIMEOUT)}", now=now), False
    stays = known.state in (SubscriptionState.ACTIVE, SubscriptionState.CANCELLED)
    state = known.state if stays else SubscriptionState.PENDING
    return replace(known, state=state, requested_at=now, next_try_at=now + VERIFY_TIMEOUT), True


def after_response(known: Subscription, said: HubResponse, *, now: datetime) -> Subscription:
    """``known`` after its hub answered a request, or did not."""
    if known.requested_at is None:  # verified meanwhile: hubs may do that before they answer
        return known
    if said.accepted:
        return replace(known, detail=f"accepted ({said.status}), not verified yet")
    named = _ONLY.search(said.text)
    other = "" if named is None else named[1].rstrip(".,;:!)")  # it ends a sentence
    if known.topic == known.self_url and other != known.topic and _is_usable(other):
        # It knows the feed by another name. Once: a hub that names a third one is not followed about.
        state = known.state if known.state is SubscriptionState.ACTIVE else SubscriptionState.WANTED
        detail = f"it knows the feed as {other}"
        return replace(known, state=state, topic=other, requested_at=None, next_try_at=now, detail=detail)
    text = " ".join(said.text.split())[:300]
    why = text if said.status is None else f"{said.status} {text}".strip()
    return after_failure(known, why, now=now, wait=said.retry_after)


def after_failure(
    known: Subscription, why: str, *, now: datetime, wait: timedelta | None = None
) -> Subscription:
    """``known`` after a request that came to nothing."""
    failures = known.failures + 1
    delay = min(max(MIN_RETRY * 2 ** min(failures - 1, 16), wait or timedelta(0)), MAX_RETRY)
    known = replace(known, failures=failures, requested_at=None, next_try_at=now + delay, detail=why)
    if known.state is SubscriptionState.CANCELLED:  # it forgets us when the lease is over
        return replace(known, next_try_at=None if failures >= TRIES_PER_HUB else known.next_try_at)
    if known.state is SubscriptionState.PENDING:
        known = replace(
            known, state=SubscriptionState.WANTED if known.verified_at is None else SubscriptionState.LAPSED
        )
    if known.state is not SubscriptionState.ACTIVE and failures % TRIES_PER_HUB == 0:
        known = replace(known, hub=_next_hub(known), topic=known.self_url)
    return known


def after_verification(known: Subscription, lease_seconds: str | None, *, now: datetime) -> Subscription:
    """``known`` after its hub asked back, and was told that we want it."""
    lease = granted_lease(lease_seconds)
    was_active = _lapsed(known, now=now).state is SubscriptionState.ACTIVE
    return replace(
        known,
        state=SubscriptionState.ACTIVE,
        requested_at=None,
        verified_at=known.verified_at if was_active else now,
        lease_until=now + lease,
        next_try_at=now + lease / 2,
        failures=0,
        detail=None,
    )


def granted_lease(lease_seconds: str | None) -> timedelta:
    """How long a hub's ``hub.lease_seconds`` is believed to be."""
    if lease_seconds is None or not re.fullmatch(r"[0-9]{1,12}", lease_seconds) or int(lease_seconds) == 0:
        return DEFAULT_LEASE
    return min(max(timedelta(seconds=min(int(lease_seconds), 10**9)), MIN_LEASE), MAX_LEASE)


def after_denial(known: Subscription, reason: str | None, *, now: datetime) -> Subscription:
    """``known`` after its hub said no, which it may at any time (§5.2)."""
    said = " ".join((reason or "").split())[:300]
    detail = f"denied by {known.hub}" + (f": {said}" if said else "")
    if known.state is SubscriptionState.CANCELLED:
        return replace(known, requested_at=None, next_try_at=None, lease_until=None, detail=detail)
    failures = known.failures + 1
    others = failures < len(known.hubs)
    return replace(
        known,
        state=SubscriptionState.WANTED if others else SubscriptionState.DENIED,
        hub=_next_hub(known),
        topic=known.self_url,
        requested_at=None,
        verified_at=None,
        lease_until=None,
        failures=failures if others else 0,
        next_try_at=now if others else now + DENIAL_RETRY,
        detail=detail,
    )


def retry_now(known: Subscription, *, now: datetime) -> Subscription:
    """``known`` where an operator wants its hub asked now."""
    stays = _lapsed(known, now=now).state is SubscriptionState.ACTIVE
    state = SubscriptionState.ACTIVE if stays else SubscriptionState.WANTED
    return replace(known, state=state, requested_at=None, next_try_at=now, failures=0)


def cancel(known: Subscription, *, now: datetime) -> Subscription:
    """``known`` where an operator does not want it; a hub that never accepted it is not told."""
    told = known.state in (SubscriptionState.ACTIVE, SubscriptionState.PENDING)
    return replace(
        known,
        state=SubscriptionState.CANCELLED,
        requested_at=None,
        next_try_at=now if told else None,
        failures=0,
        detail=None,
    )


def after_unsubscribed(known: Subscription) -> Subscription:
    """``known``, cancelled, after its hub agreed."""
    return replace(known, requested_at=None, next_try_at=None, lease_until=None, detail="the hub has let go")


def after_push(known: Subscription, *, at: datetime) -> Subscription:
    """``known`` after a push that told entries."""
    trust = known.trust + (1 - known.trust) * _GAIN
    return replace(known, trust=trust, push_count=known.push_count + 1, last_push_at=at)


def after_ping(known: Subscription, *, at: datetime) -> Subscription:
    """``known`` after a push that only said that there is something: as good, for it makes us poll."""
    return replace(after_push(known, at=at), last_ping_at=at)


def after_invalid_push(known: Subscription) -> Subscription:
    """``known`` after something came that was not signed as agreed: whoever sent it, the hub did not bring anything."""
    return replace(known, invalid_pushes=known.invalid_pushes + 1)


def after_missed_entries(known: Subscription, missed: int) -> Subscription:
    """``known`` after polls found entries that the hub did not bring."""
    return replace(
        known, trust=known.trust * _LOSS ** min(missed, 16), missed_entries=known.missed_entries + missed
    )


def covers(known: Subscription | None, *, now: datetime) -> bool:
    """Whether polls of the feed are only a backup."""
    return (
        known is not None
        and known.state is SubscriptionState.ACTIVE
        and known.lease_until is not None
        and known.lease_until > now
        and known.failures == 0
        and known.trust >= TRUST_THRESHOLD
    )


def should_have_pushed(known: Subscription, *, polled_at: datetime | None) -> bool:
    """Whether entries that are new since a poll at ``polled_at`` were the hub's to bring: it was verified before, and
    has not told since that there is something."""
    if known.state is not SubscriptionState.ACTIVE or known.verified_at is None or polled_at is None:
        return False
    return known.verified_at < polled_at and (known.last_ping_at is None or known.last_ping_at < polled_at)


def _lapsed(known: Subscription, *, now: datetime) -> Subscription:
    if known.state is SubscriptionState.ACTIVE and (known.lease_until is None or known.lease_until <= now):
        return replace(known, state=SubscriptionState.LAPSED)
    return known


def _next_hub(known: Subscription) -> str:
    at = known.hubs.index(known.hub) if known.hub in known.hubs else -1
    return known.hubs[(at + 1) % len(known.hubs)]


def _links(header: str, *, base: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The targets of ``Link`` headers (RFC 8288), whole, with their relations."""
    for target, parameters in _LINK.findall(header):
        rel = _REL.search(parameters)  # the first counts (§3.3)
        if rel is None:
            continue
        try:
            yield urljoin(base, target.strip()), frozenset((rel[1] or rel[2] or "").lower().split())
        except ValueError:
            continue


def _is_usable(url: str) -> bool:
    """Whether it is an address that we may name to a hub, or a hub's own. Who is behind it is looked at when it is
    connected to."""
    try:
        split = urlsplit(url)
    except ValueError:
        return False
    plain = url.isprintable() and " " not in url and len(url) <= MAX_URL_CHARACTERS
    return plain and split.scheme in {"http", "https"} and bool(split.hostname) and "@" not in split.netloc


def _youtube_topic(feed_url: str) -> str | None:
    """What the hub of YouTube calls a channel's feed, which does not name that hub; feeds of users and playlists have
    none (YouTube Data API, "Subscribe to Push Notifications")."""
    split = urlsplit(feed_url)
    if split.hostname not in _YOUTUBE or split.path not in ("/feeds/videos.xml", "/xml/feeds/videos.xml"):
        return None
    channel = parse_qs(split.query).get("channel_id", [""])[0]
    if not re.fullmatch(r"[\w-]{1,64}", channel, re.ASCII):
        return None
    return f"https://www.youtube.com/xml/feeds/videos.xml?channel_id={channel}"


def _minutes(time: timedelta) -> str:
    return f"{time / timedelta(minutes=1):g}m"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSignals:
    """What a poll means for its feed's subscription."""

    feed_id: int
    offer: Offer | None
    """Of the feed, where it is not what we have."""
    new_entry_keys: tuple[bytes, ...]
    """Keys of entries that its hub should have told."""
