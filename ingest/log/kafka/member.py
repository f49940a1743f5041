"""A member of a consumer group."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import COMPONENT, Cluster, translate_errors
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
"""Time without a record after which the broker is probed: ``poll`` itself never fails."""
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
        self._last_response_at = 0.0  # monotonic time of the broker's last response
        self._generation = -1
        self._committed: dict[TopicPartition, int] = {}  # committed offsets of this generation

    def __enter__(self) -> KafkaSubscription:
        with self._cluster.admin() as admin:
            self._cluster.ensure_topics([self._topic], admin=admin)
        consumer = self._cluster.consumer(
            group_id=self._group,
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 4,
        )
        with translate_errors("joining a group"):
            consumer.partitions_for_topic(self._topic)  # without metadata the member would join twice
            consumer.subscribe([self._topic])
        self._consumer = consumer
        self._last_response_at = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with translate_errors("leaving the group"):
                consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that this member holds now."""
        return frozenset(each.partition for each in self._open().assignment())

    def poll(self, *, timeout: float, limit: int) -> list[Record]:
        consumer = self._open()
        with translate_errors(f"reading {self._topic}"):
            batches = consumer.poll(timeout_ms=max(0, round(timeout * 1000)), max_records=limit)
            self._check_generation(consumer)
            for partition in batches:
                self._committed_offset(consumer, partition)
        if batches:
            self._last_response_at = time.monotonic()
        elif time.monotonic() - self._last_response_at > PROBE_SECONDS:
            self._probe(consumer)
        return [_record(record) for batch in batches.values() for record in batch]

    def commit(self, records: Sequence[Record]) -> None:
        consumer = self._open()
        next_offsets: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            next_offsets[partition] = max(next_offsets.get(partition, 0), record.offset + 1)
        with translate_errors(f"committing offsets of {self._topic}"):
            self._check_generation(consumer)
            assigned = consumer.assignment()
            ahead = {
                partition: offset
                for partition, offset in next_offsets.items()
                if partition in assigned and offset > self._committed_offset(consumer, partition)
            }
            if not ahead:
                return
            try:
                consumer.commit(
                    {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in ahead.items()},
                    timeout_ms=self._cluster.timeout_ms,
                )
            except (
                CommitFailedError,
                IllegalGenerationError,
                RebalanceInProgressError,
                UnknownMemberIdError,
            ) as error:
                logger.info(
                    "this member is no longer in group %s, its commit is void: %s", self._group, error
                )
                return
        self._committed.update(ahead)

    def _open(self) -> KafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("a subscription is used inside its with block")
        return self._consumer

    def _check_generation(self, consumer: KafkaConsumer) -> None:
        """Discard the cached offsets when the group's generation changes: another member may have moved them."""
        generation = consumer.group_metadata().generation_id
        if generation != self._generation:
            self._generation = generation
            self._committed.clear()

    def _committed_offset(self, consumer: KafkaConsumer, partition: Any) -> int:
        """Return the group's committed offset, read once per generation; log records that retention deleted unread."""
        if partition not in self._committed:
            timeout = self._cluster.timeout_ms
            committed = consumer.committed(partition, timeout_ms=timeout)
            first = consumer.beginning_offsets([partition], timeout_ms=timeout)[partition]
            if committed is not None and committed < first:
                logger.error(
                    "%d records of %s/%d were deleted by retention before group %s read them",
                    *(first - committed, partition.topic, partition.partition, self._group),
                )
            self._committed[partition] = committed or 0
        return self._committed[partition]

    def _probe(self, consumer: KafkaConsumer) -> None:
        partition = TopicPartition(self._topic, 0)
        try:
            with translate_errors(f"reading {self._topic}"):
                consumer.end_offsets([partition], timeout_ms=PROBE_TIMEOUT_MS)
        except Unavailable as error:
            if not isinstance(error.__cause__, KafkaTimeoutError):
                raise
            waited = time.monotonic() - self._last_response_at
            if waited > self._cluster.timeout.total_seconds():
                raise Unavailable(
                    COMPONENT, f"reading {self._topic}: no response for {waited:.0f} s"
                ) from error
        else:
            self._last_response_at = time.monotonic()


def _record(record: Any) -> Record:
    """Convert a record; escape bytes of key and headers that are not UTF-8, which other producers may send."""
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="backslashreplace"),
        value=record.value or b"",
        headers={name: (value or b"").decode(errors="backslashreplace") for name, value in record.headers},
        appended_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
