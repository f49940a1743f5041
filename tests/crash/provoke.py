"""Steps that no round of news leads to: what an operator does, and records that cannot be stored."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from functools import partial
from typing import Final

import httpx
from sqlalchemy import text

from ingest.app import article_log
from ingest.db import migrate as migrations
from ingest.db import quarantine, topics
from ingest.db.engine import transaction
from ingest.errors import IngestError
from ingest.identity import article_id, content_hash
from ingest.log.api import ARTICLES
from ingest.page_fetch import GRACE_SECONDS
from ingest.runtime import now
from ingest.settings import read_settings
from ingest.types import Article, Message, Record
from ingest.wire import encode
from tests.crash import reading
from tests.crash.labels import Role
from tests.crash.news import Newsroom, Published
from tests.crash.parts import MAX_MESSAGE_BYTES
from tests.crash.plan import Cycle
from tests.crash.rig import Rig, StuckError
from tests.feedworld import WorldFeed, late
from tests.feedworld.hub import Hub

_ELSEWHERE: Final = "https://elsewhere.example/feed"
UNSTORABLE: Final = "persist.quarantined"
"""The step behind a record that can be read and not be stored."""
REFUSED: Final = "poll.appended-singly"
"""The step behind a message that the brokers refuse."""
RELEASED: Final = "poll.released"
"""The step of a poller that stops with polls not begun."""
PUSHED: Final = ("push.", "serve.push-")
"""The steps of what has to do with hubs."""
PAGE_RELEASED: Final = "poll.page-released"
"""The step of a poller that stops while a page has not answered."""
ROBOTS: Final = ("poll.robots-fetched", "poll.robots-recorded")
"""Steps that are passed once a day for each host."""
TRIES: Final = 5


def migrate(rig: Rig, cycle: Cycle) -> None:
    """``ingest migrate`` of a new database, killed on its way; then whole.

    Raises:
        StuckError: the second run does not make it whole.
    """
    with rig.postgres.database(f"migrate_{sum(rig.kills.values())}") as (url, engine):
        rig.arm(cycle)
        rig.command("migrate", environment={"INGEST_DATABASE_URL": url})
        migrations.check(engine)
        if len(topics.list_topics(engine)) != 2:
            raise StuckError("ingest migrate has not loaded the topics")


def provoke(rig: Rig, news: Newsroom, hub: Hub, cycle: Cycle) -> int:
    """What it takes to reach the strikes of ``cycle``; how many records stay in quarantine because of it."""
    left = 0
    for strike in cycle.strikes:
        if strike.label.name == UNSTORABLE:
            _append(rig, _unstorable())
            left += 1
        if strike.label.name == REFUSED:
            news.publish_oversized(2 * MAX_MESSAGE_BYTES)
            left += 1
        if strike.label.name == RELEASED:
            _stop_among_polls(rig, news)
        if strike.label.name.startswith(PUSHED):
            _push(rig, news, hub, strike.label.name)
        if strike.label.name in ROBOTS:
            _forget_robots(rig)
        if strike.label.name == PAGE_RELEASED:
            _stop_within_a_page(rig, news)
        if strike.label.role is Role.REPLAY:
            _replay(rig, news.add_elsewhere())
    return left


def _stop_among_polls(rig: Rig, news: Newsroom) -> None:
    """Every fetch takes long and few are made at once, so other polls wait; then the poller is asked to stop."""
    for _ in range(TRIES):
        for feed in news.feeds:
            feed.fail_next(late(0.7))
        asked = sum(feed.request_count for feed in news.feeds)
        rig.until(partial(_asked_again, news, asked), patience=5.0)
        rig.ask_to_stop(Role.POLL)
        if rig.until(lambda: not any(one.label.name == RELEASED for one in rig.pending), patience=2.0):
            return


def _push(rig: Rig, news: Newsroom, hub: Hub, label: str) -> None:
    """A feed is subscribed to anew, and its hub sends what it shows, as often as it takes to get there."""
    feed = news.feeds[0]
    for _ in range(TRIES):
        hub.subscribers.clear()
        with suppress(IngestError), transaction(rig.postgres.engine) as connection:
            connection.execute(text("DELETE FROM websub_subscriptions"))
        news.publish_again(feed)
        rig.until(lambda: any(each.topic == feed.url for each in hub.subscribers.values()), patience=5.0)
        # In a thread: the API may stand at the step, and waits for us.
        sending = threading.Thread(target=_send, args=(hub, feed), daemon=True)
        sending.start()
        rig.until(lambda sending=sending: not sending.is_alive(), patience=5.0)  # type: ignore[misc]  # bound at once
        if rig.until(lambda: not any(one.label.name == label for one in rig.pending), patience=3.0):
            return


def _send(hub: Hub, feed: WorldFeed) -> None:
    with suppress(httpx.HTTPError):  # the API was killed: a hub would come again
        hub.publish(feed.url, feed.body or b"")


def _forget_robots(rig: Rig) -> None:
    """robots.txt has to be asked for again before the next page is."""
    with transaction(rig.postgres.engine) as connection:
        connection.execute(text("DELETE FROM robots"))


def _stop_within_a_page(rig: Rig, news: Newsroom) -> None:
    """The page takes longer than a poller that stops waits for one."""
    page = news.last_page
    assert page is not None
    page.fail_always(late(4 * GRACE_SECONDS))
    for _ in range(TRIES):
        asked = page.request_count
        rig.until(lambda asked=asked: page.request_count > asked, patience=10.0)  # type: ignore[misc]
        rig.ask_to_stop(Role.POLL)
        if rig.until(lambda: not any(one.label.name == PAGE_RELEASED for one in rig.pending), patience=5.0):
            break
        reading.hasten_pages(rig.postgres.engine)
    page.recover()


def _asked_again(news: Newsroom, asked: int) -> bool:
    return sum(feed.request_count for feed in news.feeds) > asked


def _append(rig: Rig, message: Message) -> None:
    settings = read_settings(rig.settings)
    with article_log(settings, rig.postgres.engine) as log:
        log.append(ARTICLES, [message])


def _unstorable() -> Message:
    """A source too long for an index of PostgreSQL's, and not to be compressed."""
    source = random.Random(0).randbytes(6000).hex()
    return encode(
        _article("https://elsewhere.example/unstorable", "Too long a source", "Text.", source=source)
    )


def _replay(rig: Rig, published: Published) -> None:
    """A record comes into quarantine, as if an older version had set it aside, and is handed in again."""
    said = published.texts[-1]
    article = _article(published.url, said.title, said.body, source="elsewhere.example")
    message = encode(article)
    with transaction(rig.postgres.engine) as connection:
        record = Record(
            topic=ARTICLES,
            partition=0,
            offset=-sum(rig.kills.values()) - 1,
            key=message.key,
            value=message.value,
            headers=message.headers,
            appended_at=now(),
        )
        quarantine.insert_record(
            connection, record, stage="persist", error=ValueError("set aside"), now=now()
        )
        number = connection.scalar(text("SELECT max(id) FROM quarantine"))
    rig.command("quarantine", "replay", str(number))


def _article(url: str, title: str, body: str, *, source: str) -> Article:
    return Article(
        id=article_id(url=url, feed_url=_ELSEWHERE),
        feed_id=0,
        feed_url=_ELSEWHERE,
        poll_id=0,
        entry_key=bytes(16),
        content_hash=content_hash(title, body, ()),
        seen_at=now(),
        url=url,
        guid=url,
        title=title,
        authors=(),
        publisher=None,
        source=source,
        attribution=None,
        summary="",
        text=body,
        html="",
        language=None,
        categories=(),
        image=None,
        published_at=None,
        updated_at=None,
    )
