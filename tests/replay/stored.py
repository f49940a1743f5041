"""The result of a replay: store, log and streams, read into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.log.api import ALERTS, ARTICLES, stream_topic

EVERYTHING: Final = "everything"
"""Topic that every article matches: its stream must contain each revision once."""

_RECORDS: Final = """
    SELECT concat(t.name, '/0/', r."offset"), v.body->>'feed_id', v.body->>'poll_id', v.body->>'entry_key',
        v.body->>'id', v.body->>'content_hash'
    FROM log_topics t JOIN log_records r ON r.topic_id = t.id,
        LATERAL (SELECT convert_from(r.value, 'UTF8')::json AS body) v
    WHERE t.name = :topic ORDER BY r."offset" """
_EVENTS: Final = """
    SELECT r."offset", r.headers->>'kind', r.key, (convert_from(r.value, 'UTF8')::json #>> '{article,revision}')::int
    FROM log_topics t JOIN log_records r ON r.topic_id = t.id WHERE t.name = :topic ORDER BY r."offset" """
_POLLS: Final = """
    SELECT id, feed_id, result, status, failure, detail, entries, appended, duplicates FROM polls
    WHERE id > :after ORDER BY id"""
_TOTALS: Final = f"""
    SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM revisions), (SELECT count(*) FROM matches),
        (SELECT coalesce(sum(next_offset - 1), 0) FROM log_topics WHERE name NOT IN ('{ARTICLES}', '{ALERTS}')),
        (SELECT count(*) FROM quarantine)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A row of ``polls``."""

    id: int
    feed_id: int
    result: str
    status: int | None
    failure: str | None
    detail: str | None
    entries: int
    appended: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts that a second replay must not change: everything except polls and feed alerts."""

    articles: int
    revisions: int
    matches: int
    events: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendedRecord:
    """A record of ``news.articles``, without its article."""

    log_position: str
    feed_id: int
    poll_id: int
    key: bytes
    article_id: UUID
    content_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    content_hash: bytes
    title: str
    text: str
    poll_id: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    effect: str
    revision: int
    log_position: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The whole store."""

    urls: Mapping[UUID, str | None]
    """Canonical URL of every article."""
    revisions: Mapping[UUID, Mapping[int, Revision]]
    sightings: Mapping[tuple[UUID, int], Sighting]
    """Sightings by article and poll."""
    seen: Mapping[tuple[int, bytes], UUID]
    """Article of each entry key, by feed and key."""
    quarantined: Sequence[str]
    events: Sequence[tuple[int, str, UUID, int]]
    """Cursor, kind, article and revision of each event on the stream ``everything``."""


def new_polls(engine: Engine, *, after: int) -> list[Poll]:
    """Return the polls whose id is greater than ``after``, in order."""
    with transaction(engine) as connection:
        rows = connection.execute(text(_POLLS), {"after": after}).mappings()
        return [Poll(**row) for row in rows]


def totals(engine: Engine) -> Totals:
    with transaction(engine) as connection:
        row = connection.execute(text(_TOTALS)).one()
    return Totals(articles=row[0], revisions=row[1], matches=row[2], events=int(row[3]), quarantined=row[4])


def read_stored(engine: Engine) -> Stored:
    revisions: dict[UUID, dict[int, Revision]] = {}
    with transaction(engine) as connection:
        urls: dict[UUID, str | None] = dict(connection.execute(text("SELECT id, url FROM articles")).all())
        for row in connection.execute(
            text(
                "SELECT article_id, number, content_hash, title, text, poll_id, current FROM revisions ORDER BY 1, 2"
            )
        ):
            revisions.setdefault(row[0], {})[row[1]] = Revision(
                content_hash=bytes(row[2]), title=row[3], text=row[4], poll_id=row[5], current=row[6]
            )
        sightings = {
            (row[0], row[1]): Sighting(effect=row[2], revision=row[3], log_position=row[4])
            for row in connection.execute(
                text("SELECT article_id, poll_id, effect, revision, log_position FROM sightings")
            )
        }
        seen = {
            (row[0], bytes(row[1])): row[2]
            for row in connection.execute(text("SELECT feed_id, key, article_id FROM seen"))
        }
        quarantined = [
            f"{row[0]}/{row[1]}/{row[2]}: {row[3]}: {row[4][:300]}"
            for row in connection.execute(
                text('SELECT topic, partition, "offset", error, detail FROM quarantine ORDER BY id')
            )
        ]
        events = [
            (row[0], row[1], UUID(row[2]), row[3])
            for row in connection.execute(text(_EVENTS), {"topic": stream_topic(EVERYTHING)})
        ]
    return Stored(
        urls=urls,
        revisions=revisions,
        sightings=sightings,
        seen=seen,
        quarantined=quarantined,
        events=events,
    )


def records_in_postgres(engine: Engine) -> Iterator[AppendedRecord]:
    """Yield every record of ``news.articles`` in the embedded log, in its order."""
    with transaction(engine) as connection:
        for log_position, *fields in connection.execute(text(_RECORDS), {"topic": ARTICLES}):
            yield _record(log_position, *fields)


def records_in_kafka(bootstrap: str) -> Iterator[AppendedRecord]:
    """Yield every record of ``news.articles`` in Kafka, in the order of each partition."""
    for log_position, value in kafka_records(bootstrap):
        body = json.loads(value)
        yield _record(
            log_position,
            body["feed_id"],
            body["poll_id"],
            body["entry_key"],
            body["id"],
            body["content_hash"],
        )


def kafka_records(bootstrap: str) -> Iterator[tuple[str, bytes]]:
    """Yield log position and value of every record that is in the log topic now."""
    from ingest.log.kafka.library import KafkaConsumer, TopicPartition

    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    try:
        partitions = [
            TopicPartition(ARTICLES, number) for number in consumer.partitions_for_topic(ARTICLES) or ()
        ]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=1000, max_records=2000).values():
                for record in records:
                    yield f"{record.topic}/{record.partition}/{record.offset}", record.value
    finally:
        consumer.close(autocommit=False)


def kafka_lag(bootstrap: str, group: str) -> int:
    """Count the records of ``news.articles`` that ``group`` has not committed."""
    from ingest.log.kafka.library import KafkaConsumer, TopicPartition

    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    try:
        partitions = [
            TopicPartition(ARTICLES, number) for number in consumer.partitions_for_topic(ARTICLES) or ()
        ]
        ends = consumer.end_offsets(partitions)
        return sum(ends[partition] - (consumer.committed(partition) or 0) for partition in partitions)
    finally:
        consumer.close(autocommit=False)


def postgres_lag(engine: Engine, group: str) -> int:
    """Count the records of ``news.articles`` that ``group`` has not committed."""
    query = """
        SELECT t.next_offset - coalesce(g.next_offset, 1) FROM log_topics t
        LEFT JOIN log_groups g ON g.topic_id = t.id AND g.name = :group WHERE t.name = :topic"""
    with transaction(engine) as connection:
        return connection.execute(text(query), {"group": group, "topic": ARTICLES}).scalar() or 0


def _record(
    log_position: str, feed_id: Any, poll_id: Any, key: str, article_id: str, content_hash: str
) -> AppendedRecord:
    return AppendedRecord(
        log_position=log_position,
        feed_id=int(feed_id),
        poll_id=int(poll_id),
        key=bytes.fromhex(key),
        article_id=UUID(article_id),
        content_hash=bytes.fromhex(content_hash),
    )
