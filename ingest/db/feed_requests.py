"""What a feed is asked with, in its row of the registry: an operator's options, and which user agent it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, null, select, update

from ingest.db.engine import run_with_retry
from ingest.db.tables import feeds
from ingest.request_options import decode_options, encode_options
from ingest.types import RequestOptions, UserAgentState, UserAgentTrial


def set_request_options(
    engine: Engine, feed_id: int, change: Callable[[RequestOptions], RequestOptions]
) -> RequestOptions | None:
    """Change what a feed is asked with; what it is asked with now. None: there is no such feed.

    Where that makes a difference its validators are forgotten, for they may stand for a document that another
    asker got, and so is what came of our user agents; of the sitemaps too that it names and that are asked with it.

    Raises:
        Refused: ``change`` did.
    """

    def set_(connection: Connection) -> RequestOptions | None:
        wanted = select(feeds.c.request_options).where(feeds.c.id == feed_id).with_for_update()
        row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        before = decode_options(row.request_options)
        after = change(before)
        if after != before:
            itself = feeds.c.id == feed_id
            with_it = (feeds.c.parent_id == feed_id) & feeds.c.request_options.is_(None)
            spelt = encode_options(after) or null()
            connection.execute(update(feeds).where(itself).values(request_options=spelt))
            forgotten = {
                "user_agent_trial": null(),
                "etag": None,
                "last_modified": None,
                "set_meanwhile": True,
            }
            connection.execute(update(feeds).where(itself | with_it).values(forgotten))
        return after

    return run_with_retry(engine, set_)


def encode_user_agent_trial(agent: UserAgentTrial | None) -> Jsonb | None:
    """As ``feeds.user_agent_trial`` holds it."""
    if agent is None:
        return None
    return Jsonb({"state": agent.state.value, "since": agent.since.isoformat()})


def decode_user_agent_trial(stored: Mapping[str, Any] | None) -> UserAgentTrial | None:
    if stored is None:
        return None
    return UserAgentTrial(
        state=UserAgentState(stored["state"]), since=datetime.fromisoformat(stored["since"])
    )
