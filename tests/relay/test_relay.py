"""The relay: every event of every stream is in Kafka once, in order, under its cursor, whoever is killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from ingest import relay
from ingest.db.engine import transaction
from ingest.errors import Refused, Unavailable
from ingest.log.postgres import PostgresStreamSource
from ingest.relay import Relay
from ingest.runtime import Stop
from ingest.types import Message
from tests.log.test_postgres import END_LOCK_HOLDERS
from tests.relay.conftest import ARRIVAL_SECONDS, Harness, World, wait_until

pytestmark = pytest.mark.kafka


@contextmanager
def relaying(world: World, *, batch: int = 1000) -> Iterator[Relay]:
    """A relay that copies when told to."""
    with PostgresStreamSource(world.engine) as source, world.target() as target:
        assert source.acquire()
        target.fence()
        yield Relay(source, target, batch=batch)


def copy_all(world: World, *, batch: int = 1000) -> list[int]:
    """How many events each transaction had."""
    with relaying(world, batch=batch) as relay:
        sizes = []
        while count := relay.copy():
            sizes.append(count)
        return sizes


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(timeout=ARRIVAL_SECONDS) == 0


def test_events_arrive_as_they_are_with_their_cursor_in_one_partition(world: World) -> None:
    world.append(5)
    copy_all(world)
    sent = world.log.read(world.topic(), after=0, limit=10)
    relayed = world.relayed()
    assert [(one.key, one.value) for one in relayed] == [(one.key, one.value) for one in sent]
    assert [one.headers for one in relayed] == [
        {"kind": "created", "cursor": str(one.offset)} for one in sent
    ]
    assert {one.partition for one in relayed} == {0}


def test_events_keep_their_time(world: World) -> None:
    world.append(1)
    copy_all(world)
    [relayed], [sent] = world.relayed(), world.log.read(world.topic(), after=0, limit=1)
    assert abs(relayed.appended_at - sent.appended_at) < timedelta(milliseconds=1)


def test_a_relay_that_starts_again_goes_on_where_the_target_ends(world: World) -> None:
    for count in (3, 4, 5):
        world.append(count)
        copy_all(world)
    assert world.cursors() == list(range(1, 13))
    assert copy_all(world) == []


def test_streams_share_transactions_and_none_waits_for_another(world: World) -> None:
    world.append(40, stream="busy")
    world.append(3, stream="quiet")
    assert copy_all(world, batch=10) == [5 + 3, 10, 10, 10, 5]
    assert world.cursors(stream="busy") == list(range(1, 41))
    assert world.cursors(stream="quiet") == [1, 2, 3]


def test_streams_take_turns_where_a_transaction_has_no_room_for_all(world: World) -> None:
    streams = ["a", "b", "c"]
    for stream in streams:
        world.append(3, stream=stream)
    with relaying(world, batch=1) as relay:
        for _ in streams:
            assert relay.copy() == 1
    assert [world.cursors(stream=stream) for stream in streams] == [[1], [1], [1]]


def test_a_stream_that_comes_later_is_relayed_too(world: World) -> None:
    with relaying(world) as relay:
        world.append(1)
        assert relay.copy() == 1
        world.append(2, stream="new")
        assert relay.copy() == 2
    assert world.cursors(stream="new") == [1, 2]


def test_what_is_relayed_is_marked_in_the_database(world: World) -> None:
    world.append(4)
    copy_all(world)
    with PostgresStreamSource(world.engine) as source:
        assert source.relayed(world.topic()) == 4


STEPS = ["acquired", "fenced", "read", "begun", "sent", "committed", "marked"]


@pytest.mark.parametrize("step", STEPS)
def test_a_relay_killed_at_any_step_loses_and_repeats_nothing(
    world: World, harness: Harness, step: str
) -> None:
    world.append(20)
    victim = world.start(crash_socket=harness.path)
    # Two batches go through first, where there are batches: what was relayed before must not come again.
    harness.run_until(f"relay.{step}", times=1 if step in {"acquired", "fenced"} else 3)
    victim.wait(timeout=ARRIVAL_SECONDS)
    world.append(3)
    successor = world.start()
    wait_until(lambda: world.log.bounds(world.topic())[1] == 24 and last_mark(world) == 23)
    stop(successor)
    assert world.cursors() == list(range(1, 24))


def last_mark(world: World) -> int:
    with PostgresStreamSource(world.engine) as source:
        return source.relayed(world.topic())


def test_a_running_relay_copies_what_is_appended_and_stops_when_told(world: World) -> None:
    running = world.start()
    for _ in range(5):
        world.append(2)
    wait_until(lambda: last_mark(world) == 10)
    stop(running)
    assert world.cursors() == list(range(1, 11))


def test_what_a_relay_sent_and_did_not_commit_is_void_once_its_successor_has_fenced_it(world: World) -> None:
    world.append(4)
    with world.target() as zombie, PostgresStreamSource(world.engine) as source:
        zombie.fence()
        zombie.last_cursor(world.topic())
        dying = Relay(source, Interrupted(zombie, world))
        with pytest.raises(Unavailable):
            dying.copy()
    assert world.cursors() == [1, 2, 3, 4]


class Interrupted:
    """A target between whose sending and committing another relay starts and does all of the work."""

    def __init__(self, target: Any, world: World) -> None:
        self._target = target
        self._world = world
        self.accepts = target.accepts
        self.fence = target.fence
        self.last_cursor = target.last_cursor
        self.verify_visible = target.verify_visible

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._target.transaction() as transaction:
            yield transaction
            transaction.settle(ARRIVAL_SECONDS)
            assert self._world.cursors() == []
            copy_all(self._world)


def test_a_fenced_relay_stays_fenced(world: World) -> None:
    world.append(2)
    with world.target() as zombie, PostgresStreamSource(world.engine) as source:
        zombie.fence()
        fenced = Relay(source, zombie)
        assert fenced.copy() == 2
        with world.target() as successor:
            successor.fence()
            world.append(2)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    fenced.copy()
            assert world.cursors() == [1, 2]


def send_and_fail(world: World, target: Any) -> None:
    [record] = world.log.read(world.topic(), after=0, limit=1)
    message = Message(key=record.key, value=record.value, headers={"cursor": "99"})
    with target.transaction() as transaction:
        transaction.send(world.topic(), [message] * 100, at=[record.appended_at] * 100)
        transaction.settle(ARRIVAL_SECONDS)
        raise ZeroDivisionError


def test_a_transaction_that_fails_half_way_leaves_nothing(world: World) -> None:
    world.append(3)
    copy_all(world)
    with world.target() as target:
        target.fence()
        assert target.last_cursor(world.topic()) == 3
        with pytest.raises(ZeroDivisionError):
            send_and_fail(world, target)
        # Behind a hundred events of an aborted transaction, whose offsets remain.
        assert target.last_cursor(world.topic()) == 3
    assert world.cursors() == [1, 2, 3]


def test_only_one_relay_is_active_and_the_next_takes_over(world: World) -> None:
    world.append(2)
    with ThreadPoolExecutor(1) as threads, PostgresStreamSource(world.engine) as standby:
        with relaying(world) as active:
            ending = Stop()
            with world.target() as target:
                waiting = threads.submit(relay.run, standby, target, ending)
                assert active.copy() == 2
                world.append(2)
                assert active.copy() == 2  # the one that stands by has fenced nobody
                ending.request()
                waiting.result()
        assert standby.acquire()
    assert world.cursors() == [1, 2, 3, 4]


def test_a_relay_that_lost_its_session_stops(world: World) -> None:
    world.append(2)
    with relaying(world) as relay:
        assert relay.copy() == 2
        world.append(2)
        with transaction(world.engine) as connection:
            assert connection.execute(END_LOCK_HOLDERS).scalars().all() == [True]
        with pytest.raises(Unavailable):
            relay.copy()
    assert world.cursors() == [1, 2]


def test_a_target_ahead_of_the_database_is_refused(world: World) -> None:
    world.append(5)
    copy_all(world)
    with transaction(world.engine) as connection:
        connection.execute(text('DELETE FROM log_records WHERE "offset" > 2'))
        connection.execute(text("UPDATE log_topics SET next_offset = 3"))
    with (
        relaying(world) as relay,
        pytest.raises(Refused, match=r"last cursor of .* 5 is not accepted.*before 3"),
    ):
        relay.copy()


def test_events_that_retention_took_before_they_were_relayed_are_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.append(2)
    copy_all(world)
    world.append(3)
    with transaction(world.engine) as connection:
        connection.execute(text('DELETE FROM log_records WHERE "offset" < 5'))
        connection.execute(text("UPDATE log_topics SET first_offset = 5"))
    copy_all(world)
    assert world.cursors() == [1, 2, 5]
    assert f"{world.topic()}: retention deleted 2 events before they were relayed" in caplog.text


def test_a_target_emptied_by_retention_is_not_filled_again(world: World) -> None:
    from ingest.log.kafka import library

    world.append(3)
    copy_all(world)
    admin = library.KafkaAdminClient(bootstrap_servers=world.bootstrap)
    place = library.TopicPartition(world.topic(), 0)
    admin.delete_records({place: -1})
    admin.close()
    assert world.cursors() == []
    world.append(2)
    copy_all(world)
    assert world.cursors() == [4, 5]


def test_an_event_too_large_for_the_target_is_announced_without_its_value(world: World) -> None:
    from ingest.log.kafka import library

    admin = library.KafkaAdminClient(bootstrap_servers=world.bootstrap)
    limited = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "20000"}}
    admin.create_topics({world.topic(): limited})
    admin.wait_for_topics([world.topic()])
    admin.close()
    world.append(1)
    world.append(1, size=30_000)
    world.append(1)
    copy_all(world)
    assert world.cursors() == [1, 2, 3]
    omitted = world.relayed()[1]
    assert (omitted.value, omitted.headers["omitted"]) == (b"", "30000")
