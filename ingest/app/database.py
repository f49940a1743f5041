"""The database of the service: embedded or external, at the migration of this code, with its topics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from ingest import runtime
from ingest.classify import read_topics
from ingest.db import article_aliases, embedded, migrate, topics
from ingest.db.engine import Engine, open_engine
from ingest.errors import Refused
from ingest.settings import Settings
from ingest.types import Topic


@contextmanager
def _database_url(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database in the settings, else of the embedded database.

    A running embedded server (of ``ingest up``) is shared. Otherwise one runs for the length of the block.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = embedded.start(settings.data_dir)
    try:
        yield server.url()
    finally:
        server.stop()


@contextmanager
def open_database(
    settings: Settings, *, name: str, pool_size: int = 5, check: bool = True
) -> Iterator[Engine]:
    """Open the database and make sure that its schema is the one that this code needs.

    An embedded database is migrated when it is new or older, because this service is its only operator.

    Args:
        name: the application name of the connections.
        check: False accepts any migration of an external database.

    Raises:
        WrongMigration: the database is newer or, where it is external, older.
    """
    with _database_url(settings) as url:
        engine = open_engine(url, pool_size=pool_size, name=name)
        try:
            if settings.database_url is None:
                migrate_database(settings, engine)
            elif check:
                migrate.check(engine)
            yield engine
        finally:
            engine.dispose()


def migrate_database(settings: Settings, engine: Engine) -> None:
    """Migrate the schema to this code's version, find articles with a former canonical URL, and load the topics.

    The topics of ``topics_file`` are loaded each time. The built-in topics are loaded only into a database without
    topics, so that the topics an operator loaded stay.
    """
    migrate.upgrade(engine)
    runtime.failpoint("migrate.upgraded")
    article_aliases.refresh(engine)
    if settings.topics_file is not None or not topics.list_topics(engine):
        topics.load(engine, load_topics_file(settings), now=runtime.now())
    runtime.failpoint("migrate.loaded")


def load_topics_file(settings: Settings) -> tuple[Topic, ...]:
    """Read the topics of ``topics_file``, or the built-in topics.

    Raises:
        Refused: the file cannot be read, or holds a topic or rule that is not valid.
    """
    if settings.topics_file is None:
        return read_topics(files("ingest").joinpath("topics.yaml").read_text("utf-8"), name="topics.yaml")
    try:
        content = settings.topics_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "INGEST_TOPICS_FILE", str(settings.topics_file), f"a readable YAML file in UTF-8 ({error})"
        ) from None
    return read_topics(content, name=str(settings.topics_file))
