"""Measure searches over a large database through the API, beside hand-written SQL, alone and under load.

``python -m tests.bench.query [--articles N] [--keep DIR] [--rounds R] [--subscribers N] [--json FILE]``

The database has a million generated articles, a fifth of them not in Latin script. Each kind of query has several
queries, which are sent in turn by one client. The time limit holds for the pages that the API declares exact, and
these pages must have the same articles as the hand-written SQL. Then eight clients send the hardest queries at once,
while another client sends other requests. At last many subscribers follow one stream.

``--keep DIR`` keeps the generated database for the next run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.log.api import stream_topic
from ingest.log.postgres import PostgresLog
from tests.bench.figures import Figures
from tests.bench.latency import percentile
from tests.bench.query_data import SMALL_TOPIC, large_database
from tests.bench.query_kinds import EACH, Query, draw_queries
from tests.bench.query_load import CLIENTS, Client, Responses, fan_out, load_with_searches
from tests.bench.service import process, wait_until_served
from tests.bench.store_rate import postgres_seconds
from tests.ports import reserve_ports

LIMIT_MS: Final = 100.0
OTHERS_LIMIT_MS: Final = 200.0
FAN_OUT_GOAL_S: Final = 0.3
EVENTS_PER_SECOND: Final = 50.0
SQL_SECONDS: Final = 30
"""Time limit of a hand-written statement."""


@dataclass(slots=True, kw_only=True)
class KindResult:
    """Times of one kind of query, in milliseconds."""

    product: Responses = field(default_factory=Responses)
    exact: Responses = field(default_factory=Responses)
    """The responses with exact pages alone."""
    sql: Responses = field(default_factory=Responses)
    processor: float = 0.0
    """Seconds of processor time of all responses, of the API and of PostgreSQL."""
    differing: list[str] = field(default_factory=list)


def measure_kind(
    port: int, api: psutil.Process, engine: Engine, queries: Sequence[Query], *, rounds: int
) -> KindResult:
    """Send each query ``rounds`` times, then its SQL twice; compare the articles of exact pages."""
    result = KindResult()
    client = Client(port)  # a new connection for each kind: the server closes idle ones
    shown: dict[Query, list[str]] = {}
    begun = _processor_seconds(api, engine)
    for _ in range(rounds):
        for query in queries:
            status, body, seconds = client.get(query.path)
            result.product.add(status, seconds)
            page: dict[str, Any] = json.loads(body) if status == 200 else {"exact": False}
            if page["exact"]:
                result.exact.add(status, seconds)
                shown[query] = [article["id"] for article in page["articles"]]
    client.close()
    result.processor = _processor_seconds(api, engine) - begun
    for query in (*queries, *queries):
        ids, seconds = run_sql(engine, query)
        result.sql.add(200, seconds)
        # Scores of the hand-written SQL are not the product's, so only the order by date is compared.
        if query in shown and "sort" not in query.parameters and ids is not None and ids != shown[query]:
            result.differing.append(f"{query.path}: {len(shown[query])} articles, SQL has {len(ids)}")
    return result


def _processor_seconds(api: psutil.Process, engine: Engine) -> float:
    times = api.cpu_times()
    return float(times.user + times.system) + postgres_seconds(engine)


def run_sql(engine: Engine, query: Query) -> tuple[list[str] | None, float]:
    """Return the ids of the page of hand-written SQL, and its seconds; no ids where it reached its time limit."""
    begun = time.perf_counter()
    try:
        with transaction(engine) as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = '{SQL_SECONDS}s'"))
            begun = time.perf_counter()
            ids = [str(row[0]) for row in connection.execute(text(query.sql), query.values)]
            return ids, time.perf_counter() - begun
    except Exception as error:
        if "statement timeout" not in str(error):
            raise
        return None, time.perf_counter() - begun


def add_kind(figures: Figures, kind: str, result: KindResult) -> None:
    """Add the times of one kind. Processor time depends less on other load than the other times do."""
    count = len(result.product.seconds)
    figures.add(f"query_{kind}_p50", result.product.p(0.5), "ms", lower_is_better=True)
    figures.add(f"query_{kind}_p95", result.product.p(0.95), "ms", lower_is_better=True)
    figures.add(f"query_{kind}_processor", 1000 * result.processor / count, "ms", lower_is_better=True)
    figures.add(f"query_{kind}_exact", len(result.exact.seconds) / count, "ratio")
    if result.exact.seconds:
        p95 = result.exact.p(0.95)
        figures.add(f"query_{kind}_exact_p95", p95, "ms", floor=LIMIT_MS, lower_is_better=True)
    figures.add(f"query_{kind}_sql_p50", result.sql.p(0.5), "ms", lower_is_better=True)
    figures.add(f"query_{kind}_sql_p95", result.sql.p(0.95), "ms", lower_is_better=True)
    for line in sorted(set(result.differing)):
        print(f"query_{kind}: differs from SQL: {line}", file=sys.stderr)


def hardest_paths(queries: Mapping[str, Sequence[Query]], results: Mapping[str, KindResult]) -> list[str]:
    """Return the queries of the four kinds with the longest times, among those with a full-text condition."""
    kinds = [kind for kind, own in queries.items() if "q" in own[0].parameters]
    slowest = sorted(kinds, key=lambda kind: -results[kind].product.p(0.95))[:4]
    return [query.path for kind in slowest for query in queries[kind]]


def measure(figures: Figures, url: str, engine: Engine, options: argparse.Namespace) -> None:
    queries: dict[str, list[Query]] = defaultdict(list)
    for query in draw_queries(engine):
        queries[query.kind].append(query)
    port = reserve_ports(1)[0]
    environment = {"INGEST_DATABASE_URL": url, "INGEST_API_PORT": str(port), "INGEST_LOG": "postgres"}
    with process("serve", environment) as serve:
        wait_until_served(port)
        api = psutil.Process(serve.pid)
        results: dict[str, KindResult] = {}
        for kind, own in queries.items():
            # Every kind gets as many requests as the one with the most queries.
            repeated = options.rounds * max(1, EACH // len(own))
            results[kind] = measure_kind(port, api, engine, own, rounds=repeated)
            add_kind(figures, kind, results[kind])
        differing = sum(len(set(result.differing)) for result in results.values())
        figures.add("query_exact_pages_differing", differing, "queries", floor=0, lower_is_better=True)
        unavailable = sum(result.product.unavailable for result in results.values())
        figures.add("query_unavailable", unavailable, "responses", floor=0, lower_is_better=True)
        measure_load(figures, port, hardest_paths(queries, results), seconds=options.seconds)
        measure_fan_out(figures, port, engine, subscribers=options.subscribers, seconds=options.seconds)


def measure_load(figures: Figures, port: int, hardest: Sequence[str], *, seconds: float) -> None:
    """Add the responses while the hardest searches run at once."""
    print(f"{CLIENTS} clients with the hardest searches", file=sys.stderr, flush=True)
    searches, others = load_with_searches(port, hardest, seconds=seconds)
    unavailable = searches.unavailable + others.unavailable
    p95 = others.p(0.95)
    figures.add("query_load_searches", len(searches.seconds) / seconds, "responses/s")
    figures.add("query_load_searches_p95", searches.p(0.95), "ms", lower_is_better=True)
    figures.add("query_load_unavailable", unavailable, "responses", floor=0, lower_is_better=True)
    figures.add("query_load_others_p95", p95, "ms", floor=OTHERS_LIMIT_MS, lower_is_better=True)


def measure_fan_out(figures: Figures, port: int, engine: Engine, *, subscribers: int, seconds: float) -> None:
    """Add the time from the append of an event to its arrival, over all subscribers."""
    print(f"{subscribers} subscribers", file=sys.stderr, flush=True)
    log = PostgresLog(engine)
    latencies = asyncio.run(
        fan_out(
            port,
            log,
            SMALL_TOPIC,
            subscribers=subscribers,
            rate=EVENTS_PER_SECOND,
            seconds=seconds,
            after=log.bounds(stream_topic(SMALL_TOPIC))[1] - 1,
        )
    )
    missing = subscribers * int(EVENTS_PER_SECOND * seconds) - len(latencies)
    figures.add("query_fan_out_missing", missing, "deliveries", floor=0, lower_is_better=True)
    if not latencies:
        return
    p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
    figures.add("query_fan_out_p50", p50, "s", lower_is_better=True)
    figures.add("query_fan_out_p99", p99, "s", goal=FAN_OUT_GOAL_S, lower_is_better=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the generated database there")
    parser.add_argument("--rounds", type=int, default=5, help="times that each query is sent")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each load")
    parser.add_argument("--subscribers", type=int, default=500)
    options = parser.parse_args(arguments)
    figures = Figures("bench query")
    try:
        with large_database(options.keep, options.articles) as (url, engine):
            measure(figures, url, engine, options)
    except ValueError as refused:
        parser.error(f"--keep: {refused}")
    finally:
        figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
