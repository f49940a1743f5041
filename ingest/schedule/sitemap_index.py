"""Which sitemaps of an index are polled, and when first. Pure.

An index may name thousands: one for each month of an archive, for pictures, for every section. Polled are those that
changed lately, or do not say when; where the path of any of them says "news", only those that say it; of one site
with the index; the latest first, up to a limit. They begin one after the other, so that an index is no burst.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from ingest.errors import Refused
from ingest.types import ChildSitemap, SitemapLink
from ingest.urls import feed_url, host_of

FRESH: Final = timedelta(days=3)
"""A news sitemap has the last two days (Google); a day more for those that stand in another zone or were late."""
_NEWS: Final = re.compile(r"news(?!letter)", re.IGNORECASE)


def children_of(
    children: Sequence[SitemapLink],
    *,
    url: str,
    now: datetime,
    limit: int,
    stagger: timedelta,
    interval: timedelta,
) -> tuple[ChildSitemap, ...]:
    """The children of the index at ``url`` that are to be polled, the first of them at once."""
    fresh: dict[str, datetime] = {}
    for child in children:
        if child.updated is not None and child.updated < now - FRESH:
            continue
        try:
            address = feed_url(child.url)
        except Refused:
            continue
        if _one_site(host_of(address), host_of(url)) and address != url:
            # One that says nothing comes after those that say when; the future is not later than now.
            fresh[address] = min(child.updated, now) if child.updated is not None else now - FRESH
    named = [address for address in fresh if _NEWS.search(urlsplit(address).path)]
    chosen = sorted(named or fresh, key=lambda address: fresh[address], reverse=True)[:limit]
    return tuple(
        [
            ChildSitemap(url=address, first_poll_at=now + number * stagger, interval=interval)
            for number, address in enumerate(chosen)
        ]
    )


def _one_site(one: str, other: str) -> bool:
    """Whether two hosts are one, or one is a part of the other: an index must not send us to others."""
    return bool(one and other) and (one == other or one.endswith(f".{other}") or other.endswith(f".{one}"))
