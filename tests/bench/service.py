"""Real parts for benches: a database, articles of the corpus as messages, the service's own processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import Engine

from ingest.db import embedded, migrate, topics
from ingest.db.engine import open_engine
from ingest.identity import article_id, content_hash
from ingest.normalise import normalise
from ingest.parse import parse_feed
from ingest.types import Article, Failed, Message, Topic
from ingest.wire import encode
from tests.bench.figures import corpus_file, read_jsonl_zst, read_tar_zst

EVERYTHING: Final = Topic(slug="everything", title="Everything", description="", rule={"everything": True})
READY_SECONDS: Final = 60.0


@contextmanager
def database() -> Iterator[tuple[str, Engine]]:
    """Yield URL and engine of a migrated database on an embedded server of its own."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as folder:
        server = embedded.start(Path(folder))
        engine = open_engine(server.url(), name="bench")
        try:
            migrate.upgrade(engine)
            yield server.url(), engine
        finally:
            engine.dispose()
            server.stop()


def load_topics(engine: Engine, selection: Sequence[Topic]) -> None:
    topics.load(engine, selection, now=datetime.now(UTC))


def corpus_messages(corpus: Path, count: int) -> list[Message]:
    """Return the first ``count`` AllSides articles (full texts, mean 970 words) as messages of ``news.articles``."""
    rows = islice(read_jsonl_zst(corpus_file(corpus, "allsides-articles.jsonl.zst")), count)
    return [encode(_article(number, row)) for number, row in enumerate(rows, 1)]


def feed_messages(corpus: Path, count: int) -> tuple[list[Message], float]:
    """Return the first ``count`` articles of feeds from the wild, each once, and the CPU milliseconds for each entry.

    The CPU time is that of turning a parsed entry into a message: normalising and encoding.
    """
    messages_by_key: dict[str, Message] = {}
    spent, entries = 0.0, 0
    now = datetime.now(UTC)
    for number, (name, body) in enumerate(read_tar_zst(corpus_file(corpus, "wild-feeds.tar.zst")), 1):
        url = f"https://bench.example/{number}/{Path(name).name}"
        parsed = parse_feed(body, content_type=None, url=url)
        if isinstance(parsed, Failed):
            continue
        begun = time.thread_time()
        normalised = normalise(parsed, feed_id=number, feed_url=url, poll_id=number, seen_at=now, seen={})
        messages = [encode(article) for article in normalised.articles]
        spent += time.thread_time() - begun
        entries += len(parsed.entries)
        for message in messages:
            messages_by_key.setdefault(message.key, message)
        if len(messages_by_key) >= count:
            break
    return list(messages_by_key.values())[:count], 1000 * spent / entries


def _article(number: int, row: Mapping[str, object]) -> Article:
    url = f"https://bench.example/{number}"
    title = str(row.get("title") or f"Article {number}")
    body = str(row.get("text") or row.get("content") or "")
    now = datetime.now(UTC)
    return Article(
        id=article_id(url=url, feed_url="https://bench.example/feed"),
        feed_id=1,
        feed_url="https://bench.example/feed",
        poll_id=1,
        entry_key=number.to_bytes(16),
        content_hash=content_hash(title, body, ()),
        seen_at=now,
        url=url,
        guid=url,
        title=title,
        authors=(),
        publisher=None,
        source="bench.example",
        attribution=None,
        summary=body[:300],
        text=body,
        html="",
        language="en",
        categories=(),
        image=None,
        published_at=now,
        updated_at=None,
    )


@contextmanager
def process(name: str, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``ingest NAME`` with ``settings`` (``INGEST_…`` variables) for the length of the block."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("INGEST_")}
    started = subprocess.Popen([sys.executable, "-m", "ingest", name], env={**inherited, **settings})
    try:
        yield started
    finally:
        started.terminate()
        started.wait(timeout=30)


def wait_until_served(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"no API on port {port} within {READY_SECONDS:g} s")
