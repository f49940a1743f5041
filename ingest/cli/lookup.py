"""What the arguments of commands name."""

from __future__ import annotations

from ingest.db import feeds as registry
from ingest.db.engine import Engine
from ingest.errors import Refused
from ingest.types import Feed
from ingest.urls import feed_url


def named_feed(engine: Engine, name: str) -> Feed:
    """The feed with this id or URL.

    Raises:
        Refused: there is no such feed.
    """
    by_id = name.isascii() and name.isdecimal() and len(name) < 19
    found = (
        registry.find_feed(engine, feed_id=int(name))
        if by_id
        else registry.find_feed(engine, url=feed_url(name))
    )
    if found is None:
        raise Refused("feed", name, "the id or URL of a feed that is there; `ingest feeds list` shows them")
    return found
