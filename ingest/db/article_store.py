"""Read and write articles for ``persist``, always inside the caller's transaction.

::

    lock_stories   the stories of a batch, in one order: two consumers cannot both be the first of a story
    load           the stored state of a batch: repeats, articles (row-locked), stories
    write          COPY of new rows; UPDATE … FROM unnest of the few rows that change; the search rows of both
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from ingest.db.engine import driver_of
from ingest.db.search_rows import SearchRow, copy_rows, delete_rows, place_rows, stored_segments
from ingest.db.search_segments import Period
from ingest.identity import with_authors
from ingest.revise import StoredBatch
from ingest.types import (
    MAX_CLOCK_SKEW,
    Article,
    ArticleChange,
    Effect,
    StoredArticle,
)

_SIGHTINGS: Final = """
    SELECT s.article_id, s.poll_id FROM sightings s
    JOIN unnest(%b::uuid[], %b::bigint[]) AS n(article_id, poll_id) USING (article_id, poll_id)"""
_ARTICLES: Final = """
    SELECT id, revision, latest, story_id, first_seen_at, published_at, revised_at, revised_feed_id, revised_poll_id
    FROM articles WHERE id = ANY(%b::uuid[]) ORDER BY id FOR UPDATE"""
_TOPICS: Final = "SELECT article_id, topic FROM matches WHERE article_id = ANY(%b::uuid[])"
_REVISIONS: Final = """
    SELECT article_id, content_hash, number, authors FROM revisions
    WHERE article_id = ANY(%b::uuid[]) ORDER BY number"""
_PAGES: Final = """
    SELECT article_id, content_hash, revision FROM pages
    WHERE article_id = ANY(%b::uuid[]) AND revision IS NOT NULL"""
_STORIES: Final = "SELECT DISTINCT story_id FROM articles WHERE story_id = ANY(%b::uuid[])"
_LOCK_STORIES: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%b::bigint[]) AS key"

_UPDATE_ARTICLES: Final = """
    UPDATE articles a SET
        revision = n.revision, latest = n.latest, story_id = n.story_id, url = n.url,
        language = n.language, declared_language = n.declared_language, detected_language = n.detected_language,
        language_confidence = n.language_confidence, published_at = n.published_at, sort_at = n.sort_at,
        revised_at = n.revised_at, revised_feed_id = n.revised_feed_id, revised_poll_id = n.revised_poll_id,
        search_segment = n.search_segment
    FROM unnest(%b::uuid[], %b::int[], %b::int[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[],
                %b::float8[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::bigint[], %b::bigint[],
                %b::int[])
        AS n(id, revision, latest, story_id, url, language, declared_language, detected_language,
            language_confidence, published_at, sort_at, revised_at, revised_feed_id, revised_poll_id, search_segment)
    WHERE a.id = n.id"""
_MOVE_MATCHES: Final = """
    UPDATE matches m SET sort_at = n.sort_at FROM unnest(%b::uuid[], %b::timestamptz[]) AS n(id, sort_at)
    WHERE m.article_id = n.id AND m.sort_at <> n.sort_at"""
_SET_CURRENT: Final = """
    UPDATE revisions r SET current = (r.number = n.revision)
    FROM unnest(%b::uuid[], %b::int[]) AS n(id, revision)
    WHERE r.article_id = n.id AND r.current IS DISTINCT FROM (r.number = n.revision)"""
_RAISE_LATEST: Final = """
    UPDATE articles a SET latest = greatest(a.latest, n.latest)
    FROM (SELECT id, max(latest) AS latest FROM unnest(%b::uuid[], %b::int[]) AS u(id, latest) GROUP BY id) AS n
    WHERE a.id = n.id"""
_UPSERT_MATCHES: Final = """
    INSERT INTO matches (topic, article_id, revision, explanation, sort_at, matched_at)
    SELECT n.topic, n.article_id, n.revision, n.explanation, n.sort_at, %s
    FROM unnest(%b::text[], %b::uuid[], %b::int[], %b::jsonb[], %b::timestamptz[])
        AS n(topic, article_id, revision, explanation, sort_at)
    ON CONFLICT (topic, article_id) DO UPDATE
        SET revision = excluded.revision, explanation = excluded.explanation, sort_at = excluded.sort_at"""
_DELETE_MATCHES: Final = """
    DELETE FROM matches m USING unnest(%b::text[], %b::uuid[]) AS n(topic, article_id)
    WHERE m.topic = n.topic AND m.article_id = n.article_id"""
_ARTICLE_COLUMNS: Final = {
    "id": "uuid",
    "revision": "int4",
    "latest": "int4",
    "story_id": "uuid",
    "feed_id": "int8",
    "url": "text",
    "source": "text",
    "language": "text",
    "declared_language": "text",
    "detected_language": "text",
    "language_confidence": "float8",
    "published_at": "timestamptz",
    "first_seen_at": "timestamptz",
    "revised_at": "timestamptz",
    "revised_feed_id": "int8",
    "revised_poll_id": "int8",
    "sort_at": "timestamptz",
    "search_segment": "int4",
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
    "removed": "jsonb",
    "parser_version": "int2",
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
class SearchIndex:
    """The means to index the articles of a batch, prepared before its transaction."""

    vector: Callable[[Article], str]
    """Returns the search vector of an article."""
    segments: Mapping[Period, int]
    index_version: int


def lock_stories(connection: Connection, stories: Collection[UUID]) -> None:
    """Let no other transaction add to these stories before this one ends."""
    keys = sorted({int.from_bytes(story.bytes[:8], signed=True) for story in stories})
    driver_of(connection).execute(_LOCK_STORIES, (keys,))


def load(
    connection: Connection,
    *,
    sightings: Sequence[tuple[UUID, int]],
    stories: Collection[UUID],
    now: datetime,
) -> StoredBatch:
    """Return the stored state of a batch with these sightings (article, poll) and stories; lock the articles' rows."""
    driver = driver_of(connection)
    article_ids = list({article for article, _ in sightings})
    rows = driver.execute(_ARTICLES, (article_ids,)).fetchall()
    repeats = driver.execute(_SIGHTINGS, ([a for a, _ in sightings], [p for _, p in sightings])).fetchall()
    stored_stories = driver.execute(_STORIES, (list(stories),)).fetchall()
    topics: dict[UUID, set[str]] = {row[0]: set() for row in rows}
    revisions: dict[UUID, dict[bytes, int]] = {row[0]: {} for row in rows}
    pages: dict[UUID, dict[bytes, int]] = {row[0]: {} for row in rows}
    versions: dict[UUID, dict[bytes, list[bytes]]] = {row[0]: {} for row in rows}
    if rows:
        for article_id, content_hash, number in driver.execute(_PAGES, (list(pages),)):
            pages[article_id][bytes(content_hash)] = number
        for article_id, topic in driver.execute(_TOPICS, (list(topics),)):
            topics[article_id].add(topic)
        for article_id, content_hash, number, authors in driver.execute(_REVISIONS, (list(revisions),)):
            revisions[article_id][content_hash] = number
            if authors:
                hash_without_authors = with_authors(content_hash, authors)
                versions[article_id].setdefault(hash_without_authors, []).append(content_hash)
    return StoredBatch(
        sightings=frozenset((row[0], row[1]) for row in repeats),
        articles={
            row[0]: StoredArticle(
                id=row[0],
                revision=row[1],
                latest=row[2],
                revisions=revisions[row[0]],
                story_id=row[3],
                first_seen_at=row[4],
                published_at=row[5],
                # A clock that was ahead must not make all later versions late.
                revised_at=row[6] if row[6] <= now + MAX_CLOCK_SKEW else None,
                feed_id=row[7],
                poll_id=row[8],
                topics=frozenset(topics[row[0]]),
                pages=pages[row[0]],
                versions_by_text=versions[row[0]],
            )
            for row in rows
        },
        stories=frozenset(row[0] for row in stored_stories),
    )


def write(
    connection: Connection, changes: Sequence[ArticleChange], index: SearchIndex, *, now: datetime
) -> None:
    """Write the rows of ``changes``, which are in the order of their records; several may be of one article."""
    driver = driver_of(connection)
    # The last change per article that sets its current revision.
    current = {c.article.id: c for c in changes if c.effect not in (Effect.UNCHANGED, Effect.LATE)}
    created = {c.article.id: c.article for c in changes if c.effect is Effect.CREATED}
    classified = [c for c in changes if c.effect in (Effect.CREATED, Effect.UPDATED)]
    late = [c for c in changes if c.effect is Effect.LATE]
    updated = [change for article, change in current.items() if article not in created]
    placed = place_rows(
        connection,
        {article: _sort_time(change) for article, change in current.items()},
        segments=index.segments,
        index_version=index.index_version,
    )
    _copy(
        driver,
        "articles",
        _ARTICLE_COLUMNS,
        (_article_row(current[article], first, placed[article]) for article, first in created.items()),
    )
    numbers = {article: change.revision for article, change in current.items()}
    _copy(
        driver,
        "revisions",
        _REVISION_COLUMNS,
        (_revision_row(c, current=numbers.get(c.article.id) == c.latest) for c in (*classified, *late)),
    )
    if updated:
        delete_rows(driver, stored_segments(driver, [c.article.id for c in updated]))
        _update_articles(driver, updated, placed)
        driver.execute(_SET_CURRENT, ([c.article.id for c in updated], [c.revision for c in updated]))
    if late:
        driver.execute(_RAISE_LATEST, ([c.article.id for c in late], [c.latest for c in late]))
    copy_rows(driver, (_search_row(change, index) for change in current.values()), placed)
    _copy(driver, "sightings", _SIGHTING_COLUMNS, map(_sighting_row, changes))
    _write_matches(driver, classified, now=now)


def sort_time(*, published_at: datetime | None, first_seen_at: datetime) -> datetime:
    """Return the time that orders lists: the publisher's date, but never later than the first sighting."""
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


def _sort_time(change: ArticleChange) -> datetime:
    return sort_time(published_at=change.published_at, first_seen_at=change.first_seen_at)


def _search_row(change: ArticleChange, index: SearchIndex) -> SearchRow:
    article = change.article
    return SearchRow(
        article_id=article.id,
        sort_at=_sort_time(change),
        language=article.language,
        vector=index.vector(article),
    )


def _article_row(change: ArticleChange, first: Article, segment: int | None) -> tuple[Any, ...]:
    """Return the row of a new article: ``first`` is its first version, ``change`` the last change in the batch."""
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
        article.declared_language,
        article.detected_language,
        article.language_confidence,
        change.published_at,
        change.first_seen_at,
        article.seen_at,
        change.feed_id,
        change.poll_id,
        _sort_time(change),
        segment,
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
        Jsonb([asdict(line) for line in article.removed]) if article.removed else None,
        article.parser_version or None,
    )


def _sighting_row(change: ArticleChange) -> tuple[Any, ...]:
    article, record = change.article, change.record
    log_position = f"{record.topic}/{record.partition}/{record.offset}"
    return (
        article.id,
        article.sighting,
        article.feed_id,
        article.seen_at,
        change.effect.value,
        change.revision,
        log_position,
    )


def _update_articles(
    driver: psycopg.Connection[Any],
    changes: Sequence[ArticleChange],
    segments: Mapping[UUID, int | None],
) -> None:
    rows = [
        (
            c.article.id,
            c.revision,
            c.latest,
            c.story_id,
            c.article.url,
            c.article.language,
            c.article.declared_language,
            c.article.detected_language,
            c.article.language_confidence,
            c.published_at,
            _sort_time(c),
            c.article.seen_at,
            c.feed_id,
            c.poll_id,
            segments[c.article.id],
        )
        for c in changes
    ]
    driver.execute(_UPDATE_ARTICLES, [list(column) for column in zip(*rows, strict=True)])
    driver.execute(_MOVE_MATCHES, ([c.article.id for c in changes], [_sort_time(c) for c in changes]))


def _write_matches(
    driver: psycopg.Connection[Any], changes: Sequence[ArticleChange], *, now: datetime
) -> None:
    """Write the matches after the last change; a change may keep an article in a topic without a match of its own."""
    matched: dict[tuple[str, UUID], tuple[Any, ...]] = {}
    left: set[tuple[str, UUID]] = set()
    for change in changes:
        article = change.article.id
        for topic in change.topics_left:
            matched.pop((topic, article), None)
            left.add((topic, article))
        for match in change.matches:
            explanation = Jsonb(match.explanation)
            matched[match.topic, article] = (
                match.topic,
                article,
                change.revision,
                explanation,
                _sort_time(change),
            )
            left.discard((match.topic, article))
    if matched:
        driver.execute(
            _UPSERT_MATCHES, (now, *(list(column) for column in zip(*matched.values(), strict=True)))
        )
    if left:
        driver.execute(_DELETE_MATCHES, tuple(list(column) for column in zip(*left, strict=True)))
