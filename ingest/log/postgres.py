"""The log in Postgres: the embedded log, and in every mode the streams (the outbox of ``persist``).

::

    append_in(tx)   UPDATE log_topics … RETURNING   the counter row: held until the caller commits
                    COPY log_records                so offsets are gapless and become visible in order
                    NOTIFY ingest_log               delivered by the commit, to whoever waits
    poll            one session per member: an advisory lock makes it the active member of its group,
                    LISTEN wakes it, a look every second is the safety net, and its reads and commits go
                    through that same session: whoever loses the lock can do neither

The counter row makes appends to one log topic wait for each other from their UPDATE to their commit: keep such
transactions short, and append to several log topics in the order of their names or two of them deadlock.
Transactions must be READ COMMITTED (the default).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from threading import Event, Thread
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ingest import runtime
from ingest.errors import Unavailable, Unusable
from ingest.log.api import STREAM_PREFIX
from ingest.types import Message, Record

PART: Final = "log (PostgreSQL)"
CHANNEL: Final = "ingest_log"
SAFETY_SECONDS: Final = 1.0
"""A waiting reader looks at the table this often even when no notification came."""
TAKEOVER_SECONDS: Final = 0.25
"""A member in waiting tries to become the active one this often."""
READ_BYTES: Final = 32 * 1024**2
"""One read brings at most this much, and one record more: memory stays bounded whatever the limit says."""
MAX_VALUE_BYTES: Final = 256 * 1024**2
"""PostgreSQL's own bound is 1 GB for a row on the wire."""
PRUNE_BATCH: Final = 10_000
"""Rows deleted in one transaction."""

_TAKE_PLACES: Final = """
    UPDATE log_topics SET next_offset = next_offset + %(count)s WHERE name = %(topic)s
    RETURNING id, next_offset - %(count)s, pg_notify(%(channel)s, name)"""
# The running total keeps values that are not sent from being fetched out of TOAST: their sizes are known without.
_READ: Final = """
    SELECT "offset", key, value, headers, appended_at FROM (
        SELECT r.*, sum(octet_length(value)) OVER (ORDER BY "offset") - octet_length(value) AS bytes_before
        FROM (SELECT * FROM log_records WHERE topic_id = %(topic)s AND "offset" > %(after)s
              ORDER BY "offset" LIMIT %(limit)s) AS r
    ) AS s WHERE bytes_before <= %(bytes)s ORDER BY "offset" """


class PostgresLog:
    """:class:`ingest.log.api.Log` over ``log_topics``, ``log_records`` and ``log_groups``. Safe to share by threads.

    Every log topic has one partition, 0, and offsets from 1. Log topics come into being with the first append.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = runtime.now) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when all are committed: all of them or, on any error but a lost commit, none.

        Raises:
            Unusable: a message that this log cannot hold (see :func:`check_message`).
            Unavailable: the server is gone; whether they were committed is unknown.
        """
        if not messages:
            return
        try:
            with self._engine.begin() as connection:
                self.append_in(connection, topic, messages)
        except (DBAPIError, PoolTimeout) as error:
            raise _unavailable(error) from error

    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> range:
        """Append in the caller's transaction, and return the offsets: readers see them when it commits.

        Raises:
            Unusable: a message that this log cannot hold; nothing was sent to the server yet.
            Unavailable: the server is gone.
        """
        for message in messages:
            check_message(message)
        driver = _driver(connection)
        with _translated(), driver.cursor() as cursor:
            if not messages:
                return range(0)
            topic_id, first = _take_places(cursor, topic, len(messages))
            at = self._clock()
            statement = (
                'COPY log_records (topic_id, "offset", key, value, headers, appended_at) FROM STDIN BINARY'
            )
            with cursor.copy(statement) as copy:
                copy.set_types(["int4", "int8", "text", "bytea", "jsonb", "timestamptz"])
                for offset, message in enumerate(messages, first):
                    headers = Jsonb(dict(message.headers))
                    copy.write_row((topic_id, offset, message.key, message.value, headers, at))
        return range(first, first + len(messages))

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        """Up to ``limit`` records behind offset ``after``, in order; no group is involved.

        A first record that is not ``after + 1`` means that retention took the ones between (:meth:`bounds`).
        Fewer than ``limit`` may come where they are large (``READ_BYTES``), at least one if there is any.
        """
        with self._session() as driver:
            found = driver.execute("SELECT id FROM log_topics WHERE name = %s", (topic,)).fetchone()
            return _read(driver, topic, found[0], after=after, limit=limit) if found else []

    def bounds(self, topic: str) -> tuple[int, int]:
        """The first offset still held and the next to be given: ``(1, 1)`` for a log topic that has none yet."""
        with self._session() as driver:
            found = driver.execute(
                "SELECT first_offset, next_offset FROM log_topics WHERE name = %s", (topic,)
            ).fetchone()
        return (found[0], found[1]) if found else (1, 1)

    def streams(self) -> dict[str, tuple[int, int]]:
        """The bounds of every stream by the name of its log topic."""
        with self._session() as driver:
            return _streams(driver)

    def subscribe(self, topic: str, *, group: str) -> AbstractContextManager[PostgresSubscription]:
        """Join ``group`` on ``topic`` with a session of its own, beside the engine's pool."""
        return PostgresSubscription(self._engine, topic, group)

    def prune(self, *, now: datetime, retention: timedelta, streams: timedelta) -> int:
        """Delete what is past its time, oldest first, and return how many records that was.

        A stream loses what is older than ``streams``; any other log topic what is older than ``retention`` and
        was read by each of its groups (one that nobody ever read keeps everything). ``first_offset`` moves first,
        so a reader that finds a record missing finds the reason in :meth:`bounds`.
        """
        removed = 0
        with self._session() as driver:
            topics = driver.execute(
                "SELECT id, name, first_offset, next_offset FROM log_topics ORDER BY id"
            ).fetchall()
            for topic_id, name, first, following in topics:
                is_stream = name.startswith(STREAM_PREFIX)
                young = driver.execute(
                    'SELECT "offset" FROM log_records WHERE topic_id = %s AND appended_at >= %s '
                    'ORDER BY "offset" LIMIT 1',
                    (topic_id, now - (streams if is_stream else retention)),
                ).fetchone()
                cut = young[0] if young else following
                if not is_stream:
                    slowest = driver.execute(
                        "SELECT min(next_offset) FROM log_groups WHERE topic_id = %s", (topic_id,)
                    ).fetchone()
                    cut = min(cut, slowest[0] if slowest and slowest[0] is not None else first)
                driver.execute(
                    "UPDATE log_topics SET first_offset = %s WHERE id = %s AND first_offset < %s",
                    (cut, topic_id, cut),
                )
                driver.commit()
                runtime.crash_step("prune.first-moved")
                while count := driver.execute(
                    'DELETE FROM log_records WHERE topic_id = %(topic)s AND "offset" IN (SELECT "offset" FROM '
                    'log_records WHERE topic_id = %(topic)s AND "offset" < %(cut)s ORDER BY "offset" LIMIT %(batch)s)',
                    {"topic": topic_id, "cut": cut, "batch": PRUNE_BATCH},
                ).rowcount:
                    driver.commit()
                    removed += count
        return removed

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[Any]]:
        """A pooled connection for one use, committed at the end."""
        try:
            with self._engine.begin() as connection, _translated():
                yield _driver(connection)
        except (DBAPIError, PoolTimeout) as error:
            raise _unavailable(error) from error


class PostgresSubscription:
    """:class:`ingest.log.api.Subscription`; reads only while it is the active member of its group.

    Not to be shared by threads. Leaving the ``with`` block, or the end of the process, makes room for another.
    """

    def __init__(self, engine: Engine, topic: str, group: str) -> None:
        self._engine = engine
        self._topic = topic
        self._group = group
        self._session: DedicatedSession | None = None
        self._topic_id = 0
        self._next: int | None = None  # the next offset to read; None while we are not the active member

    def __enter__(self) -> PostgresSubscription:
        self._session = DedicatedSession(self._engine)
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    @property
    def active(self) -> bool:
        """Whether this is the member that the group's records go to."""
        return self._next is not None

    def poll(self, *, timeout: float, limit: int) -> list[Record]:
        session = self._open()
        deadline = time.monotonic() + timeout
        while True:
            if self._next is None:
                self._try_to_become_active(session)
            if self._next is not None:
                with session.use() as driver:
                    records = _read(driver, self._topic, self._topic_id, after=self._next - 1, limit=limit)
                if records:
                    self._next = records[-1].offset + 1
                    return records
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return []
            if self._next is None:
                time.sleep(min(remaining, TAKEOVER_SECONDS))
            else:
                session.wait(min(remaining, SAFETY_SECONDS))

    def commit(self, records: Sequence[Record]) -> None:
        session = self._open()
        if not records or self._next is None:
            return
        following = max(record.offset for record in records) + 1
        with session.use() as driver:
            driver.execute(
                "UPDATE log_groups SET next_offset = %s WHERE topic_id = %s AND name = %s AND next_offset < %s",
                (following, self._topic_id, self._group, following),
            )

    def _open(self) -> DedicatedSession:
        assert self._session is not None, "a subscription is used inside its with block"
        return self._session

    def _try_to_become_active(self, session: DedicatedSession) -> None:
        if not session.try_lock(f"group {self._group} of {self._topic}"):
            return
        with session.use() as driver:
            self._topic_id = _topic_id(driver, self._topic)
            driver.execute(
                "INSERT INTO log_groups (topic_id, name, next_offset) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING",
                (self._topic_id, self._group),
            )
            found = driver.execute(
                "SELECT next_offset FROM log_groups WHERE topic_id = %s AND name = %s",
                (self._topic_id, self._group),
            ).fetchone()
        assert found is not None
        self._next = found[0]


class PostgresStreamSource:
    """The streams as ``relay`` reads them: by one process at a time, held by an advisory lock.

    It goes through one session of its own; whoever loses the session has lost the right to relay.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: DedicatedSession | None = None

    def __enter__(self) -> PostgresStreamSource:
        self._session = DedicatedSession(self._engine)
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def acquire(self) -> bool:
        """Try to become the only relay; True if this one is."""
        return self._open().try_lock("relay")

    def streams(self) -> dict[str, tuple[int, int]]:
        """For every stream its log topic's name, first offset still held, and next offset to be given."""
        with self._open().use() as driver:
            return _streams(driver)

    def read(self, topic: str, *, after: int, limit: int) -> list[Record]:
        """As :meth:`PostgresLog.read`."""
        with self._open().use() as driver:
            return _read(driver, topic, _topic_id(driver, topic), after=after, limit=limit)

    def wait(self, seconds: float) -> None:
        """Return when a log topic may have grown, at the latest after ``seconds``."""
        self._open().wait(seconds)

    def _open(self) -> DedicatedSession:
        assert self._session is not None, "the source is used inside its with block"
        return self._session


@contextmanager
def listen(
    engine: Engine, *, on_growth: Callable[[str | None], None], on_failure: Callable[[Unavailable], None]
) -> Iterator[None]:
    """Call ``on_growth(log topic)`` from a thread after each commit that made it grow, while the block runs.

    ``on_growth(None)`` comes once a second and at the start: anything may have grown. ``on_failure`` is called once,
    from the same thread, when the database went away; nothing is called after it.
    """
    session = DedicatedSession(engine)
    stopped = Event()

    def run() -> None:
        try:
            while not stopped.is_set():
                on_growth(None)
                until = time.monotonic() + SAFETY_SECONDS
                while not stopped.is_set() and (left := until - time.monotonic()) > 0:
                    for topic in session.wait(min(left, 0.2)):
                        on_growth(topic)
        except Unavailable as error:
            if not stopped.is_set():
                on_failure(error)
        finally:
            session.close()

    thread = Thread(target=run, name="ingest-log-listener", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


class DedicatedSession:
    """A connection taken out of the engine's pool for good: it listens, may hold advisory locks, and never heals."""

    def __init__(self, engine: Engine) -> None:
        try:
            pooled = engine.raw_connection()
            driver = pooled.driver_connection
            pooled.detach()
        except (DBAPIError, PoolTimeout) as error:
            raise _unavailable(error) from error
        assert isinstance(driver, psycopg.Connection)
        self._driver: psycopg.Connection[Any] = driver
        with self.use():
            driver.rollback()
            driver.autocommit = True
            # A member whose machine vanished must not hold its lock for the two hours that TCP takes by default.
            driver.execute("SET tcp_keepalives_idle = 10")
            driver.execute("SET tcp_keepalives_interval = 5")
            driver.execute("SET tcp_keepalives_count = 3")
            driver.execute(f"LISTEN {CHANNEL}")

    @contextmanager
    def use(self) -> Iterator[psycopg.Connection[Any]]:
        with _translated():
            yield self._driver

    def try_lock(self, name: str) -> bool:
        """Hold the advisory lock ``name`` until this session ends; False while another session holds it."""
        key = int.from_bytes(
            blake2b(f"news-ingest {name}".encode(), digest_size=8).digest(), "big", signed=True
        )
        with self.use() as driver:
            found = driver.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        return found is not None and found[0] is True

    def wait(self, seconds: float) -> set[str]:
        """Wait for notifications, at most ``seconds``; the names of the log topics that grew."""
        with self.use() as driver:
            return {notice.payload for notice in driver.notifies(timeout=seconds, stop_after=1)}

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._driver.close()


def check_message(message: Message) -> None:
    """See that Postgres can hold ``message``.

    Raises:
        Unusable: its value is larger than ``MAX_VALUE_BYTES``, or its key or headers hold what ``text`` cannot.
    """
    if len(message.value) > MAX_VALUE_BYTES:
        raise Unusable(
            f"message {message.key!r}",
            f"{len(message.value)} bytes are more than the log's {MAX_VALUE_BYTES}",
        )
    for said in (message.key, *message.headers, *message.headers.values()):
        if "\0" in said:
            raise Unusable(f"message {message.key!r}", "a NUL in its key or headers cannot be stored")
        if not said.isascii():
            try:
                said.encode()
            except UnicodeEncodeError as error:
                raise Unusable(f"message {message.key!r}", f"key or headers are not text: {error}") from None


def _take_places(cursor: psycopg.Cursor[Any], topic: str, count: int) -> tuple[int, int]:
    """Take ``count`` offsets of ``topic``, made when it is new; its id and the first of them."""
    values = {"count": count, "topic": topic, "channel": CHANNEL}
    found = cursor.execute(_TAKE_PLACES, values).fetchone()
    if found is None:
        cursor.execute("INSERT INTO log_topics (name) VALUES (%s) ON CONFLICT DO NOTHING", (topic,))
        found = cursor.execute(_TAKE_PLACES, values).fetchone()
    assert found is not None
    return found[0], found[1]


def _topic_id(driver: psycopg.Connection[Any], topic: str) -> int:
    """The id of ``topic``, which is made when it is new."""
    find = "SELECT id FROM log_topics WHERE name = %s"
    found = driver.execute(find, (topic,)).fetchone()
    if found is None:
        driver.execute("INSERT INTO log_topics (name) VALUES (%s) ON CONFLICT DO NOTHING", (topic,))
        found = driver.execute(find, (topic,)).fetchone()
    assert found is not None
    return int(found[0])


def _streams(driver: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    rows = driver.execute(
        "SELECT name, first_offset, next_offset FROM log_topics WHERE starts_with(name, %s)", (STREAM_PREFIX,)
    )
    return {name: (first, following) for name, first, following in rows}


def _read(
    driver: psycopg.Connection[Any], topic: str, topic_id: int, *, after: int, limit: int
) -> list[Record]:
    with driver.cursor(binary=True) as cursor:
        cursor.execute(_READ, {"topic": topic_id, "after": after, "limit": limit, "bytes": READ_BYTES})
        return [_record(topic, *row) for row in cursor]


def _record(
    topic: str, offset: int, key: str, value: bytes, headers: Mapping[str, str], at: datetime
) -> Record:
    return Record(
        topic=topic, partition=0, offset=offset, key=key, value=value, headers=headers, appended_at=at
    )


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    """Psycopg's own connection: COPY and notifications are not part of SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _unavailable(error) from error


def _unavailable(error: psycopg.Error | DBAPIError | PoolTimeout) -> Exception:
    """:class:`Unavailable` where the server is gone or out of resources; else ``error``: a fault of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    # 08: connection; 53: out of disk, memory or connections; 57P: shutting down. Without a state: no answer came.
    state = getattr(cause, "sqlstate", None) or ""
    silent = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and not state
    if silent or isinstance(cause, PoolTimeout) or state.startswith(("08", "53", "57P")):
        return Unavailable(PART, " ".join(str(cause).split()))
    return error
