from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from ingest.db import embedded, migrate
from ingest.db.engine import open_engine
from ingest.log.postgres import PostgresLog
from tests.log.backends import PARTITIONS, Backend, Mortal, kafka_log

BACKENDS = [pytest.param("postgres", marks=pytest.mark.store), pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture
def topic() -> str:
    """A log topic that nobody else uses: tests share a broker."""
    return f"test.{uuid4().hex}"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each log in turn."""
    if request.param == "postgres":
        engine: Engine = request.getfixturevalue("database")
        url = request.getfixturevalue("database_url")
        yield Backend(name="postgres", log=PostgresLog(engine), address=url, partitions=1)
        return
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    log = kafka_log(bootstrap)
    yield Backend(name="kafka", log=log, address=bootstrap, partitions=PARTITIONS)
    log.close()


@pytest.fixture(params=BACKENDS)
def mortal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mortal]:
    """Each log in turn, over a server that may be killed, and that is given up after two seconds."""
    if request.param == "postgres":
        server = embedded.start(tmp_path)
        engine = open_engine(server.url())
        migrate.upgrade(engine)
        yield Mortal(
            log=PostgresLog(engine), kill=lambda: embedded.kill(server), restart=lambda: server.restart()
        )
        engine.dispose()
        server.stop()
        return
    broker = request.getfixturevalue("start_broker")()
    log = kafka_log(broker.bootstrap, timeout=timedelta(seconds=2))
    yield Mortal(log=log, kill=broker.kill, restart=broker.start)
    log.close()
