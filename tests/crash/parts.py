"""The database and the broker under the service, with operations to kill and restart them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Engine, text

from ingest.db import embedded
from ingest.db.engine import open_engine, transaction
from ingest.log.api import ARTICLES
from ingest.log.kafka.library import KafkaAdminClient, KafkaConsumer, KafkaError, TopicPartition
from tests.crash.subscriber import ReceivedEvent, received_event
from tests.kafka_broker import Broker

MAX_MESSAGE_BYTES: Final = 300_000
_LEASES: Final = """
    CREATE TABLE crash_leases (poll_id bigint PRIMARY KEY, feed_id bigint NOT NULL, at timestamptz NOT NULL);
    CREATE FUNCTION crash_note_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO crash_leases VALUES (NEW.lease_poll_id, NEW.id, clock_timestamp()); RETURN NULL; END $$;
    CREATE TRIGGER crash_note_lease AFTER UPDATE ON feeds FOR EACH ROW
        WHEN (NEW.lease_poll_id IS NOT NULL AND NEW.lease_poll_id IS DISTINCT FROM OLD.lease_poll_id)
        EXECUTE FUNCTION crash_note_lease()"""
"""A table of every lease that was ever granted. The service itself keeps only the current ones."""


class Part(Protocol):
    """A server that the service needs and that the harness can kill."""

    name: str

    def kill(self) -> None: ...

    def restart(self) -> None: ...


class Postgres:
    """An embedded PostgreSQL server over a folder of its own."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._server = embedded.start(folder)
        self.url = self._server.url()
        self.engine = open_engine(self.url, name="crash harness")

    def kill(self) -> None:
        embedded.kill(self._server)

    def restart(self) -> None:
        self._server.restart()

    def stop(self) -> None:
        self.engine.dispose()
        self._server.stop()

    def note_leases(self) -> None:
        """Record every lease from now on in the table ``crash_leases``."""
        with transaction(self.engine) as connection:
            connection.execute(text(_LEASES))

    @contextmanager
    def database(self, name: str) -> Iterator[tuple[str, Engine]]:
        """Create a database for the length of the block."""
        admin = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        engine = open_engine(url := self._server.url(name), name="crash harness")
        try:
            yield url, engine
        finally:
            engine.dispose()
            # Killing the server breaks the pooled connections; dropping the database needs a new one.
            self.engine.dispose()
            with admin.connect() as connection:
                connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


class Kafka:
    """A broker of the harness, with a log topic for articles that limits the size of messages."""

    name = "broker"

    def __init__(self, broker: Broker, *, partitions: int) -> None:
        self._broker = broker
        self.bootstrap = broker.bootstrap
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_topics(
            {
                ARTICLES: {
                    "num_partitions": partitions,
                    "replication_factor": 1,
                    "configs": {"max.message.bytes": str(MAX_MESSAGE_BYTES)},
                }
            }
        )
        admin.close()

    def kill(self) -> None:
        self._broker.kill()

    def restart(self) -> None:
        self._broker.start()


class KafkaReader:
    """Reads a stream's log topic in Kafka, committed events only."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.events: list[ReceivedEvent] = []
        self._bootstrap = bootstrap
        self._partition = TopicPartition(topic, 0)
        self._consumer: KafkaConsumer | None = None
        self._next = 0

    @property
    def cursor(self) -> int:
        return self.events[-1].cursor if self.events else 0

    def read(self, *, seconds: float = 0.05) -> None:
        """Read new events; wait at most about ``seconds`` for them."""
        try:
            if self._consumer is None and not self._assign():
                return
            assert self._consumer is not None
            records = self._consumer.poll(timeout_ms=round(seconds * 1000)).get(self._partition, [])
        except (KafkaError, OSError):
            self.close()
            return
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            self.events.append(
                received_event(int(headers["cursor"]), headers["kind"], json.loads(record.value))
            )
            self._next = record.offset + 1

    def read_all(self, last_cursor: int, *, patience: float) -> None:
        """Read up to ``last_cursor`` and until nothing more arrives, for at most ``patience`` seconds."""
        until = time.monotonic() + patience
        idle_reads = 0
        while time.monotonic() < until and idle_reads < 5:
            before = len(self.events)
            self.read(seconds=0.1)
            idle_reads = idle_reads + 1 if len(self.events) == before and self.cursor >= last_cursor else 0

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None

    def _assign(self) -> bool:
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=5000,
            metrics_enabled=False,
        )
        self._consumer = consumer
        if not consumer.partitions_for_topic(self._partition.topic):
            self.close()
            return False
        consumer.assign([self._partition])
        consumer.seek(self._partition, self._next)
        return True


def eventually(condition: Callable[[], bool], *, patience: float) -> bool:
    """Return whether ``condition`` became true within ``patience`` seconds."""
    until = time.monotonic() + patience
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
