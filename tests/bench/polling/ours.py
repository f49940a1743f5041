"""The service as a user runs it: ``ingest poll`` and ``ingest consume`` on the embedded log and database."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
from sqlalchemy import text

from ingest import runtime
from ingest.db import embedded
from ingest.db.engine import open_engine
from ingest.db.feeds import make_due
from ingest.opml import ExportRow, write_opml
from tests.bench.polling.passes import settle, until
from tests.bench.service import process

SETTINGS: Final = {
    "INGEST_ALLOW_PRIVATE_ADDRESSES": "true",
    "INGEST_POLL_ADAPTIVE": "false",
    "INGEST_POLL_INTERVAL": "1d",
}
"""Feeds are due only when a pass makes them due."""
CONCURRENCY: Final = 100
_STORED: Final = """
    SELECT (SELECT count(*) FROM polls WHERE id > :after) >= :feeds AND NOT EXISTS (
        SELECT FROM log_topics t LEFT JOIN log_groups g ON g.topic_id = t.id AND g.name = 'persist'
        WHERE t.name = 'news.articles' AND coalesce(g.next_offset, 1) < t.next_offset
    )
"""


class Ours:
    """Runs ``pollers`` pollers and one consumer, each in its own process."""

    def __init__(self, urls: Sequence[str], *, pollers: int) -> None:
        self.name = "ours" if pollers == 1 else f"ours_{pollers}_pollers"
        self._urls = urls
        self._pollers = pollers
        self._stack = ExitStack()
        self._roots: dict[str, int] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-")))
            server = embedded.start(self._folder)
            stack.callback(server.stop)
            self._settings = {
                **SETTINGS,
                "INGEST_DATA_DIR": str(self._folder),
                # Share the work of one poller: a poller that leases most of the feeds leaves the others idle.
                "INGEST_PARSE_WORKERS": str(max(1, (os.cpu_count() or 1) // self._pollers)),
                "INGEST_POLL_CONCURRENCY": str(CONCURRENCY // self._pollers),
            }
            self._ingest("migrate")
            self._engine = open_engine(server.url(), name="bench")
            stack.callback(self._engine.dispose)
            consumer = stack.enter_context(process("consume", self._settings))
            pollers = [stack.enter_context(process("poll", self._settings)) for _ in range(self._pollers)]
            self._roots = {"consumer": consumer.pid, "postgres": server.pid}
            self._roots |= {f"poller {number}": poller.pid for number, poller in enumerate(pollers, 1)}
            until(self._ready, what="our processes to be ready", patience=60)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def first(self) -> None:
        opml = self._folder / "feeds.opml"
        opml.write_bytes(
            write_opml([ExportRow(url=url) for url in self._urls], title="bench", now=datetime.now(UTC))
        )
        self._ingest("feeds", "import", str(opml))
        until(lambda: self._stored(after=0), what="our service to store all")

    def unchanged(self) -> None:
        after = int(self._query("SELECT max(id) FROM polls") or 0)
        make_due(self._engine, now=runtime.now())
        until(lambda: self._stored(after=after), what="our service to poll all")

    def roots(self) -> Mapping[str, int]:
        return self._roots

    def settle(self) -> None:
        settle(self._engine)

    def entries(self) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            counted = connection.execute(
                text(
                    "SELECT f.url, count(DISTINCT s.article_id) FROM feeds f LEFT JOIN sightings s ON s.feed_id = f.id"
                    " GROUP BY f.url"
                )
            )
            return {url: int(count) for url, count in counted}

    def articles(self) -> int:
        """Return the number of articles; an article in several feeds counts once."""
        return int(self._query("SELECT count(*) FROM articles"))

    def failures(self) -> Mapping[str, str]:
        """Return the reason why a feed could not be read, by URL."""
        with self._engine.connect() as connection:
            return {
                url: f"{failure}: {detail}"
                for url, failure, detail in connection.execute(
                    text(
                        "SELECT DISTINCT f.url, p.failure, p.detail FROM polls p JOIN feeds f ON f.id = p.feed_id"
                        " WHERE p.failure IS NOT NULL"
                    )
                )
            }

    def backends(self) -> Mapping[str, float]:
        """Return the CPU seconds of the database's connections so far, by application."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text("SELECT pid, coalesce(nullif(application_name, ''), backend_type) FROM pg_stat_activity")
            ).all()
        seconds: dict[str, float] = {}
        for pid, name in rows:
            times = psutil.Process(pid).cpu_times()
            seconds[name] = seconds.get(name, 0.0) + times.user + times.system
        return seconds

    def _stored(self, *, after: int) -> bool:
        return bool(self._query(_STORED, after=after, feeds=len(self._urls)))

    def _ready(self) -> bool:
        roots = [pid for role, pid in self._roots.items() if role.startswith("poller")]
        connected = self._query(
            "SELECT count(DISTINCT application_name) FROM pg_stat_activity"
            " WHERE application_name IN ('ingest poll', 'ingest consume')"
        )
        return connected == 2 and all(psutil.Process(pid).children() for pid in roots)

    def _query(self, statement: str, **parameters: Any) -> Any:
        with self._engine.connect() as connection:
            return connection.execute(text(statement), parameters).scalar_one()

    def _ingest(self, *arguments: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("INGEST_")}
        subprocess.run(
            [sys.executable, "-m", "ingest", *arguments],
            env={**inherited, **self._settings},
            check=True,
            stdout=subprocess.DEVNULL,
        )
