"""Appending, from any number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock
from typing import Any, Final

from ingest.errors import Unavailable, Unusable
from ingest.log.kafka.client import PART, Cluster, check_message, message_bytes, translated, wire_headers
from ingest.log.kafka.library import (
    KafkaError,
    KafkaProducer,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from ingest.log.kafka.member import KafkaSubscription
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
    ) -> None:
        self._cluster = Cluster(
            bootstrap=bootstrap,
            client_id=client_id,
            partitions=partitions,
            replication=replication,
            patience=patience,
            retention=retention,
        )
        self._session_timeout = session_timeout
        self._lock = Lock()
        self._producer: KafkaProducer | None = None
        self._known: set[str] = set()

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when every in-sync replica has them all.

        Raises:
            Unusable: a message that the log does not take. Where we knew the limit, nothing was sent; where
                only the broker knew it, the others may be in the log.
            Unavailable: no broker, or no acknowledgement, within ``patience``; any of them may be in the log.
        """
        for message in messages:
            check_message(message)
        if not messages:
            return
        producer = self._ready(topic)
        try:
            self._send(producer, topic, messages)
        except Unavailable:
            self._forget(producer)
            raise

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[KafkaSubscription]:
        """Join ``group`` on ``topic`` for the length of the ``with`` block."""
        return KafkaSubscription(self._cluster, topic, group, session_timeout=self._session_timeout)

    def check(self) -> None:
        """
        Raises:
            Unavailable: no broker answers within ``patience``.
        """
        with self._cluster.admin() as admin:
            admin.describe_topics([])

    def close(self) -> None:
        """Release the producer; a later append starts another."""
        with self._lock:
            producer = self._producer
        if producer is not None:
            self._forget(producer)

    def _ready(self, topic: str) -> KafkaProducer:
        with self._lock:
            if topic not in self._known:
                self._cluster.ensure_topics([topic])
                self._known.add(topic)
            if self._producer is None:
                self._producer = self._cluster.producer(linger_ms=LINGER_MS)
            return self._producer

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
        failures = [
            (message, self._failure(future)) for message, future in zip(messages, futures, strict=True)
        ]
        failed = [(message, error) for message, error in failures if error is not None]
        for _, error in failed:
            if not isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
                raise Unavailable(PART, f"appending to {topic}: {error}") from error
        for message, _ in failed:
            limit = self._cluster.message_limit(topic)
            why = (
                f"too large for {topic}: {message_bytes(message)} bytes, its brokers take {limit} compressed"
            )
            raise Unusable(f"message {message.key!r}", why)

    def _failure(self, future: Any) -> KafkaError | None:
        """How the message ended. The producer gives up after ``patience``; the double is in case it died."""
        try:
            future.get(timeout=2 * self._cluster.patience.total_seconds())
        except KafkaError as error:
            return error
        return None

    def _forget(self, producer: KafkaProducer) -> None:
        """After a failure its sequence numbers mean nothing any more: the next append begins with another."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        with translated("closing the producer"):
            producer.close(timeout=self._cluster.patience.total_seconds())
