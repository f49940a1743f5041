"""Articles that are stored under a former canonical form of their URL.

An article's id is made of its canonical URL. A version with other rules (:data:`ingest.urls.CANONICAL_VERSION`) gives
some stored URLs another form, and new records of these articles another id. :func:`refresh` finds them once for each
version of the rules; the consumer then stores the records under the ids that the articles have.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest.db.engine import transaction
from ingest.db.tables import article_aliases, articles, canonical_rules
from ingest.identity import article_id
from ingest.urls import CANONICAL_VERSION, canonical

BATCH: Final = 10_000
_FIRST: Final = UUID(int=0)


def stored_ids(connection: Connection, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the ids of stored articles by the ids of ``ids`` that their URLs would have today."""
    statement = select(article_aliases.c.alias_id, article_aliases.c.article_id).where(
        article_aliases.c.alias_id.in_(list(ids))
    )
    return {row.alias_id: row.article_id for row in connection.execute(statement)}


def refresh(engine: Engine) -> int:
    """Find the stored articles whose URLs have another canonical form than when they were stored; return their number.

    The database stores the version of the rules, so a second call does nothing. A million articles take about ten
    seconds.
    """
    with transaction(engine) as connection:
        version = connection.scalar(select(canonical_rules.c.version).with_for_update())
        if version == CANONICAL_VERSION:
            return 0
        count, last = 0, _FIRST
        while rows := connection.execute(
            select(articles.c.id, articles.c.url)
            .where(articles.c.id > last)
            .order_by(articles.c.id)
            .limit(BATCH)
        ).all():
            last = rows[-1].id
            aliases = {
                alias: row.id for row in rows if row.url and (alias := _id_today(row.id, row.url)) != row.id
            }
            count += _insert(connection, aliases)
        statement = (
            insert(canonical_rules).values(version=CANONICAL_VERSION)
            if version is None
            else update(canonical_rules).values(version=CANONICAL_VERSION)
        )
        connection.execute(statement)
        return count


def _id_today(stored_id: UUID, url: str) -> UUID:
    """The id that the URL makes today; the stored id where a guid or title identifies the article."""
    if article_id(url=url, feed_url="") != stored_id:
        return stored_id
    today = canonical(url)
    return stored_id if today is None else article_id(url=today, feed_url="")


def _insert(connection: Connection, aliases: dict[UUID, UUID]) -> int:
    """Store aliases, except ids under which another article is stored: new records belong to that article."""
    if not aliases:
        return 0
    taken = set(connection.scalars(select(articles.c.id).where(articles.c.id.in_(list(aliases)))))
    values = [
        {"alias_id": alias, "article_id": stored} for alias, stored in aliases.items() if alias not in taken
    ]
    if not values:
        return 0
    statement = upsert(article_aliases).values(values).on_conflict_do_nothing()
    return len(connection.scalars(statement.returning(article_aliases.c.alias_id)).all())
