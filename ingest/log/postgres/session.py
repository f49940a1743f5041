"""Dedicated sessions outside the engine's pool: they listen, may hold advisory locks, and never reconnect."""

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
"""Polling interval of a listener, in case a notification is missed."""
_STOP_SECONDS: Final = 0.2
_OPTIONS: Final = (
    # Without keepalives, a member on a vanished machine would hold its lock for two hours, the default of TCP.
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    f"LISTEN {CHANNEL}",
)


@contextmanager
def driver_of(connection: Connection) -> Iterator[Driver]:
    """Yield the psycopg connection: SQLAlchemy has no interface for COPY and notifications."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"a psycopg connection is needed, not {type(driver)}")
    try:
        yield driver
    except psycopg.Error:
        if driver.closed:
            connection.invalidate()  # otherwise the pool would reuse the closed connection
        raise


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate driver errors as :func:`ingest.db.engine.transaction` does, without a transaction."""
    try:
        yield
    except (DBAPIError, psycopg.Error, PoolTimeout) as error:
        raise translate(error) from error


class DedicatedSession:
    """A connection detached from the pool, in autocommit mode, that listens to the log. For one thread."""

    def __init__(self, engine: Engine) -> None:
        with translate_errors():
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
                    driver.close()  # the pool no longer closes a detached connection
                    raise

    @contextmanager
    def use(self) -> Iterator[Driver]:
        """Yield the psycopg connection and translate its errors."""
        with translate_errors():
            yield self._driver

    def try_lock(self, name: str) -> bool:
        """Take the advisory lock ``name`` until this session ends; return False while another session holds it."""
        digest = blake2b(f"news-ingest {name}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        with self.use() as driver:
            row = driver.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        return row is not None and row[0] is True

    def wait(self, seconds: float) -> set[str]:
        """Wait for notifications for at most ``seconds``; return the names of the log topics that grew."""
        with self.use() as driver:
            return {notice.payload for notice in driver.notifies(timeout=seconds, stop_after=1)}

    def close(self) -> None:
        """End the session and release its locks."""
        with suppress(psycopg.Error):
            # The server releases the locks at disconnection, slightly later; the next member need not wait for that.
            self._driver.execute("SELECT pg_advisory_unlock_all()")
        with suppress(psycopg.Error, DBAPIError):
            self._driver.close()
            self._connection.invalidate()


@contextmanager
def listen(
    engine: Engine, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
) -> Iterator[None]:
    """Call ``on_growth(log topic)`` from a thread after each commit that appended to it, for the length of the block.

    ``on_growth(None)`` is called at the start and once a second: any log topic may have grown. ``on_failure`` is called
    once, from the same thread, when the database is gone; no call follows it.
    """
    session = DedicatedSession(engine)
    stopped = Event()

    def run() -> None:
        try:
            while not stopped.is_set():
                on_growth(None)
                deadline = time.monotonic() + SAFETY_SECONDS
                while not stopped.is_set() and (left := deadline - time.monotonic()) > 0:
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
