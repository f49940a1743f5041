"""The streams in Kafka, as ``relay`` writes them: in transactions of one fixed transactional id."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import COMPONENT, Cluster, message_bytes, translate_errors, wire_headers
from ingest.log.kafka.library import (
    IsolationLevel,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaError,
    KafkaProducer,
    OffsetSpec,
    TopicPartition,
)
from ingest.log.kafka.network import PLAINTEXT, Security
from ingest.types import Message

logger = logging.getLogger(__name__)

CURSOR_HEADER: Final = "cursor"
VOID_HEADER: Final = "void"
"""Header of a record that is written only to be aborted."""
TRANSACTIONAL_ID: Final = "news-ingest-relay"
VISIBILITY_SECONDS: Final = 0.1
"""Delay between checks whether an abort is visible."""
BACKOFF_MS: Final = 5
"""Delay between requests of a transaction. The client's default, 100 ms, was most of a transaction's 105 ms."""
ABORT_SECONDS: Final = 5.0
BATCH_BYTES: Final = 128 * 1024
"""Maximum batch size; log topics that we did not create may accept 1 MB or less."""
LOOK_BACK: Final = 16
"""Offsets read first in the search for a stream's last cursor; each further step reads four times as many."""


class KafkaStreamTarget:
    """The target of ``relay``: one log topic with one partition for every stream, written exactly once.

    Call :meth:`fence` first: earlier producers with this transactional id can then commit nothing, and their open
    transaction is aborted.

    The coordinator acknowledges a commit when it has recorded the commit. Consumers see the events when the commit's
    markers are in their log topics. A broker that is killed in between can lose markers
    (docs/decisions/hanging-transactions.md). Consumers then see neither these events nor later ones, until another
    transaction of the same producer ends in that log topic and decides both. Hence :meth:`last_cursor` aborts a hanging
    transaction before it searches, and :meth:`verify_visible` detects one.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        replication: int,
        client_id: str = "news-ingest-relay",
        transactional_id: str = TRANSACTIONAL_ID,
        timeout: timedelta = timedelta(seconds=60),
        retention: timedelta | None = None,
        security: Security = PLAINTEXT,
    ) -> None:
        self._cluster = Cluster(
            bootstrap=bootstrap,
            client_id=client_id,
            partitions=1,
            replication=replication,
            timeout=timeout,
            retention=retention,
            security=security,
        )
        self._transactional_id = transactional_id
        self._producer: KafkaProducer | None = None
        self._limits: dict[str, int] = {}
        self._sent_topics: set[str] = set()
        self._unverified_ends: dict[Any, int] = {}

    def __enter__(self) -> KafkaStreamTarget:
        self._producer = self._cluster.producer(
            transactional_id=self._transactional_id,
            transaction_timeout_ms=60_000,
            retry_backoff_ms=BACKOFF_MS,
            batch_size=BATCH_BYTES,
        )
        return self

    def __exit__(self, *_: object) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):  # the next producer's fence aborts an open transaction
                producer.close(timeout=ABORT_SECONDS)

    def fence(self) -> None:
        """Become the only writer: older producers with this transactional id can commit nothing from now on."""
        with translate_errors("fencing other relays"):
            self._open().init_transactions()

    def last_cursor(self, topic: str) -> int | None:
        """Return the cursor of the last committed event; 0 if none was ever written.

        None means that Kafka's retention deleted all of them.
        """
        partition = TopicPartition(topic, 0)
        with self._cluster.admin(operation=f"searching for the last cursor of {topic}") as admin:
            self._limits |= self._cluster.retry_until_available(
                lambda: self._cluster.ensure_topics([topic], admin=admin)
            )
            self._abort_hanging(admin, partition)
            end = self._stable_ends(admin, [partition])[partition]
            first = self._offsets(admin, {partition: OffsetSpec.EARLIEST})[partition]
        if (cursor := self._last_committed(partition, first, end)) is not None:
            return cursor
        if first == 0:
            return 0
        # Retention deleted all committed events. The remaining ones were aborted: send them and their successors again.
        aborted = self._first_sent(partition, first, end)
        return None if aborted is None else aborted - 1

    def accepts(self, topic: str, message: Message) -> bool:
        """Return whether ``message`` fits into ``topic``. Call :meth:`last_cursor` for the log topic first."""
        return message_bytes(message) <= self._limits[topic]

    @contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """Send events that become visible together at the end of the block, or never.

        Raises:
            Unavailable: fenced by another relay, or no broker within ``timeout``. The result of the commit is then
                unknown: start again with :meth:`fence` and :meth:`last_cursor`.
        """
        producer = self._open()
        with translate_errors("beginning a transaction"):
            producer.begin_transaction()
        transaction = _Transaction(producer)
        try:
            yield transaction
            with translate_errors("sending events"):
                transaction.settle(self._cluster.timeout.total_seconds())
        except BaseException:
            with suppress(KafkaError, Unavailable):
                _call_with_timeout(producer.abort_transaction, ABORT_SECONDS)
            raise
        with translate_errors("committing a transaction"):
            _call_with_timeout(producer.commit_transaction, self._cluster.timeout.total_seconds())
        self._sent_topics |= transaction.topics

    def verify_visible(self) -> None:
        """Check that events committed before the previous call are visible. Do not call inside a transaction.

        Raises:
            Unavailable: a transaction hangs, or no response within ``timeout``. Start again with :meth:`fence` and
                :meth:`last_cursor`.
        """
        if not self._unverified_ends and not self._sent_topics:
            return
        with self._cluster.admin(operation="verifying that events are visible") as admin:
            stable = self._stable_ends(admin, self._unverified_ends)
            ends = self._ends(admin, [TopicPartition(topic, 0) for topic in self._sent_topics])
        for partition, end in self._unverified_ends.items():
            if stable[partition] < end:
                raise Unavailable(
                    COMPONENT,
                    f"{partition.topic}: a committed transaction hangs at offset {stable[partition]}",
                )
        self._unverified_ends = ends
        self._sent_topics.clear()

    def _open(self) -> KafkaProducer:
        if self._producer is None:
            raise RuntimeError("the target is used inside its with block")
        return self._producer

    def _ends(self, admin: KafkaAdminClient, partitions: Collection[Any]) -> dict[Any, int]:
        """Return each partition's high watermark: the offset behind its last record."""
        return self._offsets(admin, dict.fromkeys(partitions, OffsetSpec.LATEST))

    def _stable_ends(self, admin: KafkaAdminClient, partitions: Collection[Any]) -> dict[Any, int]:
        """Return each partition's last stable offset: all records before it are committed or aborted."""
        level = IsolationLevel.READ_COMMITTED
        return self._offsets(admin, dict.fromkeys(partitions, OffsetSpec.LATEST), isolation_level=level)

    def _offsets(self, admin: KafkaAdminClient, specs: Mapping[Any, Any], **options: Any) -> dict[Any, int]:
        results = self._cluster.retry_until_available(lambda: admin.list_partition_offsets(specs, **options))
        return {partition: result.offset for partition, result in results.items()}

    def _abort_hanging(self, admin: KafkaAdminClient, partition: Any) -> None:
        """Abort a hanging transaction; :meth:`fence` has waited for all others.

        No consumer has seen its events, so aborting is safe although its commit was acknowledged.
        """
        if (start := self._stable_ends(admin, [partition])[partition]) >= self._ends(admin, [partition])[
            partition
        ]:
            return
        logger.warning("%s: aborting a hanging transaction from offset %d on", partition.topic, start)
        with translate_errors(f"aborting a hanging transaction in {partition.topic}"):
            self._abort_at(partition)
        # An abort, too, is acknowledged before it is visible.
        deadline = time.monotonic() + self._cluster.timeout.total_seconds()
        while (start := self._stable_ends(admin, [partition])[partition]) < self._ends(admin, [partition])[
            partition
        ]:
            if time.monotonic() > deadline:
                raise Unavailable(
                    COMPONENT,
                    f"{partition.topic}: a transaction of another producer hangs at offset {start}; "
                    "kafka-transactions.sh find-hanging names the producer",
                )
            time.sleep(VISIBILITY_SECONDS)

    def _abort_at(self, partition: Any) -> None:
        """Write and abort a void record, which also ends our producer's hanging transaction in this log topic."""
        producer = self._open()
        producer.begin_transaction()
        sent = producer.send(
            partition.topic, value=b"", headers=[(VOID_HEADER, b"")], partition=partition.partition
        )
        producer.flush(timeout=self._cluster.timeout.total_seconds())
        sent.get(timeout=0)
        _call_with_timeout(producer.abort_transaction, self._cluster.timeout.total_seconds())

    def _last_committed(self, partition: Any, first: int, end: int) -> int | None:
        """Return the last cursor of a committed event between the two offsets."""
        if first >= end:
            return None
        with self._reader(partition) as consumer:
            step = LOOK_BACK
            while True:
                start = max(first, end - step)
                # Transaction markers and aborted events have offsets too.
                cursors = [*self._cursors(consumer, partition, start, end)]
                if cursors or start == first:
                    return cursors[-1] if cursors else None
                step *= 4

    def _first_sent(self, partition: Any, first: int, end: int) -> int | None:
        """Return the first cursor between the two offsets, of a committed or an aborted event."""
        with self._reader(partition, isolation_level="read_uncommitted") as consumer:
            return next(self._cursors(consumer, partition, first, end), None)

    @contextmanager
    def _reader(self, partition: Any, **settings: Any) -> Iterator[KafkaConsumer]:
        consumer = self._cluster.consumer(group_id=None, **settings)
        try:
            with translate_errors(f"searching for cursors in {partition.topic}"):
                consumer.assign([partition])
                yield consumer
        finally:
            consumer.close(autocommit=False)

    def _cursors(self, consumer: KafkaConsumer, partition: Any, start: int, end: int) -> Iterator[int]:
        """Yield the cursors of the events that ``consumer`` sees between the two offsets."""
        consumer.seek(partition, start)
        deadline = time.monotonic() + self._cluster.timeout.total_seconds()
        # Without a timeout, position() waits forever for a broker that was killed meanwhile.
        timeout_ms = self._cluster.timeout_ms
        while (position := consumer.position(partition, timeout_ms=timeout_ms)) is None or position < end:
            # A fetch without committed events moves the position but does not end the poll: hence short polls.
            records = consumer.poll(timeout_ms=50).get(partition, [])
            if time.monotonic() > deadline:
                raise Unavailable(COMPONENT, f"reading {partition.topic}: offset {end} was not reached")
            for record in records:
                if record.offset < end and (cursor := _cursor(record)) is not None:
                    yield cursor


class _Transaction:
    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._futures: list[Any] = []
        self.topics: set[str] = set()

    def send(self, topic: str, messages: Sequence[Message], *, at: Sequence[datetime]) -> None:
        """Send ``messages`` in order, each with its own timestamp."""
        self.topics.add(topic)
        with translate_errors(f"sending events to {topic}"):
            for message, timestamp in zip(messages, at, strict=True):
                self._futures.append(
                    self._producer.send(
                        topic,
                        key=message.key.encode(),
                        value=message.value,
                        headers=wire_headers(message.headers),
                        partition=0,
                        timestamp_ms=round(timestamp.timestamp() * 1000),
                    )
                )

    def settle(self, seconds: float) -> None:
        """Wait until every event is in the log, uncommitted.

        The commit alone does not prove that: the client recovers from some failures with a new producer epoch, which
        aborts the transaction, and then the commit of an empty transaction succeeds. Only the futures fail.
        """
        self._producer.flush(timeout=seconds)
        for future in self._futures:
            future.get(timeout=0)


def _cursor(record: Any) -> int | None:
    headers: Mapping[str, bytes] = dict(record.headers)
    text = headers.get(CURSOR_HEADER, b"")
    if text.isdigit():
        return int(text)
    if VOID_HEADER not in headers:
        position = record.topic, record.partition, record.offset
        logger.warning("%s/%d: offset %d has no cursor; another producer wrote it", *position)
    return None


def _call_with_timeout(call: Callable[[], object], seconds: float) -> None:
    """Run ``call``, which may wait forever for a broker, for at most ``seconds``.

    Raises:
        KafkaError: raised by ``call``.
        Unavailable: ``call`` raised any other error, or took longer. In that case it stays in its thread, which does
            not keep the process alive.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 – the client raises other errors than its own; raised below
            failure.append(error)

    thread = Thread(target=run, name="kafka-transaction", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unavailable(COMPONENT, f"no response about a transaction within {seconds:.0f} s")
    for error in failure:
        if isinstance(error, KafkaError):
            raise error
        raise Unavailable(COMPONENT, f"a transaction failed with {error!r}") from error
