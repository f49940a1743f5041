"""The composition root: the only place that chooses implementations. Tests come through the same door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from ingest.db import embedded, migrate
from ingest.db.engine import open_engine
from ingest.log.api import Log
from ingest.log.postgres import PostgresLog
from ingest.settings import Settings


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The database to use: the one named in the settings, or the embedded one.

    An embedded server that is running (``ingest up`` has it) is shared; one that is not is started for the
    length of the block.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server, started = embedded.start_or_adopt(settings.data_dir)
    try:
        yield server.url()
    finally:
        if started:
            server.stop()


@contextmanager
def open_database(
    settings: Settings, *, name: str, pool_size: int = 5, check: bool = True
) -> Iterator[Engine]:
    """The database, at the migration this code needs.

    An embedded database that is new or older is migrated: it has no other operator than us.

    Raises:
        WrongMigration: the database is newer or, where it is not ours alone, older.
    """
    with database_url(settings) as url:
        engine = open_engine(url, pool_size=pool_size, name=name)
        try:
            if settings.database_url is None:
                migrate.upgrade(engine)
            elif check:
                migrate.check(engine)
            yield engine
        finally:
            engine.dispose()


def article_log(settings: Settings, engine: Engine) -> Log:
    """The log that carries ``news.articles``: tables in the database, or Kafka."""
    if settings.log == "postgres":
        return PostgresLog(engine)
    from ingest.log.kafka import KafkaLog  # slow to import, and not needed on the embedded log

    assert settings.kafka_bootstrap is not None
    return KafkaLog(
        settings.kafka_bootstrap,
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
    )
