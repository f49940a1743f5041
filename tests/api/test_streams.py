"""GET /v1/topics, and their events in result pages and live."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Engine, text

from ingest.api import topics
from ingest.log.api import stream_topic
from ingest.log.postgres import session
from tests.api.conftest import Running, running
from tests.api.subscriber import Received, Subscriber
from tests.library import Library, event

pytestmark = pytest.mark.store

SLUG = "football"


@pytest.fixture(autouse=True)
def topic(library: Library) -> None:
    library.topic(SLUG)


def cursors(received: list[Received]) -> list[int]:
    return [one.body["cursor"] for one in received]


def until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_topics_tell_how_far_their_streams_are(library: Library, client: httpx.Client) -> None:
    library.topic("chess", title="Chess")
    library.article(topics=["chess"])
    library.events("chess", [1, 2, 3])
    library.forget("chess", before=2)
    chess, football = client.get("/v1/topics").raise_for_status().json()["topics"]
    assert chess["slug"] == "chess"
    assert chess["title"] == "Chess"
    assert (chess["cursor"], chess["first_cursor"], chess["articles"]) == (3, 2, 1)
    assert (football["cursor"], football["first_cursor"], football["articles"]) == (0, 1, 0)


def test_an_event_is_pushed_with_its_cursor_and_kind(library: Library, server: Running) -> None:
    with Subscriber(server.url, SLUG) as subscriber:
        assert subscriber.headers["content-type"] == "text/event-stream; charset=utf-8"
        subscriber.opened()
        library.event(SLUG, 7, kind="merged")
        (received,) = subscriber.take(1)
    assert received.id == "1"
    assert received.event == "merged"
    assert next(iter(received.body)) == "cursor"
    assert received.body["cursor"] == 1
    assert received.body["article"]["title"] == "Event 7: Встреча\u2028в Пхеньяне"
    assert received.body["article"]["summary"] == "One line.\nAnother."
    assert subscriber.retry == 2000


@pytest.mark.parametrize(
    ("query", "header", "first"),
    [
        ({}, "", 6),  # from now on
        ({"after": "0"}, "", 1),
        ({"after": "3"}, "", 4),
        ({"after": "5"}, "", 6),
        ({}, "3", 4),
        ({"after": "1"}, "3", 4),  # a reconnecting client sends both
    ],
)
def test_a_stream_begins_where_it_is_asked_to(
    library: Library, server: Running, query: dict[str, str], header: str, first: int
) -> None:
    library.events(SLUG, [1, 2, 3, 4, 5])
    with Subscriber(server.url, SLUG, last_event_id=header, **query) as subscriber:
        subscriber.opened()
        library.event(SLUG, 6)
        assert cursors(subscriber.take(7 - first)) == list(range(first, 7))


def test_a_subscriber_knows_its_cursor_before_the_first_event(library: Library, server: Running) -> None:
    library.events(SLUG, [1, 2])
    with Subscriber(server.url, SLUG) as subscriber:
        assert subscriber.opened().last_event_id == "2"
    library.event(SLUG, 3)
    with Subscriber(server.url, SLUG, last_event_id="2") as subscriber:
        assert cursors(subscriber.take(1)) == [3]


NEVER_GIVEN = {
    "6": f"a cursor of the stream {SLUG}, whose last is 5; 0 for the beginning",
    "-1": "the cursor of an event",
    "1.0": "the cursor of an event",
    "": "the cursor of an event",
    "latest": "the cursor of an event",
    "1" * 19: "the cursor of an event",
    "٣": "the cursor of an event",
}


def test_a_cursor_that_was_never_given_is_a_400_that_names_it(library: Library, client: httpx.Client) -> None:
    library.events(SLUG, [1, 2, 3, 4, 5])
    for where in ("events", "stream"):
        for given, expected in NEVER_GIVEN.items():
            answer = client.get(f"/v1/topics/{SLUG}/{where}", params={"after": given})
            assert answer.status_code == 400, (where, given)
            error = answer.json()["error"]
            assert error["parameter"] == "after"
            assert str(error["value"]) == given
            assert expected in error["expected"]


def test_a_last_event_id_that_was_never_given_is_named_as_such(server: Running) -> None:
    for given in ("nonsense", "9"):
        with Subscriber(server.url, SLUG, last_event_id=given) as subscriber:
            assert subscriber.status == 400


def test_an_unknown_topic_is_a_404(client: httpx.Client) -> None:
    for where in ("events", "stream"):
        for slug in ("nothing", "a%00b"):
            answer = client.get(f"/v1/topics/{slug}/{where}")
            assert answer.status_code == 404
            assert answer.json()["error"]["parameter"] == "topic"


def test_pages_of_events_are_the_whole_stream(library: Library, client: httpx.Client) -> None:
    library.events(SLUG, range(1, 24))
    found: list[int] = []
    after = 0
    while True:
        page = client.get(f"/v1/topics/{SLUG}/events", params={"after": after, "limit": 5}).json()
        assert (page["topic"], page["first_cursor"], page["last_cursor"], page["gap"]) == (SLUG, 1, 23, None)
        if not page["events"]:
            break
        found += [one["cursor"] for one in page["events"]]
        after = page["next_after"]
    assert found == list(range(1, 24))
    assert after == 23


def test_a_page_behind_forgotten_events_is_a_410_that_tells_where_to_go_on(
    library: Library, client: httpx.Client
) -> None:
    library.events(SLUG, range(1, 11))
    library.forget(SLUG, before=6)
    answer = client.get(f"/v1/topics/{SLUG}/events", params={"after": 3})
    assert answer.status_code == 410
    gap = answer.json()["gap"]
    assert gap == {"v": 1, "kind": "gap", "topic": SLUG, "after": 3, "first_cursor": 6, "lost": 2}
    assert answer.json()["error"]["value"] == 3
    on = client.get(f"/v1/topics/{SLUG}/events", params={"after": gap["first_cursor"] - 1}).json()
    assert [one["cursor"] for one in on["events"]] == [6, 7, 8, 9, 10]
    assert on["gap"] is None
    beginning = client.get(f"/v1/topics/{SLUG}/events", params={"after": 0}).json()
    assert [one["cursor"] for one in beginning["events"]] == [6, 7, 8, 9, 10]
    assert beginning["gap"]["lost"] == 5


def test_a_stream_behind_forgotten_events_says_so_once_and_goes_on(library: Library, server: Running) -> None:
    library.events(SLUG, range(1, 11))
    library.forget(SLUG, before=6)
    with Subscriber(server.url, SLUG, last_event_id="3") as subscriber:
        gap, first = subscriber.take(2)
    assert gap.event == "gap"
    assert gap.id == "5"
    assert gap.body == {"v": 1, "kind": "gap", "topic": SLUG, "after": 3, "first_cursor": 6, "lost": 2}
    assert first.body["cursor"] == 6
    with Subscriber(server.url, SLUG, last_event_id=gap.id) as subscriber:
        assert cursors(subscriber.take(5)) == [6, 7, 8, 9, 10]


def test_a_stream_of_which_all_is_forgotten_says_so_too(library: Library, server: Running) -> None:
    library.events(SLUG, range(1, 11))
    library.forget(SLUG, before=11)
    with Subscriber(server.url, SLUG, after="3") as subscriber:
        (gap,) = subscriber.take(1)
        assert (gap.id, gap.body["first_cursor"]) == ("10", 11)
        library.event(SLUG, 11)
        assert cursors(subscriber.take(1)) == [11]


class Appender:
    """Appends to the stream from several threads until the block ends."""

    def __init__(self, library: Library, *, threads: int) -> None:
        self._library = library
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._append, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Appender:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _append(self, seed: int) -> None:
        choose = random.Random(seed)
        while not self._stop.wait(choose.random() * 0.02):
            self._library.events(SLUG, range(choose.randint(1, 4)))


def test_reconnecting_while_events_are_appended_neither_misses_nor_repeats_one(
    library: Library, server: Running
) -> None:
    choose = random.Random(4)
    received: list[int] = []
    with Appender(library, threads=2):
        last = "0"
        for _ in range(25):
            with Subscriber(server.url, SLUG, last_event_id=last) as subscriber:
                received += cursors(subscriber.take(choose.randint(1, 25)))
                # What came in the same piece and was not taken is lost with the connection.
                last = str(received[-1])
    assert received == list(range(1, len(received) + 1))
    assert len(received) > 100


def test_many_subscribers_all_get_everything_in_order(library: Library, server: Running) -> None:
    results: dict[int, list[int]] = {}

    def subscribe(number: int, after: str) -> None:
        with Subscriber(server.url, SLUG, after=after) as subscriber:
            results[number] = cursors(subscriber.take(120 - int(after)))

    library.events(SLUG, range(20))
    readers = [threading.Thread(target=subscribe, args=(n, str(n % 20))) for n in range(20)]
    for reader in readers:
        reader.start()
    for n in range(100):
        library.event(SLUG, n)
    for reader in readers:
        reader.join(30)
    assert results == {n: list(range(n % 20 + 1, 121)) for n in range(20)}


def test_a_subscriber_that_leaves_is_forgotten(server: Running) -> None:
    live = server.app.state.live
    with Subscriber(server.url, SLUG) as subscriber:
        subscriber.opened()
        assert live.subscribers == 1
    until(lambda: live.subscribers == 0)


def test_no_more_streams_than_allowed_are_opened(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "MAX_STREAMS", 1)
    with Subscriber(server.url, SLUG) as first:
        first.opened()
        with Subscriber(server.url, SLUG) as second:
            assert second.status == 503
            assert second.headers["retry-after"] == "2"


def test_silence_is_filled_with_comments(database: Engine) -> None:
    with (
        running(database, heartbeat=timedelta(milliseconds=50)) as server,
        Subscriber(server.url, SLUG) as subscriber,
    ):
        assert subscriber.wait_for_comment() == "heartbeat"


def test_a_stop_ends_open_streams_in_order(library: Library, database: Engine) -> None:
    server = Running(database)
    with Subscriber(server.url, SLUG) as subscriber:
        subscriber.opened()
        library.event(SLUG, 1)
        assert cursors(subscriber.take(1)) == [1]
        begun = time.monotonic()
        server.request_stop()
        assert subscriber.rest() == []  # a clean end of the body: httpx raises where it is cut off
        assert subscriber.comments == ["closing"]
        server.stop()
    assert time.monotonic() - begun < 10


def _disconnect_everybody(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_stream_outlives_the_loss_of_every_database_connection(
    library: Library, server: Running, database: Engine
) -> None:
    with Subscriber(server.url, SLUG) as subscriber:
        subscriber.opened()
        library.event(SLUG, 1)
        assert cursors(subscriber.take(1)) == [1]
        _disconnect_everybody(database)
        database.dispose()
        library.event(SLUG, 2)
        library.event(SLUG, 3)
        assert cursors(subscriber.take(2)) == [2, 3]


@pytest.fixture
def notified(monkeypatch: pytest.MonkeyPatch, database: Engine, library: Library) -> Iterator[Subscriber]:
    """A subscriber of a server that never looks for events by itself: only notifications bring any."""
    monkeypatch.setattr(session, "SAFETY_SECONDS", 3600.0)
    with running(database) as server, Subscriber(server.url, SLUG) as subscriber:
        yield subscriber.opened()


def test_events_published_at_a_rate_arrive_by_their_notifications(
    library: Library, notified: Subscriber
) -> None:
    def publish() -> None:
        for n in range(1, 51):
            library.event(SLUG, n)
            time.sleep(0.01)

    publisher = threading.Thread(target=publish)
    publisher.start()
    assert cursors(notified.take(50)) == list(range(1, 51))
    publisher.join()


def test_events_far_behind_come_from_the_log_and_then_live(library: Library, server: Running) -> None:
    library.log.append(stream_topic(SLUG), [event(SLUG, n) for n in range(2500)])
    with Subscriber(server.url, SLUG, after="0") as subscriber:
        assert cursors(subscriber.take(2500)) == list(range(1, 2501))
        library.event(SLUG, 0)
        assert cursors(subscriber.take(1)) == [2501]


def test_head_of_a_stream_answers_without_a_body(client: httpx.Client) -> None:
    answer = client.head(f"/v1/topics/{SLUG}/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_pages_and_streams_tell_the_same(library: Library, server: Running, client: httpx.Client) -> None:
    library.events(SLUG, range(5))
    page = client.get(f"/v1/topics/{SLUG}/events").json()["events"]
    with Subscriber(server.url, SLUG, after="0") as subscriber:
        assert [one.body for one in subscriber.take(5)] == page
