"""The log between the stages: tables in PostgreSQL, or Apache Kafka."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest.db.engine import Engine
from ingest.errors import Refused, Unavailable
from ingest.log.api import Log
from ingest.log.postgres import PostgresLog, listen
from ingest.settings import Settings, environment_name

if TYPE_CHECKING:
    from ingest.log.kafka import KafkaLog, Security

KAFKA_TIMEOUT: Final = timedelta(seconds=60)
"""A process waits this long for a broker that is away, then it stops and is restarted."""


def open_database_log(engine: Engine) -> PostgresLog:
    """Return the log in the database: streams and alerts always, articles on the embedded default."""
    return PostgresLog(engine)


def listen_to_log(
    engine: Engine, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
) -> AbstractContextManager[None]:
    """Receive notifications of the log in the database while the context is open, from a thread of its own."""
    return listen(engine, on_growth=on_growth, on_failure=on_failure)


@contextmanager
def open_article_log(settings: Settings, engine: Engine) -> Iterator[Log]:
    """Open the log that carries ``news.articles``: tables in the database, or Kafka."""
    if settings.log == "postgres":
        yield open_database_log(engine)
        return
    with open_kafka_log(settings) as log:
        yield log


@contextmanager
def open_kafka_log(settings: Settings, *, timeout: timedelta = KAFKA_TIMEOUT) -> Iterator[KafkaLog]:
    """Open the Kafka log; calls fail when the brokers are away for ``timeout``."""
    from ingest.log.kafka import KafkaLog  # slow to import, and not needed on the embedded log

    assert settings.kafka_bootstrap is not None
    log = KafkaLog(
        settings.kafka_bootstrap,
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
        timeout=timeout,
        session_timeout=settings.kafka_session_timeout,
        security=kafka_security(settings),
    )
    try:
        yield log
    finally:
        log.close()


def kafka_security(settings: Settings) -> Security:
    """Return protocol, log-in and certificates for the brokers.

    Raises:
        Refused: the certificate file cannot be read, or has no certificate.
    """
    from ingest.log.kafka import Security

    cafile = settings.kafka_ssl_cafile
    if cafile is not None:
        try:
            ssl.create_default_context(cafile=str(cafile))
        except OSError as error:  # ssl.SSLError is an OSError, too
            accepted = f"a readable file of certificates in PEM ({error.strerror or error})"
            raise Refused(environment_name("kafka_ssl_cafile"), str(cafile), accepted) from None
    return Security(
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_sasl_username,
        password=settings.kafka_sasl_password,
        cafile=cafile,
    )
