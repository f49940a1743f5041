"""The sitemaps of a sitemap index that are polled, and the times of their first polls. Pure.

An index may list thousands of sitemaps: one for each month of an archive, for pictures, for every section. Polled are
those that changed lately or declare no change; where the path of any contains "news", only those; on the same site as
the index; the latest first, up to a limit. Their first polls are staggered, so that an index causes no burst.
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
"""The age of a change that still counts. A news sitemap has the last two days (Google); the third day allows for other
time zones and delays."""
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
    """Return the children of the index at ``url`` that are to be polled, the first of them immediately."""
    fresh: dict[str, datetime] = {}
    for child in children:
        if child.updated is not None and child.updated < now - FRESH:
            continue
        try:
            address = feed_url(child.url)
        except Refused:
            continue
        if _same_site(host_of(address), host_of(url)) and address != url:
            # Sitemaps without a change date come after those with one. A date in the future counts as now.
            fresh[address] = min(child.updated, now) if child.updated is not None else now - FRESH
    news = [address for address in fresh if _NEWS.search(urlsplit(address).path)]
    chosen = sorted(news or fresh, key=lambda address: fresh[address], reverse=True)[:limit]
    return tuple(
        [
            ChildSitemap(url=address, first_poll_at=now + number * stagger, interval=interval)
            for number, address in enumerate(chosen)
        ]
    )


def _same_site(host: str, index_host: str) -> bool:
    """Whether one host is the other, or a subdomain of it. An index must not send us to foreign hosts."""
    if not host or not index_host:
        return False
    return host == index_host or host.endswith(f".{index_host}") or index_host.endswith(f".{host}")
