"""Opening the database, and translating the driver's errors once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest.errors import Unavailable

MIN_SERVER_VERSION: Final = 150000


def driver_url(url: str) -> str:
    """``postgresql://…`` as SQLAlchemy wants it, naming the driver."""
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def open_engine(url: str, *, pool_size: int = 5, name: str = "ingest") -> Engine:
    """An engine over ``url`` (``postgresql://…``). Nothing is connected yet.

    ``name`` is shown in ``pg_stat_activity``. Times come back as aware UTC.
    """
    return create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        connect_args={
            "application_name": name,
            "connect_timeout": 10,
            "options": "-c timezone=UTC -c jit=off",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by an exception.

    Raises:
        Unavailable: the server is gone, or went away meanwhile; whether a commit took effect is then unknown.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise translate(error) from error
    except PoolTimeout as error:
        raise Unavailable("database", str(error)) from error


def translate(error: DBAPIError) -> Exception:
    """What a driver error means to us: gone servers are :class:`Unavailable`, the rest stays what it is."""
    # 57P01-57P05: the server is shutting down or closed the session; 53xxx: out of disk, memory or connections.
    state = getattr(error.orig, "sqlstate", None) or ""
    gone = error.connection_invalidated or isinstance(error, InterfaceError)
    if isinstance(error, OperationalError) and not state:
        gone = True
    if gone or state.startswith(("57P", "53", "08")):
        return Unavailable("database", str(error.orig).strip())
    return error


def server_version(engine: Engine) -> int:
    """As ``server_version_num``: 150000 is 15.0."""
    with transaction(engine) as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one())
