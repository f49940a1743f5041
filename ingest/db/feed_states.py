"""Operators' changes of feed states: muted, polled again, and the site confirmed.

A change increments ``config_version``, so that the outcome of a poll in progress keeps it
(:mod:`ingest.schedule.reconcile`). The alert about the change is appended in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, select, update

from ingest.db.engine import run_with_retry
from ingest.db.polls import AppendAlerts
from ingest.db.tables import CONFIG_CHANGED, feeds
from ingest.db.websub.subscriptions import poll_now
from ingest.types import Alert, AlertKind, FeedState

MUTED_WITH: Final = "its sitemap index, feed {}, was muted"
"""The reason of a sitemap that was muted with its index."""


def mute(engine: Engine, feed_id: int, *, reason: str, now: datetime, append_alerts: AppendAlerts) -> bool:
    """Stop polling this feed and the sitemaps that it lists; seen-sets and memories stay. False: already muted."""
    return _enable(
        engine,
        feed_id,
        enabled=False,
        state=FeedState.MUTED,
        reason=reason,
        now=now,
        append_alerts=append_alerts,
    )


def unmute(engine: Engine, feed_id: int, *, now: datetime, append_alerts: AppendAlerts) -> bool:
    """Poll this feed again immediately, and the sitemaps that were muted with it. False: it is not muted.

    Its seen-set and memory are as before. Pushes that its hub sent since are read too.
    """
    reason = "resumed by an operator"
    return _enable(
        engine,
        feed_id,
        enabled=True,
        state=FeedState.HEALTHY,
        reason=reason,
        now=now,
        append_alerts=append_alerts,
    )


def confirm_site(engine: Engine, feed_id: int, *, now: datetime, append_alerts: AppendAlerts) -> bool:
    """Confirm that a feed whose content looks like another site's changed on purpose. False: it does not look so.

    The next document defines the site. A muted feed stays muted.
    """

    def confirm(connection: Connection) -> bool:
        statement = (
            update(feeds)
            .where(feeds.c.id == feed_id, feeds.c.site_changed_reason.is_not(None))
            .values(site_changed_reason=None, site_identity=None, **CONFIG_CHANGED)
            .returning(feeds.c.enabled)
        )
        enabled = connection.execute(statement).scalar_one_or_none()
        if enabled is None:
            return False
        if enabled:
            reason = "site confirmed by an operator"
            _set_state(
                connection,
                feed_id,
                state=FeedState.HEALTHY,
                reason=reason,
                now=now,
                append_alerts=append_alerts,
            )
        return True

    return run_with_retry(engine, confirm)


def _enable(
    engine: Engine,
    feed_id: int,
    *,
    enabled: bool,
    state: FeedState,
    reason: str,
    now: datetime,
    append_alerts: AppendAlerts,
) -> bool:
    """Enable or disable a feed and its sitemaps. False: it is so already."""

    def apply(connection: Connection) -> bool:
        changed = update(feeds).where(feeds.c.enabled.is_not(enabled)).values(enabled=enabled)
        if connection.execute(changed.where(feeds.c.id == feed_id)).rowcount == 0:
            return False
        _set_state(connection, feed_id, state=state, reason=reason, now=now, append_alerts=append_alerts)
        with_index = MUTED_WITH.format(feed_id)
        children = changed.where(feeds.c.parent_id == feed_id)
        if enabled:  # a sitemap that an operator muted by itself stays muted
            children = children.where(feeds.c.state_reason == with_index)
        child_reason = reason if enabled else with_index
        for child_id in connection.scalars(children.returning(feeds.c.id)).all():
            _set_state(
                connection, child_id, state=state, reason=child_reason, now=now, append_alerts=append_alerts
            )
        return True

    return run_with_retry(engine, apply)


def _set_state(
    connection: Connection,
    feed_id: int,
    *,
    state: FeedState,
    reason: str,
    now: datetime,
    append_alerts: AppendAlerts,
) -> None:
    """Set a feed's state because of an operator's command. An enabled feed that was never polled is new."""
    row = connection.execute(
        select(feeds.c.url, feeds.c.state, feeds.c.polled_at).where(feeds.c.id == feed_id).with_for_update()
    ).one()
    if state is not FeedState.MUTED and row.polled_at is None:
        state = FeedState.NEW
    values = {"state": state.value, "state_since": now, "state_reason": reason, **CONFIG_CHANGED}
    connection.execute(update(feeds).where(feeds.c.id == feed_id).values(values))
    if row.state == FeedState.MUTED.value:
        poll_now(connection, feed_id, at=now, reason=reason)
    append_alerts(
        connection,
        [
            Alert(
                kind=AlertKind.STATE,
                feed_id=feed_id,
                url=row.url,
                at=now,
                before=FeedState(row.state),
                after=state,
                reason=reason,
            )
        ],
    )
