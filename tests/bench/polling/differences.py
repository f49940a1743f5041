"""Why two readers that got the same documents have different numbers of entries, feed by feed.

A document whose entries share names is where readers differ. Each peer's own rule is written down here and has to give
the number that it stored, or the difference is told as not explained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import feedparser

UNKNOWN: Final = "not explained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a reader takes for one entry."""

    count: Callable[[Sequence[Any]], int]
    """How many it takes these for, as feedparser has them."""
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one feed."""

    feed_url: str
    entries: int
    """Theirs over ours; negative where they have fewer."""
    reason: str


def _by_name(entries: Sequence[Any]) -> int:
    return len({each.get("id") or each.get("link") or each.get("title") for each in entries})


def _by_guid_and_link(entries: Sequence[Any]) -> int:
    found: set[tuple[object, ...]] = set()
    times: dict[str, int] = {}
    for each in entries:
        guid, link = each.get("id"), each.get("link")
        if not guid:
            content = "".join(part.value for part in each.get("content", ())) or each.get("summary")
            found.add(("link", link) if link else ("text", each.get("title"), content))
            continue
        again = times[guid] = times.get(guid, -1) + 1
        found.add(("guid", guid) if not again else ("guid", guid, link or again))
    return len(found)


RULES: Final[Mapping[str, Rule]] = {
    "miniflux": Rule(
        count=_by_guid_and_link,
        about="entries of one guid are told apart by their links or places, those without by link, else by their text",
    ),
    "reader": Rule(count=_by_name, about="entries of one guid, else link, else title are one"),
}
NO_RULE: Final = Rule(count=lambda _entries: -1, about="")
"""Of one who has to have what we have."""


def differences(
    ours: Mapping[str, int],
    theirs: Mapping[str, int],
    *,
    rule: Rule,
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
        elif their == rule.count(feedparser.parse(body_of(url)).entries):  # type: ignore[attr-defined,no-untyped-call]
            reason = rule.about
        else:
            reason = UNKNOWN
        found.append(Difference(feed_url=url, entries=their - count, reason=reason))
    return found
