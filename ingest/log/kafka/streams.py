"""The streams in Kafka, as ``relay`` writes them: in transactions, under one name, so by one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import (
    PART,
    RETRY_SECONDS,
    Cluster,
    message_bytes,
    translated,
    wire_headers,
)
from ingest.log.kafka.library import KafkaConsumer, KafkaError, KafkaProducer, OffsetSpec, TopicPartition
from ingest.log.kafka.network import OPEN, Security
from ingest.types import Message

logger = logging.getLogger(__name__)

CURSOR_HEADER: Final = "cursor"
TRANSACTIONAL_ID: Final = "news-ingest-relay"
BACKOFF_MS: Final = 5
"""Between two questions about a transaction. The client's default, 100 ms, made up most of its 105 ms."""
ABORT_SECONDS: Final = 5.0
BATCH_BYTES: Final = 128 * 1024
"""Events gathered into one batch; a log topic not made by us may take 1 MB, or less."""
LOOK_BACK: Final = 16
"""Offsets read at first when looking for a stream's last cursor; four times as many if none is found."""


class KafkaStreamTarget:
    """The target of ``relay``: a log topic of one partition for every stream, written exactly once.

    :meth:`fence` first: whoever wrote under this name can do no more, and what it left open is aborted.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        replication: int,
        client_id: str = "news-ingest-relay",
        transactional_id: str = TRANSACTIONAL_ID,
        patience: timedelta = timedelta(seconds=60),
        retention: timedelta | None = None,
        security: Security = OPEN,
    ) -> None:
        self._cluster = Cluster(
            bootstrap=bootstrap,
            client_id=client_id,
            partitions=1,
            replication=replication,
            patience=patience,
            retention=retention,
            security=security,
        )
        self._transactional_id = transactional_id
        self._producer: KafkaProducer | None = None
        self._limits: dict[str, int] = {}

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
            with suppress(KafkaError):  # what was not committed is void, and the next one's fence aborts it
                producer.close(timeout=ABORT_SECONDS)

    def fence(self) -> None:
        """Become the only writer: older ones under the same name can commit nothing from now on."""
        with translated("fencing other relays"):
            self._open().init_transactions()

    def last_cursor(self, topic: str) -> int | None:
        """The cursor of the last committed event; 0 where none was ever written.

        None: there were some, and all have gone with Kafka's retention.
        """
        self._limits |= self._cluster.ensure_topics([topic])
        place = TopicPartition(topic, 0)
        consumer = self._cluster.consumer(group_id=None)
        try:
            with translated(f"looking for the last cursor of {topic}"):
                consumer.assign([place])
                first = consumer.beginning_offsets([place], timeout_ms=self._cluster.patience_ms)[place]
                end = self._settled_end(consumer, place)
                step = LOOK_BACK
                # Markers of transactions, and events of aborted ones, have offsets too.
                while (start := max(first, end - step)) < end:
                    cursor = self._last_between(consumer, place, start, end)
                    if cursor is not None:
                        return cursor
                    if start == first:
                        break
                    step *= 4
            return None if first > 0 else 0
        finally:
            consumer.close(autocommit=False)

    def takes(self, topic: str, message: Message) -> bool:
        """Whether ``message`` is small enough for ``topic``, whose :meth:`last_cursor` was asked before."""
        return message_bytes(message) <= self._limits[topic]

    @contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """All that is sent inside appears at once, at the end of the block, or never.

        Raises:
            Unavailable: fenced by another relay, or no broker within ``patience``. Whether it was committed
                is then unknown: leave, and begin again with :meth:`fence` and :meth:`last_cursor`.
        """
        producer = self._open()
        with translated("beginning a transaction"):
            producer.begin_transaction()
        transaction = _Transaction(producer)
        try:
            yield transaction
            with translated("sending events"):
                transaction.settle(self._cluster.patience.total_seconds())
        except BaseException:
            with suppress(KafkaError, Unavailable):
                _bounded(producer.abort_transaction, ABORT_SECONDS)
            raise
        with translated("committing a transaction"):
            _bounded(producer.commit_transaction, self._cluster.patience.total_seconds())

    def _open(self) -> KafkaProducer:
        if self._producer is None:
            raise RuntimeError("the target is used inside its with block")
        return self._producer

    def _settled_end(self, consumer: KafkaConsumer, place: Any) -> int:
        """The offset behind the last event, once all that is written is committed or aborted.

        A commit is answered when the coordinator has it, and seen when its marker is in the log: behind a broker that
        was killed in between, the last committed events may not be seen for a while. Our own are over since the fence.
        """
        with self._cluster.admin() as admin:
            written = admin.list_partition_offsets({place: OffsetSpec.LATEST})[place].offset
        deadline = time.monotonic() + self._cluster.patience.total_seconds()
        while True:
            end: int = consumer.end_offsets([place], timeout_ms=self._cluster.patience_ms)[place]
            if end >= written:
                return end
            if time.monotonic() > deadline:
                raise Unavailable(
                    PART, f"reading {place.topic}: {written - end} offsets are in open transactions"
                )
            time.sleep(RETRY_SECONDS)

    def _last_between(self, consumer: KafkaConsumer, place: Any, start: int, end: int) -> int | None:
        consumer.seek(place, start)
        last: int | None = None
        deadline = time.monotonic() + self._cluster.patience.total_seconds()
        # Without a bound of its own it waits for ever for a broker that was killed meanwhile.
        within = self._cluster.patience_ms
        while (position := consumer.position(place, timeout_ms=within)) is None or position < end:
            # What holds nothing committed moves the position and ends no poll: hence the short ones.
            found = consumer.poll(timeout_ms=50).get(place, [])
            if time.monotonic() > deadline:
                raise Unavailable(PART, f"reading {place.topic}: still before offset {end}")
            for record in found:
                if record.offset < end and (cursor := _cursor(record)) is not None:
                    last = cursor
        return last


class _Transaction:
    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._futures: list[Any] = []

    def send(self, topic: str, messages: Sequence[Message], *, at: Sequence[datetime]) -> None:
        """Send ``messages``, each with its own time, in order."""
        with translated(f"sending events to {topic}"):
            for message, moment in zip(messages, at, strict=True):
                self._futures.append(
                    self._producer.send(
                        topic,
                        key=message.key.encode(),
                        value=message.value,
                        headers=wire_headers(message.headers),
                        partition=0,
                        timestamp_ms=round(moment.timestamp() * 1000),
                    )
                )

    def settle(self, seconds: float) -> None:
        """Wait until every event is in the log, uncommitted.

        Not left to the commit: the client survives some failures by starting its producer's epoch anew, which
        aborts the transaction, and then the commit of nothing succeeds. Only the futures tell.
        """
        self._producer.flush(timeout=seconds)
        for future in self._futures:
            future.get(timeout=0)


def _cursor(record: Any) -> int | None:
    headers: Mapping[str, bytes] = dict(record.headers)
    text = headers.get(CURSOR_HEADER, b"")
    if text.isdigit():
        return int(text)
    logger.warning("%s/%d: offset %d has no cursor; not ours", record.topic, record.partition, record.offset)
    return None


def _bounded(call: Callable[[], None], seconds: float) -> None:
    """``call()``, which may wait for ever for a broker, for at most ``seconds``.

    Raises:
        Unavailable: it took longer. It is left behind in its thread, which does not keep the process alive.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except KafkaError as error:
            failure.append(error)

    thread = Thread(target=run, name="kafka-transaction", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unavailable(PART, f"no answer about a transaction within {seconds:.0f} s")
    for error in failure:
        raise error
