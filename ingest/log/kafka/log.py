"""The thread-safe part of the log: appending and joining consumer groups."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import (
    BATCH_BYTES,
    COMPONENT,
    Cluster,
    check_message,
    translate_errors,
    wire_headers,
)
from ingest.log.kafka.library import KafkaError, KafkaProducer
from ingest.log.kafka.member import KafkaSubscription
from ingest.log.kafka.network import PLAINTEXT, Security
from ingest.types import Message

LINGER_MS: Final = 2
"""Appends of several threads within this time share a request."""


class KafkaLog:
    """:class:`ingest.log.api.Log` over Kafka; shared by threads. Log topics are created at their first use.

    Args:
        timeout: limit of waiting for an absent broker.
        session_timeout: time after which the partitions of a dead member are reassigned.
        retention: retention of the log topics we create.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        partitions: int,
        replication: int,
        client_id: str = "news-ingest",
        timeout: timedelta = timedelta(seconds=60),
        session_timeout: timedelta = timedelta(seconds=10),
        retention: timedelta | None = None,
        security: Security = PLAINTEXT,
    ) -> None:
        self._cluster = Cluster(
            bootstrap=bootstrap,
            client_id=client_id,
            partitions=partitions,
            replication=replication,
            timeout=timeout,
            retention=retention,
            security=security,
        )
        self._session_timeout = session_timeout
        self._lock = Lock()
        self._producers: dict[str, tuple[KafkaProducer, int]] = {}

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Append messages; return when every in-sync replica has them.

        Raises:
            Unusable: the log topic does not accept a message; nothing was sent.
            Unavailable: no broker or no acknowledgement within ``timeout``; any of the messages may be in the log.
        """
        if not messages:
            return
        producer, limit = self._producer(topic)
        for message in messages:
            check_message(message, limit=limit)
        try:
            self._send(producer, topic, messages)
        except Unavailable:
            self._discard_producer(topic, producer)
            raise

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[KafkaSubscription]:
        """Join ``group`` on ``topic`` for the length of the ``with`` block."""
        return KafkaSubscription(self._cluster, topic, group, session_timeout=self._session_timeout)

    def lag(self, topic: str, *, group: str) -> int | None:
        """Return the number of records that ``group`` has not committed; None if the log topic does not exist.

        Raises:
            Unavailable: no broker responds within ``timeout``.
        """
        return self._cluster.lag(topic, group=group)

    def check(self) -> None:
        """Check that a broker responds.

        Raises:
            Unavailable: no broker responds within ``timeout``.
        """
        with self._cluster.admin() as admin:
            admin.describe_topics([])

    def close(self) -> None:
        """Close the producers; a later append starts a new one."""
        with self._lock:
            producers = {topic: producer for topic, (producer, _) in self._producers.items()}
        for topic, producer in producers.items():
            self._discard_producer(topic, producer)

    def _producer(self, topic: str) -> tuple[KafkaProducer, int]:
        """Return the log topic's producer and its maximum message size."""
        with self._lock:
            if topic not in self._producers:
                with self._cluster.admin() as admin:
                    limit = self._cluster.ensure_topics([topic], admin=admin)[topic]
                producer = self._cluster.producer(linger_ms=LINGER_MS, batch_size=min(limit, BATCH_BYTES))
                self._producers[topic] = producer, limit
            return self._producers[topic]

    def _send(self, producer: KafkaProducer, topic: str, messages: Sequence[Message]) -> None:
        with translate_errors(f"appending to {topic}"):
            futures = [
                producer.send(
                    topic,
                    key=message.key.encode(),
                    value=message.value,
                    headers=wire_headers(message.headers),
                )
                for message in messages
            ]
        failures = [error for error in map(self._failure, futures) if error is not None]
        if failures:
            raise Unavailable(COMPONENT, f"appending to {topic}: {failures[0]}") from failures[0]

    def _failure(self, future: Any) -> KafkaError | None:
        """Return the error of a sent message, None if it was acknowledged.

        The producer gives up after ``timeout``; twice that time means that the producer is dead.
        """
        try:
            future.get(timeout=2 * self._cluster.timeout.total_seconds())
        except KafkaError as error:
            return error
        return None

    def _discard_producer(self, topic: str, producer: KafkaProducer) -> None:
        """Discard a failed producer: its sequence numbers are no longer valid, so the next append starts a new one."""
        with self._lock:
            if topic in self._producers and self._producers[topic][0] is producer:
                del self._producers[topic]
        with translate_errors("closing the producer"):
            producer.close(timeout=self._cluster.timeout.total_seconds())
