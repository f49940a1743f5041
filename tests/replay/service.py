"""The service as the replay runs it, with a database of its own and, for Kafka, a broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Engine, text

from ingest import app, runtime
from ingest.consume import GROUP
from ingest.db import embedded, migrate, topics
from ingest.db.engine import open_engine
from ingest.db.feeds import add_feeds, list_feeds, make_due
from ingest.runtime import Stop
from ingest.settings import Settings
from ingest.supervise import parent_death
from ingest.types import Topic
from tests.kafka_broker import Broker
from tests.replay.stored import (
    EVERYTHING,
    AppendedRecord,
    kafka_lag,
    postgres_lag,
    records_in_kafka,
    records_in_postgres,
)

LogName = Literal["postgres", "kafka"]

CHECKOUT: Final = Path(__file__).resolve().parents[2]
DRAIN_SECONDS: Final = 120.0
"""Time without progress after which the consumer counts as hanging."""
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 60.0
OUTPUT_CHARACTERS: Final = 3000


class StoppedError(Exception):
    """The consumer ended by itself, or makes no progress; the message has the end of its output."""


class Service:
    """A poller in this process and ``ingest consume`` in another, running between :meth:`start` and :meth:`stop`.

    Made by :func:`service`.
    """

    def __init__(
        self, folder: Path, *, server: embedded.EmbeddedPostgres, broker: Broker | None, workers: int
    ) -> None:
        self.log: LogName = "postgres" if broker is None else "kafka"
        self._folder = folder
        self._server = server
        self._broker = broker
        self._settings = Settings(
            database_url=server.url(),
            log=self.log,
            kafka_bootstrap=None if broker is None else broker.bootstrap,
            allow_private_addresses=True,
            # Feeds are polled only when the replay makes them due.
            poll_interval=timedelta(days=7),
            poll_interval_max=timedelta(days=7),
            poll_adaptive=False,
            parse_workers=workers,
        )
        self._running: ExitStack | None = None
        self._consumer: subprocess.Popen[bytes] | None = None
        self._stop = Stop()
        self.poll_seconds = 0.0
        self.drain_seconds = 0.0

    @property
    def engine(self) -> Engine:
        """Engine of the database, valid while the service runs."""
        return self._engine

    def prepare(self, urls: dict[str, str]) -> dict[str, int]:
        """Migrate the database, load topics and feeds (name → URL); return each feed's id by its name."""
        engine = open_engine(self._settings.database_url or "", name="replay")
        try:
            migrate.upgrade(engine)
            everything = Topic(slug=EVERYTHING, title="Everything", description="", rule={"everything": True})
            topics.load(engine, [*app.load_topics_file(self._settings), everything], now=runtime.now())
            rows = [(url, name) for name, url in urls.items()]
            add_feeds(engine, rows, now=runtime.now(), interval=self._settings.poll_interval)
            ids = {feed.url: feed.id for feed in list_feeds(engine)}
            return {name: ids[url] for name, url in urls.items()}
        finally:
            engine.dispose()

    def start(self) -> None:
        settings = self._settings
        self._stop = Stop()
        with ExitStack() as stack:
            self._engine = open_engine(settings.database_url or "", name="replay")
            stack.callback(self._engine.dispose)
            log = stack.enter_context(app.open_article_log(settings, self._engine))
            self._poller = stack.enter_context(app.open_poll_process(settings, self._engine, log))
            self._start_consumer()
            stack.callback(self._stop_consumer)
            self._running = stack.pop_all()

    def stop(self) -> None:
        """Stop every process of the service, in order; database and broker go on."""
        if self._running is not None:
            running, self._running = self._running, None
            running.close()

    def restart(self) -> None:
        """Stop and start everything, database and broker included, wherever the consumer is."""
        self.stop()
        self._server.stop()
        if self._broker is not None:
            self._broker.stop()
        self._server.restart()
        if self._broker is not None:
            self._broker.start()
        self.start()

    def poll(self, feed_ids: list[int]) -> None:
        """Poll these feeds now, once each; return when every outcome is recorded."""
        began = time.monotonic()
        make_due(self._engine, now=runtime.now(), feed_ids=feed_ids)
        self._poller.run(self._stop, until_idle=True)
        self.poll_seconds += time.monotonic() - began
        self._check_consumer()

    def drain(self) -> None:
        """Wait until the consumer has stored everything appended."""
        began = last = time.monotonic()
        before = -1
        while (lag := self._lag()) > 0:
            self._check_consumer()
            if lag != before:
                before, last = lag, time.monotonic()
            elif time.monotonic() - last > DRAIN_SECONDS:
                raise StoppedError(f"{lag} records wait, and the consumer takes none:\n{self._output_tail()}")
            time.sleep(0.05)
        self.drain_seconds += time.monotonic() - began

    def records(self) -> Iterator[AppendedRecord]:
        """Return every record ever appended to ``news.articles``."""
        if self._broker is None:
            return records_in_postgres(self._engine)
        return records_in_kafka(self._broker.bootstrap)

    def _lag(self) -> int:
        if self._broker is None:
            return postgres_lag(self._engine, GROUP)
        return kafka_lag(self._broker.bootstrap, GROUP)

    def _start_consumer(self) -> None:
        url = self._settings.database_url or ""
        command = [sys.executable, "-m", "ingest", "consume"]
        tied = [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *command]
        with self._output.open("ab") as output:
            self._consumer = subprocess.Popen(
                tied,
                cwd=CHECKOUT,
                env=app.child_environment(self._settings, os.environ, database=url),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _stop_consumer(self) -> None:
        if self._consumer is not None:
            self._wait_until_connected()  # before that, SIGTERM ends a process that has not installed its handler
            self._consumer.send_signal(signal.SIGTERM)
            code = self._consumer.wait(timeout=STOP_SECONDS)
            self._consumer = None
            if code != 0:
                raise StoppedError(
                    f"the consumer was asked to stop and ended with {code}:\n{self._output_tail()}"
                )

    def _wait_until_connected(self) -> None:
        connected = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ingest consume'")
        deadline = time.monotonic() + START_SECONDS
        while True:
            with self._engine.connect() as connection:
                if connection.scalar(connected):
                    return
            self._check_consumer()
            if time.monotonic() > deadline:
                raise StoppedError(f"the consumer does not connect:\n{self._output_tail()}")
            time.sleep(0.05)

    def _check_consumer(self) -> None:
        if self._consumer is not None and (code := self._consumer.poll()) is not None:
            self._consumer = None
            raise StoppedError(f"the consumer ended with {code}:\n{self._output_tail()}")

    @property
    def _output(self) -> Path:
        return self._folder / "consume.log"

    def _output_tail(self) -> str:
        return self._output.read_text("utf-8", "replace")[-OUTPUT_CHARACTERS:]


@contextmanager
def service(folder: Path, *, jars: Path | None, workers: int) -> Iterator[Service]:
    """Yield a service over a fresh database, not started yet; with the ``jars`` of a broker its log is Kafka."""
    with ExitStack() as stack:
        server = embedded.start(folder / "data")
        stack.callback(server.stop)
        broker = None if jars is None else stack.enter_context(Broker(folder / "kafka", jars=jars))
        replay_service = Service(folder, server=server, broker=broker, workers=workers)
        stack.callback(replay_service.stop)
        yield replay_service


Progress = Callable[[str], None]
"""Called now and then with a line of progress."""
