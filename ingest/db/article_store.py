"""The article store: what ``persist`` reads and writes, always inside the caller's transaction.

::

    lock_stories   stories that the batch touches, in one order: two consumers cannot both be the first of a story
    load           what is known of the batch: repeated records, stored articles (row-locked), stories
    write          COPY of new rows; the few that change by UPDATE … FROM unnest
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from ingest.identity import with_authors
from ingest.types import Article, ArticleChange, Effect, Record, StoredArticle, Topic

_SIGHTED: Final = """
    SELECT s.article_id, s.poll_id FROM sightings s
    JOIN unnest(%b::uuid[], %b::bigint[]) AS asked(article_id, poll_id) USING (article_id, poll_id)"""
_STORED: Final = """
    SELECT id, revision, latest, story_id, first_seen_at, published_at, revised_at, revised_feed_id, revised_poll_id
    FROM articles WHERE id = ANY(%b::uuid[]) ORDER BY id FOR UPDATE"""
_MATCHED: Final = "SELECT article_id, topic FROM matches WHERE article_id = ANY(%b::uuid[])"
_REVISIONS: Final = """
    SELECT article_id, content_hash, number, authors FROM revisions
    WHERE article_id = ANY(%b::uuid[]) ORDER BY number"""
_PAGES: Final = """
    SELECT article_id, content_hash, revision FROM pages
    WHERE article_id = ANY(%b::uuid[]) AND revision IS NOT NULL"""
_STORIES: Final = "SELECT DISTINCT story_id FROM articles WHERE story_id = ANY(%b::uuid[])"
_LOCK_STORIES: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%b::bigint[]) AS key"

_REVISE: Final = """
    UPDATE articles a SET
        revision = n.revision, latest = n.latest, story_id = n.story_id, url = n.url,
        language = n.language, published_at = n.published_at, sort_at = n.sort_at, revised_at = n.revised_at,
        revised_feed_id = n.revised_feed_id, revised_poll_id = n.revised_poll_id
    FROM unnest(%b::uuid[], %b::int[], %b::int[], %b::uuid[], %b::text[], %b::text[],
                %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::bigint[], %b::bigint[])
        AS n(id, revision, latest, story_id, url, language, published_at, sort_at, revised_at, revised_feed_id,
            revised_poll_id)
    WHERE a.id = n.id"""
_MAKE_CURRENT: Final = """
    UPDATE revisions r SET current = (r.number = n.revision)
    FROM unnest(%b::uuid[], %b::int[]) AS n(id, revision)
    WHERE r.article_id = n.id AND r.current IS DISTINCT FROM (r.number = n.revision)"""
_COUNT: Final = """
    UPDATE articles a SET latest = greatest(a.latest, n.latest)
    FROM (SELECT id, max(latest) AS latest FROM unnest(%b::uuid[], %b::int[]) AS u(id, latest) GROUP BY id) AS n
    WHERE a.id = n.id"""
_MATCH: Final = """
    INSERT INTO matches (topic, article_id, revision, explanation, matched_at)
    SELECT n.topic, n.article_id, n.revision, n.explanation, %s
    FROM unnest(%b::text[], %b::uuid[], %b::int[], %b::jsonb[]) AS n(topic, article_id, revision, explanation)
    ON CONFLICT (topic, article_id) DO UPDATE
        SET revision = excluded.revision, explanation = excluded.explanation"""
_UNMATCH: Final = """
    DELETE FROM matches m USING unnest(%b::text[], %b::uuid[]) AS n(topic, article_id)
    WHERE m.topic = n.topic AND m.article_id = n.article_id"""
_QUARANTINE: Final = """
    INSERT INTO quarantine
        (quarantined_at, stage, topic, partition, "offset", key, value, headers, error, detail)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (topic, partition, "offset", md5(value)) DO NOTHING"""

_ARTICLE_COLUMNS: Final = {
    "id": "uuid",
    "revision": "int4",
    "latest": "int4",
    "story_id": "uuid",
    "feed_id": "int8",
    "url": "text",
    "source": "text",
    "language": "text",
    "published_at": "timestamptz",
    "first_seen_at": "timestamptz",
    "revised_at": "timestamptz",
    "revised_feed_id": "int8",
    "revised_poll_id": "int8",
    "sort_at": "timestamptz",
}
_REVISION_COLUMNS: Final = {
    "article_id": "uuid",
    "number": "int4",
    "current": "bool",
    "content_hash": "bytea",
    "seen_at": "timestamptz",
    "feed_id": "int8",
    "poll_id": "int8",
    "title": "text",
    "authors": "text[]",
    "publisher": "text",
    "attribution": "jsonb",
    "summary": "text",
    "text": "text",
    "html": "text",
    "guid": "text",
    "categories": "text[]",
    "image": "text",
    "updated_at": "timestamptz",
}
_SIGHTING_COLUMNS: Final = {
    "article_id": "uuid",
    "poll_id": "int8",
    "feed_id": "int8",
    "seen_at": "timestamptz",
    "effect": "text",
    "revision": "int4",
    "log_position": "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a batch of records."""

    sighted: frozenset[tuple[UUID, int]]
    """(article, poll) of the records that were taken before: repeats."""
    stored: Mapping[UUID, StoredArticle]
    stories: frozenset[UUID]
    """Those of the asked stories that have an article."""


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's connection below SQLAlchemy's: COPY and arrays are its own."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def lock_stories(connection: Connection, stories: Collection[UUID]) -> None:
    """Let nobody else add to these stories before this transaction ends."""
    keys = sorted({int.from_bytes(story.bytes[:8], signed=True) for story in stories})
    driver_of(connection).execute(_LOCK_STORIES, (keys,))


def load(connection: Connection, *, records: Sequence[tuple[UUID, int]], stories: Collection[UUID]) -> Known:
    """What is known of ``records`` (article id, sighting) and ``stories``; the stored articles are row-locked."""
    driver = driver_of(connection)
    articles = list({article for article, _ in records})
    rows = driver.execute(_STORED, (articles,)).fetchall()
    sighted = driver.execute(_SIGHTED, ([a for a, _ in records], [p for _, p in records])).fetchall()
    known_stories = driver.execute(_STORIES, (list(stories),)).fetchall()
    topics: dict[UUID, set[str]] = {row[0]: set() for row in rows}
    revisions: dict[UUID, dict[bytes, int]] = {row[0]: {} for row in rows}
    pages: dict[UUID, dict[bytes, int]] = {row[0]: {} for row in rows}
    named: dict[UUID, dict[bytes, list[bytes]]] = {row[0]: {} for row in rows}
    if rows:
        for article_id, digest, number in driver.execute(_PAGES, (list(pages),)):
            pages[article_id][bytes(digest)] = number
        for article_id, topic in driver.execute(_MATCHED, (list(topics),)):
            topics[article_id].add(topic)
        for article_id, digest, number, authors in driver.execute(_REVISIONS, (list(revisions),)):
            revisions[article_id][digest] = number
            if authors:
                named[article_id].setdefault(with_authors(digest, authors), []).append(digest)
    return Known(
        sighted=frozenset((row[0], row[1]) for row in sighted),
        stored={
            row[0]: StoredArticle(
                id=row[0],
                revision=row[1],
                latest=row[2],
                revisions=revisions[row[0]],
                story_id=row[3],
                first_seen_at=row[4],
                published_at=row[5],
                revised_at=row[6],
                feed_id=row[7],
                poll_id=row[8],
                topics=frozenset(topics[row[0]]),
                pages=pages[row[0]],
                versions_by_text=named[row[0]],
            )
            for row in rows
        },
        stories=frozenset(row[0] for row in known_stories),
    )


def write(connection: Connection, changes: Sequence[ArticleChange], *, now: datetime) -> None:
    """Write the rows of ``changes``, given in the order of their records; several may be of one article."""
    driver = driver_of(connection)
    moved = {c.article.id: c for c in changes if c.effect not in (Effect.UNCHANGED, Effect.LATE)}
    created = {c.article.id: c.article for c in changes if c.effect is Effect.CREATED}
    classified = [c for c in changes if c.effect in (Effect.CREATED, Effect.UPDATED)]
    late = [c for c in changes if c.effect is Effect.LATE]
    known = [change for article, change in moved.items() if article not in created]
    _copy(
        driver,
        "articles",
        _ARTICLE_COLUMNS,
        (_article_row(moved[article], first) for article, first in created.items()),
    )
    # Of the new rows that one is current which the last of the batch's records left so.
    shown = {article: change.revision for article, change in moved.items()}
    _copy(
        driver,
        "revisions",
        _REVISION_COLUMNS,
        (_revision_row(c, current=shown.get(c.article.id) == c.latest) for c in (*classified, *late)),
    )
    if known:
        _revise(driver, known)
        driver.execute(_MAKE_CURRENT, ([c.article.id for c in known], [c.revision for c in known]))
    if late:
        driver.execute(_COUNT, ([c.article.id for c in late], [c.latest for c in late]))
    _copy(driver, "sightings", _SIGHTING_COLUMNS, map(_sighting_row, changes))
    _write_matches(driver, classified, now=now)


def quarantine(
    connection: Connection, record: Record, *, stage: str, error: BaseException, now: datetime
) -> None:
    """Keep a record that cannot be handled, whole; a repeat of it changes nothing."""
    driver_of(connection).execute(
        _QUARANTINE,
        (
            now,
            stage,
            record.topic,
            record.partition,
            record.offset,
            _storable(record.key),
            record.value,
            Jsonb({_storable(name): _storable(value) for name, value in record.headers.items()}),
            type(error).__name__,
            _storable(str(error)[:4000]),
        ),
    )


def _storable(text: str) -> str:
    """``text`` as PostgreSQL holds it: a foreign producer may have put a NUL into a key or header."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def load_topics(connection: Connection) -> tuple[Topic, ...]:
    """The topics in force, by slug."""
    rows = driver_of(connection).execute(
        "SELECT slug, title, description, rule FROM topics WHERE NOT retired ORDER BY slug"
    )
    return tuple(Topic(slug=r[0], title=r[1], description=r[2], rule=r[3]) for r in rows)


def sort_time(*, published_at: datetime | None, first_seen_at: datetime) -> datetime:
    """What lists order by: the publisher's date, but never later than we first saw the article."""
    return first_seen_at if published_at is None else min(published_at, first_seen_at)


def _copy(
    driver: psycopg.Connection[Any], table: str, columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]
) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def _article_row(change: ArticleChange, first: Article) -> tuple[Any, ...]:
    """``first`` is what brought it; ``change`` what it came to within the batch."""
    article = change.article
    return (
        article.id,
        change.revision,
        change.latest,
        change.story_id,
        first.feed_id,
        article.url,
        first.source,
        article.language,
        change.published_at,
        change.first_seen_at,
        article.seen_at,
        change.feed_id,
        change.poll_id,
        sort_time(published_at=change.published_at, first_seen_at=change.first_seen_at),
    )


def _revision_row(change: ArticleChange, *, current: bool) -> tuple[Any, ...]:
    article = change.article
    return (
        article.id,
        change.latest,
        current,
        article.content_hash,
        article.seen_at,
        article.feed_id,
        article.poll_id,
        article.title,
        list(article.authors),
        article.publisher,
        None if article.attribution is None else Jsonb(asdict(article.attribution)),
        article.summary,
        article.text,
        article.html,
        article.guid,
        list(article.categories),
        article.image,
        article.updated_at,
    )


def _sighting_row(change: ArticleChange) -> tuple[Any, ...]:
    article, record = change.article, change.record
    place = f"{record.topic}/{record.partition}/{record.offset}"
    return (
        article.id,
        article.sighting,
        article.feed_id,
        article.seen_at,
        change.effect.value,
        change.revision,
        place,
    )


def _revise(driver: psycopg.Connection[Any], changes: Sequence[ArticleChange]) -> None:
    rows = [
        (
            c.article.id,
            c.revision,
            c.latest,
            c.story_id,
            c.article.url,
            c.article.language,
            c.published_at,
            sort_time(published_at=c.published_at, first_seen_at=c.first_seen_at),
            c.article.seen_at,
            c.feed_id,
            c.poll_id,
        )
        for c in changes
    ]
    driver.execute(_REVISE, [list(column) for column in zip(*rows, strict=True)])


def _write_matches(
    driver: psycopg.Connection[Any], changes: Sequence[ArticleChange], *, now: datetime
) -> None:
    """The matches as all of the changes leave them, in their order: one without a part in a topic may stay in it."""
    matched: dict[tuple[str, UUID], tuple[Any, ...]] = {}
    left: set[tuple[str, UUID]] = set()
    for change in changes:
        article = change.article.id
        for topic in change.topics_left:
            matched.pop((topic, article), None)
            left.add((topic, article))
        for match in change.matches:
            matched[match.topic, article] = (match.topic, article, change.revision, Jsonb(match.explanation))
            left.discard((match.topic, article))
    if matched:
        driver.execute(_MATCH, (now, *(list(column) for column in zip(*matched.values(), strict=True))))
    if left:
        driver.execute(_UNMATCH, tuple(list(column) for column in zip(*left, strict=True)))
