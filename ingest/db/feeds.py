"""The registry of polled feeds. Each URL has one row; articles outlive their feed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Text,
    any_,
    case,
    delete,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ingest.db.engine import run_with_retry, transaction
from ingest.db.feed_codecs import WAITS, feed_fails
from ingest.db.feed_memory import MEMORY, read_rate
from ingest.db.feed_tags import has_tag
from ingest.db.page_fetch import give_up_waiting
from ingest.db.polls import Poll, last_polls
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import CONFIG_CHANGED, feeds, polls, without_scheme
from ingest.db.websub.subscriptions import SubscriptionView, subscription_view
from ingest.feed_tags import merge_tags
from ingest.request_options import decode_options, encode_options, masked
from ingest.schedule import format_duration
from ingest.types import DEFAULT_REQUEST, Evidence, Feed, FeedState, PollResult, RequestOptions

IMPORT_BATCH: Final = 10_000
"""Rows of one INSERT."""
LOOKUP_BATCH: Final = 10_000
_TEXTS: Final = ARRAY(Text)
_SCHEME: Final = re.compile("^https?")

# Arrays, because a statement with a parameter for each value takes longer to build than to execute.
_ADD: Final = """
    INSERT INTO feeds (url, title, request_options, tags, added_at, next_poll_at, "interval")
    SELECT url, title, request, ARRAY(SELECT jsonb_array_elements_text(tags)), %(now)s, %(now)s, %(interval)s
    FROM unnest(%(urls)b::text[], %(titles)b::text[], %(requests)b::jsonb[], %(tags)b::jsonb[])
        WITH ORDINALITY AS feed(url, title, request, tags, position) ORDER BY position
    ON CONFLICT DO NOTHING RETURNING url"""
_RATE: Final = "publish_rate"  # the only field of the view with two columns
_REMEMBERED: Final = tuple(column for column in MEMORY if column.name in Feed.__dataclass_fields__)
_DECODED: Final = {
    _RATE,
    "request_options",
    "tags",
    "identity",
    *(column.name for column in _REMEMBERED),
}
_PLAIN: Final = tuple(name for name in Feed.__dataclass_fields__ if name not in _DECODED)
# A feed that waits for its slot may still have an expired lease.
_POLLING_SINCE: Final = case((feeds.c.slot_at.is_(None), feeds.c.leased_at)).label("polling_since")
_COLUMNS: Final = (
    *(_POLLING_SINCE if name == _POLLING_SINCE.name else feeds.c[name] for name in _PLAIN),
    *(feeds.c[column.name] for column in _REMEMBERED),
    *(feeds.c[column.name] for column in MEMORY if column.path.startswith(f"{_RATE}.")),
    feeds.c.request_options,
    feeds.c.tags,
    feeds.c.identity,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A result page of feeds, ordered by id. The next one begins after ``next_after``; None: it is the last."""

    feeds: tuple[Feed, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHistory:
    """A feed with its WebSub subscription and its last polls, newest first, in one snapshot."""

    feed: Feed
    websub: SubscriptionView | None
    polls: tuple[Poll, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
    """The short reason for the failure of a feed's last poll (:class:`ingest.types.FailureKind`)."""

    kind: str
    status: int | None

    def __str__(self) -> str:
        return self.kind if self.status is None else f"{self.kind} {self.status}"


def add_feed(
    engine: Engine,
    url: str,
    *,
    title: str | None = None,
    request: RequestOptions = DEFAULT_REQUEST,
    tags: tuple[str, ...] = (),
    now: datetime,
    interval: timedelta,
) -> tuple[Feed, bool]:
    """Add a feed, due immediately, and return it with whether it is new.

    ``url`` is spelled as by :func:`ingest.urls.feed_url`. A feed that exists under the other scheme (http or https) is
    the same feed and stays as it is.
    """
    added = add_feeds(
        engine, [(url, title)], requests={url: request}, tags={url: tags}, now=now, interval=interval
    )
    with read_transaction(engine) as connection:
        row = connection.execute(select(*_COLUMNS).where(_at(url))).mappings().one()
    return _feed(row), bool(added)


def add_feeds(
    engine: Engine,
    rows: Iterable[tuple[str, str | None]],
    *,
    requests: Mapping[str, RequestOptions] | None = None,
    tags: Mapping[str, tuple[str, ...]] | None = None,
    now: datetime,
    interval: timedelta,
) -> frozenset[str]:
    """Add feeds (URL and title), all or none, and return the new URLs. Feeds that exist stay as they are.

    An address with both schemes counts once, as its first URL. ``requests`` are request options by URL, and ``tags``
    the tags.
    """
    requests = requests or {}
    tags = tags or {}
    titles: dict[str, str | None] = {}
    for url, title in rows:
        titles[url] = titles.get(url) or title
    items = list(titles.items())
    added: set[str] = set()
    with transaction(engine) as connection:
        for start in range(0, len(items), IMPORT_BATCH):
            urls, names = zip(*items[start : start + IMPORT_BATCH], strict=True)
            encoded = [encode_options(requests.get(url, DEFAULT_REQUEST)) for url in urls]
            values = {
                "urls": list(urls),
                "titles": list(names),
                "requests": [None if each is None else Jsonb(each) for each in encoded],
                "tags": [Jsonb(merge_tags((), tags.get(url, ()))) for url in urls],
                "now": now,
                "interval": interval,
            }
            added.update(connection.exec_driver_sql(_ADD, values).scalars())
    return frozenset(added)


def registered_at(engine: Engine, urls: Sequence[str]) -> dict[str, str]:
    """Return the URL of the feed at each of these addresses, with the same scheme or the other one."""
    registered: dict[str, str] = {}
    with read_transaction(engine) as connection:
        for start in range(0, len(urls), LOOKUP_BATCH):
            addresses = sorted({_SCHEME.sub("", url) for url in urls[start : start + LOOKUP_BATCH]})
            statement = select(feeds.c.url).where(
                without_scheme(feeds.c.url) == any_(literal(addresses, _TEXTS))
            )
            registered.update((_SCHEME.sub("", url), url) for url in connection.scalars(statement))
    return {url: registered[_SCHEME.sub("", url)] for url in urls if _SCHEME.sub("", url) in registered}


def remove_feed(engine: Engine, feed_id: int) -> bool:
    """Delete a feed with its seen-set; False: there is no such feed. Its articles and polls stay."""

    def remove(connection: Connection) -> bool:
        give_up_waiting(connection, feed_id, "its feed was removed")
        return connection.execute(delete(feeds).where(feeds.c.id == feed_id)).rowcount == 1

    # A poller may record the same rows in another order, so a deadlock is possible.
    return run_with_retry(engine, remove)


def list_feeds(engine: Engine, *, state: FeedState | None = None, tag: str | None = None) -> list[Feed]:
    """Return all feeds, or those in ``state`` and with ``tag``, in the order in which they were added."""
    statement = select(*_COLUMNS).order_by(feeds.c.id)
    if state is not None:
        statement = statement.where(feeds.c.state == state.value)
    if tag is not None:
        statement = statement.where(has_tag(tag))
    with read_transaction(engine) as connection:
        return [_feed(row) for row in connection.execute(statement).mappings()]


def page_feeds(
    engine: Engine,
    *,
    after: int = 0,
    limit: int,
    state: str | None = None,
    failing: bool = False,
    tag: str | None = None,
) -> FeedPage:
    """Return up to ``limit`` feeds with ids above ``after``; ``state`` (of ``FEED_STATES``) and the others are filters.

    A result page begins after an id, not after a number of rows: feeds that are added or removed between two requests
    neither shift nor repeat the others.
    """
    # One row more than requested shows whether there is another result page.
    statement = select(*_COLUMNS).where(feeds.c.id > after).order_by(feeds.c.id).limit(limit + 1)
    if state is not None:
        statement = statement.where(feeds.c.state == state)
    if failing:
        statement = statement.where(feed_fails)
    if tag is not None:
        statement = statement.where(has_tag(tag))
    with read_transaction(engine) as connection:
        rows = [_feed(row) for row in connection.execute(statement).mappings()]
    page = tuple(rows[:limit])
    return FeedPage(feeds=page, next_after=page[-1].id if len(rows) > limit else None)


def last_failures(engine: Engine) -> dict[int, LastFailure]:
    """Return how the last poll of each failing feed failed, by feed id. Feeds without history are left out."""
    last = (
        select(polls.c.failure, polls.c.status)
        .where(polls.c.feed_id == feeds.c.id, polls.c.result != PollResult.PUSHED.value)
        .order_by(polls.c.id.desc())
        .limit(1)
        .lateral()
    )
    statement = (
        select(feeds.c.id, last.c.failure, last.c.status).join(last, true()).where(feeds.c.failures > 0)
    )
    with read_transaction(engine) as connection:
        return {
            row.id: LastFailure(kind=row.failure, status=row.status)
            for row in connection.execute(statement)
            if row.failure is not None
        }


def find_feed(engine: Engine, *, url: str | None = None, feed_id: int | None = None) -> Feed | None:
    """Return the feed with this URL (with either scheme) or this id; None: there is none."""
    with read_transaction(engine) as connection:
        return _find(connection, url=url, feed_id=feed_id)


def find_history(engine: Engine, feed_id: int, *, now: datetime) -> FeedHistory | None:
    """Return the feed with this id and its last polls; None: there is no such feed."""
    with read_transaction(engine) as connection:
        feed = _find(connection, url=None, feed_id=feed_id)
        if feed is None:
            return None
        subscription = subscription_view(connection, feed_id, now=now)
        shown_polls = tuple(last_polls(connection, feed_id))
        return FeedHistory(feed=feed, websub=subscription, polls=shown_polls)


def _find(connection: Connection, *, url: str | None, feed_id: int | None) -> Feed | None:
    condition = _at(url or "") if feed_id is None else feeds.c.id == feed_id
    row = connection.execute(select(*_COLUMNS).where(condition)).mappings().one_or_none()
    return None if row is None else _feed(row)


def make_due(
    engine: Engine,
    *,
    now: datetime,
    feed_ids: Sequence[int] | None = None,
    spacing: timedelta = timedelta(0),
) -> int:
    """Make these feeds (None: all) due now, and return how many were not due before.

    A feed is due at the earliest ``spacing`` after its last poll and after the server's ``Retry-After``; the rate limit
    of its host applies too. Feeds that are being polled stay as they are.
    """
    spaced = func.greatest(now, feeds.c.polled_at + spacing)
    soonest = func.greatest(spaced, feeds.c.retry_after_until)
    requested = "requested by an operator"
    reason = case(
        (feeds.c.retry_after_until > spaced, f"{requested}; {WAITS}"),
        (spaced > now, f"{requested}; polls of a feed are at least {format_duration(spacing)} apart"),
        else_=requested,
    )
    statement = update(feeds).where(
        feeds.c.enabled, feeds.c.lease_poll_id.is_(None), feeds.c.next_poll_at > soonest
    )
    if feed_ids is not None:
        statement = statement.where(feeds.c.id.in_(feed_ids))
    statement = statement.values(next_poll_at=soonest, last_reason=reason)
    return run_with_retry(engine, lambda connection: connection.execute(statement).rowcount)


def set_full_text(engine: Engine, feed_id: int, *, wanted: bool) -> bool:
    """Fetch the pages of this feed's articles from now on, or stop it. False: there is no such feed."""

    def apply(connection: Connection) -> bool:
        values = {"full_text": wanted, **CONFIG_CHANGED}
        statement = update(feeds).where(feeds.c.id == feed_id).values(values)
        if connection.execute(statement).rowcount == 0:
            return False
        if not wanted:
            give_up_waiting(connection, feed_id, "full text was turned off for its feed")
        return True

    return run_with_retry(engine, apply)


def set_identity(engine: Engine, feed_id: int, evidence: Evidence | None) -> bool:
    """Identify the entries of a feed by this evidence from now on; None: chosen for each document.

    The seen-set stays, so stored entries keep their articles. False: there is no such feed.
    """
    values = {"identity": evidence, **CONFIG_CHANGED}
    statement = update(feeds).where(feeds.c.id == feed_id).values(values)
    return run_with_retry(engine, lambda connection: connection.execute(statement).rowcount == 1)


def _at(url: str) -> ColumnElement[bool]:
    """Match the feed at ``url``, with either scheme."""
    return without_scheme(feeds.c.url) == without_scheme(literal(url))


def _feed(row: Mapping[Any, Any]) -> Feed:
    return Feed(
        **{name: row[name] for name in _PLAIN},
        **{
            column.name: row[column.name] if column.decode is None else column.decode(row[column.name])
            for column in _REMEMBERED
        },
        publish_rate=read_rate(row),
        request_options=masked(decode_options(row["request_options"])),
        tags=tuple(row["tags"]),
        identity=None if row["identity"] is None else Evidence(row["identity"]),
    )
