"""A feed whose server has sent us to another address for so long that it is believed: the feed goes there.

::

    nobody has the address ─▶ the feed's own, with its id and all that was seen of it
    another feed has it    ─▶ that one goes on for both, and this one is muted: full text, pages that wait and sitemaps
                              of this one are that one's from now on
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

# Validators are a resource's: at its new address the next poll asks for all of it (docs/polling.md, case 13).
_RELOCATE: Final = """
    UPDATE feeds SET url = %(to)s, moved_to = NULL, moved_since = NULL, etag = NULL, last_modified = NULL,
        request_options = %(request_options)s, state = %(healthy)s, state_since = %(now)s, state_reason = NULL
    WHERE id = %(id)s AND parent_id IS NULL AND NOT EXISTS (SELECT 1 FROM feeds AS other WHERE other.id <> %(id)s AND
        regexp_replace(other.url, '^https?', '') = regexp_replace(%(to)s, '^https?', ''))
    RETURNING id"""
# A sitemap of some index is none to rely on: it goes when its index names it no more.
_GIVE_WAY: Final = """
    WITH other AS (SELECT id FROM feeds WHERE id <> %(id)s AND enabled AND parent_id IS NULL
        AND regexp_replace(url, '^https?', '') = regexp_replace(%(to)s, '^https?', ''))
    UPDATE feeds SET enabled = false, state = %(muted)s, state_since = %(now)s,
        state_reason = %(reason)s || other.id
    FROM other WHERE feeds.id = %(id)s RETURNING other.id, state_reason, feeds.full_text"""
_TAKE_PAGES: Final = "UPDATE pages SET feed_id = %(to)s WHERE feed_id = %(id)s AND state = 'waiting'"
_TAKE_FULL_TEXT: Final = "UPDATE feeds SET full_text = true WHERE id = %(to)s AND NOT full_text"


def relocate(connection: Connection, ended: PollOutcome, *, to: str, now: datetime) -> list[Alert]:
    """Give the feed its new address; where another feed has it already, that one goes on for both."""
    asked = "SELECT url, request_options FROM feeds WHERE id = %s"
    old, stored = connection.exec_driver_sql(asked, (ended.feed_id,)).one()
    # Whoever has the new address is not who an operator gave the headers to; it answered without them for a week.
    before = decode_options(stored)
    after = scoped_to(before, to, was=old)
    given = {"id": ended.feed_id, "to": to, "now": now, "muted": FeedState.MUTED.value}
    reason = (
        f"its address was {old}; its server has sent us to {to} for good since {ended.moved_since:%Y-%m-%d}"
    )
    if after != before:
        reason += "; headers and exceptions from TLS that were set for it were for its old server, and are forgotten"
    alert = Alert(
        kind=AlertKind.RELOCATED,
        feed_id=ended.feed_id,
        url=old,
        at=now,
        before=ended.state,
        after=FeedState.HEALTHY,
        reason=reason,
        poll_id=ended.poll_id,
        moved_to=to,
    )
    spelt = encode_options(after)
    request = None if spelt is None else Jsonb(spelt)
    taken = {**given, "healthy": FeedState.HEALTHY.value, "request_options": request}
    if connection.exec_driver_sql(_RELOCATE, taken).first() is not None:
        return [alert]
    reason = f"it moved to {to}, which is feed "
    muted = connection.exec_driver_sql(_GIVE_WAY, {**given, "reason": reason}).one_or_none()
    if muted is None:  # the other one is not polled: this one goes on where it is
        return []
    transfer_children(connection, ended.feed_id, to=muted.id)
    connection.exec_driver_sql(_TAKE_PAGES, {"id": ended.feed_id, "to": muted.id})
    if muted.full_text:
        connection.exec_driver_sql(_TAKE_FULL_TEXT, {"to": muted.id})
    return [replace(alert, kind=AlertKind.STATE, after=FeedState.MUTED, reason=muted.state_reason)]
