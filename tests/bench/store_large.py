"""Rate of storing into a large database, beside the rate into an empty one in the same run.

The large database is generated (:mod:`tests.bench.query_data`) and loaded with COPY. Then the same new articles are
stored into both databases by the consumer, in turns, from logs of their own. Their texts are in the same languages as
the stored ones, and their dates are the newest, where articles of a running service go.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import Engine, text

from ingest import app
from ingest.db.engine import transaction
from ingest.identity import article_id, content_hash
from ingest.log.postgres import PostgresLog
from ingest.settings import Settings
from ingest.types import Article, Message
from ingest.wire import encode
from tests.bench.figures import Figures
from tests.bench.query_data import NEWEST, BaseText, base_texts, large_database
from tests.bench.service import database, load_topics
from tests.bench.store_rate import Measured, measure_store

MESSAGES: Final = 10_000
ROUNDS: Final = 5
TEXTS: Final = 1_500
MIN_OF_EMPTY: Final = 0.8
FEED: Final = "https://large.example/feed"


def new_messages(count: int, *, run: str) -> list[Message]:
    """Return new articles as messages; ``run`` tells the articles of one run from those of another."""
    texts = base_texts(TEXTS, seed=2)
    return [_message(texts[number % len(texts)], number, run) for number in range(count)]


def _message(base: BaseText, number: int, run: str) -> Message:
    url = f"https://large.example/{run}/{number}"
    at = NEWEST - timedelta(seconds=number)
    body = f"{base.text} {run}x{number:x}"
    article = Article(
        id=article_id(url=url, feed_url=FEED),
        feed_id=1,
        feed_url=FEED,
        poll_id=1,
        entry_key=number.to_bytes(16),
        content_hash=content_hash(base.title, body, ()),
        seen_at=at,
        url=url,
        guid=url,
        title=base.title,
        authors=(),
        publisher=None,
        source=f"host{number % 100}.example",
        attribution=None,
        summary=body[:300],
        text=body,
        html="",
        language=base.language,
        categories=(),
        image=None,
        published_at=at,
        updated_at=None,
    )
    return encode(article)


def store(engine: Engine, messages: Sequence[Message]) -> Measured:
    """Store messages through a log that has no others."""
    with transaction(engine) as connection:
        connection.execute(text("TRUNCATE log_records"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    return measure_store(engine, PostgresLog(engine), messages)


def measure_large(figures: Figures, *, articles: int, keep: Path | None, run: str) -> None:
    """Add the rates into both databases and their ratio."""
    messages = new_messages(MESSAGES, run=run)
    size = MESSAGES // ROUNDS
    large: list[Measured] = []
    empty: list[Measured] = []
    with ExitStack() as stack:
        _, large_engine = stack.enter_context(large_database(keep, articles))
        _, empty_engine = stack.enter_context(database())
        for engine in (large_engine, empty_engine):
            load_topics(engine, app.load_topics_file(Settings()))
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            own = messages[number * size : (number + 1) * size]
            # The first of two takes the cost of what else runs at that moment, so they take turns at it.
            for measured, engine in ((large, large_engine), (empty, empty_engine))[
                :: 1 if number % 2 else -1
            ]:
                measured.append(store(engine, own))
    for name, rounds in (("large", large), ("empty", empty)):
        figures.add(f"store_{name}", median(each.rate for each in rounds), "articles/s")
        figures.add(f"store_{name}_python", median(each.python for each in rounds), "ms")
        figures.add(f"store_{name}_postgres", median(each.postgres for each in rounds), "ms")
    ratio = median(of_large.rate / of_empty.rate for of_large, of_empty in zip(large, empty, strict=True))
    figures.add("store_large_of_empty", ratio, "ratio", floor=MIN_OF_EMPTY)
