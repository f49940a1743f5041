"""WebSub subscriptions as an operator sees and changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.db.engine import Engine
from ingest.db.read_transaction import read_transaction
from ingest.db.websub import subscriptions
from ingest.db.websub.subscriptions import SubscriptionView
from ingest.errors import Refused
from ingest.schedule import websub
from ingest.schedule.websub import Subscription, SubscriptionState
from ingest.types import Feed
from ingest.usecases.feeds import require_feed, require_feeds


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSubscriptions:
    """Ids of feeds whose subscription was changed, and of feeds without one."""

    changed: tuple[int, ...]
    without_subscription: tuple[int, ...]


def read_state(parameter: str, value: str) -> SubscriptionState:
    """Return the state that a parameter names.

    Raises:
        Refused: there is no such state.
    """
    if value not in set(SubscriptionState):
        raise Refused(parameter, value, f"one of {', '.join(SubscriptionState)}")
    return SubscriptionState(value)


def list_subscriptions(
    engine: Engine, *, state: SubscriptionState | None = None, now: datetime
) -> list[SubscriptionView]:
    """Return all subscriptions, or those in one state."""
    return list(subscriptions.list_subscriptions(engine, now=now, state=state))


def require_subscription(engine: Engine, name: str, *, now: datetime) -> tuple[Feed, SubscriptionView]:
    """Return a feed and its subscription.

    Raises:
        Refused: there is no such feed, or it has no subscription.
    """
    feed = require_feed(engine, name)
    with read_transaction(engine) as connection:
        subscription = subscriptions.subscription_view(connection, feed.id, now=now)
    if subscription is None:
        raise Refused("feed", name, "a feed with a subscription; `ingest websub list` shows all of them")
    return feed, subscription


def renew(engine: Engine, names: Sequence[str] | None, *, now: datetime) -> ChangedSubscriptions:
    """Send subscription requests now, also to hubs that denied; None: all that are not cancelled.

    Raises:
        Refused: a feed does not exist.
    """
    if names is None:
        views = subscriptions.list_subscriptions(engine, now=now)
        ids = [view.feed_id for view in views if view.state != SubscriptionState.CANCELLED]
    else:
        ids = [feed.id for feed in require_feeds(engine, names)]
    return _change(engine, ids, websub.retry_now, now=now)


def cancel(engine: Engine, names: Sequence[str], *, now: datetime) -> ChangedSubscriptions:
    """Unsubscribe feeds from their hubs for good.

    Raises:
        Refused: a feed does not exist.
    """
    ids = [feed.id for feed in require_feeds(engine, names)]
    return _change(engine, ids, websub.cancel, now=now)


def _change(
    engine: Engine, ids: Sequence[int], transition: Callable[..., Subscription], *, now: datetime
) -> ChangedSubscriptions:
    def apply(subscription: Subscription) -> Subscription:
        return transition(subscription, now=now)

    changed, without_subscription = [], []
    for feed_id in ids:
        if subscriptions.change(engine, apply, feed_id=feed_id, now=now) is None:
            without_subscription.append(feed_id)
        else:
            changed.append(feed_id)
    return ChangedSubscriptions(changed=tuple(changed), without_subscription=tuple(without_subscription))
