"""The contract of the log; each test runs over every implementation."""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from ingest.errors import Unavailable, Unusable
from ingest.types import Message, Record
from tests.log.backends import (
    ARRIVAL_SECONDS,
    Backend,
    Mortal,
    messages,
    open_log,
    spread,
    take,
    take_nothing,
    values,
)


def by_key(records: list[Record]) -> dict[str, list[int]]:
    numbers = defaultdict(list)
    for record in records:
        numbers[record.key].append(int(record.value.decode().split(":")[1]))
    return numbers


def test_records_of_one_key_keep_their_order(backend: Backend, topic: str) -> None:
    for start in range(0, 600, 60):
        backend.log.append(topic, spread(600)[start : start + 60])
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 600)
    assert len(taken) == 600
    for numbers in by_key(taken).values():
        assert numbers == sorted(numbers)


def test_records_of_one_key_meet_in_one_partition(backend: Backend, topic: str) -> None:
    backend.log.append(topic, spread(200))
    with backend.subscribe(topic) as subscription:
        places = {(record.key, record.partition) for record in take(subscription, 200)}
    assert len(places) == 20
    assert len({partition for _, partition in places}) == backend.partitions


def test_what_was_appended_is_read_whole(backend: Backend, topic: str) -> None:
    sent = [
        Message(key="статья-1", value="текст".encode(), headers={"kind": "created", "źródło": "ютуб 🛰"}),
        Message(key="a" * 500, value=bytes(range(256))),
        Message(key="empty", value=b"", headers={"empty": ""}),
    ]
    backend.log.append(topic, sent)
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 3)
    read = {record.key: (record.value, dict(record.headers)) for record in taken}
    assert read == {message.key: (message.value, message.headers) for message in sent}
    assert {record.topic for record in taken} == {topic}
    assert all(record.appended_at.utcoffset() is not None for record in taken)


def test_offsets_grow_within_a_partition(backend: Backend, topic: str) -> None:
    backend.log.append(topic, spread(100))
    offsets = defaultdict(list)
    with backend.subscribe(topic) as subscription:
        for record in take(subscription, 100):
            offsets[record.partition].append(record.offset)
    for places in offsets.values():
        assert places == sorted(set(places))


def test_appending_nothing_is_no_append(backend: Backend, topic: str) -> None:
    backend.log.append(topic, [])
    backend.log.append(topic, messages("one"))
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 1)) == ["one"]


def test_large_messages_pass(backend: Backend, topic: str) -> None:
    large = [Message(key=str(n), value=bytes([n]) * 5_000_000) for n in range(12)]
    backend.log.append(topic, large)
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 12)
    assert {record.key: record.value for record in taken} == {one.key: one.value for one in large}


def test_a_message_that_the_log_cannot_hold_is_named_and_nothing_of_its_batch_kept(
    backend: Backend, topic: str
) -> None:
    batch = [*messages("before"), Message(key="broken \ud800", value=b""), *messages("after")]
    with pytest.raises(Unusable, match="broken"):
        backend.log.append(topic, batch)
    backend.log.append(topic, messages("next"))
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 1)) == ["next"]


def test_a_large_batch_arrives_whole(backend: Backend, topic: str) -> None:
    backend.log.append(topic, spread(5000, keys=300))
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 5000)
    assert sorted(values(taken)) == sorted(message.value.decode() for message in spread(5000, keys=300))


def test_appends_from_many_threads_lose_and_repeat_nothing(backend: Backend, topic: str) -> None:
    def append(thread: int) -> None:
        for n in range(25):
            backend.log.append(topic, messages(*(f"{thread}-{n}-{i}" for i in range(4)), key=f"key-{thread}"))

    with backend.subscribe(topic) as subscription, ThreadPoolExecutor(8) as threads:
        appending = [threads.submit(append, thread) for thread in range(8)]
        taken = take(subscription, 800)
        for one in appending:
            one.result()
        take_nothing(subscription, seconds=0.5)
    assert sorted(values(taken)) == sorted(
        f"{t}-{n}-{i}" for t in range(8) for n in range(25) for i in range(4)
    )


def test_what_append_returned_for_is_there_for_another_process(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one", "two"))
    other = open_log(backend.name, backend.address)
    with other.subscribe(topic, group="another") as subscription:
        assert values(take(subscription, 2)) == ["one", "two"]


def test_a_group_goes_on_behind_what_it_committed(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages(*range(10)))
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 10, commit=False)
        subscription.commit(taken[:4])
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 6)) == ["4", "5", "6", "7", "8", "9"]


def test_what_was_not_committed_comes_again_after_a_member_left(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one", "two"))
    for _ in range(2):
        with backend.subscribe(topic) as subscription:
            assert values(take(subscription, 2, commit=False)) == ["one", "two"]


def test_what_was_not_committed_comes_again_after_a_member_was_killed(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one", "two"))
    member = backend.start_member(topic)
    assert member.stdout is not None
    with member.stdout:
        assert [member.stdout.readline().strip() for _ in range(2)] == ["one", "two"]
        member.kill()
        member.wait()
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 2)) == ["one", "two"]


def test_one_member_is_not_given_the_same_record_twice(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one"))
    with backend.subscribe(topic) as subscription:
        take(subscription, 1, commit=False)
        take_nothing(subscription)


def test_a_commit_never_moves_a_group_backwards(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages(*range(6)))
    with backend.subscribe(topic) as subscription:
        taken = take(subscription, 6, commit=False)
        subscription.commit(taken)
        subscription.commit(taken[:2])
    with backend.subscribe(topic) as subscription:
        take_nothing(subscription)
        subscription.commit(taken[:2])
    with backend.subscribe(topic) as subscription:
        take_nothing(subscription)


def test_committing_nothing_changes_nothing(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one"))
    with backend.subscribe(topic) as subscription:
        take(subscription, 1, commit=False)
        subscription.commit([])
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 1)) == ["one"]


def test_a_new_group_reads_from_the_beginning(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("old"))
    with backend.subscribe(topic, "first") as subscription:
        take(subscription, 1)
    backend.log.append(topic, messages("new"))
    with backend.subscribe(topic, "second") as subscription:
        assert values(take(subscription, 2)) == ["old", "new"]


def test_groups_do_not_see_each_others_commits(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one", "two"))
    with backend.subscribe(topic, "first") as first, backend.subscribe(topic, "second") as second:
        assert values(take(first, 2)) == ["one", "two"]
        assert values(take(second, 2)) == ["one", "two"]


def test_a_group_may_wait_for_a_log_topic_that_is_new(backend: Backend, topic: str) -> None:
    with backend.subscribe(topic) as subscription:
        take_nothing(subscription, seconds=0.2)
        backend.log.append(topic, messages("first"))
        assert values(take(subscription, 1)) == ["first"]


def test_members_share_what_one_group_reads(backend: Backend, topic: str) -> None:
    backend.log.append(topic, spread(300))
    wanted = {message.value.decode() for message in spread(300)}
    taken: set[str] = set()
    deadline = time.monotonic() + ARRIVAL_SECONDS

    def read() -> None:
        with backend.subscribe(topic) as member:
            while taken != wanted and time.monotonic() < deadline:
                records = member.poll(timeout=0.5, limit=20)
                member.commit(records)
                taken.update(values(records))

    with ThreadPoolExecutor(2) as threads:
        for reading in [threads.submit(read) for _ in range(2)]:
            reading.result()
    assert taken == wanted
    with backend.subscribe(topic) as member:
        take_nothing(member)


def test_the_other_member_takes_over_when_one_leaves(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages(*range(4)))
    with ExitStack() as leaver, backend.subscribe(topic) as stayer:
        first = leaver.enter_context(backend.subscribe(topic))
        with ThreadPoolExecutor(1) as threads:
            polled = threads.submit(take, first, 4)
            records = stayer.poll(timeout=3, limit=10)
            stayer.commit(records)
            if records:  # this one was faster
                leaver.close()
            taken = [*records, *([] if records else polled.result())]
            leaver.close()
        assert values(taken) == ["0", "1", "2", "3"]
        backend.log.append(topic, messages("4", "5"))
        assert values(take(stayer, 2)) == ["4", "5"]


def test_a_commit_of_a_member_that_holds_no_partition_is_ignored(backend: Backend, topic: str) -> None:
    backend.log.append(topic, messages("one", "two"))
    with backend.subscribe(topic) as holder:
        taken = take(holder, 2, commit=False)
        with backend.subscribe(topic) as other:
            other.commit(taken)  # it has not polled yet, so it was given nothing
    with backend.subscribe(topic) as subscription:
        assert values(take(subscription, 2)) == ["one", "two"]


def test_a_poll_brings_no_more_than_its_limit(backend: Backend, topic: str) -> None:
    backend.log.append(topic, spread(50))
    with backend.subscribe(topic) as subscription:
        sizes: list[int] = []
        while sum(sizes) < 50:
            records = subscription.poll(timeout=10, limit=7)
            assert records
            sizes.append(len(records))
    assert max(sizes) <= 7


def test_a_poll_without_records_ends_after_its_timeout(backend: Backend, topic: str) -> None:
    with backend.subscribe(topic) as subscription:
        subscription.poll(timeout=2, limit=1)
        started = time.monotonic()
        assert subscription.poll(timeout=1, limit=1) == []
        assert time.monotonic() - started > 0.8


def test_a_waiting_poll_is_woken_by_an_append(backend: Backend, topic: str) -> None:
    with backend.subscribe(topic) as subscription, ThreadPoolExecutor(1) as threads:
        subscription.poll(timeout=3, limit=1)
        polled = threads.submit(subscription.poll, timeout=60, limit=10)
        backend.log.append(topic, messages("news"))
        assert values(list(polled.result(timeout=30))) == ["news"]


def test_a_server_that_was_killed_makes_every_call_unavailable(mortal: Mortal, topic: str) -> None:
    mortal.log.append(topic, messages("one"))
    with ExitStack() as members:
        subscription = members.enter_context(mortal.log.subscribe(topic, group="readers"))
        taken = take(subscription, 1, commit=False)
        mortal.kill()
        with pytest.raises(Unavailable):
            subscription.commit(taken)
        with pytest.raises(Unavailable):
            take(subscription, 1)
        with pytest.raises(Unavailable):
            mortal.log.append(topic, messages("two"))
        with pytest.raises(Unavailable), mortal.log.subscribe(topic, group="others"):
            pass
        mortal.restart()


def test_what_was_appended_and_committed_survives_a_killed_server(mortal: Mortal, topic: str) -> None:
    mortal.log.append(topic, messages(*range(100)))
    with mortal.log.subscribe(topic, group="readers") as subscription:
        taken = take(subscription, 100, commit=False)
        subscription.commit(taken[:40])
        mortal.kill()
        mortal.restart()
    with suppress(Unavailable):  # a pooled connection of before
        mortal.log.append(topic, messages("after"))
    mortal.log.append(topic, messages("after"))
    with mortal.log.subscribe(topic, group="readers") as subscription:
        again = values(take(subscription, 61))
    assert again[:60] == [str(n) for n in range(40, 100)]
    assert set(again[60:]) == {"after"}
