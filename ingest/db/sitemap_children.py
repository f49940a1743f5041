"""The sitemaps of an index: feeds of their own, that come and go as their index says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ingest.types import PollOutcome

_LET_GO: Final = """
    DELETE FROM feeds USING unnest(%(parents)b::bigint[]) AS g(parent_id)
    WHERE feeds.parent_id = g.parent_id AND NOT feeds.url = ANY(%(urls)b::text[])"""
# An index within an index is not followed: there is no end to that. One that is there already stays as it is. An index
# that was muted while it was read begins nothing.
_TAKE_IN: Final = """
    INSERT INTO feeds (url, added_at, next_poll_at, "interval", parent_id)
    SELECT g.url, %(now)s, g.first_poll_at, g."interval", parent.id
    FROM unnest(%(of)b::bigint[], %(urls)b::text[], %(first)b::timestamptz[], %(intervals)b::interval[])
        AS g(parent_id, url, first_poll_at, "interval")
    JOIN feeds AS parent ON parent.id = g.parent_id AND parent.parent_id IS NULL AND parent.enabled
    ORDER BY g.url ON CONFLICT DO NOTHING"""


# The index at the new address names them too, and lets go of those that it does not name.
_HAND_OVER: Final = "UPDATE feeds SET parent_id = %(to)s WHERE parent_id = %(from)s"


def transfer_children(connection: Connection, index: int, *, to: int) -> None:
    """The sitemaps of one index come and go with another from now on."""
    connection.exec_driver_sql(_HAND_OVER, {"from": index, "to": to})


def update_children(
    connection: Connection, outcomes: Sequence[PollOutcome], *, held: Collection[int], now: datetime
) -> None:
    """Of each index that was read under its lease: begin to poll what it names, and stop what it does not any more."""
    indexes = [each for each in outcomes if each.children is not None and each.feed_id in held]
    if not indexes:
        return
    rows = [(index.feed_id, part) for index in indexes for part in index.children or ()]
    urls = [part.url for _, part in rows]
    connection.exec_driver_sql(_LET_GO, {"parents": [index.feed_id for index in indexes], "urls": urls})
    if rows:
        given = {
            "now": now,
            "of": [parent for parent, _ in rows],
            "urls": urls,
            "first": [part.first_poll_at for _, part in rows],
            "intervals": [part.interval for _, part in rows],
        }
        connection.exec_driver_sql(_TAKE_IN, given)
