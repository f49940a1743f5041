"""Database engine, transactions, retry policy and the translation of driver errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ingest.errors import IngestError, Unavailable

__all__ = [
    "CONFLICT_RETRY",
    "Conflict",
    "Connection",
    "Engine",
    "Rejected",
    "driver_of",
    "driver_url",
    "open_engine",
    "pg_text",
    "run_with_retry",
    "server_version",
    "transaction",
    "translate",
]
"""``Engine`` and ``Connection`` are exported for modules that only pass them on to ``db``."""

logger = logging.getLogger(__name__)

MIN_SERVER_VERSION: Final = 150000
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
MAX_DETAIL: Final = 2000
"""Maximum characters of a stored error text, which is only for people."""
_Result = TypeVar("_Result")


def driver_url(url: str) -> str:
    """Convert ``postgresql://…`` to SQLAlchemy's form, which names the driver."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def open_engine(
    url: str, *, pool_size: int = 5, name: str = "ingest", connect_timeout: timedelta = CONNECT_TIMEOUT
) -> Engine:
    """Create an engine for ``url`` (``postgresql://…``) without connecting.

    ``name`` is shown in ``pg_stat_activity``. Timestamps are returned in UTC, with their zone.
    """
    return create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        # Errors are logged, and the parameters contain tokens and secrets of feeds and hubs.
        hide_parameters=True,
        connect_args={
            "application_name": name,
            "connect_timeout": int(connect_timeout.total_seconds()),
            "options": "-c timezone=UTC -c jit=off",
        },
    )


class Conflict(IngestError):
    """The transaction conflicted with another (deadlock, unique key, serialisation) and was rolled back; retry it."""


class Rejected(IngestError):
    """The database cannot store a value of this transaction, which was rolled back; a retry fails again."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction: commit at the end of the block, roll back on an exception.

    Raises:
        Unavailable: the server is gone; the result of a commit is then unknown.
        Conflict: the transaction conflicted with another one.
        Rejected: the database cannot store a value.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (DBAPIError, psycopg.Error, PoolTimeout) as error:
        raise translate(error) from error


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """Return the driver's connection, which has COPY and array parameters; SQLAlchemy has neither."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _log_conflict(state: RetryCallState) -> None:
    """Log the first line of a conflict. PostgreSQL's other lines contain values, such as the tokens of callbacks."""
    error = None if state.outcome is None else state.outcome.exception()
    reason = str(error).partition("\n")[0]
    logger.info("attempt %d of a transaction conflicted with another: %s", state.attempt_number, reason)


CONFLICT_RETRY: Final = Retrying(
    retry=retry_if_exception_type(Conflict),
    stop=stop_after_attempt(5),
    wait=wait_exponential(multiplier=0.05) + wait_random(0, 0.05),
    before_sleep=_log_conflict,
    reraise=True,
)
"""Retry policy of a transaction that conflicts with another: five attempts within about a second."""


def run_with_retry(engine: Engine, change: Callable[[Connection], _Result]) -> _Result:
    """Run ``change`` in a transaction of its own, again if it conflicts with another transaction."""

    def attempt() -> _Result:
        with transaction(engine) as connection:
            return change(connection)

    return CONFLICT_RETRY(attempt)


def pg_text(value: str | None) -> str | None:
    """Convert a text to one that PostgreSQL stores (docs, §8.3): no NUL, no lone surrogates, bounded length."""
    if value is None:
        return None
    cut = value[:MAX_DETAIL].replace("\0", "�")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def translate(error: DBAPIError | psycopg.Error | PoolTimeout) -> Exception:
    """Translate a driver error by its code (PostgreSQL docs, appendix A); return a programming error unchanged.

    Unavailable: no code (the connection broke); 57P (the server shuts down or ended the session); 53 (out of disk,
    memory or connections); 08 (connection exceptions); 58 (failing files); 25006 (read-only).
    Conflict: 40, 23505, and 23503, a row that was removed while a row referring to it was inserted.
    Rejected: 22, 54, 23502 and 23514, a value that is out of range, too long or missing, has characters that the
    database does not accept, or violates a check of the schema.
    """
    if isinstance(error, PoolTimeout):
        return Unavailable("database", str(error))
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None) or ""
    broken = isinstance(original, psycopg.OperationalError | psycopg.InterfaceError) and not state
    if broken or state.startswith(("57P", "53", "08", "58")) or state == "25006":
        # The driver's message has several lines; a log line has one.
        return Unavailable("database", " ".join(str(original).split()))
    if state.startswith("40") or state in ("23503", "23505"):
        return Conflict(str(original).strip())
    if (
        state.startswith(("22", "54"))
        or state in ("23502", "23514")
        or isinstance(original, psycopg.DataError)
    ):
        return Rejected(str(original).strip())
    return error


def server_version(engine: Engine) -> int:
    """Return ``server_version_num``: 150000 is 15.0."""
    with transaction(engine) as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one())
