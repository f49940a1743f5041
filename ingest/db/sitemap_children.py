"""The sitemaps of an index: feeds of their own that are added and removed as their index lists them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ingest.types import PollOutcome

_REMOVE: Final = """
    DELETE FROM feeds USING unnest(%(indexes)b::bigint[]) AS index(id)
    WHERE feeds.parent_id = index.id AND NOT feeds.url = ANY(%(urls)b::text[])"""
# An index within an index is not followed: nesting has no limit. A feed that exists already stays as it is. An index
# that was muted during its poll adds nothing.
_ADD: Final = """
    INSERT INTO feeds (url, added_at, next_poll_at, "interval", parent_id)
    SELECT child.url, %(now)s, child.first_poll_at, child."interval", parent.id
    FROM unnest(%(parent_ids)b::bigint[], %(urls)b::text[], %(first)b::timestamptz[], %(intervals)b::interval[])
        AS child(parent_id, url, first_poll_at, "interval")
    JOIN feeds AS parent ON parent.id = child.parent_id AND parent.parent_id IS NULL AND parent.enabled
    ORDER BY child.url ON CONFLICT DO NOTHING"""
# The next poll of the index at the new address removes the sitemaps that it does not list.
_TRANSFER: Final = "UPDATE feeds SET parent_id = %(to)s WHERE parent_id = %(from)s"


def transfer_children(connection: Connection, index: int, *, to: int) -> None:
    """Make the sitemaps of one index those of another."""
    connection.exec_driver_sql(_TRANSFER, {"from": index, "to": to})


def update_children(connection: Connection, outcomes: Sequence[PollOutcome], *, now: datetime) -> None:
    """Add the sitemaps that indexes list and remove those that they no longer list.

    ``outcomes`` are those that were recorded under their lease.
    """
    indexes = [outcome for outcome in outcomes if outcome.children is not None]
    if not indexes:
        return
    rows = [(index.feed_id, child) for index in indexes for child in index.children or ()]
    urls = [child.url for _, child in rows]
    connection.exec_driver_sql(_REMOVE, {"indexes": [index.feed_id for index in indexes], "urls": urls})
    if rows:
        parameters = {
            "now": now,
            "parent_ids": [parent_id for parent_id, _ in rows],
            "urls": urls,
            "first": [child.first_poll_at for _, child in rows],
            "intervals": [child.interval for _, child in rows],
        }
        connection.exec_driver_sql(_ADD, parameters)
