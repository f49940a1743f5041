"""The log in PostgreSQL alone: appends in a transaction, reads without a group, pruning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from queue import Queue

import pytest
from sqlalchemy import Engine, text

from ingest.db.engine import transaction
from ingest.errors import Unavailable, Unusable
from ingest.log.postgres import PostgresLog, PostgresStreamSource, PostgresSubscription, listen, records
from ingest.types import Message
from tests.log.backends import messages, take, take_nothing, values

pytestmark = pytest.mark.store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STREAM = "news.topic.test"


END_LOCK_HOLDERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(database: Engine, clock: Clock) -> PostgresLog:
    return PostgresLog(database, clock=clock)


def offsets(log: PostgresLog, topic: str = STREAM) -> list[int]:
    return [record.offset for record in log.read(topic, after=0, limit=10_000)]


def test_an_append_in_a_transaction_appears_with_it(database: Engine, log: PostgresLog) -> None:
    with transaction(database) as connection:
        assert log.append_in(connection, STREAM, messages("a", "b", "c")) == range(1, 4)
        assert log.read(STREAM, after=0, limit=10) == []
    assert offsets(log) == [1, 2, 3]


def test_an_append_in_a_transaction_that_fails_leaves_no_gap(database: Engine, log: PostgresLog) -> None:
    log.append(STREAM, messages("a"))
    with database.begin() as connection:
        log.append_in(connection, STREAM, messages("b", "c"))
        connection.rollback()
    log.append(STREAM, messages("d"))
    assert offsets(log) == [1, 2]
    assert log.bounds(STREAM) == (1, 3)


def test_appending_nothing_in_a_transaction_takes_no_place(database: Engine, log: PostgresLog) -> None:
    with transaction(database) as connection:
        assert log.append_in(connection, STREAM, []) == range(0)
    assert log.bounds(STREAM) == (1, 1)


def test_offsets_have_no_gap_and_become_visible_in_order_under_concurrent_appends(
    database: Engine, log: PostgresLog
) -> None:
    def append(thread: int) -> None:
        for n in range(30):
            with transaction(database) as connection:
                log.append_in(connection, STREAM, messages(f"{thread}-{n}"))
                time.sleep(0.001 * (thread % 3))  # commits must not come in the order of the beginnings
                if n % 7 == thread:
                    connection.rollback()

    seen: list[int] = []
    with ThreadPoolExecutor(8) as threads:
        appending = [threads.submit(append, thread) for thread in range(8)]
        while not all(one.done() for one in appending):
            seen += [record.offset for record in log.read(STREAM, after=len(seen), limit=1000)]
        for one in appending:
            one.result()
    seen += [record.offset for record in log.read(STREAM, after=len(seen), limit=1000)]
    rolled_back = sum(1 for thread in range(8) for n in range(30) if n % 7 == thread)
    assert seen == list(range(1, 240 - rolled_back + 1))


def test_an_append_outside_a_transaction_is_a_mistake(database: Engine, log: PostgresLog) -> None:
    with database.connect() as connection, pytest.raises(RuntimeError, match="open transaction"):
        log.append_in(connection, STREAM, messages("a"))


def test_records_bear_the_time_of_the_clock(log: PostgresLog) -> None:
    log.append(STREAM, messages("a"))
    assert [record.appended_at for record in log.read(STREAM, after=0, limit=1)] == [NOON]


def test_reading_begins_behind_an_offset(log: PostgresLog) -> None:
    log.append(STREAM, messages(*range(1, 8)))
    assert values(log.read(STREAM, after=2, limit=3)) == ["3", "4", "5"]
    assert log.read(STREAM, after=7, limit=3) == []


def test_an_unknown_log_topic_is_empty(log: PostgresLog) -> None:
    assert log.read("news.topic.unknown", after=0, limit=1) == []
    assert log.bounds("news.topic.unknown") == (1, 1)
    assert log.stream_bounds() == {}


def test_one_read_is_bounded_in_bytes(log: PostgresLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "READ_BYTES", 1000)
    log.append(STREAM, [Message(key="k", value=bytes(size)) for size in (400, 400, 400, 1, 5000, 1)])
    sizes = []
    after = 0
    while found := log.read(STREAM, after=after, limit=100):
        sizes.append([len(record.value) for record in found])
        after = found[-1].offset
    assert sizes == [[400, 400, 400], [1, 5000], [1]]


@pytest.mark.parametrize(
    "message",
    [
        Message(key="a\0b", value=b""),
        Message(key="a", value=b"", headers={"b": "\0"}),
        Message(key="a", value=b"", headers={"\ud800": ""}),
    ],
)
def test_what_text_cannot_hold_is_refused_before_anything_is_sent(log: PostgresLog, message: Message) -> None:
    with pytest.raises(Unusable, match="message 'a"):
        log.append(STREAM, [*messages("fine"), message])
    assert log.bounds(STREAM) == (1, 1)


def test_a_message_beyond_the_limit_is_refused_with_its_size(
    log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_VALUE_BYTES", 10)
    with pytest.raises(Unusable, match="11 bytes, the limit is 10"):
        log.append(STREAM, [Message(key="large", value=bytes(11))])


def test_only_one_member_is_active_and_the_next_takes_over(log: PostgresLog) -> None:
    log.append("t", messages("a"))
    with log.subscribe("t", group="g") as second:
        with log.subscribe("t", group="g") as first:
            assert values(take(first, 1)) == ["a"]
            take_nothing(second, seconds=0.5)
            assert not second.active
            log.append("t", messages("b"))
            assert values(take(first, 1)) == ["b"]
        log.append("t", messages("c"))
        assert values(take(second, 1)) == ["c"]


def test_a_member_whose_session_was_ended_can_neither_read_nor_commit(
    database: Engine, log: PostgresLog
) -> None:
    log.append("t", messages("a", "b"))
    with log.subscribe("t", group="g") as first:
        taken = take(first, 2, commit=False)
        with transaction(database) as connection:
            assert connection.execute(END_LOCK_HOLDERS).scalars().all() == [True]
        with pytest.raises(Unavailable):
            first.commit(taken)
        with pytest.raises(Unavailable):
            first.poll(timeout=1, limit=1)
    with log.subscribe("t", group="g") as second:
        assert values(take(second, 2)) == ["a", "b"]


def test_a_session_of_its_own_does_not_stay_in_the_pool(database: Engine, log: PostgresLog) -> None:
    for _ in range(40):  # more than the pool ever holds
        with log.subscribe("t", group="g") as member:
            assert isinstance(member, PostgresSubscription)
    with transaction(database) as connection:
        listening = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        assert connection.execute(listening).scalar_one() == 0


RETENTION = timedelta(days=7)
STREAMS = timedelta(days=90)


@pytest.mark.parametrize(
    ("topic", "appended", "committed", "first"),
    [
        # (ages in days, oldest first), what each group has read, the first offset afterwards
        ("news.articles", [10, 9, 8, 1], {"g": 5}, 4),  # old and read
        ("news.articles", [10, 9, 8, 1], {"g": 3}, 3),  # old, but not all was read
        ("news.articles", [10, 9, 8, 1], {"g": 5, "h": 2}, 2),  # by every group
        ("news.articles", [10, 9, 8, 1], {}, 1),  # by nobody at all
        ("news.articles", [6, 5], {"g": 3}, 1),  # read, but young
        ("news.articles", [10, 1, 9], {"g": 4}, 2),  # a clock that went back: never behind a young one
        ("news.articles", [10, 9], {"g": 3}, 3),  # all of it
        ("news.topic.a", [100, 95, 80], {}, 3),  # a stream goes by its age
        ("news.topic.a", [100, 95, 80], {"relay": 1}, 3),  # whoever has read it
        ("news.topic.a", [100, 95], {}, 3),
        ("news.topic.a", [80], {}, 1),
    ],
)
def test_pruning_takes_what_is_old_enough(
    log: PostgresLog,
    clock: Clock,
    topic: str,
    appended: list[int],
    committed: dict[str, int],
    first: int,
) -> None:
    for age in appended:
        clock.now = NOON - timedelta(days=age)
        log.append(topic, messages(age))
    for group, following in committed.items():
        with log.subscribe(topic, group=group) as subscription:
            subscription.commit(take(subscription, len(appended), commit=False)[: following - 1])
    clock.now = NOON
    log.append("news.topic.other", messages("young"))
    assert log.prune(now=NOON, retention=RETENTION, streams=STREAMS) == first - 1
    assert log.bounds(topic) == (first, len(appended) + 1)
    assert offsets(log, topic) == list(range(first, len(appended) + 1))
    log.append(topic, messages("next"))
    assert offsets(log, topic)[-1] == len(appended) + 1


def test_pruning_again_finishes_what_was_interrupted(
    database: Engine, log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.log.postgres.log.PRUNE_BATCH", 2)
    log.append(STREAM, messages(*range(7)))
    with transaction(database) as connection:
        connection.execute(text("UPDATE log_topics SET first_offset = 6"))
    assert log.prune(now=NOON, retention=RETENTION, streams=STREAMS) == 5
    assert offsets(log) == [6, 7]


def test_pruning_beside_an_append_does_not_take_the_new_records(
    database: Engine, log: PostgresLog, clock: Clock
) -> None:
    clock.now = NOON - timedelta(days=100)
    log.append(STREAM, messages("old"))
    clock.now = NOON
    with ThreadPoolExecutor(1) as threads, database.begin() as connection:
        log.append_in(connection, STREAM, messages("new"))
        pruning = threads.submit(log.prune, now=NOON, retention=RETENTION, streams=STREAMS)
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not pruning.done():
            with transaction(database) as other:
                if other.execute(waiting).scalar_one():
                    break
        connection.commit()
        pruning.result()
    assert values(log.read(STREAM, after=0, limit=10)) == ["new"]
    assert log.bounds(STREAM) == (2, 3)


@pytest.fixture
def growth(database: Engine) -> Iterator[Queue[str | Unavailable | None]]:
    told: Queue[str | Unavailable | None] = Queue()
    with listen(database, on_growth=told.put, on_failure=told.put):
        assert told.get(timeout=10) is None
        yield told


def next_name(told: Queue[str | Unavailable | None]) -> str | Unavailable:
    while (one := told.get(timeout=10)) is None:
        pass
    return one


def test_a_listener_is_told_which_log_topic_grew(
    log: PostgresLog, growth: Queue[str | Unavailable | None]
) -> None:
    log.append(STREAM, messages("a"))
    assert next_name(growth) == STREAM


def test_a_listener_is_told_to_look_for_himself_now_and_then(
    growth: Queue[str | Unavailable | None],
) -> None:
    assert growth.get(timeout=10) is None


def test_a_listener_is_told_once_that_the_database_went_away(
    database: Engine, growth: Queue[str | Unavailable | None]
) -> None:
    with transaction(database) as connection:
        listeners = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
        assert connection.execute(listeners).scalars().all() == [True]
    assert isinstance(next_name(growth), Unavailable)
    time.sleep(1.5)
    assert growth.empty()


def test_there_is_one_stream_source_at_a_time(database: Engine) -> None:
    with PostgresStreamSource(database) as second:
        with PostgresStreamSource(database) as first:
            assert first.acquire()
            assert not second.acquire()
        assert second.acquire()


def test_the_relays_mark_never_moves_backwards(database: Engine, log: PostgresLog) -> None:
    log.append(STREAM, messages(*range(5)))
    with PostgresStreamSource(database) as source:
        assert source.relayed(STREAM) == 0
        source.mark({STREAM: 4})
        source.mark({STREAM: 2})
        assert source.relayed(STREAM) == 4
