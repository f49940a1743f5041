"""Shared parts of the Kafka clients: settings, creation of log topics, retries and error translation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed, wait_random

from ingest.errors import Unavailable, Unusable
from ingest.log.api import is_stream
from ingest.log.kafka.library import (
    ConfigResource,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaError,
    KafkaNetClient,
    KafkaProducer,
    OffsetSpec,
    TopicAlreadyExistsError,
    TopicPartition,
    UnknownBrokerIdError,
)
from ingest.log.kafka.network import AUTHENTICATION_ERRORS, PLAINTEXT, Connections, Security, open_network
from ingest.types import Message

Client = TypeVar("Client")
Result = TypeVar("Result")

COMPONENT: Final = "Kafka"
MAX_MESSAGE_BYTES: Final = 32 * 1024**2
"""Maximum size of a message with key and headers; a broker accepts requests of 100 MB."""
BATCH_LIMIT: Final = MAX_MESSAGE_BYTES + 64 * 1024
"""Batch limit of log topics we create; the overhead of record, batch and compression is far smaller."""
BATCH_BYTES: Final = 900 * 1024
"""Maximum size of a producer's batch, if the log topic accepts it."""
UNKNOWN_TOPIC: Final = 3
"""Error code UNKNOWN_TOPIC_OR_PARTITION of the Kafka protocol."""


def _is_transient(error: BaseException) -> bool:
    # For a partition without a leader, the admin client asks the broker -1.
    return isinstance(error, UnknownBrokerIdError) or (isinstance(error, KafkaError) and error.retriable)


TRANSIENT_ERROR_RETRY: Final = Retrying(
    retry=retry_if_exception(_is_transient), wait=wait_fixed(0.1) + wait_random(0, 0.05), reraise=True
)
"""Retry policy of transient Kafka errors; the caller adds the time limit."""


@contextmanager
def translate_errors(operation: str) -> Iterator[None]:
    """Translate every error of the Kafka client into :class:`~ingest.errors.Unavailable`."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise Unavailable(COMPONENT, f"{operation}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Addresses and security of the brokers, settings of new log topics, and the timeout of calls."""

    bootstrap: str
    client_id: str
    partitions: int
    replication: int
    timeout: timedelta
    retention: timedelta | None = None
    """Retention of log topics we create; None uses the brokers' default."""
    security: Security = PLAINTEXT

    @property
    def timeout_ms(self) -> int:
        return max(1, round(self.timeout.total_seconds() * 1000))

    def common(self) -> dict[str, Any]:
        """Return the settings that all clients share."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": self.client_id,
            "bootstrap_timeout_ms": self.timeout_ms,
            "request_timeout_ms": min(15_000, self.timeout_ms),
            "reconnect_backoff_max_ms": 1000,
            **self.security.options(),
        }

    def producer(self, **overrides: Any) -> KafkaProducer:
        settings = {
            "acks": "all",
            "enable_idempotence": True,
            "allow_auto_create_topics": False,
            "batch_size": BATCH_BYTES,
            "compression_type": "lz4",
            "delivery_timeout_ms": self.timeout_ms + overrides.get("linger_ms", 0),
            "linger_ms": 0,
            "max_block_ms": self.timeout_ms,
            "max_request_size": BATCH_LIMIT,
            "metrics_enabled": False,
        }
        return self._start(
            KafkaProducer, self.common() | settings | overrides, operation="starting a producer"
        )

    def consumer(self, **overrides: Any) -> KafkaConsumer:
        settings = {
            "allow_auto_create_topics": False,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            # A partition that joins during a fetch waits for its end, half a second by default.
            "fetch_max_wait_ms": 100,
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": 4 * 1024**2,
            "metrics_enabled": False,
        }
        return self._start(
            KafkaConsumer, self.common() | settings | overrides, operation="starting a consumer"
        )

    @contextmanager
    def admin(self, *, operation: str = "describing log topics") -> Iterator[KafkaAdminClient]:
        admin = self._start(KafkaAdminClient, self.common(), operation=operation)
        with translate_errors(operation):
            try:
                yield admin
            finally:
                admin.close()

    def ensure_topics(self, topics: Sequence[str], *, admin: KafkaAdminClient) -> dict[str, int]:
        """Create missing log topics; return each one's maximum message size in bytes.

        A stream has one partition, so that its records have one order. The settings of existing log topics stay
        unchanged.
        """
        descriptions = admin.describe_topics(list(topics))
        missing = [topic["name"] for topic in descriptions if topic["error_code"] == UNKNOWN_TOPIC]
        for topic in missing:
            with suppress(TopicAlreadyExistsError):  # another process created it
                admin.create_topics({topic: self._new_topic(topic)})
        if missing:
            admin.wait_for_topics(missing, timeout_ms=self.timeout_ms)
        resources = [ConfigResource("TOPIC", topic) for topic in topics]
        configs = admin.describe_configs(resources, config_filter="all")["topic"]
        return {topic: message_limit(int(configs[topic]["max.message.bytes"]["value"])) for topic in topics}

    def _new_topic(self, topic: str) -> Mapping[str, Any]:
        configs = {
            "max.message.bytes": str(BATCH_LIMIT),
            # Three replicas tolerate the loss of one; fewer replicas tolerate none.
            "min.insync.replicas": "2" if self.replication > 2 else "1",
        }
        if self.retention is not None:
            configs["retention.ms"] = str(round(self.retention.total_seconds() * 1000))
        return {
            "num_partitions": 1 if is_stream(topic) else self.partitions,
            "replication_factor": self.replication,
            "configs": configs,
        }

    def lag(self, topic: str, *, group: str) -> int | None:
        """Return the number of records that ``group`` has not committed; None if the log topic does not exist.

        A group without commits has all records to read. Records deleted by retention do not count.
        """
        with self.admin(operation=f"reading the offsets of {group} in {topic}") as admin:
            (description,) = admin.describe_topics([topic])
            if description["error_code"] == UNKNOWN_TOPIC:
                return None
            indexes = [partition["partition_index"] for partition in description["partitions"]]
            partitions = [TopicPartition(topic, index) for index in indexes]
            # Read before the end offsets: appends and commits in between must not make the lag negative.
            committed = self._committed(admin, group, partitions)
            firsts = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        # The committed offset of a group without commits is -1.
        positions = [max(committed[each].offset, firsts[each].offset) for each in partitions]
        lag: int = sum(ends[each].offset for each in partitions) - sum(positions)
        return lag

    def _committed(self, admin: KafkaAdminClient, group: str, partitions: Sequence[Any]) -> Mapping[Any, Any]:
        """Return a group's committed offsets by partition.

        The coordinator may not be ready yet, for the first group of a cluster and after a broker's restart.
        """
        offsets: Mapping[Any, Any] = self.retry_until_available(
            lambda: admin.list_group_offsets({group: partitions})
        )[group]
        return offsets

    def retry_until_available(self, request: Callable[[], Result]) -> Result:
        """Call ``request`` until it succeeds, within ``timeout``, while the cluster elects a leader or coordinator.

        The admin client itself retries few of these errors.
        """
        policy = TRANSIENT_ERROR_RETRY.copy(stop=stop_after_delay(self.timeout))
        return policy(request)

    def _start(self, kind: Callable[..., Client], settings: Mapping[str, Any], *, operation: str) -> Client:
        """Construct a client; close its connections and thread if that fails.

        Raises:
            Unavailable: no broker within ``timeout``, or a broker refuses our credentials.
        """
        opened: list[tuple[KafkaNetClient, Connections]] = []

        def network(**configs: Any) -> KafkaNetClient:
            opened.append(open_network(**configs))
            return opened[-1][0]

        try:
            with translate_errors(operation):
                return kind(**settings, kafka_client=network)
        except BaseException as error:
            failures = [connections.failure for _, connections in opened if connections.failure is not None]
            for client, _ in opened:
                client.close()
            if isinstance(error, Unavailable) and failures:
                raise Unavailable(
                    COMPONENT, f"{operation}: {self._connection_error(failures[-1])}"
                ) from failures[-1]
            raise

    def _connection_error(self, failure: BaseException) -> str:
        if not isinstance(failure, AUTHENTICATION_ERRORS):
            return f"no connection to {self.bootstrap} within {self.timeout.total_seconds():g} s: {failure}"
        username, mechanism = self.security.username, self.security.mechanism
        return f"{self.bootstrap} refuses the log-in of {username!r} with {mechanism}: {failure}"


def message_limit(batch_limit: int) -> int:
    """Return the maximum message size for batches of ``batch_limit`` bytes, even if a message does not compress.

    Brokers count the compressed batch with its header. We check before sending: after a broker's refusal, the client's
    idempotent producer fails every later message with the same error.
    """
    return min(MAX_MESSAGE_BYTES, batch_limit - batch_limit // 1000 - 1024)


def message_bytes(message: Message) -> int:
    """Return an upper bound of the message's uncompressed size on the wire."""
    headers = sum(len(name) * 4 + len(value) * 4 + 10 for name, value in message.headers.items())
    return len(message.value) + len(message.key) * 4 + headers


def check_message(message: Message, *, limit: int) -> None:
    """Check that Kafka accepts ``message``.

    Raises:
        Unusable: the message is larger than ``limit`` bytes, or key or headers cannot be encoded.
    """
    if (size := message_bytes(message)) > limit:
        reason = f"too large for the log: {size} bytes, the limit is {limit}"
        raise Unusable(f"message {message.key!r}", reason)
    try:
        for field in (message.key, *message.headers, *message.headers.values()):
            field.encode()
    except UnicodeEncodeError as error:
        raise Unusable(
            f"message {message.key!r}", f"the key or a header is not valid text: {error}"
        ) from None


def wire_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]
