"""Real PostgreSQL for every test that requests it.

Each process of the run (each worker of pytest-xdist) has one server with one migrated template database; each test
gets a fresh copy of the template.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import Engine, create_engine, text

from ingest.db import embedded, migrate
from ingest.db.engine import driver_url, open_engine
from tests import external_postgres
from tests.scratch import scratch_parent

pytest_plugins = ["tests.kafka_fixtures"]

_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres15",
        action="store_true",
        help="run on PostgreSQL 15, the oldest supported server, from Debian's package (PG_BIN: its folder)",
    )


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class Postgres:
    """The session's server: makes databases and drops them.

    A ``disposable`` server may lose its data with the machine. It skips fsync, and a copy of the template then costs
    least as a copy of files; a server that keeps its data writes a checkpoint before and after such a copy.
    """

    def __init__(self, url: str, *, disposable: bool) -> None:
        self.url = url
        self._strategy = "FILE_COPY" if disposable else "WAL_LOG"
        self._admin = create_engine(driver_url(url), isolation_level="AUTOCOMMIT")
        if disposable:
            self._execute("ALTER SYSTEM SET fsync = off")
            self._execute("SELECT pg_reload_conf()")
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
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {self._strategy}')
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
def postgres(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """The server of ``INGEST_TEST_DATABASE_URL``, or PostgreSQL 15 (``--postgres15``), or the embedded server."""
    with ExitStack() as stack:
        if configured := os.environ.get(external_postgres.VARIABLE):
            server = Postgres(configured, disposable=False)
        elif pytestconfig.getoption("--postgres15"):
            url = stack.enter_context(external_postgres.external_postgres())
            server = Postgres(url, disposable=True)
        else:
            parent = scratch_parent()
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-tests-", dir=parent))
            own = embedded.start(Path(folder))
            stack.callback(own.stop)
            server = Postgres(own.url(), disposable=True)
        stack.callback(server.close)
        yield server


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
