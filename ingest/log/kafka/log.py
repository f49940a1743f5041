"""Appending, from any number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import BATCH_BYTES, PART, Cluster, check_message, translated, wire_headers
from ingest.log.kafka.library import KafkaError, KafkaProducer
from ingest.log.kafka.member import KafkaSubscription
from ingest.log.kafka.network import OPEN, Security
from ingest.types import Message

LINGER_MS: Final = 2
"""Appends of several threads that come this close together share a request."""


class KafkaLog:
    """:class:`ingest.log.api.Log` over Kafka; shared by threads. Log topics are made when first used.

    ``patience`` bounds how long a broker that is away is waited for; ``session_timeout`` how long the
    partitions of a member that died stay with it; ``retention`` is that of the log topics we make.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        partitions: int,
        replication: int,
        client_id: str = "news-ingest",
        patience: timedelta = timedelta(seconds=60),
        session_timeout: timedelta = timedelta(seconds=10),
        retention: timedelta | None = None,
        security: Security = OPEN,
    ) -> None:
        self._cluster = Cluster(
            bootstrap=bootstrap,
            client_id=client_id,
            partitions=partitions,
            replication=replication,
            patience=patience,
            retention=retention,
            security=security,
        )
        self._session_timeout = session_timeout
        self._lock = Lock()
        self._producers: dict[str, tuple[KafkaProducer, int]] = {}

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when every in-sync replica has them all.

        Raises:
            Unusable: a message that the log topic does not take; nothing was sent.
            Unavailable: no broker, or no acknowledgement, within ``patience``; any of them may be in the log.
        """
        if not messages:
            return
        producer, limit = self._ready(topic)
        for message in messages:
            check_message(message, limit=limit)
        try:
            self._send(producer, topic, messages)
        except Unavailable:
            self._forget(topic, producer)
            raise

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[KafkaSubscription]:
        """Join ``group`` on ``topic`` for the length of the ``with`` block."""
        return KafkaSubscription(self._cluster, topic, group, session_timeout=self._session_timeout)

    def lag(self, topic: str, *, group: str) -> int | None:
        """Records of ``topic`` that ``group`` has not yet committed; None where there is no such log topic.

        Raises:
            Unavailable: no broker answers within ``patience``.
        """
        return self._cluster.lag(topic, group=group)

    def check(self) -> None:
        """
        Raises:
            Unavailable: no broker answers within ``patience``.
        """
        with self._cluster.admin() as admin:
            admin.describe_topics([])

    def close(self) -> None:
        """Release the producers; a later append starts another."""
        with self._lock:
            producers = {topic: producer for topic, (producer, _) in self._producers.items()}
        for topic, producer in producers.items():
            self._forget(topic, producer)

    def _ready(self, topic: str) -> tuple[KafkaProducer, int]:
        """The log topic's producer, and how large a message may be."""
        with self._lock:
            if topic not in self._producers:
                with self._cluster.admin() as admin:
                    limit = self._cluster.ensure_topics([topic], admin=admin)[topic]
                producer = self._cluster.producer(linger_ms=LINGER_MS, batch_size=min(limit, BATCH_BYTES))
                self._producers[topic] = producer, limit
            return self._producers[topic]

    def _send(self, producer: KafkaProducer, topic: str, messages: Sequence[Message]) -> None:
        with translated(f"appending to {topic}"):
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
            raise Unavailable(PART, f"appending to {topic}: {failures[0]}") from failures[0]

    def _failure(self, future: Any) -> KafkaError | None:
        """How the message ended. The producer gives up after ``patience``; the double is in case it died."""
        try:
            future.get(timeout=2 * self._cluster.patience.total_seconds())
        except KafkaError as error:
            return error
        return None

    def _forget(self, topic: str, producer: KafkaProducer) -> None:
        """After a failure its sequence numbers mean nothing any more: the next append begins with another."""
        with self._lock:
            if topic in self._producers and self._producers[topic][0] is producer:
                del self._producers[topic]
        with translated("closing the producer"):
            producer.close(timeout=self._cluster.patience.total_seconds())
