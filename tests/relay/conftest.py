from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from ingest.log.postgres import PostgresLog
from ingest.runtime import CRASH_SOCKET
from ingest.types import Message, Record

ARRIVAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A database with streams, a broker to relay them to, and names that no other test uses."""

    log: PostgresLog
    engine: Engine
    database_url: str
    bootstrap: str
    name: str

    def topic(self, stream: str = "a") -> str:
        return f"news.topic.{self.name}-{stream}"

    def append(self, count: int, *, stream: str = "a", size: int = 10) -> None:
        first = self.log.bounds(self.topic(stream))[1]
        events = [
            Message(
                key=f"article-{n % 3}",
                value=f"event {n} ".ljust(size, ".").encode(),
                headers={"kind": "created"},
            )
            for n in range(first, first + count)
        ]
        self.log.append(self.topic(stream), events)

    def target(self) -> AbstractContextManager[Any]:
        from ingest.log.kafka import KafkaStreamTarget

        return KafkaStreamTarget(self.bootstrap, replication=1, transactional_id=self.name)

    def relayed(self, *, stream: str = "a") -> list[Record]:
        """All that a subscriber in Kafka sees now."""
        from ingest.log.kafka import library

        place = library.TopicPartition(self.topic(stream), 0)
        consumer = library.KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        end = consumer.end_offsets([place])[place]
        records: list[Record] = []
        while consumer.position(place) < end:
            records += map(to_record, consumer.poll(timeout_ms=50).get(place, []))
        consumer.close()
        return records

    def cursors(self, *, stream: str = "a") -> list[int]:
        return [int(record.headers["cursor"]) for record in self.relayed(stream=stream)]

    def start(self, *, crash_socket: Path | None = None) -> subprocess.Popen[bytes]:
        """A relay in a process of its own."""
        command = [sys.executable, "-m", "tests.relay.process", self.database_url, self.bootstrap, self.name]
        environment = dict(os.environ)
        if crash_socket is not None:
            environment[CRASH_SOCKET] = str(crash_socket)
        return subprocess.Popen(command, cwd=Path(__file__).parent.parent.parent, env=environment)


def to_record(found: Any) -> Record:
    return Record(
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
        key=found.key.decode(),
        value=found.value,
        headers={name: value.decode() for name, value in found.headers},
        appended_at=datetime.fromtimestamp(found.timestamp / 1000, UTC),
    )


@pytest.fixture
def world(database: Engine, database_url: str, kafka_bootstrap: str) -> World:
    return World(
        log=PostgresLog(database),
        engine=database,
        database_url=database_url,
        bootstrap=kafka_bootstrap,
        name=f"test-{uuid4().hex}",
    )


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Harness:
    """Answers each labelled step of a process, until the one at which it is to be killed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "crash"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(ARRIVAL_SECONDS)

    def run_until(self, label: str, *, times: int = 1) -> None:
        """Return when the process stands at ``label`` for the last of ``times``; it does not go on."""
        connection, _ = self._listener.accept()
        connection.settimeout(ARRIVAL_SECONDS)
        with connection, connection.makefile() as steps:
            for line in steps:
                pid, reached = line.split()
                times -= reached == label
                if times == 0:
                    os.kill(int(pid), 9)
                    return
                connection.sendall(b".")
        raise AssertionError(f"never came to {label}")

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    harness.close()
