"""Measure articles per second from the log into the store, beside COPY of the same rows into the same tables.

``python -m tests.bench.store [--articles N] [--rounds R] [--kafka] [--corpus DIR] [--json FILE]``

Product and limit run in turn in one process, on one server, over emptied tables. The limit decides nothing: no
decoding, identity, topics or events, only one COPY per table. Both update the full-text index.

The figures in ms are processor time per article, of Python and of PostgreSQL: other load on the machine changes them
less than rates. *feeds* are the short articles of recorded feeds; the others are full texts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

import psutil
from sqlalchemy import Engine, text

from ingest import app
from ingest.db import tables
from ingest.db.engine import driver_of, transaction
from ingest.log.api import ARTICLES, Log
from ingest.log.postgres import PostgresLog
from ingest.persist import Persister
from ingest.settings import Settings
from ingest.types import Message
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir
from tests.bench.service import corpus_messages, database, feed_messages, load_topics
from tests.kafka_broker import Broker, fetch_jars

TABLES: Final = {
    table.name: ", ".join(f'"{column.name}"' for column in table.columns if column.computed is None)
    for table in (tables.articles, tables.revisions, tables.sightings)
}
"""The columns to write, by table, as a list in SQL."""
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


def measure_copy(engine: Engine) -> float:
    """Return articles per second of a COPY of the present rows into the same tables, emptied."""
    with transaction(engine) as connection:
        driver = driver_of(connection)
        rows = {}
        for table, columns in TABLES.items():
            with driver.cursor().copy(
                f"COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT BINARY)"
            ) as copy:
                rows[table] = b"".join(bytes(chunk) for chunk in copy)
        count = int(connection.execute(text("SELECT count(*) FROM articles")).scalar_one())
    empty(engine)
    begun = time.perf_counter()
    with transaction(engine) as connection:
        for table, columns in TABLES.items():
            with (
                driver_of(connection)
                .cursor()
                .copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy
            ):
                copy.write(rows[table])
    return count / (time.perf_counter() - begun)


def empty(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(
            text("TRUNCATE articles, article_search, revisions, sightings, matches, log_records")
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--articles", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kafka", action="store_true", help="also from a real Kafka broker")
    options = parser.parse_args(arguments)
    figures = Figures("bench store")
    try:
        corpus = corpus_dir(options.corpus)
        messages = corpus_messages(corpus, options.articles)
        of_feeds, normalising = feed_messages(corpus, options.articles)
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    with ExitStack() as stack:
        _, engine = stack.enter_context(database())
        load_topics(engine, app.load_topics_file(Settings()))
        logs: dict[str, Log] = {"embedded": PostgresLog(engine)}
        if options.kafka:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-kafka-")))
            broker = stack.enter_context(Broker(folder, jars=fetch_jars()))
            settings = Settings(log="kafka", kafka_bootstrap=broker.bootstrap, kafka_partitions=1)
            logs["kafka"] = stack.enter_context(app.open_article_log(settings, engine))
        rounds: dict[str, list[Measured]] = {name: [] for name in (*logs, "feeds")}
        copied: list[float] = []
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for name, log in logs.items():
                empty(engine)
                rounds[name].append(measure_store(engine, log, messages))
            copied.append(measure_copy(engine))
            empty(engine)
            rounds["feeds"].append(measure_store(engine, logs["embedded"], of_feeds))
    limit = median(copied)
    figures.add("store_copy_limit", limit, "articles/s")
    for name, measured in rounds.items():
        rate = median(each.rate for each in measured)
        figures.add(f"store_{name}", rate, "articles/s")
        figures.add(f"store_{name}_python", median(each.python for each in measured), "ms")
        figures.add(f"store_{name}_postgres", median(each.postgres for each in measured), "ms")
        if name != "feeds":
            figures.add(f"store_{name}_of_copy", rate / limit, "ratio", floor=0.40, goal=0.60)
    figures.add("store_feeds_normalising", normalising, "ms")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
