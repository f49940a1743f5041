"""Watch over the embedded database, in a thread because a start can take minutes."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from ingest.errors import Unavailable
from ingest.supervise.restart import RestartPolicy

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 0.2


class Database(Protocol):
    """Interface of the embedded server that the tree needs (``ingest.db.embedded.EmbeddedPostgres``)."""

    @property
    def running(self) -> bool: ...

    def restart(self) -> None: ...

    def stop(self) -> bool: ...


class DatabaseWatch:
    """Restarts a dead database within the limits of ``policy``."""

    def __init__(self, database: Database, policy: RestartPolicy) -> None:
        self._database = database
        self._policy = policy
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, "database-watch")
        self._watch_result: Future[None] | None = None
        self._up = True
        self._up_since = time.monotonic()
        self.restarts = 0
        self.reason: str | None = None

    def begin(self) -> None:
        self._watch_result = self._thread.submit(self._watch)

    @property
    def up(self) -> bool:
        return self._up and self._database.running

    def explains_failure(self, started_at: float) -> bool:
        """Whether the database was down since ``started_at``, so that a failure of its client does not count."""
        return not self.up or started_at < self._up_since

    def check(self) -> None:
        """Raise the error that ended the watch, if any.

        Raises:
            Unavailable: the database could not be kept running.
        """
        if self._watch_result is not None and self._watch_result.done():
            self._watch_result.result()

    def end(self) -> None:
        """End the watch and stop the database, unless another process uses it."""
        self._stopping.set()
        self._thread.shutdown()
        if self._database.stop():
            logger.info("the database stopped")

    def _watch(self) -> None:
        failures: list[float] = []
        self.reason = "its process died"
        while not self._stopping.wait(CHECK_SECONDS):
            if self._database.running:
                continue
            self._up = False
            now = time.monotonic()
            failures.append(now)
            delay = self._policy.delay(failures, now=now)
            if delay is None:
                raise Unavailable("embedded PostgreSQL", f"died {len(failures)} times; {self.reason}")
            logger.warning("embedded PostgreSQL: %s; restarting in %.1f s", self.reason, delay)
            if self._stopping.wait(delay):
                return
            try:
                self._database.restart()
            except Unavailable as error:
                self.reason = error.reason
                continue
            self.restarts += 1
            self.reason = "its process died"
            self._up_since = time.monotonic()
            self._up = True
            logger.info("embedded PostgreSQL is running again")
