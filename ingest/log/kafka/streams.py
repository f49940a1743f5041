"""The streams in Kafka, as ``relay`` writes them: in transactions, under one name, so by one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Final

from ingest.errors import Unavailable
from ingest.log.kafka.client import PART, RETRY_SECONDS, Cluster, message_bytes, translated, wire_headers
from ingest.log.kafka.library import (
    IsolationLevel,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaError,
    KafkaProducer,
    OffsetSpec,
    TopicPartition,
)
from ingest.log.kafka.network import OPEN, Security
from ingest.types import Message

logger = logging.getLogger(__name__)

CURSOR_HEADER: Final = "cursor"
VOID_HEADER: Final = "void"
"""Of a record that is there to be aborted."""
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

    A commit is answered when the coordinator has noted it; events are seen when its markers are in their log topics. A
    broker that is killed in between can lose markers (docs/decisions/hanging-transactions.md). Nobody sees those
    events, nor any behind them, until another transaction of the same producer ends there, and that decides both.
    Hence :meth:`last_cursor` aborts what hangs before it looks, and :meth:`prove` tells whether something does.
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
        self._sent: set[str] = set()
        self._to_prove: dict[Any, int] = {}

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
        place = TopicPartition(topic, 0)
        with self._cluster.admin(doing=f"looking for the last cursor of {topic}") as admin:
            self._limits |= self._cluster.retry_until_available(
                lambda: self._cluster.ensure_topics([topic], admin=admin)
            )
            self._end_hanging(admin, place)
            end = self._stable_ends(admin, [place])[place]
            first = self._offsets(admin, {place: OffsetSpec.EARLIEST})[place]
        if (cursor := self._last_committed(place, first, end)) is not None:
            return cursor
        if first == 0:
            return 0
        # All that was committed has gone. What is left was aborted, so it is to be sent again, and so is what follows.
        aborted = self._first_sent(place, first, end)
        return None if aborted is None else aborted - 1

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
        self._sent |= transaction.topics

    def verify_visible(self) -> None:
        """See that what was committed before the call before this one can be read. Not inside a transaction.

        Raises:
            Unavailable: it cannot, for a transaction hangs; or no answer within ``patience``. Begin again with
                :meth:`fence` and :meth:`last_cursor`.
        """
        if not self._to_prove and not self._sent:
            return
        with self._cluster.admin(doing="seeing that events can be read") as admin:
            stable = self._stable_ends(admin, self._to_prove)
            ends = self._ends(admin, [TopicPartition(topic, 0) for topic in self._sent])
        for place, end in self._to_prove.items():
            if stable[place] < end:
                raise Unavailable(
                    PART, f"{place.topic}: a committed transaction hangs at offset {stable[place]}"
                )
        self._to_prove = ends
        self._sent.clear()

    def _open(self) -> KafkaProducer:
        if self._producer is None:
            raise RuntimeError("the target is used inside its with block")
        return self._producer

    def _ends(self, admin: KafkaAdminClient, places: Collection[Any]) -> dict[Any, int]:
        """For each the offset behind all that is in it: its high watermark."""
        return self._offsets(admin, dict.fromkeys(places, OffsetSpec.LATEST))

    def _stable_ends(self, admin: KafkaAdminClient, places: Collection[Any]) -> dict[Any, int]:
        """For each the offset before which all is committed or aborted: its last stable offset."""
        level = IsolationLevel.READ_COMMITTED
        return self._offsets(admin, dict.fromkeys(places, OffsetSpec.LATEST), isolation_level=level)

    def _offsets(self, admin: KafkaAdminClient, wanted: Mapping[Any, Any], **how: Any) -> dict[Any, int]:
        found = self._cluster.retry_until_available(lambda: admin.list_partition_offsets(wanted, **how))
        return {place: one.offset for place, one in found.items()}

    def _end_hanging(self, admin: KafkaAdminClient, place: Any) -> None:
        """Abort what hangs. The fence waits for all other transactions.

        Nobody has seen it, so it may be void, though its commit was answered.
        """
        if (start := self._stable_ends(admin, [place])[place]) >= self._ends(admin, [place])[place]:
            return
        logger.warning("%s: aborting what hangs, from offset %d on", place.topic, start)
        with translated(f"aborting what hangs in {place.topic}"):
            self._abort_at(place)
        # An abort, too, is answered before it can be seen.
        deadline = time.monotonic() + self._cluster.patience.total_seconds()
        while (start := self._stable_ends(admin, [place])[place]) < self._ends(admin, [place])[place]:
            if time.monotonic() > deadline:
                raise Unavailable(
                    PART,
                    f"{place.topic}: at offset {start} hangs a transaction that is not ours, or no longer; "
                    "kafka-transactions.sh find-hanging tells whose",
                )
            time.sleep(RETRY_SECONDS)

    def _abort_at(self, place: Any) -> None:
        """A void record, aborted: with it goes what our producer left undecided in this log topic."""
        producer = self._open()
        producer.begin_transaction()
        sent = producer.send(place.topic, value=b"", headers=[(VOID_HEADER, b"")], partition=place.partition)
        producer.flush(timeout=self._cluster.patience.total_seconds())
        sent.get(timeout=0)
        _bounded(producer.abort_transaction, self._cluster.patience.total_seconds())

    def _last_committed(self, place: Any, first: int, end: int) -> int | None:
        """The last cursor of a committed event between the two offsets."""
        if first >= end:
            return None
        with self._reader(place) as consumer:
            step = LOOK_BACK
            while True:
                start = max(first, end - step)
                # Markers of transactions, and events of aborted ones, have offsets too.
                cursors = [*self._cursors(consumer, place, start, end)]
                if cursors or start == first:
                    return cursors[-1] if cursors else None
                step *= 4

    def _first_sent(self, place: Any, first: int, end: int) -> int | None:
        """The first cursor of an event between the two offsets, be it committed or aborted."""
        with self._reader(place, isolation_level="read_uncommitted") as consumer:
            return next(self._cursors(consumer, place, first, end), None)

    @contextmanager
    def _reader(self, place: Any, **settings: Any) -> Iterator[KafkaConsumer]:
        consumer = self._cluster.consumer(group_id=None, **settings)
        try:
            with translated(f"looking for cursors in {place.topic}"):
                consumer.assign([place])
                yield consumer
        finally:
            consumer.close(autocommit=False)

    def _cursors(self, consumer: KafkaConsumer, place: Any, start: int, end: int) -> Iterator[int]:
        """Those of the events that ``consumer`` sees between the two offsets."""
        consumer.seek(place, start)
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
                    yield cursor


class _Transaction:
    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._futures: list[Any] = []
        self.topics: set[str] = set()

    def send(self, topic: str, messages: Sequence[Message], *, at: Sequence[datetime]) -> None:
        """Send ``messages``, each with its own time, in order."""
        self.topics.add(topic)
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
    if VOID_HEADER not in headers:
        where = record.topic, record.partition, record.offset
        logger.warning("%s/%d: offset %d has no cursor; not ours", *where)
    return None


def _bounded(call: Callable[[], object], seconds: float) -> None:
    """``call()``, which may wait for ever for a broker, for at most ``seconds``.

    Raises:
        KafkaError: as ``call()`` did.
        Unavailable: it failed with something else; or it took longer, and is left behind in its thread, which does
            not keep the process alive.
    """
    failure: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 – the client has others than its own; raised below
            failure.append(error)

    thread = Thread(target=run, name="kafka-transaction", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unavailable(PART, f"no answer about a transaction within {seconds:.0f} s")
    for error in failure:
        if isinstance(error, KafkaError):
            raise error
        raise Unavailable(PART, f"a transaction ended with {error!r}") from error
