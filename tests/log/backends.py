"""The two logs as the conformance suite sees them: a log, and the server under it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.db.engine import open_engine
from ingest.log.api import Log, Subscription
from ingest.log.postgres import PostgresLog
from ingest.types import Message, Record

if TYPE_CHECKING:
    from ingest.log.kafka import KafkaLog

PARTITIONS: Final = 3
SESSION: Final = timedelta(seconds=6)
"""A broker does not accept less unless it is told to."""
TIMEOUT: Final = timedelta(seconds=60)
ARRIVAL_SECONDS: Final = 30.0
"""Nothing takes this long; it only keeps a broken log from hanging the suite."""


def kafka_log(bootstrap: str, *, timeout: timedelta = TIMEOUT) -> KafkaLog:
    from ingest.log.kafka import KafkaLog  # slow to import, and not needed where there is no broker

    return KafkaLog(bootstrap, partitions=PARTITIONS, replication=1, timeout=timeout, session_timeout=SESSION)


def open_log(backend: str, address: str) -> Log:
    """Any log by name, in any process."""
    return PostgresLog(open_engine(address)) if backend == "postgres" else kafka_log(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    name: str
    log: Log
    address: str
    """A database's URL, or ``host:port`` of a broker."""
    partitions: int

    def subscribe(self, topic: str, group: str = "readers") -> AbstractContextManager[Subscription]:
        return self.log.subscribe(topic, group=group)

    def start_member(self, topic: str, group: str = "readers") -> subprocess.Popen[str]:
        """A process that joins ``group``, reads without ever committing, and prints each value."""
        command = [sys.executable, "-m", "tests.log.member", self.name, self.address, topic, group]
        root = Path(__file__).parent.parent.parent
        return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mortal:
    """A backend with a server of its own."""

    log: Log
    kill: Callable[[], None]
    restart: Callable[[], None]


def messages(*values: object, key: str = "key") -> list[Message]:
    return [Message(key=key, value=str(value).encode()) for value in values]


def spread(count: int, *, keys: int = 20) -> list[Message]:
    """Messages of many keys, whose values say key and number."""
    return [Message(key=f"key-{n % keys}", value=f"key-{n % keys}:{n}".encode()) for n in range(count)]


def values(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


def take(subscription: Subscription, count: int, *, commit: bool = True, limit: int = 500) -> list[Record]:
    """Poll until ``count`` records came, or long enough to be sure that they do not."""
    taken: list[Record] = []
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while len(taken) < count and time.monotonic() < deadline:
        records = subscription.poll(timeout=1, limit=limit)
        taken += records
        if commit:
            subscription.commit(records)
    return taken


def take_nothing(subscription: Subscription, *, seconds: float = 1.5) -> None:
    """See that nothing comes."""
    assert values(subscription.poll(timeout=seconds, limit=100)) == []
