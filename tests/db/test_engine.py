"""Messages of database errors contain the cause and no secrets."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from ingest.db.engine import transaction, translate
from ingest.errors import Unavailable

pytestmark = pytest.mark.store


def test_a_statement_that_fails_is_told_without_the_values_it_was_given(database: Engine) -> None:
    with pytest.raises(DBAPIError) as failed, transaction(database) as connection:
        connection.execute(text("SELECT :secret FROM no_such_table"), {"secret": "hunter2"})
    assert "no_such_table" in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_a_database_that_is_away_is_told_in_one_line() -> None:
    said = translate(psycopg.OperationalError("connection failed: refused\n\tIs the server running?\n"))
    assert isinstance(said, Unavailable)
    assert str(said) == "database is not available: connection failed: refused Is the server running?"
