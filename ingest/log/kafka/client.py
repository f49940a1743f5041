"""What our clients have in common: their settings, log topics made when missing, and errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

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
from ingest.log.kafka.network import OPEN, REFUSALS, Connections, Security, open_network
from ingest.types import Message

Client = TypeVar("Client")
Answer = TypeVar("Answer")

PART: Final = "Kafka"
MAX_MESSAGE_BYTES: Final = 32 * 1024**2
"""A message, key and headers included. Well below what a broker takes in one request (100 MB)."""
BATCH_LIMIT: Final = MAX_MESSAGE_BYTES + 64 * 1024
"""Of the log topics we make: what a record and its batch add, and what compression may, is far less."""
BATCH_BYTES: Final = 900 * 1024
"""Messages gathered into one batch, where the log topic takes as much."""
RETRY_SECONDS: Final = 0.1
UNKNOWN_TOPIC: Final = 3
"""Error code UNKNOWN_TOPIC_OR_PARTITION of the Kafka protocol."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Whatever Kafka's client raises in the block means that our infrastructure failed."""
    try:
        yield
    except (KafkaError, OSError) as error:
        raise Unavailable(PART, f"{doing}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the brokers are, and how their log topics are made and waited for."""

    bootstrap: str
    client_id: str
    partitions: int
    replication: int
    patience: timedelta
    retention: timedelta | None = None
    """Of the log topics we make; None leaves it to the brokers."""
    security: Security = OPEN

    @property
    def patience_ms(self) -> int:
        return max(1, round(self.patience.total_seconds() * 1000))

    def common(self) -> dict[str, Any]:
        """Settings of every client."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": self.client_id,
            "bootstrap_timeout_ms": self.patience_ms,
            "request_timeout_ms": min(15_000, self.patience_ms),
            "reconnect_backoff_max_ms": 1000,
            **self.security.options(),
        }

    def producer(self, **own: Any) -> KafkaProducer:
        settings = {
            "acks": "all",
            "enable_idempotence": True,
            "allow_auto_create_topics": False,
            "batch_size": BATCH_BYTES,
            "compression_type": "lz4",
            "delivery_timeout_ms": self.patience_ms + own.get("linger_ms", 0),
            "linger_ms": 0,
            "max_block_ms": self.patience_ms,
            "max_request_size": BATCH_LIMIT,
            "metrics_enabled": False,
        }
        return self._start(KafkaProducer, self.common() | settings | own, doing="starting a producer")

    def consumer(self, **own: Any) -> KafkaConsumer:
        settings = {
            "allow_auto_create_topics": False,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            # A partition that is not in the request under way waits for its end, by default half a second.
            "fetch_max_wait_ms": 100,
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": 4 * 1024**2,
            "metrics_enabled": False,
        }
        return self._start(KafkaConsumer, self.common() | settings | own, doing="starting a consumer")

    @contextmanager
    def admin(self, *, doing: str = "asking about log topics") -> Iterator[KafkaAdminClient]:
        admin = self._start(KafkaAdminClient, self.common(), doing=doing)
        with translated(doing):
            try:
                yield admin
            finally:
                admin.close()

    def ensure_topics(self, topics: Sequence[str], *, admin: KafkaAdminClient) -> dict[str, int]:
        """Make those of ``topics`` that are missing; how large a message each takes, in bytes.

        A stream has one partition, so that it has one order. A log topic that exists is taken as it is.
        """
        known = admin.describe_topics(list(topics))
        missing = [one["name"] for one in known if one["error_code"] == UNKNOWN_TOPIC]
        for topic in missing:
            with suppress(TopicAlreadyExistsError):  # someone else was faster
                admin.create_topics({topic: self._new_topic(topic)})
        if missing:
            admin.wait_for_topics(missing, timeout_ms=self.patience_ms)
        wanted = [ConfigResource("TOPIC", topic) for topic in topics]
        found = admin.describe_configs(wanted, config_filter="all")["topic"]
        return {topic: message_limit(int(found[topic]["max.message.bytes"]["value"])) for topic in topics}

    def _new_topic(self, topic: str) -> Mapping[str, Any]:
        configs = {
            "max.message.bytes": str(BATCH_LIMIT),
            # With three replicas one may be away; with fewer there is none to spare, or nothing to wait for.
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
        """Records of ``topic`` that ``group`` is still to read; None where there is no such log topic.

        One that has committed nothing is to read them all; what retention took unread is read by nobody.
        """
        with self.admin(doing=f"asking where {group} stands in {topic}") as admin:
            (known,) = admin.describe_topics([topic])
            if known["error_code"] == UNKNOWN_TOPIC:
                return None
            places = [TopicPartition(topic, one["partition_index"]) for one in known["partitions"]]
            # Before the ends: what is appended and committed meanwhile must not make less than nothing.
            committed = self._committed(admin, group, places)
            firsts = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        # A group that never committed stands at -1.
        stands = [max(committed[place].offset, firsts[place].offset) for place in places]
        lag: int = sum(ends[place].offset for place in places) - sum(stands)
        return lag

    def _committed(self, admin: KafkaAdminClient, group: str, places: Sequence[Any]) -> Mapping[Any, Any]:
        """A coordinator is not there at once: not for the first group of a cluster, nor after a broker's restart; who
        is named as one may not have begun to be it."""
        found: Mapping[Any, Any] = self.retry_until_available(
            lambda: admin.list_group_offsets({group: places})
        )[group]
        return found

    def retry_until_available(self, ask: Callable[[], Answer]) -> Answer:
        """The answer, asked for again within ``patience`` while the cluster has yet to agree on who is to give it.

        The admin client asks again for few of those reasons.
        """
        deadline = time.monotonic() + self.patience.total_seconds()
        while True:
            try:
                return ask()
            except KafkaError as error:
                # Of a partition without a leader it asks the broker -1.
                passing = error.retriable or isinstance(error, UnknownBrokerIdError)
                if not passing or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def _start(self, kind: Callable[..., Client], settings: Mapping[str, Any], *, doing: str) -> Client:
        """Construct a client. One that fails leaves connections and a thread behind, unless they are closed.

        Raises:
            Unavailable: no broker within ``patience``, or it does not let us in; with the reason.
        """
        opened: list[tuple[KafkaNetClient, Connections]] = []

        def network(**configs: Any) -> KafkaNetClient:
            opened.append(open_network(**configs))
            return opened[-1][0]

        try:
            with translated(doing):
                return kind(**settings, kafka_client=network)
        except BaseException as error:
            failures = [connections.failure for _, connections in opened if connections.failure is not None]
            for client, _ in opened:
                client.close()
            if isinstance(error, Unavailable) and failures:
                raise Unavailable(PART, f"{doing}: {self._why(failures[-1])}") from failures[-1]
            raise

    def _why(self, failure: BaseException) -> str:
        if not isinstance(failure, REFUSALS):
            return f"no connection to {self.bootstrap} within {self.patience.total_seconds():g} s: {failure}"
        who, how = self.security.username, self.security.mechanism
        return f"{self.bootstrap} refuses the log-in of {who!r} with {how}: {failure}"


def message_limit(batch_limit: int) -> int:
    """The largest message where brokers take batches of ``batch_limit`` bytes, however badly it compresses.

    They count what is compressed, with the batch's header. It is not left to them to refuse: the client takes
    their refusal for the end of its idempotent producer, and fails every later message with the same error.
    """
    return min(MAX_MESSAGE_BYTES, batch_limit - batch_limit // 1000 - 1024)


def message_bytes(message: Message) -> int:
    """An upper bound of its size on the wire, uncompressed."""
    headers = sum(len(name) * 4 + len(value) * 4 + 10 for name, value in message.headers.items())
    return len(message.value) + len(message.key) * 4 + headers


def check_message(message: Message, *, limit: int) -> None:
    """See that Kafka takes ``message``.

    Raises:
        Unusable: it is larger than ``limit`` bytes, or key or headers cannot be encoded.
    """
    if (size := message_bytes(message)) > limit:
        why = f"too large for the log: {size} bytes, the limit is {limit}"
        raise Unusable(f"message {message.key!r}", why)
    try:
        for said in (message.key, *message.headers, *message.headers.values()):
            said.encode()
    except UnicodeEncodeError as error:
        raise Unusable(f"message {message.key!r}", f"key or headers are not text: {error}") from None


def wire_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]
