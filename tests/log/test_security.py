"""A broker that wants a log-in, or that speaks TLS: who gets in, and what those who do not are told."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import Unavailable
from ingest.log.api import stream_topic
from tests.kafka_broker import Broker
from tests.log.backends import PARTITIONS, messages, take, values

pytestmark = pytest.mark.kafka

PASSWORD = "correct-horse"
TIMEOUT = timedelta(seconds=60)
SHORT = timedelta(seconds=2)


@pytest.fixture(scope="module")
def broker(kafka_jars: Path) -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="ingest-kafka-") as folder:
        one = Broker(Path(folder), jars=kafka_jars, users={"ingest": PASSWORD})
        with one:
            yield one


def security(protocol: str = "SASL_PLAINTEXT", mechanism: str | None = "SCRAM-SHA-512", **own: Any) -> Any:
    from ingest.log.kafka import Security  # slow to import, and not needed where there is no broker

    who = {"username": "ingest", "password": PASSWORD}
    return Security(protocol=protocol, mechanism=mechanism, **who | own)


def open_log(address: str, how: Any, *, timeout: timedelta = TIMEOUT) -> Any:
    from ingest.log.kafka import KafkaLog

    return KafkaLog(address, partitions=PARTITIONS, replication=1, timeout=timeout, security=how)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_every_client_logs_in(broker: Broker, topic: str, mechanism: str) -> None:
    log = open_log(broker.sasl, security(mechanism=mechanism))
    log.check()
    log.append(topic, messages("a", "b"))
    with log.subscribe(topic, group="g") as subscription:
        assert values(take(subscription, 2)) == ["a", "b"]
    assert log.lag(topic, group="g") == 0
    log.close()


def test_the_relay_logs_in(broker: Broker, topic: str) -> None:
    from ingest.log.kafka import KafkaStreamTarget

    with KafkaStreamTarget(broker.sasl, replication=1, timeout=TIMEOUT, security=security()) as target:
        target.fence()
        assert target.last_cursor(stream_topic(topic)) == 0


def test_an_encrypted_broker_is_trusted_by_its_certificate(broker: Broker, topic: str) -> None:
    log = open_log(broker.sasl_ssl, security("SASL_SSL", cafile=broker.cafile))
    log.append(topic, messages("a"))
    with log.subscribe(topic, group="g") as subscription:
        assert values(take(subscription, 1)) == ["a"]
    log.close()


@pytest.fixture(params=["at once", "late"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """When clients read: late, and what the broker says before it closes is read together with the end."""
    if request.param == "late":
        from kafka.net.transport import KafkaTCPTransport

        receive: Any = KafkaTCPTransport._sock_recv

        def late(transport: KafkaTCPTransport) -> Any:
            time.sleep(0.3)  # the broker holds back a refusal for 100 ms
            return receive(transport)

        monkeypatch.setattr(KafkaTCPTransport, "_sock_recv", late)


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_said_at_once_and_not_shown(broker: Broker, topic: str, mechanism: str) -> None:
    log = open_log(broker.sasl, security(mechanism=mechanism, password="battery-staple"))
    for call in (log.check, lambda: log.append(topic, messages("a")), lambda: log.lag(topic, group="g")):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as refused:
            call()
        assert time.monotonic() - begun < TIMEOUT.total_seconds() / 2
        assert f"{broker.sasl} refuses the log-in of 'ingest' with {mechanism}" in str(refused.value)
        assert "Authentication failed" in str(refused.value)
        assert "battery-staple" not in str(refused.value)


def test_a_relay_with_a_wrong_password_is_told_the_same(broker: Broker) -> None:
    from ingest.log.kafka import KafkaStreamTarget

    target = KafkaStreamTarget(broker.sasl, replication=1, security=security(password="battery-staple"))
    with pytest.raises(Unavailable, match="refuses the log-in of 'ingest'"), target:
        pass


def test_a_mechanism_that_the_broker_does_not_have_is_said(broker: Broker) -> None:
    # An open listener takes no log-in at all.
    with pytest.raises(Unavailable, match=r"refuses the log-in of 'ingest' with PLAIN: .*IllegalSaslState"):
        open_log(broker.bootstrap, security(mechanism="PLAIN")).check()


def test_a_certificate_that_nobody_trusts_is_said_within_the_timeout(broker: Broker) -> None:
    log = open_log(broker.sasl_ssl, security("SASL_SSL"), timeout=SHORT)
    with pytest.raises(Unavailable, match=r"no connection to .* within 2 s: .*certificate verify failed"):
        log.check()


@pytest.mark.parametrize("how", ["SSL", "PLAINTEXT"])
def test_another_protocol_than_the_listeners_ends_within_the_timeout(broker: Broker, how: str) -> None:
    own = security(how, None, username=None, password=None)
    log = open_log(broker.sasl, own, timeout=SHORT)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        log.check()
    assert time.monotonic() - begun < TIMEOUT.total_seconds() / 2


def test_a_password_is_in_no_repr() -> None:
    assert PASSWORD not in repr(security())
    assert PASSWORD not in repr(replace(security(), mechanism="PLAIN"))
