"""A transaction whose commit Kafka answered, and whose end it forgot: what hangs comes again, and nothing comes twice.

A broker that is killed behind its answer does that (docs/decisions/hanging-transactions.md), and
``./run crash --log kafka --kafka --label relay.committed --target broker`` kills one there. Here the same is left
behind in a way that works each time: the coordinator is never told which log topic the transaction writes to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest import relay
from ingest.errors import Unavailable
from ingest.log.kafka import KafkaStreamTarget
from ingest.log.kafka.library import KafkaAdminClient, TopicPartition
from ingest.log.kafka.streams import _call_with_timeout
from ingest.log.postgres import PostgresStreamSource
from ingest.relay import Relay
from ingest.runtime import Stop
from tests.kafka_broker import Broker
from tests.relay.conftest import World

pytestmark = pytest.mark.kafka

UNVERIFIED = {"transaction.partition.verification.enable": "false"}
"""Otherwise the broker refuses what the coordinator knows nothing of, since Kafka 3.6."""


class Forgotten(KafkaStreamTarget):
    """A target whose commits are answered and never end."""

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        producer: Any = self._producer
        known_to_the_coordinator = producer._transaction_manager._partitions_in_transaction
        with super().transaction() as transaction:
            known_to_the_coordinator.update(TopicPartition(topic, 0) for topic in self._limits)
            yield transaction
            transaction.settle(60)
            known_to_the_coordinator.clear()


@pytest.fixture(scope="module")
def broker(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka"), jars=kafka_jars, settings=UNVERIFIED) as broker:
        yield broker


@pytest.fixture
def world(world: World, broker: Broker) -> World:
    return replace(world, bootstrap=broker.bootstrap)


def forgotten(world: World, *, name: str | None = None) -> Forgotten:
    return Forgotten(
        world.bootstrap,
        replication=1,
        transactional_id=name or world.name,
        timeout=timedelta(seconds=5),
    )


def copy_all(world: World, target: KafkaStreamTarget) -> None:
    with PostgresStreamSource(world.engine) as source:
        assert source.acquire()
        copying = Relay(source, target)
        while copying.copy():
            pass


def hang(world: World, *, name: str | None = None) -> None:
    """Relay what is new to ``world``, and leave it hanging."""
    with forgotten(world, name=name) as target:
        target.fence()
        copy_all(world, target)


def relay_all(world: World) -> None:
    with world.target() as target:
        target.fence()
        copy_all(world, target)


def test_what_hangs_is_aborted_and_comes_again_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.append(2)
    relay_all(world)
    world.append(3)
    hang(world)
    assert world.cursors() == [1, 2]
    world.append(1)
    relay_all(world)
    assert world.cursors() == [1, 2, 3, 4, 5, 6]
    assert f"{world.topic()}: aborting a hanging transaction from offset 3 on" in caplog.text
    assert f"{world.topic()}: Kafka lost the events 3–5 or never made them visible" in caplog.text


def test_the_first_events_of_a_stream_may_hang_too(world: World) -> None:
    world.append(2)
    hang(world)
    assert world.cursors() == []
    relay_all(world)
    assert world.cursors() == [1, 2]


def test_what_hangs_comes_again_where_retention_took_all_before_it(world: World) -> None:
    world.append(2)
    relay_all(world)
    world.append(2)
    hang(world)
    take_before(world, 3)  # two events, and their marker
    with world.target() as dying:
        dying.fence()
        assert dying.last_cursor(world.topic()) == 2  # the hanging transaction is aborted, and its relay dies
    relay_all(world)
    assert world.cursors() == [3, 4]


def test_what_hangs_comes_again_after_the_next_transaction_failed_and_took_it_along(world: World) -> None:
    world.append(2)
    relay_all(world)
    world.append(1)
    with forgotten(world) as target:
        target.fence()
        copy_all(world, target)
        world.append(1)
        with pytest.raises(ZeroDivisionError):
            send_and_fail(world, target)
    take_before(world, 3)
    relay_all(world)
    assert world.cursors() == [3, 4]


def take_before(world: World, offset: int) -> None:
    """As retention does."""
    admin = KafkaAdminClient(bootstrap_servers=world.bootstrap)
    admin.delete_records({TopicPartition(world.topic(), 0): offset})
    admin.close()


def send_and_fail(world: World, target: KafkaStreamTarget) -> None:
    with KafkaStreamTarget.transaction(target) as transaction:
        [record] = world.log.read(world.topic(), after=3, limit=1)
        transaction.send(world.topic(), [with_cursor(record)], at=[record.appended_at])
        transaction.settle(60)
        raise ZeroDivisionError


def test_what_hangs_ends_with_the_next_transaction_of_a_relay_that_lives(world: World) -> None:
    world.append(2)
    with forgotten(world) as target, PostgresStreamSource(world.engine) as source:
        assert source.acquire()
        target.fence()
        copying = Relay(source, target)
        assert copying.copy() == 2
        assert world.cursors() == []
        world.append(1)
        with KafkaStreamTarget.transaction(target) as transaction:
            [record] = world.log.read(world.topic(), after=2, limit=1)
            transaction.send(world.topic(), [with_cursor(record)], at=[record.appended_at])
        assert world.cursors() == [1, 2, 3]


def with_cursor(record: Any) -> Any:
    return replace(record, headers={"cursor": str(record.offset)})


def test_a_running_relay_notices_what_hangs_and_ends(world: World) -> None:
    world.append(2)
    with (
        forgotten(world) as target,
        PostgresStreamSource(world.engine) as source,
        pytest.raises(Unavailable, match=f"{world.topic()}: a committed transaction hangs at offset 0"),
    ):
        relay.run(source, target, Stop(), verify_interval=timedelta(seconds=0.1))


def test_what_another_producer_left_hanging_is_said(world: World) -> None:
    world.append(2)
    hang(world, name=f"{world.name}-other")
    with forgotten(world) as target:
        target.fence()
        with pytest.raises(Unavailable, match=r"a transaction of another producer hangs at offset 0"):
            target.last_cursor(world.topic())


def test_what_is_committed_proves_good_and_a_broker_away_is_unavailable(world: World, broker: Broker) -> None:
    with world.target() as target:
        target.fence()
        target.verify_visible()  # nothing was sent
        for _ in range(3):
            world.append(2)
            copy_all(world, target)
            target.verify_visible()
    with forgotten(world) as target:
        target.fence()
        world.append(1)
        copy_all(world, target)
        target.verify_visible()
        broker.kill()
        try:
            with pytest.raises(Unavailable, match="verifying that events are visible"):
                target.verify_visible()
        finally:
            broker.start()
        with pytest.raises(Unavailable, match="hangs"):
            target.verify_visible()


def test_a_stream_that_somebody_deleted_in_kafka_is_noticed_and_made_again(world: World) -> None:
    world.append(2)
    with forgotten(world) as target:
        target.fence()
        with PostgresStreamSource(world.engine) as source:
            assert source.acquire()
            assert Relay(source, target).copy() == 2
        admin = KafkaAdminClient(bootstrap_servers=world.bootstrap)
        admin.delete_topics([world.topic()])
        admin.close()
        with pytest.raises(Unavailable, match="verifying that events are visible"):
            target.verify_visible()
    relay_all(world)
    assert world.cursors() == [1, 2]


def test_nothing_that_ends_a_transaction_passes_for_success() -> None:
    with pytest.raises(Unavailable, match="failed with ZeroDivisionError"):
        _call_with_timeout(lambda: 1 / 0, 60)
