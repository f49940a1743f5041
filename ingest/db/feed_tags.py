"""Tags of feeds in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, Connection, Engine, exists, func, select, update

from ingest.db.engine import run_with_retry
from ingest.db.tables import feeds
from ingest.feed_tags import MAX_TAGS, merge_tags

MERGE_BATCH: Final = 10_000
"""Feeds of one UPDATE."""
# One row of several with the same feed would win an UPDATE, so their tags are aggregated first.
_MERGE_TAGS: Final = """
    WITH imported AS (
        SELECT feeds.id, min(feed.url) AS url, array_agg(DISTINCT tag) AS tags
        FROM unnest(%(urls)b::text[], %(tags)b::jsonb[]) AS feed(url, tags)
        JOIN feeds ON regexp_replace(feeds.url, '^https?'::text, ''::text)
            = regexp_replace(feed.url, '^https?'::text, ''::text)
        CROSS JOIN LATERAL jsonb_array_elements_text(feed.tags) AS tag
        GROUP BY feeds.id
    )
    UPDATE feeds SET tags = (ARRAY(SELECT tag FROM unnest(feeds.tags || imported.tags) AS tag
        GROUP BY tag ORDER BY tag COLLATE "C"))[1:%(most)s]
    FROM imported WHERE feeds.id = imported.id AND NOT feeds.tags @> imported.tags
        AND cardinality(feeds.tags) < %(most)s
    RETURNING imported.url"""


def change_tags(
    engine: Engine, feed_id: int, *, added: Collection[str] = (), removed: Collection[str] = ()
) -> bool:
    """Change the tags of a feed. False: there is no such feed.

    Raises:
        Refused: the feed would have too many tags.
    """

    def change(connection: Connection) -> bool:
        locked = select(feeds.c.tags).where(feeds.c.id == feed_id).with_for_update()
        stored = connection.execute(locked).scalar_one_or_none()
        if stored is None:
            return False
        changed = list(merge_tags(set(stored) - set(removed), added))
        if changed != stored:
            connection.execute(update(feeds).where(feeds.c.id == feed_id).values(tags=changed))
        return True

    return run_with_retry(engine, change)


def merge_feed_tags(engine: Engine, tags: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Add tags to registered feeds, by URL with either scheme, and return the URLs whose feeds have new tags.

    A feed that would have more than ``MAX_TAGS`` keeps the first ones by code points.
    """
    items = [(url, names) for url, names in tags.items() if names]
    merged: set[str] = set()
    for start in range(0, len(items), MERGE_BATCH):
        batch = items[start : start + MERGE_BATCH]
        parameters = {
            "urls": [url for url, _ in batch],
            "tags": [Jsonb(list(names)) for _, names in batch],
            "most": MAX_TAGS,
        }
        merged.update(run_with_retry(engine, partial(_merge, parameters=parameters)))
    return frozenset(merged)


def _merge(connection: Connection, *, parameters: Mapping[str, object]) -> list[str]:
    return list(connection.exec_driver_sql(_MERGE_TAGS, dict(parameters)).scalars())


def has_tag(tag: str) -> ColumnElement[bool]:
    """Match feeds with ``tag``, or with a tag below it."""
    name = func.unnest(feeds.c.tags).column_valued("name")
    return exists(select(1).where((name == tag) | func.starts_with(name, f"{tag}/")))
