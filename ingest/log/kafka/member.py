"""One member of a consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import PART, Cluster, translated
from ingest.log.kafka.library import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaConsumer,
    KafkaTimeoutError,
    OffsetAndMetadata,
    RebalanceInProgressError,
    TopicPartition,
    UnknownMemberIdError,
)
from ingest.types import Record

logger = logging.getLogger(__name__)

PROBE_SECONDS: Final = 5.0
"""After so long without a record the broker is asked for a sign of life: polling alone never fails."""
PROBE_TIMEOUT_MS: Final = 1000
CLOSE_TIMEOUT_MS: Final = 5000


class KafkaSubscription:
    """:class:`ingest.log.api.Subscription` over some of the partitions of one log topic. For one thread."""

    def __init__(self, cluster: Cluster, topic: str, group: str, *, session_timeout: timedelta) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._session_timeout_ms = round(session_timeout.total_seconds() * 1000)
        self._consumer: KafkaConsumer | None = None
        self._answered = 0.0  # monotonic: when the broker last gave a sign of life
        self._generation = -1
        self._committed: dict[TopicPartition, int] = {}  # of this generation: the next offset the group reads

    def __enter__(self) -> KafkaSubscription:
        with self._cluster.admin() as admin:
            self._cluster.ensure_topics([self._topic], admin=admin)
        consumer = self._cluster.consumer(
            group_id=self._group,
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 4,
        )
        with translated("joining a group"):
            consumer.partitions_for_topic(self._topic)  # or it joins knowing none, and the group joins twice
            consumer.subscribe([self._topic])
        self._consumer = consumer
        self._answered = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with translated("leaving the group"):
                consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that this member holds now."""
        return frozenset(place.partition for place in self._open().assignment())

    def poll(self, *, timeout: float, limit: int) -> list[Record]:
        consumer = self._open()
        with translated(f"reading {self._topic}"):
            found = consumer.poll(timeout_ms=max(0, round(timeout * 1000)), max_records=limit)
            self._renew(consumer)
            for place in found:
                self._position(consumer, place)
        if found:
            self._answered = time.monotonic()
        elif time.monotonic() - self._answered > PROBE_SECONDS:
            self._probe(consumer)
        return [_record(one) for records in found.values() for one in records]

    def commit(self, records: Sequence[Record]) -> None:
        consumer = self._open()
        done: dict[TopicPartition, int] = {}
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            done[place] = max(done.get(place, 0), record.offset + 1)
        with translated(f"committing offsets of {self._topic}"):
            self._renew(consumer)
            held = consumer.assignment()
            ahead = {
                place: following
                for place, following in done.items()
                if place in held and following > self._position(consumer, place)
            }
            if not ahead:
                return
            try:
                consumer.commit(
                    {place: OffsetAndMetadata(following, "", -1) for place, following in ahead.items()},
                    timeout_ms=self._cluster.patience_ms,
                )
            except (
                CommitFailedError,
                IllegalGenerationError,
                RebalanceInProgressError,
                UnknownMemberIdError,
            ) as lost:
                logger.info(
                    "group %s moved on without this member, its commit is void: %s", self._group, lost
                )
                return
        self._committed.update(ahead)

    def _open(self) -> KafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("a subscription is used inside its with block")
        return self._consumer

    def _renew(self, consumer: KafkaConsumer) -> None:
        """Forget the group's positions with its generation: others may have moved them since."""
        generation = consumer.group_metadata().generation_id
        if generation != self._generation:
            self._generation = generation
            self._committed.clear()

    def _position(self, consumer: KafkaConsumer, place: Any) -> int:
        """Where the group stands in ``place``, asked once in a generation. Logs what retention took."""
        if place not in self._committed:
            timeout = self._cluster.patience_ms
            committed = consumer.committed(place, timeout_ms=timeout)
            first = consumer.beginning_offsets([place], timeout_ms=timeout)[place]
            if committed is not None and committed < first:
                logger.error(
                    "%d records of %s/%d were deleted by retention before group %s read them",
                    *(first - committed, place.topic, place.partition, self._group),
                )
            self._committed[place] = committed or 0
        return self._committed[place]

    def _probe(self, consumer: KafkaConsumer) -> None:
        place = TopicPartition(self._topic, 0)
        try:
            with translated(f"reading {self._topic}"):
                consumer.end_offsets([place], timeout_ms=PROBE_TIMEOUT_MS)
        except Unavailable as silence:
            if not isinstance(silence.__cause__, KafkaTimeoutError):
                raise
            waited = time.monotonic() - self._answered
            if waited > self._cluster.patience.total_seconds():
                raise Unavailable(PART, f"reading {self._topic}: no answer for {waited:.0f} s") from silence
        else:
            self._answered = time.monotonic()


def _record(found: Any) -> Record:
    """Foreign producers may put any bytes into key and headers: what is no text is escaped."""
    return Record(
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
        key=(found.key or b"").decode(errors="backslashreplace"),
        value=found.value or b"",
        headers={name: (value or b"").decode(errors="backslashreplace") for name, value in found.headers},
        appended_at=datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )
