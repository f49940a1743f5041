"""The seen-set of a feed: its entries as they were last sent to the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from ingest.db.engine import transaction
from ingest.types import Seen

MAX_LIKE: Final = 50
"""Rows with one title and date: some feeds give every entry one title and no date."""
_SELECT: Final = f"""
    SELECT key, content_hash, article_id, entry_fingerprint FROM seen
    WHERE feed_id = %(feed)s AND key = ANY(%(keys)b::bytea[])
    UNION SELECT key, content_hash, article_id, entry_fingerprint FROM seen
    WHERE feed_id = %(feed)s AND article_id = ANY(%(ids)b::uuid[])
    UNION SELECT alike.* FROM unnest(%(marks)b::bytea[]) AS mark CROSS JOIN LATERAL (
        SELECT key, content_hash, article_id, entry_fingerprint FROM seen
        WHERE feed_id = %(feed)s AND substring(entry_fingerprint from 9) = mark LIMIT {MAX_LIKE}) AS alike"""  # noqa: S608
_UPSERT: Final = """
    INSERT INTO seen (feed_id, key, content_hash, article_id, poll_id, entry_fingerprint)
    SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[], %b::uuid[], %b::bigint[], %b::bytea[])
    ON CONFLICT (feed_id, key) DO UPDATE SET content_hash = excluded.content_hash, article_id = excluded.article_id,
        poll_id = excluded.poll_id, entry_fingerprint = excluded.entry_fingerprint"""


class SeenUpdate(Protocol):
    """A parsed document, from a poll or a hub, with its new and changed rows of the seen-set."""

    @property
    def feed_id(self) -> int: ...

    @property
    def poll_id(self) -> int: ...

    @property
    def seen(self) -> tuple[Seen, ...]: ...


def seen_of(
    engine: Engine,
    feed_id: int,
    keys: Sequence[bytes],
    articles: Sequence[UUID] = (),
    marks: Sequence[bytes] = (),
) -> dict[bytes, Seen]:
    """Return the rows of a feed's seen-set with these keys, articles, or titles and dates, by key.

    ``marks`` are titles and dates as :func:`ingest.identity.title_date_mark` spells them.

    A whole seen-set grows with everything that the feed ever published, so it is never loaded.

    Raises:
        Unavailable: the database.
    """
    with transaction(engine) as connection:
        rows = connection.exec_driver_sql(
            _SELECT, {"feed": feed_id, "keys": list(keys), "ids": list(articles), "marks": list(marks)}
        )
        return {
            row.key: Seen(
                key=row.key,
                content_hash=row.content_hash,
                article_id=row.article_id,
                entry_fingerprint=row.entry_fingerprint or b"",
            )
            for row in rows
        }


def update_seen(connection: Connection, updates: Iterable[SeenUpdate]) -> None:
    """Store the new and changed rows of the seen-sets. The last of several rows with one key counts."""
    rows = {
        (update.feed_id, seen.key): (
            update.feed_id,
            seen.key,
            seen.content_hash,
            seen.article_id,
            update.poll_id,
            seen.entry_fingerprint,
        )
        for update in updates
        for seen in update.seen
    }
    if rows:
        arrays = tuple(list(column) for column in zip(*rows.values(), strict=True))
        connection.exec_driver_sql(_UPSERT, arrays)
