"""Keeping the embedded database running: in a thread, because starting it can take minutes."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from ingest.errors import Unavailable
from ingest.supervise.restart import RestartPolicy

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.2


class Database(Protocol):
    """The embedded server, as far as the tree needs it (``ingest.db.embedded.EmbeddedPostgres``)."""

    @property
    def running(self) -> bool: ...

    def restart(self) -> None: ...

    def stop(self) -> bool: ...


class DatabaseWatch:
    """Restarts a database that died, within the bounds of ``policy``."""

    def __init__(self, database: Database, policy: RestartPolicy) -> None:
        self._database = database
        self._policy = policy
        self._halt = threading.Event()
        self._thread = ThreadPoolExecutor(1, "database-watch")
        self._watching: Future[None] | None = None
        self._up = True
        self._up_since = time.monotonic()
        self.restarts = 0
        self.reason: str | None = None

    def begin(self) -> None:
        self._watching = self._thread.submit(self._watch)

    @property
    def up(self) -> bool:
        return self._up and self._database.running

    def excuses(self, started_at: float) -> bool:
        """Whether a part that was started then and failed now may blame the database."""
        return not self.up or started_at < self._up_since

    def check(self) -> None:
        """Raise what ended the watch.

        Raises:
            Unavailable: the database could not be kept running.
        """
        if self._watching is not None and self._watching.done():
            self._watching.result()

    def end(self) -> None:
        """Stop watching, then the database: shut down, unless another process uses it."""
        self._halt.set()
        self._thread.shutdown()
        if self._database.stop():
            logger.info("the database stopped")

    def _watch(self) -> None:
        failures: list[float] = []
        self.reason = "it was found dead"
        while not self._halt.wait(LOOK_SECONDS):
            if self._database.running:
                continue
            self._up = False
            now = time.monotonic()
            failures.append(now)
            delay = self._policy.delay(failures, now=now)
            if delay is None:
                raise Unavailable("embedded PostgreSQL", f"died {len(failures)} times; {self.reason}")
            logger.warning("embedded PostgreSQL: %s; it starts again in %.1f s", self.reason, delay)
            if self._halt.wait(delay):
                return
            try:
                self._database.restart()
            except Unavailable as error:
                self.reason = error.why
                continue
            self.restarts += 1
            self.reason = "it was found dead"
            self._up_since = time.monotonic()
            self._up = True
            logger.info("embedded PostgreSQL is running again")
