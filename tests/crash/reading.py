"""Read the state of the service for :mod:`tests.crash.compare`: store, streams, API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.request import urlopen

from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.log.api import ARTICLES, stream_topic
from tests.crash.compare import StoredRevision
from tests.crash.subscriber import ReceivedEvent, received_event

_REVISIONS: Final = """
    SELECT coalesce(a.url, ''), a.id::text, r.number, r.title, r.text
    FROM articles a JOIN revisions r ON r.article_id = a.id ORDER BY a.id, r.number"""
_PROGRESS: Final = """
    SELECT (SELECT count(*) FROM revisions),
           (SELECT count(*) FROM quarantine WHERE replayed_at IS NULL),
           (SELECT coalesce(sum(t.next_offset - g.next_offset), 0)
            FROM log_groups g JOIN log_topics t ON t.id = g.topic_id WHERE t.name = :articles)"""
_EVENTS: Final = """
    SELECT r."offset", r.headers->>'kind', convert_from(r.value, 'UTF8')
    FROM log_records r JOIN log_topics t ON t.id = r.topic_id WHERE t.name = :topic ORDER BY r."offset" """
PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the service has got, in figures that are cheap to query."""

    revisions: int
    quarantined: int
    """Records in quarantine that were not replayed."""
    behind: int
    """Records of ``news.articles`` in the embedded log that the consumer group has not committed."""
    cursors: dict[str, int]
    """The last cursor of each stream, by the topic's slug."""


def progress(engine: Engine, topics: tuple[str, ...]) -> Progress:
    """Query how far the service has got.

    Raises:
        Unavailable: the database is away.
    """
    with transaction(engine) as connection:
        row = connection.execute(text(_PROGRESS), {"articles": ARTICLES}).one()
        offsets: dict[str, int] = dict(
            connection.execute(text("SELECT name, next_offset - 1 FROM log_topics")).all()
        )
    return Progress(
        revisions=row[0],
        quarantined=row[1],
        behind=int(row[2]),
        cursors={topic: offsets.get(stream_topic(topic), 0) for topic in topics},
    )


def hasten_pages(engine: Engine) -> None:
    """Retry failed page fetches at once: on a busy machine they fail, and their back-off is not under test here."""
    with transaction(engine) as connection:
        connection.execute(
            text(
                "UPDATE pages SET due_at = now() WHERE state = 'waiting' AND failure IS NOT NULL AND leased_at IS NULL"
            )
        )


def stored_revisions(engine: Engine) -> list[StoredRevision]:
    with transaction(engine) as connection:
        return [
            StoredRevision(url=row[0], id=row[1], number=row[2], title=row[3], text=row[4])
            for row in connection.execute(text(_REVISIONS))
        ]


def stream_events(engine: Engine, topic: str) -> list[ReceivedEvent]:
    """Return the events in the stream's table."""
    with transaction(engine) as connection:
        rows = connection.execute(text(_EVENTS), {"topic": stream_topic(topic)}).all()
    return [received_event(cursor, kind, json.loads(value)) for cursor, kind, value in rows]


def stream_pages(port: int, topic: str) -> list[ReceivedEvent]:
    """Return the events that the API lists."""
    received: list[ReceivedEvent] = []
    after = 0
    while True:
        page = _get(port, f"/v1/topics/{topic}/events?after={after}&limit={PAGE}")
        events = page["events"]
        if not events:
            return received
        received += [received_event(event["cursor"], event["kind"], event) for event in events]
        after = page["next_after"]


def _get(port: int, path: str) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        body: dict[str, Any] = json.load(response)
    return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    leased: dict[int, int]
    """Feed by poll, for every lease ever granted."""
    recorded: list[int]
    """Polls that have an outcome."""
    current: list[int]


def leases(engine: Engine) -> Leases:
    with transaction(engine) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        current = list(
            connection.scalars(text("SELECT lease_poll_id FROM feeds WHERE lease_poll_id IS NOT NULL"))
        )
        leased: dict[int, int] = dict(
            connection.execute(text("SELECT poll_id, feed_id FROM crash_leases")).all()
        )
        recorded = list(connection.scalars(text("SELECT id FROM polls WHERE result <> 'pushed'")))
    return Leases(leased=leased, recorded=recorded, current=current)


def quarantined(engine: Engine) -> list[str]:
    """Describe each quarantined record that was not replayed, one line for each."""
    query = """SELECT topic, partition, "offset", error, detail
        FROM quarantine WHERE replayed_at IS NULL ORDER BY id"""
    with transaction(engine) as connection:
        return [f"{r[0]}/{r[1]}/{r[2]}: {r[3]}: {r[4][:300]}" for r in connection.execute(text(query))]


def partitions_used(engine: Engine) -> set[int]:
    """Return the partitions of ``news.articles`` from which records were stored."""
    query = "SELECT DISTINCT split_part(log_position, '/', 2)::int FROM sightings WHERE log_position LIKE :articles"
    with transaction(engine) as connection:
        return set(connection.scalars(text(query), {"articles": f"{ARTICLES}/%"}))
