"""One fetcher against a feed world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.fetch import Fetcher, Limits
from ingest.types import DEFAULT_REQUEST, FeedMemory, FetchResult, Lease, RequestOptions, Validators
from tests.feedworld.codings import ALL_CODINGS

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BODY = (
    b"<rss version='2.0'><channel><title>News</title>"
    + b"<item><title>one</title></item>" * 200
    + b"</channel></rss>"
)
USER_AGENT = "news-ingest-tests/1 (+https://example.org/bot)"
LIMITS = Limits(deadline=timedelta(seconds=20), max_bytes=200_000, max_redirects=5)
T = TypeVar("T")


def lease(
    url: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    request_options: RequestOptions = DEFAULT_REQUEST,
) -> Lease:
    return Lease(
        feed_id=1,
        poll_id=1,
        url=url,
        leased_at=NOW,
        until=NOW + timedelta(minutes=5),
        memory=FeedMemory(
            interval=timedelta(minutes=15), validators=Validators(etag=etag, last_modified=last_modified)
        ),
        request_options=request_options,
    )


def fetch_all(
    *leases: Lease, limits: Limits = LIMITS, private: bool = True, user_agent: str = USER_AGENT
) -> list[FetchResult]:
    """These, one after the other, through one fetcher."""

    async def run() -> list[FetchResult]:
        async with Fetcher(user_agent=user_agent, limits=limits, allow_private_addresses=private) as fetcher:
            return [await fetcher.fetch(each, now=NOW) for each in leases]

    return asyncio.run(run())


def fetch(
    url: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    limits: Limits = LIMITS,
    private: bool = True,
) -> FetchResult:
    (result,) = fetch_all(lease(url, etag=etag, last_modified=last_modified), limits=limits, private=private)
    return result


def ask(verb: Callable[[Fetcher], Awaitable[T]], *, limits: Limits = LIMITS, private: bool = True) -> T:
    """Call one verb on a fetcher of its own."""

    async def run() -> T:
        async with Fetcher(user_agent=USER_AGENT, limits=limits, allow_private_addresses=private) as fetcher:
            return await verb(fetcher)

    return asyncio.run(run())


@pytest.fixture
def world() -> Iterator[FeedWorld]:
    with FeedWorld(addresses=("127.0.0.1", "127.0.0.2"), codings=ALL_CODINGS) as world:
        yield world


@pytest.fixture
def feed(world: FeedWorld) -> WorldFeed:
    """A page that shows ``BODY``."""
    feed = world.feed("/feed.xml")
    feed.publish(BODY)
    return feed
