"""Topics in the database: loaded from a file, and listed with the state of their streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, insert, select, update
from sqlalchemy import text as sql

from ingest.db.engine import driver_of, transaction
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import log_topics, matches, topics
from ingest.log.api import STREAM_PREFIX
from ingest.types import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTopic:
    """A topic with the first and last cursor of its stream; ``cursor`` is 0 before the first event."""

    topic: Topic
    changed_at: datetime
    retired: bool
    cursor: int
    first_cursor: int
    articles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The changes that loading a file made, by slug."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    retired: tuple[str, ...]
    """No longer in the file: nothing new matches them; their streams and cursors stay."""


def load(engine: Engine, wanted: Sequence[Topic], *, now: datetime) -> LoadResult:
    """Make ``wanted`` the active topics, in one transaction."""
    with transaction(engine) as connection:
        # Two concurrent loads would each miss the topics that the other adds. The lock does not block readers.
        connection.execute(sql("LOCK TABLE topics IN SHARE ROW EXCLUSIVE MODE"))
        stored = {row.slug: row for row in connection.execute(select(topics))}
        added, changed, unchanged = [], [], []
        for topic in wanted:
            values = {"title": topic.title, "description": topic.description, "rule": dict(topic.rule)}
            row = stored.get(topic.slug)
            if row is None:
                connection.execute(insert(topics).values(slug=topic.slug, changed_at=now, **values))
                added.append(topic.slug)
            elif row.retired or (row.title, row.description, row.rule) != tuple(values.values()):
                connection.execute(
                    update(topics)
                    .where(topics.c.slug == topic.slug)
                    .values(changed_at=now, retired=False, **values)
                )
                changed.append(topic.slug)
            else:
                unchanged.append(topic.slug)
        retired = sorted(
            slug
            for slug, row in stored.items()
            if not row.retired and slug not in {topic.slug for topic in wanted}
        )
        if retired:
            connection.execute(
                update(topics).where(topics.c.slug.in_(retired)).values(retired=True, changed_at=now)
            )
    return LoadResult(
        added=tuple(added), changed=tuple(changed), unchanged=tuple(unchanged), retired=tuple(retired)
    )


def list_topics(engine: Engine, *, retired: bool = True) -> tuple[ListedTopic, ...]:
    """Return all topics, ordered by slug."""
    query = _select_topics().order_by(topics.c.slug)
    with read_transaction(engine) as connection:
        rows = connection.execute(query if retired else query.where(~topics.c.retired))
        return tuple(_topic(row) for row in rows)


def active_topics(connection: Connection) -> tuple[Topic, ...]:
    """Return the active topics, ordered by slug."""
    rows = driver_of(connection).execute(
        "SELECT slug, title, description, rule FROM topics WHERE NOT retired ORDER BY slug"
    )
    return tuple(Topic(slug=r[0], title=r[1], description=r[2], rule=r[3]) for r in rows)


def find_topic(engine: Engine, slug: str) -> ListedTopic | None:
    """Return the topic ``slug``, retired or not; None if it never existed."""
    with read_transaction(engine) as connection:
        row = connection.execute(_select_topics().where(topics.c.slug == slug)).one_or_none()
        return None if row is None else _topic(row)


def exists(engine: Engine, slug: str) -> bool:
    """Return whether the topic exists, retired or not."""
    with read_transaction(engine) as connection:
        return connection.scalar(select(func.count()).where(topics.c.slug == slug)) == 1


def _select_topics() -> Select[Any]:
    count = select(func.count()).where(matches.c.topic == topics.c.slug).scalar_subquery()
    return select(
        topics,
        func.coalesce(log_topics.c.next_offset - 1, 0).label("cursor"),
        func.coalesce(log_topics.c.first_offset, 1).label("first_cursor"),
        count.label("articles"),
    ).outerjoin(log_topics, and_(log_topics.c.name == func.concat(STREAM_PREFIX, topics.c.slug)))


def _topic(row: Any) -> ListedTopic:
    return ListedTopic(
        topic=Topic(slug=row.slug, title=row.title, description=row.description, rule=row.rule),
        changed_at=row.changed_at,
        retired=row.retired,
        cursor=row.cursor,
        first_cursor=row.first_cursor,
        articles=row.articles,
    )
