"""Provoke failpoints that a round of news does not reach: operator commands, refused records, WebSub, robots.txt."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from functools import partial
from typing import Final

import httpx
from sqlalchemy import text

from ingest.app import open_article_log
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
"""Failpoint behind a record that can be decoded but not stored."""
REFUSED: Final = "poll.appended-singly"
"""Failpoint behind a message that the broker refuses."""
RELEASED: Final = "poll.released"
"""Failpoint of a poller that stops with leased polls it has not begun."""
PUSHED: Final = ("push.", "serve.push-")
"""Prefixes of the WebSub failpoints."""
PAGE_RELEASED: Final = "poll.page-released"
"""Failpoint of a poller that stops while a page fetch is in flight."""
ROBOTS: Final = ("poll.robots-fetched", "poll.robots-recorded")
"""Failpoints that are passed once a day for each host."""
TRIES: Final = 5


def migrate(rig: Rig, cycle: Cycle) -> None:
    """Run ``ingest migrate`` on a new database, killed on its way; then run it again.

    Raises:
        StuckError: the second run does not complete the migration.
    """
    with rig.postgres.database(f"migrate_{sum(rig.kills.values())}") as (url, engine):
        rig.arm(cycle)
        rig.command("migrate", environment={"INGEST_DATABASE_URL": url})
        migrations.check(engine)
        if len(topics.list_topics(engine)) != 2:
            raise StuckError("ingest migrate has not loaded the topics")


def provoke(rig: Rig, news: Newsroom, hub: Hub, cycle: Cycle) -> int:
    """Provoke the strikes of ``cycle``; return how many records stay in quarantine because of it."""
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
    """Delay every fetch so that leased polls queue up, then ask the poller to stop."""
    for _ in range(TRIES):
        for feed in news.feeds:
            feed.fail_next(late(0.7))
        requests_before = sum(feed.request_count for feed in news.feeds)
        rig.until(partial(_asked_again, news, requests_before), patience=5.0)
        rig.ask_to_stop(Role.POLL)
        if rig.until(lambda: not any(strike.label.name == RELEASED for strike in rig.pending), patience=2.0):
            return


def _push(rig: Rig, news: Newsroom, hub: Hub, label: str) -> None:
    """Renew a feed's subscription and let its hub send the document, until the failpoint is reached."""
    feed = news.feeds[0]
    for _ in range(TRIES):
        hub.subscribers.clear()
        with suppress(IngestError), transaction(rig.postgres.engine) as connection:
            connection.execute(text("DELETE FROM websub_subscriptions"))
        news.publish_again(feed)
        rig.until(
            lambda: any(subscriber.topic == feed.url for subscriber in hub.subscribers.values()), patience=5.0
        )
        # Send in a thread: the API may be held at the failpoint while the hub waits for its response.
        sending = threading.Thread(target=_send, args=(hub, feed), daemon=True)
        sending.start()
        rig.until(lambda sending=sending: not sending.is_alive(), patience=5.0)  # type: ignore[misc]  # bound at once
        if rig.until(lambda: not any(strike.label.name == label for strike in rig.pending), patience=3.0):
            return


def _send(hub: Hub, feed: WorldFeed) -> None:
    with suppress(httpx.HTTPError):  # the API was killed; a real hub would send again
        hub.publish(feed.url, feed.body or b"")


def _forget_robots(rig: Rig) -> None:
    """Forget every robots.txt, so that the next page fetch requests it again."""
    with transaction(rig.postgres.engine) as connection:
        connection.execute(text("DELETE FROM robots"))


def _stop_within_a_page(rig: Rig, news: Newsroom) -> None:
    """Delay a page beyond the time that a stopping poller waits for it."""
    page = news.last_page
    assert page is not None
    page.fail_always(late(4 * GRACE_SECONDS))
    for _ in range(TRIES):
        requests_before = page.request_count
        rig.until(lambda requests_before=requests_before: page.request_count > requests_before, patience=10.0)  # type: ignore[misc]
        rig.ask_to_stop(Role.POLL)
        if rig.until(
            lambda: not any(strike.label.name == PAGE_RELEASED for strike in rig.pending), patience=5.0
        ):
            break
        reading.hasten_pages(rig.postgres.engine)
    page.recover()


def _asked_again(news: Newsroom, requests_before: int) -> bool:
    return sum(feed.request_count for feed in news.feeds) > requests_before


def _append(rig: Rig, message: Message) -> None:
    settings = read_settings(rig.settings)
    with open_article_log(settings, rig.postgres.engine) as log:
        log.append(ARTICLES, [message])


def _unstorable() -> Message:
    """Return a message whose source is too long for a PostgreSQL index, and cannot be compressed."""
    source = random.Random(0).randbytes(6000).hex()
    return encode(
        _article("https://elsewhere.example/unstorable", "Too long a source", "Text.", source=source)
    )


def _replay(rig: Rig, published: Published) -> None:
    """Quarantine a record as an older version would have done, and replay it."""
    revision = published.texts[-1]
    article = _article(published.url, revision.title, revision.body, source="elsewhere.example")
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
