"""Bringing a database to the schema of this code, and refusing to work on any other.

The migrations are Alembic's, in ``migrations/`` of the checkout and in ``ingest/migrations`` of a wheel.
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
    """The migration this code needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def current(engine: Engine) -> str | None:
    """The migration the database is at; None when it has none."""
    with transaction(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, *, to: str = "head") -> None:
    """Bring the database to migration ``to``, in one transaction; nothing to do is fine.

    Raises:
        Refused: the server is older than PostgreSQL 15.
        WrongMigration: the database is at a migration this code does not know (it is newer).
    """
    version = server_version(engine)
    if version < MIN_SERVER_VERSION:
        raise Refused("PostgreSQL version", f"{version // 10000}", f"{MIN_SERVER_VERSION // 10000} or newer")
    found = current(engine)
    if to == "head" and found == head():
        return
    _refuse_unknown(found)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(_config(connection), to)
            failpoint("migrate.before-commit")
    except DBAPIError as error:
        raise translate(error) from error


def downgrade(engine: Engine, *, to: str) -> None:
    """Take the database back to migration ``to`` (``base``: to nothing), in one transaction.

    Raises:
        Refused: there is no such migration, or the database is not that far yet.
        WrongMigration: the database is at a migration this code does not know (it is newer).
    """
    found = current(engine)
    _refuse_unknown(found)
    reached = _reached(found)
    if to != "base" and to not in reached:
        one = f", or one from {reached[0]} to {reached[-1]}, where the database is" if reached else ""
        raise Refused("--to", to, f"head, base{one}")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.downgrade(_config(connection), to)
    except DBAPIError as error:
        raise translate(error) from error


def check(engine: Engine) -> None:
    """
    Raises:
        WrongMigration: the database is not at the migration this code needs.
    """
    found = current(engine)
    if found == head():
        return
    _refuse_unknown(found)
    raise WrongMigration(found=found, needed=head(), remedy="run `ingest migrate` first")


def _reached(found: str | None) -> list[str]:
    """The migrations of a database that is at ``found``, oldest first."""
    if found is None:
        return []
    scripts = ScriptDirectory.from_config(_config()).walk_revisions(head=found)
    return [script.revision for script in scripts][::-1]


def _refuse_unknown(found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise WrongMigration(
            found=found,
            needed=head(),
            remedy="the database is newer than this code; install a newer news-ingest",
        )
