"""Measure articles per second from the log into the store, beside COPY of the same rows into the same tables.

``python -m tests.bench.store [--messages N] [--rounds R] [--kafka] [--articles N] [--keep DIR] [--json FILE]``

Product and limit run in turn in one process, on one server, over emptied tables. The limit decides nothing: no
decoding, identity, topics or events, only one COPY per table. Both update the full-text index.

``--articles N`` measures another thing alone: the rate into a generated database of N articles, beside that into an
empty one. ``--keep DIR`` keeps the generated database, to which each run adds its articles.

The figures in ms are processor time per article, of Python and of PostgreSQL: other load on the machine changes them
less than rates. *feeds* are the short articles of recorded feeds; the others are full texts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine, text

from ingest import app
from ingest.db import tables
from ingest.db.engine import driver_of, transaction
from ingest.log.api import Log
from ingest.log.postgres import PostgresLog
from ingest.settings import Settings
from ingest.types import Message
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir
from tests.bench.service import corpus_messages, database, feed_messages, load_topics
from tests.bench.store_large import measure_large
from tests.bench.store_rate import Measured, measure_store
from tests.kafka_broker import Broker, fetch_jars

TABLES: Final = {
    table.name: ", ".join(f'"{column.name}"' for column in table.columns if column.computed is None)
    for table in (tables.articles, tables.revisions, tables.article_search, tables.sightings)
}
"""The columns to write, by table, as a list in SQL."""


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
            text(
                "TRUNCATE articles, article_aliases, article_search, revisions, sightings, matches, log_records"
            )
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))


def measure_rates(
    figures: Figures, messages: Sequence[Message], of_feeds: Sequence[Message], *, rounds: int, kafka: bool
) -> None:
    """Add the rates into an empty database, from each log, and that of COPY."""
    with ExitStack() as stack:
        _, engine = stack.enter_context(database())
        load_topics(engine, app.load_topics_file(Settings()))
        logs: dict[str, Log] = {"embedded": PostgresLog(engine)}
        if kafka:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-kafka-")))
            broker = stack.enter_context(Broker(folder, jars=fetch_jars()))
            settings = Settings(log="kafka", kafka_bootstrap=broker.bootstrap, kafka_partitions=1)
            logs["kafka"] = stack.enter_context(app.open_article_log(settings, engine))
        measured: dict[str, list[Measured]] = {name: [] for name in (*logs, "feeds")}
        copied: list[float] = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for name, log in logs.items():
                empty(engine)
                measured[name].append(measure_store(engine, log, messages))
            copied.append(measure_copy(engine))
            empty(engine)
            measured["feeds"].append(measure_store(engine, logs["embedded"], of_feeds))
    limit = median(copied)
    figures.add("store_copy_limit", limit, "articles/s")
    for name, results in measured.items():
        rate = median(each.rate for each in results)
        figures.add(f"store_{name}", rate, "articles/s")
        figures.add(f"store_{name}_python", median(each.python for each in results), "ms")
        figures.add(f"store_{name}_postgres", median(each.postgres for each in results), "ms")
        if name != "feeds":
            figures.add(f"store_{name}_of_copy", rate / limit, "ratio", floor=0.40, goal=0.60)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--messages", type=int, default=3000, help="articles to store, from the corpus")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--articles",
        type=int,
        metavar="N",
        help="only store into a database of N articles, beside an empty one",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the generated database there")
    parser.add_argument("--kafka", action="store_true", help="also from a real Kafka broker")
    options = parser.parse_args(arguments)
    figures = Figures("bench store")
    if options.articles is not None:
        try:
            measure_large(figures, articles=options.articles, keep=options.keep, run=f"r{uuid4().hex[:8]}")
        except ValueError as refused:
            parser.error(f"--keep: {refused}")
        figures.write_json(options.json)
        return figures.exit_code()
    try:
        corpus = corpus_dir(options.corpus)
        messages = corpus_messages(corpus, options.messages)
        of_feeds, normalising = feed_messages(corpus, options.messages)
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    measure_rates(figures, messages, of_feeds, rounds=options.rounds, kafka=options.kafka)
    figures.add("store_feeds_normalising", normalising, "ms")
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
