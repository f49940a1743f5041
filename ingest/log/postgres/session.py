"""Sessions of our own beside the engine's pool: they listen, may hold advisory locks, and never heal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from threading import Event, Thread
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest.db.engine import translate
from ingest.errors import Unavailable
from ingest.log.postgres.records import CHANNEL, Driver

SAFETY_SECONDS: Final = 1.0
"""Whoever waits for notifications looks for himself this often, should one be missed."""
_STOP_SECONDS: Final = 0.2
_OPTIONS: Final = (
    # A member whose machine vanished must not hold its lock for the two hours that TCP takes by default.
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    f"LISTEN {CHANNEL}",
)


@contextmanager
def driver_of(connection: Connection) -> Iterator[Driver]:
    """Psycopg's own connection: COPY and notifications are not among SQLAlchemy's words."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"a psycopg connection is needed, not {type(driver)}")
    try:
        yield driver
    except psycopg.Error:
        if driver.closed:
            connection.invalidate()  # or the pool would go on with it
        raise


@contextmanager
def translated() -> Iterator[None]:
    """As :func:`ingest.db.engine.transaction` translates, where there is no engine's transaction."""
    try:
        yield
    except (DBAPIError, psycopg.Error, PoolTimeout) as error:
        raise translate(error) from error


class DedicatedSession:
    """A connection taken out of the pool for good, in autocommit, listening to the log. For one thread."""

    def __init__(self, engine: Engine) -> None:
        with translated():
            connection = engine.connect()
            self._connection = connection
            with driver_of(connection) as driver:
                self._driver = driver
                connection.detach()
                try:
                    driver.rollback()
                    driver.autocommit = True
                    for option in _OPTIONS:
                        driver.execute(option)
                except BaseException:
                    driver.close()  # no pool would
                    raise

    @contextmanager
    def use(self) -> Iterator[Driver]:
        """Psycopg's connection, its errors translated."""
        with translated():
            yield self._driver

    def try_lock(self, name: str) -> bool:
        """Hold the advisory lock ``name`` until this session ends; False while another session holds it."""
        digest = blake2b(f"news-ingest {name}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        with self.use() as driver:
            row = driver.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        return row is not None and row[0] is True

    def wait(self, seconds: float) -> set[str]:
        """Wait for notifications, at most ``seconds``; the names of the log topics that grew."""
        with self.use() as driver:
            return {notice.payload for notice in driver.notifies(timeout=seconds, stop_after=1)}

    def close(self) -> None:
        """End the session, and with it its locks."""
        with suppress(psycopg.Error):
            # The server would see to it a moment later; the next member need not wait for that moment.
            self._driver.execute("SELECT pg_advisory_unlock_all()")
        with suppress(psycopg.Error, DBAPIError):
            self._driver.close()
            self._connection.invalidate()


@contextmanager
def listen(
    engine: Engine, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
) -> Iterator[None]:
    """Call ``on_growth(log topic)`` from a thread after each commit that made it grow, while inside.

    ``on_growth(None)`` comes at the start and once a second: anything may have grown. ``on_failure`` is
    called once, from the same thread, when the database went away; nothing is called after it.
    """
    session = DedicatedSession(engine)
    stopped = Event()

    def run() -> None:
        try:
            while not stopped.is_set():
                on_growth(None)
                until = time.monotonic() + SAFETY_SECONDS
                while not stopped.is_set() and (left := until - time.monotonic()) > 0:
                    for topic in session.wait(min(left, _STOP_SECONDS)):
                        on_growth(topic)
        except Unavailable as error:
            on_failure(error)
        finally:
            session.close()

    thread = Thread(target=run, name="ingest-log-listener", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
