"""Articles per second from a log into the store, with the processor time of Python and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import psutil
from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.log.api import ARTICLES, Log
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.types import Message

BATCH: Final = 500
IDLE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The result of one run from the log into the store."""

    rate: float
    """Articles per second."""
    python: float
    """Milliseconds of processor time per article."""
    postgres: float


def postgres_seconds(engine: Engine) -> float:
    """Return the processor time of the server's processes, including those that ended."""
    with transaction(engine) as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    postmaster = psutil.Process(pid).parent()
    if postmaster is None:
        raise RuntimeError("the bench's server is of another machine")
    times = postmaster.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for backend in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            times = backend.cpu_times()
            seconds += times.user + times.system
    return float(seconds)


def measure_store(engine: Engine, log: Log, messages: Sequence[Message]) -> Measured:
    """Consume all messages with a new group: poll, decode, classify, decide, write, commit.

    A new group starts at the beginning, so on Kafka it reads the messages that the first round appended.
    """
    for first in range(0, len(messages), BATCH):
        log.append(ARTICLES, messages[first : first + BATCH])
    persist = Persister(engine, PostgresLog(engine))
    taken = 0
    with log.subscribe(ARTICLES, group=f"bench-{uuid4()}") as subscription:
        records = subscription.poll(
            timeout=IDLE_SECONDS, limit=BATCH
        )  # joining the group is not the store's rate
        postgres, python, begun = postgres_seconds(engine), time.process_time(), time.perf_counter()
        while taken < len(messages):
            persist(records)
            subscription.commit(records)
            taken += len(records)
            if taken < len(messages):
                records = subscription.poll(timeout=IDLE_SECONDS, limit=BATCH)
                if not records:
                    raise RuntimeError(f"the log gave {taken} of {len(messages)} articles")
        seconds, python = time.perf_counter() - begun, time.process_time() - python
        postgres = postgres_seconds(engine) - postgres
    each = 1000 / len(messages)
    return Measured(rate=len(messages) / seconds, python=python * each, postgres=postgres * each)
