"""Read-only transactions with a time limit for each statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from ingest.db.engine import transaction
from ingest.errors import Unavailable

READ_TIMEOUT: Final = timedelta(seconds=15)
_CANCELLED: Final = "57014"


class TimedOut(Unavailable):
    """A statement took longer than the time limit of its transaction, which was rolled back."""


@contextmanager
def read_transaction(engine: Engine, *, timeout: timedelta = READ_TIMEOUT) -> Iterator[Connection]:
    """Open a read-only transaction over one snapshot: all reads in it are consistent.

    Raises:
        Unavailable: the server is gone.
        TimedOut: a statement took longer than ``timeout``.
    """
    try:
        with transaction(engine) as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            milliseconds = int(timeout / timedelta(milliseconds=1))
            connection.execute(
                text("SELECT set_config('statement_timeout', :t, true)"), {"t": str(milliseconds)}
            )
            yield connection
    except (OperationalError, QueryCanceled) as error:
        if isinstance(error, QueryCanceled) or getattr(error.orig, "sqlstate", None) == _CANCELLED:
            raise TimedOut("database", f"a query took longer than {timeout.total_seconds():g} s") from error
        raise
