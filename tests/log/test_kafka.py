"""The log in Kafka alone: settings of log topics, limits of brokers, rebalances, transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from os import urandom
from typing import Any
from uuid import uuid4

import pytest

from ingest.errors import Unavailable, Unusable
from ingest.log.api import stream_topic
from ingest.log.kafka import client as kafka_client
from ingest.log.kafka import library
from ingest.types import Message
from tests.kafka_broker import Broker
from tests.log.backends import (
    ARRIVAL_SECONDS,
    PARTITIONS,
    kafka_log,
    messages,
    spread,
    take,
    take_nothing,
    values,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(kafka_bootstrap: str) -> Iterator[Any]:
    log = kafka_log(kafka_bootstrap)
    yield log
    log.close()


@pytest.fixture
def admin(kafka_bootstrap: str) -> Iterator[Any]:
    admin = library.KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    yield admin
    admin.close()


def describe(admin: Any, topic: str) -> tuple[int, dict[str, str]]:
    """Partitions, and the settings that differ from the brokers' own."""
    partitions = admin.describe_topics([topic])[0]["partitions"]
    found = admin.describe_configs([library.ConfigResource("TOPIC", topic)], config_filter="modified")
    return len(partitions), {name: one["value"] for name, one in found["topic"][topic].items()}


def test_log_topics_are_made_with_partitions_and_room_for_large_messages(
    kafka_bootstrap: str, topic: str, admin: Any
) -> None:
    log = kafka_log(kafka_bootstrap)
    log.append(topic, messages("a"))
    log.close()
    partitions, settings = describe(admin, topic)
    assert partitions == PARTITIONS
    assert int(settings["max.message.bytes"]) > kafka_client.MAX_MESSAGE_BYTES
    assert settings["min.insync.replicas"] == "1"


def test_a_stream_has_one_partition(log: Any, admin: Any) -> None:
    topic = stream_topic(f"test-{uuid4().hex}")
    log.append(topic, messages("a"))
    assert describe(admin, topic)[0] == 1


def test_a_log_topic_that_exists_is_taken_as_it_is(log: Any, topic: str, admin: Any) -> None:
    admin.create_topics({topic: {"num_partitions": 5, "replication_factor": 1}})
    admin.wait_for_topics([topic])
    log.append(topic, messages("a"))
    assert describe(admin, topic)[0] == 5


def test_a_message_above_our_limit_is_refused_before_anything_is_sent(log: Any, topic: str) -> None:
    large = Message(key="large", value=bytes(kafka_client.MAX_MESSAGE_BYTES))
    with pytest.raises(Unusable, match=rf"large.*the limit is {kafka_client.MAX_MESSAGE_BYTES}"):
        log.append(topic, [*messages("a"), large])
    with log.subscribe(topic, group="g") as subscription:
        take_nothing(subscription)


def test_a_message_above_the_limit_of_a_log_topic_is_refused_and_what_fits_arrives(
    log: Any, topic: str, admin: Any
) -> None:
    limited = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "10000"}}
    admin.create_topics({topic: limited})
    admin.wait_for_topics([topic])
    fits = [Message(key="fits", value=urandom(8_900)) for _ in range(20)]
    with pytest.raises(Unusable, match=r"'large': too large for the log: 9120 bytes, the limit is 8966"):
        log.append(topic, [*messages("a"), Message(key="large", value=urandom(9_100))])
    log.append(topic, fits)
    log.append(topic, messages("b"))
    with log.subscribe(topic, group="g") as subscription:
        assert [one.key for one in take(subscription, 21)] == ["fits"] * 20 + ["key"]


def test_records_of_foreign_producers_are_read_whatever_their_key(
    kafka_bootstrap: str, log: Any, topic: str
) -> None:
    log.append(topic, [])
    with log.subscribe(topic, group="g") as subscription:
        producer = library.KafkaProducer(bootstrap_servers=kafka_bootstrap)
        producer.send(topic, key=b"\xff", value=b"1", headers=[("h", b"\xfe")], partition=0)
        producer.send(topic, key=None, value=b"2", partition=0)
        producer.send(topic, key=b"gone", value=None, partition=0)
        producer.close()
        records = take(subscription, 3)
    assert [(one.key, one.value, one.headers) for one in records] == [
        ("\\xff", b"1", {"h": "\\xfe"}),
        ("", b"2", {}),
        ("gone", b"", {}),
    ]


def test_what_a_transaction_did_not_commit_is_never_read(kafka_bootstrap: str, log: Any, topic: str) -> None:
    log.append(topic, messages("before"))
    with log.subscribe(topic, group="g") as subscription:
        assert values(take(subscription, 1)) == ["before"]
        producer = library.KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=uuid4().hex)
        producer.init_transactions()
        ends: tuple[tuple[Callable[[], object], bytes], ...] = (
            (producer.abort_transaction, b"aborted"),
            (producer.commit_transaction, b"committed"),
        )
        for end, value in ends:
            producer.begin_transaction()
            producer.send(topic, value=value, partition=0).get(timeout=10)
            end()
        producer.close()
        log.append(topic, messages("after"))
        assert set(values(take(subscription, 2))) == {"committed", "after"}
        take_nothing(subscription)


def test_two_members_hold_all_partitions_between_them_and_a_commit_counts_only_for_held_ones(
    log: Any, topic: str
) -> None:
    log.append(topic, spread(90))
    with log.subscribe(topic, group="g") as first:
        taken = take(first, 90, commit=False)
        with log.subscribe(topic, group="g") as second:
            deadline = time.monotonic() + ARRIVAL_SECONDS
            with ThreadPoolExecutor(1) as threads:
                while not (first.partitions and second.partitions and len(first.partitions) < PARTITIONS):
                    assert time.monotonic() < deadline
                    polled = threads.submit(first.poll, timeout=0.5, limit=1)
                    second.poll(timeout=0.5, limit=1)
                    polled.result()
            assert first.partitions | second.partitions == set(range(PARTITIONS))
            assert not first.partitions & second.partitions
            lost = second.partitions
            first.commit(taken)
    with log.subscribe(topic, group="g") as third:
        again = take(third, sum(1 for one in taken if one.partition in lost))
        take_nothing(third)
    assert {one.partition for one in again} == lost


def test_only_our_commits_move_a_group(log: Any, topic: str) -> None:
    log.append(topic, messages("a"))
    with log.subscribe(topic, group=topic) as subscription:
        take(subscription, 1, commit=False)
        take_nothing(subscription, seconds=6)  # the client's own commits would come every 5 s
    with log.subscribe(topic, group=topic) as subscription:
        assert values(take(subscription, 1)) == ["a"]


def test_what_retention_took_unread_is_said(
    log: Any, topic: str, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.wait_for_topics([topic])
    log.append(topic, messages(*range(10)))
    with log.subscribe(topic, group="g") as subscription:
        subscription.commit(take(subscription, 10, commit=False)[:3])
    admin.delete_records({library.TopicPartition(topic, 0): 8})
    with log.subscribe(topic, group="g") as subscription:
        assert values(take(subscription, 2)) == ["8", "9"]
    assert f"5 records of {topic}/0 were deleted by retention before group g read them" in caplog.text


def test_the_lag_of_a_group_is_summed_over_partitions(log: Any, topic: str, admin: Any) -> None:
    assert log.lag(topic, group=topic) is None
    log.append(topic, spread(90))
    assert log.lag(topic, group=topic) == 90  # it never committed: it is to read them all
    with log.subscribe(topic, group=topic) as subscription:
        taken = take(subscription, 90, commit=False)
        places = {one.partition for one in taken}
        done = [next(one for one in taken if one.partition == place) for place in places]
        subscription.commit(done)
        assert len(places) == PARTITIONS
        assert log.lag(topic, group=topic) == 90 - PARTITIONS
        subscription.commit(taken)
        assert log.lag(topic, group=topic) == 0
    assert log.lag(topic, group=f"another-{topic}") == 90


def test_what_retention_took_is_no_lag(log: Any, topic: str, admin: Any) -> None:
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.wait_for_topics([topic])
    log.append(topic, messages(*range(10)))
    with log.subscribe(topic, group=topic) as subscription:
        subscription.commit(take(subscription, 10, commit=False)[:3])
    admin.delete_records({library.TopicPartition(topic, 0): 8})
    assert log.lag(topic, group=topic) == 2
    assert log.lag(topic, group=f"another-{topic}") == 2


def test_appending_and_reading_go_on_over_a_killed_and_restarted_broker(
    start_broker: Callable[[], Broker], topic: str
) -> None:
    broker = start_broker()
    log = kafka_log(broker.bootstrap)
    wanted = [str(n) for n in range(200)]

    def append() -> None:
        for n in range(0, 200, 5):
            log.append(topic, messages(*wanted[n : n + 5]))
            time.sleep(0.02)

    with log.subscribe(topic, group="g") as subscription, ThreadPoolExecutor(1) as threads:
        appending = threads.submit(append)
        taken = take(subscription, 50, limit=10)
        broker.kill()
        time.sleep(0.5)
        broker.start()
        taken += take(subscription, 150)
        appending.result()
        take_nothing(subscription)
    log.close()
    assert values(taken) == wanted


def test_a_broker_that_says_nothing_is_unavailable(start_broker: Callable[[], Broker], topic: str) -> None:
    broker = start_broker()
    log = kafka_log(broker.bootstrap, timeout=timedelta(seconds=2))
    log.append(topic, messages("a"))
    with log.subscribe(topic, group="g") as subscription:
        take(subscription, 1)
        broker.pause()
        with pytest.raises(Unavailable):
            log.append(topic, messages("b"))
        with pytest.raises(Unavailable, match="no response"):
            take(subscription, 1)
        broker.resume()
    log.close()
