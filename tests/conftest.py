"""Real PostgreSQL for every test that asks: one server a session, one migrated template, a fresh copy a test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import Engine, create_engine, text

from ingest.db import embedded, migrate
from ingest.db.engine import driver_url, open_engine

pytest_plugins = ["tests.kafka_broker"]

_numbers = count(1)


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class Postgres:
    """The session's server: makes databases and drops them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._admin = create_engine(driver_url(url), isolation_level="AUTOCOMMIT")
        self._template = f"ingest_template_{os.getpid()}"
        self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)')
        self._execute(f'CREATE DATABASE "{self._template}"')
        engine = open_engine(_with_database(url, self._template))
        migrate.upgrade(engine)
        engine.dispose()

    def create(self, *, migrated: bool = True) -> str:
        """The URL of a new database."""
        name = f"ingest_test_{os.getpid()}_{next(_numbers)}"
        template = self._template if migrated else "template0"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return _with_database(self.url, name)

    def drop(self, url: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def close(self) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)')
        self._admin.dispose()

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The embedded server, or the one of ``INGEST_TEST_DATABASE_URL``."""
    given = os.environ.get("INGEST_TEST_DATABASE_URL")
    if given:
        server = Postgres(given)
        yield server
        server.close()
        return
    with tempfile.TemporaryDirectory(prefix="ingest-tests-") as folder:
        own = embedded.start(Path(folder))
        server = Postgres(own.url())
        yield server
        server.close()
        own.stop()


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database without any table."""
    url = postgres.create(migrated=False)
    yield url
    postgres.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An engine over a fresh, migrated database."""
    engine = open_engine(database_url, name="test")
    yield engine
    engine.dispose()
