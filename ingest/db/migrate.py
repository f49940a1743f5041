"""Migration of a database to the schema of this code, and the check that it is there.

The migrations are Alembic scripts in ``migrations/`` of the checkout and in ``ingest/migrations`` of a wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ingest.db.engine import MIN_SERVER_VERSION, server_version, transaction, translate
from ingest.errors import Refused, WrongMigration
from ingest.runtime import failpoint

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_LOCK: Final = 0x6E657773  # "news": one migration at a time


def _scripts() -> Path:
    packaged = _PACKAGE / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the migration that this code requires."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def current(engine: Engine) -> str | None:
    """Return the migration of the database; None for an empty database."""
    with transaction(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, *, to: str = "head") -> None:
    """Upgrade the database to migration ``to`` in one transaction; do nothing if it is there.

    Raises:
        Refused: the server is older than PostgreSQL 15.
        WrongMigration: the database is at a migration that this code does not have (it is newer).
    """
    version = server_version(engine)
    if version < MIN_SERVER_VERSION:
        raise Refused("PostgreSQL version", f"{version // 10000}", f"{MIN_SERVER_VERSION // 10000} or newer")
    revision = current(engine)
    if to == "head" and revision == head():
        return
    _refuse_unknown(revision)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(_config(connection), to)
            failpoint("migrate.before-commit")
    except DBAPIError as error:
        raise translate(error) from error


def downgrade(engine: Engine, *, to: str) -> None:
    """Downgrade the database to migration ``to`` in one transaction; ``base`` removes the schema.

    Raises:
        Refused: the migration does not exist, or the database has not reached it.
        WrongMigration: the database is at a migration that this code does not have (it is newer).
    """
    revision = current(engine)
    _refuse_unknown(revision)
    applied = _applied(revision)
    if to != "base" and to not in applied:
        choices = f", or a migration from {applied[0]} to {applied[-1]}, the current one" if applied else ""
        raise Refused("--to", to, f"head, base{choices}")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.downgrade(_config(connection), to)
    except DBAPIError as error:
        raise translate(error) from error


def check(engine: Engine) -> None:
    """Check that the database is at the migration that this code requires.

    Raises:
        WrongMigration: the database is at another migration.
    """
    revision = current(engine)
    if revision == head():
        return
    _refuse_unknown(revision)
    raise WrongMigration(current=revision, required=head(), remedy="run `ingest migrate` first")


def _applied(revision: str | None) -> list[str]:
    """Return the migrations up to ``revision``, oldest first."""
    if revision is None:
        return []
    scripts = ScriptDirectory.from_config(_config()).walk_revisions(head=revision)
    return [script.revision for script in scripts][::-1]


def _refuse_unknown(revision: str | None) -> None:
    revisions = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in revisions:
        raise WrongMigration(
            current=revision,
            required=head(),
            remedy="the database is newer than this code; install a newer news-ingest",
        )
