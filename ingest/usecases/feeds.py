"""The registry of feeds: add, remove, change, mute and refresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from ingest.alerts import Outbox, append_alerts
from ingest.clock_guard import correct_stored_times
from ingest.db import feed_states
from ingest.db import feeds as registry
from ingest.db.engine import Engine
from ingest.db.feed_requests import set_request_options as store_request_options
from ingest.db.feed_tags import change_tags
from ingest.db.polls import Poll, history
from ingest.db.read_transaction import read_transaction
from ingest.db.websub.subscriptions import SubscriptionView, subscription_view
from ingest.discovery import Discovery
from ingest.errors import Refused
from ingest.feed_tags import read_tag
from ingest.request_options import scoped_to
from ingest.schedule.stored_times import TimeLimits
from ingest.types import DEFAULT_REQUEST, Evidence, Feed, RequestOptions
from ingest.urls import feed_url, is_home

MUTED_BY_OPERATOR = "muted by hand"
_ID_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFeed:
    """A registered feed; ``is_new`` is False where it was registered before."""

    feed: Feed
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedUrl:
    """The feed URL to add for a URL that was requested.

    ``unchanged_reason`` says why discovery replaced nothing; None: a feed was discovered, or none was looked for.
    """

    url: str
    unchanged_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFeed:
    """A feed and whether the operation changed it."""

    feed: Feed
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDetails:
    """A feed with its WebSub subscription and its last polls, newest first."""

    feed: Feed
    websub: SubscriptionView | None
    polls: tuple[Poll, ...]


def require_feed(engine: Engine, name: str) -> Feed:
    """Return the feed with this id or URL.

    Raises:
        Refused: there is no such feed.
    """
    is_id = name.isascii() and name.isdecimal() and len(name) <= _ID_DIGITS
    feed = (
        registry.find_feed(engine, feed_id=int(name))
        if is_id
        else registry.find_feed(engine, url=feed_url(name))
    )
    if feed is None:
        raise Refused(
            "feed", name, "the id or URL of a registered feed; `ingest feeds list` shows all of them"
        )
    return feed


def require_feeds(engine: Engine, names: Sequence[str]) -> list[Feed]:
    """Return the feeds with these ids or URLs: all of them or none.

    Raises:
        Refused: one does not exist.
    """
    return [require_feed(engine, name) for name in names]


def read_feed_urls(urls: Sequence[str], *, title: str | None) -> list[str]:
    """Return the normalised URLs of feeds to add.

    Raises:
        Refused: a URL is not valid, or the title does not belong to exactly one URL.
    """
    normalised = [feed_url(url) for url in urls]
    if title is not None and len(normalised) != 1:
        raise Refused("--title", title, "exactly one URL beside it, because a title belongs to one feed")
    if title is not None and (not title.strip() or not title.isprintable()):
        raise Refused("--title", title, "one line of text")
    return normalised


def resolve_url(
    url: str, *, discover: Callable[[str], Discovery], take_first: bool, request: RequestOptions
) -> ResolvedUrl:
    """Replace the URL of a site's front page by the feed that the page declares.

    Any other URL is returned as it is, and so is a page without feeds.

    Raises:
        Refused: the page declares several feeds, or one on a server that ``request`` is not meant for.
    """
    if not is_home(url):
        return ResolvedUrl(url=url)
    discovery = discover(url)
    if discovery.is_feed:
        return ResolvedUrl(url=url)
    if discovery.failed is not None:
        return ResolvedUrl(url=url, unchanged_reason=discovery.failed.detail)
    if not discovery.preferred:
        return ResolvedUrl(url=url, unchanged_reason="the page declares no feed")
    if len(discovery.preferred) > 1 and not take_first:
        declared = ", ".join(
            f"{feed.url} ({_printable(feed.title or '') or 'no title'})" for feed in discovery.preferred
        )
        raise Refused(
            "feed URL", url, f"one feed, but this page declares {declared}; --first takes the first"
        )
    chosen_url = discovery.preferred[0].url
    if scoped_to(request, chosen_url, was=url) != request:
        accepted = f"{chosen_url} itself: headers and TLS exceptions are for one server, and it is on another"
        raise Refused("feed URL", url, accepted)
    return ResolvedUrl(url=chosen_url)


def _printable(text: str) -> str:
    """Replace characters that a terminal would obey: a refusal is printed, and the title is remote text."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def add_feeds(
    engine: Engine,
    urls: Sequence[str],
    *,
    title: str | None = None,
    request: RequestOptions = DEFAULT_REQUEST,
    tags: tuple[str, ...] = (),
    now: datetime,
    interval: timedelta,
) -> list[AddedFeed]:
    """Register feeds, due at once; feeds that are registered already stay as they are."""
    added = []
    for url in dict.fromkeys(urls):
        feed, is_new = registry.add_feed(
            engine, url, title=title, request=request, tags=tags, now=now, interval=interval
        )
        added.append(AddedFeed(feed=feed, is_new=is_new))
    return added


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """Tags to add to feeds, and tags to remove from them."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def read_tag_change(added: Sequence[str], removed: Sequence[str]) -> TagChange:
    """Return a change of tags in their normal form.

    Raises:
        Refused: a tag is not valid, or is both added and removed.
    """
    change = TagChange(
        added=tuple(read_tag(tag) for tag in added), removed=tuple(read_tag(tag) for tag in removed)
    )
    both = sorted({*change.added} & {*change.removed})
    if both:
        raise Refused("--untag", both[0], "a tag that --tag does not add")
    return change


def set_options(
    engine: Engine,
    names: Sequence[str],
    change: Callable[[RequestOptions], RequestOptions] | None,
    *,
    tags: TagChange,
) -> list[Feed]:
    """Change request options (None: not) and tags of feeds; return the feeds as they are now.

    Raises:
        Refused: a feed does not exist, ``change`` refuses, or a feed would have too many tags.
    """
    changed = []
    for feed in require_feeds(engine, names):
        if tags.added or tags.removed:
            change_tags(engine, feed.id, added=tags.added, removed=tags.removed)
        if change is not None:
            store_request_options(engine, feed.id, change)
        current = registry.find_feed(engine, feed_id=feed.id)
        if current is not None:
            changed.append(current)
    return changed


def remove_feeds(engine: Engine, names: Sequence[str]) -> list[Feed]:
    """Delete feeds with their seen-sets; return the ones that were deleted. Their articles and polls stay.

    Raises:
        Refused: a feed does not exist; then none is deleted.
    """
    return [feed for feed in require_feeds(engine, names) if registry.remove_feed(engine, feed.id)]


def mute_feeds(engine: Engine, names: Sequence[str], *, outbox: Outbox, now: datetime) -> list[ChangedFeed]:
    """Stop polls of feeds until they are unmuted; seen-sets and schedules stay."""
    append = partial(append_alerts, outbox)
    return [
        ChangedFeed(
            feed=feed,
            changed=feed_states.mute(
                engine, feed.id, reason=MUTED_BY_OPERATOR, now=now, append_alerts=append
            ),
        )
        for feed in require_feeds(engine, names)
    ]


def unmute_feeds(engine: Engine, names: Sequence[str], *, outbox: Outbox, now: datetime) -> list[ChangedFeed]:
    """Poll muted feeds again, at once, and the sitemaps that were muted with their index."""
    append = partial(append_alerts, outbox)
    return [
        ChangedFeed(feed=feed, changed=feed_states.unmute(engine, feed.id, now=now, append_alerts=append))
        for feed in require_feeds(engine, names)
    ]


def confirm_sites(
    engine: Engine, names: Sequence[str], *, outbox: Outbox, now: datetime
) -> list[ChangedFeed]:
    """Confirm that feeds changed to another site on purpose; unchanged where no change was detected."""
    append = partial(append_alerts, outbox)
    return [
        ChangedFeed(
            feed=feed, changed=feed_states.confirm_site(engine, feed.id, now=now, append_alerts=append)
        )
        for feed in require_feeds(engine, names)
    ]


def set_full_text(engine: Engine, names: Sequence[str], *, enabled: bool) -> list[Feed]:
    """Switch page fetching on or off for the future articles of feeds."""
    return [
        feed
        for feed in require_feeds(engine, names)
        if registry.set_full_text(engine, feed.id, wanted=enabled)
    ]


def set_identity(engine: Engine, names: Sequence[str], evidence: Evidence | None) -> list[Feed]:
    """Have the entries of feeds identified by this evidence (None: chosen for each document); return the feeds.

    Raises:
        Refused: a feed does not exist; then none is changed.
    """
    changed = [
        registry.find_feed(engine, feed_id=feed.id)
        for feed in require_feeds(engine, names)
        if registry.set_identity(engine, feed.id, evidence)
    ]
    return [feed for feed in changed if feed is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The number of feeds whose next poll is sooner, and the named feeds as they are now."""

    rescheduled: int
    feeds: tuple[Feed, ...]


def refresh_feeds(
    engine: Engine,
    names: Sequence[str] | None,
    *,
    now: datetime,
    spacing: timedelta,
    limits: TimeLimits,
    outbox: Outbox,
) -> Refreshed:
    """Make feeds due now (None: all), but no sooner than ``spacing``, Retry-After and their host's rate limit allow.

    Stored times that are beyond their bounds (``limits``) are corrected first, so that no wrong time prevents the poll.

    Raises:
        Refused: a feed does not exist.
    """
    ids = None if names is None else [feed.id for feed in require_feeds(engine, names)]
    correct_stored_times(engine, outbox, now=now, limits=limits)
    rescheduled = registry.make_due(engine, now=now, feed_ids=ids, spacing=spacing)
    current = [registry.find_feed(engine, feed_id=feed_id) for feed_id in ids or ()]
    return Refreshed(rescheduled=rescheduled, feeds=tuple(feed for feed in current if feed is not None))


def feed_details(engine: Engine, name: str, *, now: datetime) -> FeedDetails:
    """Return a feed with its subscription and last polls.

    Raises:
        Refused: there is no such feed.
    """
    feed = require_feed(engine, name)
    polls = history(engine, feed.id)
    with read_transaction(engine) as connection:
        subscription = subscription_view(connection, feed.id, now=now)
    return FeedDetails(feed=feed, websub=subscription, polls=tuple(polls))
