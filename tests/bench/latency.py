"""Measure the time of an article from its append to the log to an SSE client.

``python -m tests.bench.latency [--rate N] [--seconds S] [--log postgres|kafka|both] [--json FILE]``

A real ``ingest consume`` and a real ``ingest serve`` run as processes; the publisher appends at a steady rate; one
client follows the stream. The clock starts before the append, so waiting for durability counts. Beside it the limit
in the same run: one append and one commit to the same log, which no article can beat.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

from ingest import app
from ingest.log.api import ARTICLES, Log
from ingest.settings import Settings
from ingest.types import Message
from tests.bench.figures import CorpusAbsentError, Figures, corpus_dir
from tests.bench.service import (
    EVERYTHING,
    corpus_messages,
    database,
    load_topics,
    process,
    wait_until_served,
)
from tests.kafka_broker import Broker, fetch_jars
from tests.ports import reserve_ports


class Follower(threading.Thread):
    """An SSE client of the stream of all articles that records the time of each article's first event."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", f"/v1/topics/{EVERYTHING.slug}/stream?after=0")
        self._response = self._connection.getresponse()
        if self._response.status != 200:
            raise RuntimeError(f"the stream answers {self._response.status}: {self._response.read()[:500]!r}")

    def run(self) -> None:
        for line in self._response:
            if line.startswith(b"data:"):
                at = time.perf_counter()
                event = json.loads(line[5:])
                self.seen[event["article"]["id"]] = at


def publish(log: Log, messages: Sequence[Message], *, rate: float) -> dict[str, float]:
    """Append one message at a time at a steady rate; return the times before the appends, by article id."""
    begun = time.perf_counter()
    published: dict[str, float] = {}
    for number, message in enumerate(messages):
        due = begun + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        # A publisher that falls behind its rate must not hide it: the clock runs from when it was due.
        published[message.key] = max(due, begun)
        log.append(ARTICLES, [message])
    return published


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measure(
    figures: Figures, log_name: str, messages: Sequence[Message], *, rate: float, stack: ExitStack
) -> None:
    url, engine = stack.enter_context(database())
    load_topics(engine, [EVERYTHING])
    environment = {
        "INGEST_DATABASE_URL": url,
        "INGEST_API_PORT": str(reserve_ports(1)[0]),
        "INGEST_LOG": log_name,
    }
    settings = Settings(log=log_name)
    if log_name == "kafka":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-kafka-")))
        broker = stack.enter_context(Broker(folder, jars=fetch_jars()))
        environment["INGEST_KAFKA_BOOTSTRAP"] = broker.bootstrap
        settings = replace(settings, kafka_bootstrap=broker.bootstrap)
    log = stack.enter_context(app.open_article_log(settings, engine))
    stack.enter_context(process("consume", environment))
    stack.enter_context(process("serve", environment))
    wait_until_served(int(environment["INGEST_API_PORT"]))
    follower = Follower(int(environment["INGEST_API_PORT"]))
    follower.start()
    warm_up, measured = messages[:50], messages[50:]
    publish(log, warm_up, rate=rate)
    _wait_for(follower, warm_up)
    appends = []
    for message in warm_up[:20]:
        begun = time.perf_counter()
        log.append("bench.limit", [message])
        appends.append(time.perf_counter() - begun)
    published = publish(log, measured, rate=rate)
    _wait_for(follower, measured)
    latencies = [follower.seen[key] - at for key, at in published.items()]
    name = "embedded" if log_name == "postgres" else log_name
    figures.add(f"latency_{name}_append_limit", percentile(appends, 0.5), "s", lower_is_better=True)
    figures.add(f"latency_{name}_p50", percentile(latencies, 0.5), "s", lower_is_better=True)
    figures.add(
        f"latency_{name}_p99", percentile(latencies, 0.99), "s", floor=1.0, goal=0.3, lower_is_better=True
    )
    figures.add(
        f"latency_{name}_missing", len(measured) - len(latencies), "articles", floor=0, lower_is_better=True
    )


def _wait_for(follower: Follower, messages: Sequence[Message]) -> None:
    wanted = {str(UUID(message.key)) for message in messages}
    deadline = time.monotonic() + 60
    while wanted - follower.seen.keys():
        if time.monotonic() > deadline or not follower.is_alive():
            raise TimeoutError(
                f"{len(wanted - follower.seen.keys())} of {len(wanted)} articles did not arrive"
            )
        time.sleep(0.02)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Figures.options(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    )
    parser.add_argument("--rate", type=float, default=100.0, help="articles a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--log", choices=("postgres", "kafka", "both"), default="both")
    options = parser.parse_args(arguments)
    figures = Figures("bench latency")
    try:
        messages = corpus_messages(corpus_dir(options.corpus), 50 + int(options.rate * options.seconds))
    except CorpusAbsentError as absent:
        print(absent, file=sys.stderr)
        return 2
    for log_name in ("postgres", "kafka") if options.log == "both" else (options.log,):
        with ExitStack() as stack:
            measure(figures, log_name, messages, rate=options.rate, stack=stack)
    figures.write_json(options.json)
    return figures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
