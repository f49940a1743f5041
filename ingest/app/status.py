"""Lags, readiness and health of the service, over both logs."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ingest import runtime
from ingest.app.database import open_database
from ingest.app.logs import open_kafka_log
from ingest.consume import GROUP
from ingest.db import migrate
from ingest.db.engine import Engine
from ingest.db.status import GroupStatus, Status, read_status
from ingest.errors import IngestError
from ingest.log.api import ARTICLES
from ingest.settings import Settings

logger = logging.getLogger(__name__)

READY_TIMEOUT: Final = timedelta(seconds=5)
"""A health check waits this long for a broker."""
LAG_TIMEOUT: Final = timedelta(seconds=2)
"""Status and metrics wait this long for a broker: Prometheus gives up a scrape after 10 s."""


def service_status(
    settings: Settings, engine: Engine, *, timeout: timedelta = timedelta(seconds=5)
) -> Status:
    """Read the status of the service, with the consumers' lag on the log that carries ``news.articles``.

    Raises:
        Unavailable: the database. When a broker is away, its lag is left out and nothing is raised.
    """
    status = read_status(engine, now=runtime.now(), timeout=timeout)
    if settings.log != "kafka":
        return status
    # Rows about news.articles in the tables date from a time before the log was Kafka.
    database_groups = tuple(group for group in status.groups if group.topic != ARTICLES)
    return replace(status, groups=(*_kafka_groups(settings), *database_groups))


def _kafka_groups(settings: Settings) -> tuple[GroupStatus, ...]:
    try:
        with open_kafka_log(settings, timeout=LAG_TIMEOUT) as log:
            lag = log.lag(ARTICLES, group=GROUP)
    except IngestError as error:
        logger.warning("the lag of group %s on %s is not known: %s", GROUP, ARTICLES, error)
        return ()
    return () if lag is None else (GroupStatus(topic=ARTICLES, group=GROUP, lag=lag),)


def check_ready(settings: Settings, engine: Engine) -> None:
    """Check database, migration and log.

    Raises:
        Unavailable: the database or the log.
        WrongMigration: the database is not at the migration that this code needs.
    """
    migrate.check(engine)
    if settings.log == "kafka":
        with open_kafka_log(settings, timeout=READY_TIMEOUT) as log:
            log.check()


def check_health(settings: Settings) -> None:
    """Check that a process with these settings could work; raises like :func:`check_ready`."""
    with open_database(settings, name="ingest health", pool_size=1) as engine:
        check_ready(settings, engine)
