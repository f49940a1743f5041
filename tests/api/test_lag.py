"""The lag of the consumers on Kafka, as /metrics, /v1/status and `ingest status` tell it; or not, without a broker."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from ingest import app
from ingest.cli import root
from ingest.consume import GROUP
from ingest.errors import Refused
from ingest.log.api import ARTICLES, stream_topic
from ingest.log.postgres import PostgresLog
from ingest.settings import Settings, environment_name
from tests.api.conftest import running
from tests.kafka_broker import Broker
from tests.library import event
from tests.log.backends import kafka_log, spread, take

pytestmark = [pytest.mark.store, pytest.mark.kafka]

METRIC = "ingest_log_group_lag_records"
STREAM = stream_topic("football")


@pytest.fixture
def broker(start_broker: Callable[[], Broker]) -> Broker:
    """One of its own: the log topic has the name that the service gives it."""
    return start_broker()


def commit_one(log: PostgresLog, topic: str, group: str) -> None:
    """Append three records to the embedded log, of which ``group`` reads one."""
    log.append(topic, [event("football", n) for n in range(3)])
    with log.subscribe(topic, group=group) as subscription:
        subscription.commit(subscription.poll(timeout=5, limit=1))


def read(
    engine: Engine, settings: Settings
) -> tuple[dict[str, float], list[dict[str, object]], list[dict[str, object]]]:
    """The lags as metrics, as the API's JSON and as the command's."""
    with running(engine, status=lambda: app.service_status(settings, engine)) as server:
        text = httpx.get(f"{server.url}/metrics", timeout=30).raise_for_status().text
        status = httpx.get(f"{server.url}/v1/status", timeout=30).raise_for_status().json()
    samples = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(f"{METRIC}{{")]
    assert "ingest_database_up 1.0" in text
    environment = {
        environment_name(name): str(getattr(settings, name))
        for name in ("database_url", "log", "kafka_bootstrap")
    }
    done = CliRunner().invoke(root, ["status", "--json"], env={"INGEST_CONFIG": None, **environment})
    assert done.exit_code == 0, done.output
    commanded = json.loads(done.stdout.splitlines()[-1])
    return {name: float(value) for name, value in samples}, status["groups"], commanded["groups"]


def test_the_lag_is_that_of_the_group_in_kafka(database: Engine, database_url: str, broker: Broker) -> None:
    embedded = PostgresLog(database)
    commit_one(embedded, ARTICLES, GROUP)  # of a time before Kafka
    commit_one(embedded, STREAM, "relay")
    log = kafka_log(broker.bootstrap)
    log.append(ARTICLES, spread(30))
    with log.subscribe(ARTICLES, group=GROUP) as subscription:
        taken = take(subscription, 30, commit=False)
        subscription.commit([next(one for one in taken if one.partition == taken[0].partition)])
    log.close()
    settings = Settings(database_url=database_url, log="kafka", kafka_bootstrap=broker.bootstrap)
    metrics, told, commanded = read(database, settings)
    assert metrics == {
        f'{METRIC}{{group="{GROUP}",topic="{ARTICLES}"}}': 29,
        f'{METRIC}{{group="relay",topic="{STREAM}"}}': 2,
    }
    assert told == [
        {"topic": ARTICLES, "group": GROUP, "lag": 29},
        {"topic": STREAM, "group": "relay", "lag": 2},
    ]
    assert commanded == told


@pytest.mark.parametrize("end", [Broker.kill, Broker.pause])
def test_a_broker_that_is_away_leaves_the_lag_out(
    database: Engine,
    database_url: str,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
    end: Callable[[Broker], None],
) -> None:
    embedded = PostgresLog(database)
    commit_one(embedded, ARTICLES, GROUP)
    commit_one(embedded, STREAM, "relay")
    settings = Settings(database_url=database_url, log="kafka", kafka_bootstrap=broker.bootstrap)
    end(broker)
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="ingest.app.status"):
        metrics, told, commanded = read(database, settings)
    assert time.monotonic() - begun < 3 * 10  # three questions, none as long as a scrape may take
    assert list(metrics.values()) == [2]
    assert told == commanded == [{"topic": STREAM, "group": "relay", "lag": 2}]
    warnings = [record.getMessage() for record in caplog.records if record.name == "ingest.app.status"]
    assert len(warnings) == 3
    assert warnings[0].startswith(
        f"the lag of group {GROUP} on {ARTICLES} is not known: Kafka is not available"
    )


def test_where_no_consumer_ever_ran_all_records_are_before_it(
    database: Engine, database_url: str, broker: Broker
) -> None:
    # On a new cluster nobody has a coordinator yet: the broker makes its place for offsets at the first question.
    log = kafka_log(broker.bootstrap)
    log.append(ARTICLES, spread(30))
    assert log.lag(ARTICLES, group=GROUP) == 30
    log.close()
    settings = Settings(database_url=database_url, log="kafka", kafka_bootstrap=broker.bootstrap)
    (group,) = app.service_status(settings, database).groups
    assert group.lag == 30


def test_before_the_first_article_there_is_no_lag(
    database: Engine, database_url: str, broker: Broker
) -> None:
    settings = Settings(database_url=database_url, log="kafka", kafka_bootstrap=broker.bootstrap)
    assert app.service_status(settings, database).groups == ()


def test_certificates_that_cannot_be_read_leave_the_lag_out_and_are_refused_elsewhere(
    database: Engine, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for cafile in (tmp_path / "none.pem", empty):
        settings = Settings(
            database_url=database_url,
            log="kafka",
            kafka_bootstrap="127.0.0.1:9",
            kafka_security_protocol="SSL",
            kafka_ssl_cafile=cafile,
        )
        with pytest.raises(Refused, match=f"INGEST_KAFKA_SSL_CAFILE: '{cafile}'"):
            app.check_ready(settings, database)
        assert app.service_status(settings, database).groups == ()
        assert f"INGEST_KAFKA_SSL_CAFILE: '{cafile}'" in caplog.text
