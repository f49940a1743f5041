"""The request options of a feed in its row of the registry."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, null, select, update

from ingest.db.engine import run_with_retry
from ingest.db.tables import CONFIG_CHANGED, feeds
from ingest.request_options import decode_options, encode_options
from ingest.types import RequestOptions


def set_request_options(
    engine: Engine, feed_id: int, change: Callable[[RequestOptions], RequestOptions]
) -> RequestOptions | None:
    """Change the request options of a feed and return the new ones. None: there is no such feed.

    A change removes the feed's validators and user-agent trial, because a server may send another document to another
    client. The same applies to the sitemaps of an index that have no options of their own.

    Raises:
        Refused: ``change`` did.
    """

    def apply(connection: Connection) -> RequestOptions | None:
        statement = select(feeds.c.request_options).where(feeds.c.id == feed_id).with_for_update()
        row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        before = decode_options(row.request_options)
        after = change(before)
        if after != before:
            itself = feeds.c.id == feed_id
            with_it = (feeds.c.parent_id == feed_id) & feeds.c.request_options.is_(None)
            encoded = encode_options(after) or null()
            connection.execute(update(feeds).where(itself).values(request_options=encoded))
            removed = {"user_agent_trial": null(), "etag": None, "last_modified": None}
            connection.execute(update(feeds).where(itself | with_it).values({**removed, **CONFIG_CHANGED}))
        return after

    return run_with_retry(engine, apply)
