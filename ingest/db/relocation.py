"""Give a feed the address that its server has redirected to for long enough.

::

    the address is unused      ─▶ the feed gets it, and keeps its id and seen-set
    another feed has it        ─▶ the other feed continues for both, and this one is muted: its full text, waiting pages
                                  and sitemaps become the other feed's
    another, muted feed has it ─▶ this feed stays where it is
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from ingest.db.sitemap_children import transfer_children
from ingest.request_options import decode_options, encode_options, scoped_to
from ingest.types import Alert, AlertKind, FeedState, PollOutcome

_SELECT: Final = "SELECT url, request_options FROM feeds WHERE id = %s"
# Validators belong to a resource: the next poll fetches the whole document at the new address (docs/polling.md,
# case 13).
_RELOCATE: Final = """
    UPDATE feeds SET url = %(to)s, moved_to = NULL, moved_since = NULL, etag = NULL, last_modified = NULL,
        request_options = %(request_options)s, state = %(healthy)s, state_since = %(now)s, state_reason = NULL
    WHERE id = %(id)s AND parent_id IS NULL AND NOT EXISTS (SELECT 1 FROM feeds AS twin WHERE twin.id <> %(id)s AND
        regexp_replace(twin.url, '^https?', '') = regexp_replace(%(to)s, '^https?', ''))
    RETURNING id"""
# A sitemap of an index does not replace a feed: it is removed when its index no longer lists it.
_MUTE: Final = """
    WITH twin AS (SELECT id FROM feeds WHERE id <> %(id)s AND enabled AND parent_id IS NULL
        AND regexp_replace(url, '^https?', '') = regexp_replace(%(to)s, '^https?', ''))
    UPDATE feeds SET enabled = false, state = %(muted)s, state_since = %(now)s,
        state_reason = %(reason)s || twin.id
    FROM twin WHERE feeds.id = %(id)s RETURNING twin.id, state_reason, feeds.full_text"""
_MOVE_PAGES: Final = "UPDATE pages SET feed_id = %(to)s WHERE feed_id = %(id)s AND state = 'waiting'"
_ENABLE_FULL_TEXT: Final = "UPDATE feeds SET full_text = true WHERE id = %(to)s AND NOT full_text"


def relocate(connection: Connection, outcome: PollOutcome, *, to: str, now: datetime) -> list[Alert]:
    """Give the feed its new address, or mute it where another feed has that address. Return the alerts."""
    old, stored = connection.exec_driver_sql(_SELECT, (outcome.feed_id,)).one()
    # An operator set headers for the old server only; the new one responded without them for a week.
    before = decode_options(stored)
    after = scoped_to(before, to, was=old)
    encoded = encode_options(after)
    parameters = {
        "id": outcome.feed_id,
        "to": to,
        "now": now,
        "muted": FeedState.MUTED.value,
        "healthy": FeedState.HEALTHY.value,
        "request_options": None if encoded is None else Jsonb(encoded),
        "reason": f"moved permanently to {to}, which is feed ",
    }
    alert = Alert(
        kind=AlertKind.RELOCATED,
        feed_id=outcome.feed_id,
        url=old,
        at=now,
        before=outcome.memory.health.state,
        after=FeedState.HEALTHY,
        reason=_relocation_reason(outcome, old=old, to=to, options_removed=after != before),
        poll_id=outcome.poll_id,
        moved_to=to,
    )
    if connection.exec_driver_sql(_RELOCATE, parameters).first() is not None:
        return [alert]
    muted = connection.exec_driver_sql(_MUTE, parameters).one_or_none()
    if muted is None:
        return []
    transfer_children(connection, outcome.feed_id, to=muted.id)
    connection.exec_driver_sql(_MOVE_PAGES, {"id": outcome.feed_id, "to": muted.id})
    if muted.full_text:
        connection.exec_driver_sql(_ENABLE_FULL_TEXT, {"to": muted.id})
    return [replace(alert, kind=AlertKind.STATE, after=FeedState.MUTED, reason=muted.state_reason)]


def _relocation_reason(outcome: PollOutcome, *, old: str, to: str, options_removed: bool) -> str:
    move = outcome.memory.move
    since = "" if move is None else f" since {move.since:%Y-%m-%d}"
    reason = f"its address was {old}; its server has redirected permanently to {to}{since}"
    if options_removed:
        reason += "; headers and TLS exceptions that were set for its old server are removed"
    return reason
