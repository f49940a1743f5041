"""The registry: which feeds are polled. One row per feed URL; articles outlive the feed that brought them."""

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
from ingest.db.feed_codecs import (
    WAITS,
    decode_poll_hints,
    decode_publish_gaps,
    decode_publish_rate,
    feed_fails,
)
from ingest.db.feed_requests import decode_user_agent_trial
from ingest.db.page_fetch import give_up_waiting
from ingest.db.polls import AppendAlerts, Poll, last_polls
from ingest.db.read_transaction import read_transaction
from ingest.db.tables import feeds, polls, without_scheme
from ingest.db.websub.subscriptions import SubscriptionView, poll_now, subscription_view
from ingest.request_options import decode_options, encode_options, masked
from ingest.schedule import format_duration
from ingest.types import DEFAULT_REQUEST, Alert, AlertKind, Feed, FeedState, PollResult, RequestOptions

IMPORT_BATCH: Final = 10_000
"""Rows of one INSERT."""

LOOKUP_BATCH: Final = 10_000
MUTED_WITH: Final = "its index, feed {}, was muted"
"""The reason of a sitemap that was muted because the index was that names it."""
_TEXTS: Final = ARRAY(Text)
_SCHEME: Final = re.compile("^https?")

# As arrays: a statement with a parameter for each value takes longer to put together than to carry out.
_ADD: Final = """
    INSERT INTO feeds (url, title, request_options, added_at, next_poll_at, "interval")
    SELECT url, title, request, %(now)s, %(now)s, %(interval)s
    FROM unnest(%(urls)b::text[], %(titles)b::text[], %(requests)b::jsonb[])
        WITH ORDINALITY AS given(url, title, request, place) ORDER BY place
    ON CONFLICT DO NOTHING RETURNING url"""
_VALUES: Final = (
    "publish_rate_entries",
    "publish_rate_hours",
    "poll_hints",
    "publish_gaps",
    "state",
    "request_options",
    "user_agent_trial",
)
_SPELT: Final = ("publish_rate", "poll_hints", "publish_gaps", "state", "request_options", "user_agent_trial")
_PLAIN: Final = tuple(name for name in Feed.__dataclass_fields__ if name not in _SPELT)
# A feed that waits for its turn may still carry a lease that ran out.
_POLLING_SINCE: Final = case((feeds.c.slot_at.is_(None), feeds.c.leased_at)).label("polling_since")
_SHOWN: Final = tuple(
    _POLLING_SINCE if name == _POLLING_SINCE.name else feeds.c[name] for name in (*_PLAIN, *_VALUES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Feeds in the order of their ids; the next page begins after ``next_after``, None: there is none."""

    feeds: tuple[Feed, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHistory:
    """A feed, what it has with its hub, and its last polls, newest first, as they were at one moment."""

    feed: Feed
    websub: SubscriptionView | None
    polls: tuple[Poll, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
    """Why the last poll of a feed failed, in short (:class:`ingest.types.FailureKind`)."""

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
    now: datetime,
    interval: timedelta,
) -> tuple[Feed, bool]:
    """The feed at ``url`` (as :func:`ingest.urls.feed_url` spells it), and whether it is new; due at once, and asked
    with ``request``.

    One that is there under the other of http and https is the same feed, and stays as it is.
    """
    added = add_feeds(engine, [(url, title)], requests={url: request}, now=now, interval=interval)
    with read_transaction(engine) as connection:
        row = connection.execute(select(*_SHOWN).where(_at(url))).mappings().one()
    return _feed(row), bool(added)


def add_feeds(
    engine: Engine,
    rows: Iterable[tuple[str, str | None]],
    *,
    requests: Mapping[str, RequestOptions] | None = None,
    now: datetime,
    interval: timedelta,
) -> frozenset[str]:
    """Add many (URL and title), all or none; returns the URLs that are new. The others stay as they are.

    Of one address under http and https the first counts. ``requests``: what each is asked with, by its URL.
    """
    requests = requests or {}
    titles: dict[str, str | None] = {}
    for url, title in rows:
        titles[url] = titles.get(url) or title
    given = list(titles.items())
    added: set[str] = set()
    with transaction(engine) as connection:
        for at in range(0, len(given), IMPORT_BATCH):
            urls, names = zip(*given[at : at + IMPORT_BATCH], strict=True)
            spelt = [encode_options(requests.get(url, DEFAULT_REQUEST)) for url in urls]
            values = {
                "urls": list(urls),
                "titles": list(names),
                "requests": [None if each is None else Jsonb(each) for each in spelt],
                "now": now,
                "interval": interval,
            }
            added.update(connection.exec_driver_sql(_ADD, values).scalars())
    return frozenset(added)


def registered_at(engine: Engine, urls: Sequence[str]) -> dict[str, str]:
    """The URL of the feed at each of these addresses, its own or the one under the other of http and https."""
    found: dict[str, str] = {}
    with read_transaction(engine) as connection:
        for at in range(0, len(urls), LOOKUP_BATCH):
            by_address = {_SCHEME.sub("", url): url for url in urls[at : at + LOOKUP_BATCH]}
            wanted = select(feeds.c.url).where(
                without_scheme(feeds.c.url) == any_(literal(list(by_address), _TEXTS))
            )
            found.update((_SCHEME.sub("", url), url) for url in connection.scalars(wanted))
    return {url: found[_SCHEME.sub("", url)] for url in urls if _SCHEME.sub("", url) in found}


def remove_feed(engine: Engine, feed_id: int) -> bool:
    """Stop polling it for good and forget its seen-set; False: there is none. Its articles and polls stay."""

    def remove(connection: Connection) -> bool:
        give_up_waiting(connection, feed_id, "its feed was removed")
        return connection.execute(delete(feeds).where(feeds.c.id == feed_id)).rowcount == 1

    # What goes with it may be what a poller is about to record, in another order.
    return run_with_retry(engine, remove)


def list_feeds(engine: Engine, *, state: FeedState | None = None) -> list[Feed]:
    """All of them, or those that stand so, in the order they were added."""
    wanted = select(*_SHOWN).order_by(feeds.c.id)
    if state is not None:
        wanted = wanted.where(feeds.c.state == state.value)
    with read_transaction(engine) as connection:
        return [_feed(row) for row in connection.execute(wanted).mappings()]


def page_feeds(
    engine: Engine, *, after: int = 0, limit: int, state: str | None = None, failing: bool = False
) -> FeedPage:
    """Up to ``limit`` feeds with ids above ``after``, those in ``state`` (of ``FEED_STATES``), those that fail.

    A page begins after an id and not after so many rows: feeds that are added or removed meanwhile neither
    shift nor repeat the others.
    """
    # One more than asked for tells whether there is another page.
    wanted = select(*_SHOWN).where(feeds.c.id > after).order_by(feeds.c.id).limit(limit + 1)
    if state is not None:
        wanted = wanted.where(feeds.c.state == state)
    if failing:
        wanted = wanted.where(feed_fails)
    with read_transaction(engine) as connection:
        found = [_feed(row) for row in connection.execute(wanted).mappings()]
    shown = tuple(found[:limit])
    return FeedPage(feeds=shown, next_after=shown[-1].id if len(found) > limit else None)


def last_failures(engine: Engine) -> dict[int, LastFailure]:
    """Of each feed that fails now, by its id, how its last poll failed; those whose history is gone are not in it."""
    last = (
        select(polls.c.failure, polls.c.status)
        .where(polls.c.feed_id == feeds.c.id, polls.c.result != PollResult.PUSHED.value)
        .order_by(polls.c.id.desc())
        .limit(1)
        .lateral()
    )
    wanted = select(feeds.c.id, last.c.failure, last.c.status).join(last, true()).where(feeds.c.failures > 0)
    with read_transaction(engine) as connection:
        return {
            row.id: LastFailure(kind=row.failure, status=row.status)
            for row in connection.execute(wanted)
            if row.failure is not None
        }


def find_feed(engine: Engine, *, url: str | None = None, feed_id: int | None = None) -> Feed | None:
    """The feed with this URL (under http or https) or this id; None: there is none."""
    with read_transaction(engine) as connection:
        return _find(connection, url=url, feed_id=feed_id)


def find_history(engine: Engine, feed_id: int, *, now: datetime) -> FeedHistory | None:
    """The feed with this id and its last polls; None: there is none."""
    with read_transaction(engine) as connection:
        feed = _find(connection, url=None, feed_id=feed_id)
        if feed is None:
            return None
        known = subscription_view(connection, feed_id, now=now)
        return FeedHistory(feed=feed, websub=known, polls=tuple(last_polls(connection, feed_id)))


def _find(connection: Connection, *, url: str | None, feed_id: int | None) -> Feed | None:
    named = _at(url or "") if feed_id is None else feeds.c.id == feed_id
    row = connection.execute(select(*_SHOWN).where(named)).mappings().one_or_none()
    return None if row is None else _feed(row)


def make_due(
    engine: Engine,
    *,
    now: datetime,
    feed_ids: Sequence[int] | None = None,
    spacing: timedelta = timedelta(0),
) -> int:
    """Let these (None: all) be polled now; for how many that makes a difference.

    Not before ``spacing`` after the last poll, nor before the server's ``Retry-After`` is over, nor past the
    budget of the host. Ones that are being polled stay as they are.
    """
    spaced = func.greatest(now, feeds.c.polled_at + spacing)
    soonest = func.greatest(spaced, feeds.c.retry_after_until)
    asked = "asked for by hand"
    reason = case(
        (feeds.c.retry_after_until > spaced, f"{asked}; {WAITS}"),
        (spaced > now, f"{asked}; polls of a feed are {format_duration(spacing)} apart at least"),
        else_=asked,
    )
    statement = update(feeds).where(
        feeds.c.enabled, feeds.c.lease_poll_id.is_(None), feeds.c.next_poll_at > soonest
    )
    if feed_ids is not None:
        statement = statement.where(feeds.c.id.in_(feed_ids))
    given = statement.values(next_poll_at=soonest, last_reason=reason)
    return run_with_retry(engine, lambda connection: connection.execute(given).rowcount)


def mute(engine: Engine, feed_id: int, *, reason: str, now: datetime, tell: AppendAlerts) -> bool:
    """Do not poll this feed, nor the sitemaps that it names, until it is resumed; seen-sets and schedules stay.
    False: it is none that is polled."""
    return _restate(engine, feed_id, enabled=False, state=FeedState.MUTED, reason=reason, now=now, tell=tell)


def unmute(engine: Engine, feed_id: int, *, now: datetime, tell: AppendAlerts) -> bool:
    """Poll this feed again at once, from where it was, and the sitemaps that were muted with it; what it is is seen
    then, and what its hub sent meanwhile. False: it is none that is muted."""
    reason = "resumed by hand"
    return _restate(engine, feed_id, enabled=True, state=FeedState.HEALTHY, reason=reason, now=now, tell=tell)


def confirm_site(engine: Engine, feed_id: int, *, now: datetime, tell: AppendAlerts) -> bool:
    """Take what this feed says now for its own, though it looked like another site's. False: it does not."""

    def take(connection: Connection) -> bool:
        wanted = (
            update(feeds)
            .where(feeds.c.id == feed_id, feeds.c.site_changed_reason.is_not(None))
            .values(site_changed_reason=None, site_identity=None, accepted_meanwhile=True)
            .returning(feeds.c.enabled)
        )
        enabled = connection.execute(wanted).scalar_one_or_none()
        if enabled is None:
            return False
        if not enabled:  # it stays muted; what it says now is its own once it is resumed
            return True
        _turn(connection, feed_id, state=FeedState.HEALTHY, reason="accepted by hand", now=now, tell=tell)
        return True

    return run_with_retry(engine, take)


def _restate(
    engine: Engine,
    feed_id: int,
    *,
    enabled: bool,
    state: FeedState,
    reason: str,
    now: datetime,
    tell: AppendAlerts,
) -> bool:
    def restate(connection: Connection) -> bool:
        changed = update(feeds).where(feeds.c.enabled.is_not(enabled))
        itself = changed.where(feeds.c.id == feed_id).values(enabled=enabled)
        if connection.execute(itself).rowcount == 0:
            return False
        _turn(connection, feed_id, state=state, reason=reason, now=now, tell=tell)
        with_index = MUTED_WITH.format(feed_id)
        parts = changed.where(feeds.c.parent_id == feed_id)
        if enabled:  # one that an operator muted by itself stays so
            parts = parts.where(feeds.c.state_reason == with_index)
        told = reason if enabled else with_index
        for part in connection.scalars(parts.values(enabled=enabled).returning(feeds.c.id)).all():
            _turn(connection, part, state=state, reason=told, now=now, tell=tell)
        return True

    return run_with_retry(engine, restate)


def _turn(
    connection: Connection, feed_id: int, *, state: FeedState, reason: str, now: datetime, tell: AppendAlerts
) -> None:
    """Give the feed another state, by an operator's word. One that was never polled and is to be, is new."""
    found = connection.execute(
        select(feeds.c.url, feeds.c.state, feeds.c.polled_at).where(feeds.c.id == feed_id).with_for_update()
    ).one()
    if state is not FeedState.MUTED and found.polled_at is None:
        state = FeedState.NEW
    given = {"state": state.value, "state_since": now, "state_reason": reason}
    connection.execute(update(feeds).where(feeds.c.id == feed_id).values(given))
    if found.state == FeedState.MUTED.value:
        poll_now(connection, feed_id, at=now, reason=reason)
    tell(
        connection,
        [
            Alert(
                kind=AlertKind.STATE,
                feed_id=feed_id,
                url=found.url,
                at=now,
                before=FeedState(found.state),
                after=state,
                reason=reason,
            )
        ],
    )


def set_full_text(engine: Engine, feed_id: int, *, wanted: bool) -> bool:
    """Fetch the pages of the articles that this feed brings from now on, or of none. False: no such feed."""

    def turn(connection: Connection) -> bool:
        statement = update(feeds).where(feeds.c.id == feed_id).values(full_text=wanted)
        if connection.execute(statement).rowcount == 0:
            return False
        if not wanted:
            give_up_waiting(connection, feed_id, "full text was turned off for its feed")
        return True

    return run_with_retry(engine, turn)


def _at(url: str) -> ColumnElement[bool]:
    """Whether a feed is at ``url``, registered under http or https."""
    return without_scheme(feeds.c.url) == without_scheme(literal(url))


def _feed(row: Mapping[Any, Any]) -> Feed:
    return Feed(
        **{name: row[name] for name in _PLAIN},
        publish_rate=decode_publish_rate(row["publish_rate_entries"], row["publish_rate_hours"]),
        poll_hints=decode_poll_hints(row["poll_hints"]),
        publish_gaps=decode_publish_gaps(row["publish_gaps"]),
        state=FeedState(row["state"]),
        request_options=masked(decode_options(row["request_options"])),
        user_agent_trial=decode_user_agent_trial(row["user_agent_trial"]),
    )
