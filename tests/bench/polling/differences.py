"""Why two readers that got the same documents have different numbers of entries, feed by feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import feedparser

SEVERAL_LINKS: Final = "entries of one guid and several links, which it takes for several"
UNKNOWN: Final = "not explained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one feed."""

    feed_url: str
    entries: int
    """Theirs over ours; negative where they have fewer."""
    reason: str


def differences(
    ours: Mapping[str, int],
    theirs: Mapping[str, int],
    *,
    refused_by_us: Mapping[str, str],
    refused_by_them: Mapping[str, str],
    body_of: Callable[[str], bytes],
) -> list[Difference]:
    """Every feed of which they have another number of entries than we; both ``refused`` tell why, by the feed's URL."""
    found = []
    for url, count in ours.items():
        their = theirs.get(url, 0)
        if their == count:
            continue
        if their == 0 and url in refused_by_them:
            reason = f"it refuses the feed: {refused_by_them[url].replace(url, 'URL')}"
        elif count == 0 and url in refused_by_us:
            reason = f"we refuse the feed: {refused_by_us[url]}"
        elif their == _names_with_links(body_of(url)):
            reason = SEVERAL_LINKS
        else:
            reason = UNKNOWN
        found.append(Difference(feed_url=url, entries=their - count, reason=reason))
    return found


def _names_with_links(body: bytes) -> int:
    entries = feedparser.parse(body).entries  # type: ignore[attr-defined,no-untyped-call]
    return len(
        {(each.get("id") or each.get("link") or each.get("title"), each.get("link")) for each in entries}
    )
