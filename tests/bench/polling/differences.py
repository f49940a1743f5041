"""Explain why two readers store different numbers of entries from the same documents, feed by feed.

Readers differ where entries of a document share identifiers. The rule of each peer is written here and must give the
number that the peer stored. Otherwise the difference is reported as not explained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import feedparser

UNKNOWN: Final = "not explained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule by which a reader identifies entries."""

    count: Callable[[Sequence[Any]], int]
    """Returns how many entries the reader stores of these, as feedparser parses them."""
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference in one feed."""

    feed_url: str
    entries: int
    """Entries of the peer minus ours."""
    reason: str


def _by_name(entries: Sequence[Any]) -> int:
    return len({entry.get("id") or entry.get("link") or entry.get("title") for entry in entries})


def _by_guid_and_link(entries: Sequence[Any]) -> int:
    entries_seen: set[tuple[object, ...]] = set()
    times: dict[str, int] = {}
    for entry in entries:
        guid, link = entry.get("id"), entry.get("link")
        if not guid:
            content = "".join(part.value for part in entry.get("content", ())) or entry.get("summary")
            entries_seen.add(("link", link) if link else ("text", entry.get("title"), content))
            continue
        again = times[guid] = times.get(guid, -1) + 1
        entries_seen.add(("guid", guid) if not again else ("guid", guid, link or again))
    return len(entries_seen)


RULES: Final[Mapping[str, Rule]] = {
    "miniflux": Rule(
        count=_by_guid_and_link,
        about="entries of one guid are told apart by their links or places, those without by link, else by their text",
    ),
    "reader": Rule(count=_by_name, about="entries of one guid, else link, else title are one"),
}
NO_RULE: Final = Rule(count=lambda _entries: -1, about="")
"""Rule of a product that must store what the service stores."""


def differences(
    ours: Mapping[str, int],
    theirs: Mapping[str, int],
    *,
    rule: Rule,
    refused_by_us: Mapping[str, str],
    refused_by_them: Mapping[str, str],
    body_of: Callable[[str], bytes],
) -> list[Difference]:
    """List every feed of which the peer stores another number of entries.

    ``refused_by_us`` and ``refused_by_them`` hold the reason of each refusal by the feed's URL.
    """
    differing = []
    for url, count in ours.items():
        peer_count = theirs.get(url, 0)
        if peer_count == count:
            continue
        if peer_count == 0 and url in refused_by_them:
            reason = f"it refuses the feed: {refused_by_them[url].replace(url, 'URL')}"
        elif count == 0 and url in refused_by_us:
            reason = f"we refuse the feed: {refused_by_us[url]}"
        elif peer_count == rule.count(feedparser.parse(body_of(url)).entries):  # type: ignore[attr-defined,no-untyped-call]
            reason = rule.about
        else:
            reason = UNKNOWN
        differing.append(Difference(feed_url=url, entries=peer_count - count, reason=reason))
    return differing
