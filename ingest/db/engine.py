"""Opening the database, and translating the driver's errors once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest.errors import IngestError, Unavailable

MIN_SERVER_VERSION: Final = 150000
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
ATTEMPTS: Final = 5
MAX_DETAIL: Final = 2000
"""Characters of a text that is only for people."""
_Done = TypeVar("_Done")


def driver_url(url: str) -> str:
    """``postgresql://…`` as SQLAlchemy wants it, naming the driver."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def open_engine(
    url: str, *, pool_size: int = 5, name: str = "ingest", connect_timeout: timedelta = CONNECT_TIMEOUT
) -> Engine:
    """An engine over ``url`` (``postgresql://…``). Nothing is connected yet.

    ``name`` is shown in ``pg_stat_activity``. Times come back as aware UTC.
    """
    return create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        # What goes wrong is logged; among the parameters are tokens and secrets of feeds and hubs.
        hide_parameters=True,
        connect_args={
            "application_name": name,
            "connect_timeout": int(connect_timeout.total_seconds()),
            "options": "-c timezone=UTC -c jit=off",
        },
    )


class Conflict(IngestError):
    """The transaction met another one (deadlock, unique key, serialisation): rolled back, try it again."""


class Rejected(IngestError):
    """The database cannot hold a value of this transaction: rolled back, trying again does not help."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by an exception.

    Raises:
        Unavailable: the server is gone, or went away meanwhile; whether a commit took effect is then unknown.
        Conflict: another transaction was faster.
        Rejected: a value that the database cannot hold.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (DBAPIError, psycopg.Error, PoolTimeout) as error:
        raise translate(error) from error


def run_with_retry(engine: Engine, change: Callable[[Connection], _Done]) -> _Done:
    """The change in a transaction of its own; one that meets another is started again."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Conflict), transaction(engine) as connection:
            return change(connection)
    with transaction(engine) as connection:
        return change(connection)


def pg_text(value: str | None) -> str | None:
    """As PostgreSQL takes it (docs, §8.3): no NUL, no lone surrogates; and not without end."""
    if value is None:
        return None
    cut = value[:MAX_DETAIL].replace("\0", "�")
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()


def translate(error: DBAPIError | psycopg.Error | PoolTimeout) -> Exception:
    """What a driver error means to us (PostgreSQL docs, appendix A: error codes); a mistake of ours stays itself.

    No code at all: the connection broke. 57P: the server shuts down or ended the session; 53: it is out of disk,
    memory or connections; 08: connection exceptions; 58: its files fail; 25006: it went read-only.
    40, 23503 and 23505: a conflict; 23503 is a row that was removed while another was made that refers to it.
    22, 54, 23502 and 23514: a value out of range, too long, missing, with characters the database does not take, or
    against a check of the schema.
    """
    if isinstance(error, PoolTimeout):
        return Unavailable("database", str(error))
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None) or ""
    broken = isinstance(original, psycopg.OperationalError | psycopg.InterfaceError) and not state
    if broken or state.startswith(("57P", "53", "08", "58")) or state == "25006":
        return Unavailable(
            "database", " ".join(str(original).split())
        )  # the driver's lines as one: it is logged
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
    """As ``server_version_num``: 150000 is 15.0."""
    with transaction(engine) as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one())
