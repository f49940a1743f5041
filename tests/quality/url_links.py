"""Links of real entries: articles merged and split by their addresses, and canonical URLs that are no fixed point.

The same guid in one feed is the same article, and another guid is another article. *Under-merge*: a guid with several
articles. *Over-merge*: an article with several guids. Both are measured twice: on canonical URLs alone, and on the
articles of the product, which also remembers guids while the recorded polls are read in order.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from ingest.errors import Refused
from ingest.normalise import normalise
from ingest.parse import parse_feed
from ingest.types import Failed, ParsedFeed, Seen
from ingest.urls import canonical, feed_url
from tests.bench.figures import Figures, corpus_file, read_tar_zst
from tests.quality.recorded import recorded_polls
from tests.quality.url_vectors import ARCHIVE, archive_files, is_http, read_vectors

MAX_UNDER_MERGED: Final = 0.001
UNPACKED: Final = ("wild-feeds.tar.zst", "conformance.tar.zst")
SEEN_AT: Final = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Merges:
    """The articles of each guid, and the guids of each article, within each feed."""

    articles: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    guids: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, feed: str, guid: str, article: str) -> None:
        self.articles[feed, guid].add(article)
        self.guids[feed, article].add(guid)

    @property
    def under(self) -> list[tuple[str, str]]:
        return [key for key, articles in self.articles.items() if len(articles) > 1]

    @property
    def over(self) -> list[tuple[str, str]]:
        return [key for key, guids in self.guids.items() if len(guids) > 1]

    def add_figures(self, figures: Figures, name: str, *, has_floor: bool, show: int) -> None:
        share = len(self.under) / max(1, len(self.articles))
        figures.add(
            f"{name}_under_merged",
            share,
            f"ratio_of_{len(self.articles)}",
            floor=MAX_UNDER_MERGED if has_floor else None,
            lower_is_better=True,
        )
        figures.add(f"{name}_over_merged", len(self.over), "articles", floor=0, lower_is_better=True)
        for feed, guid in self.under[:show]:
            print(f"{name}: {feed} {guid} is {sorted(self.articles[feed, guid])}"[:300], file=sys.stderr)
        for feed, article in self.over[:show]:
            print(f"{name}: {feed} {article} is {sorted(self.guids[feed, article])}"[:300], file=sys.stderr)


@dataclass(slots=True, kw_only=True)
class Links:
    """Results of one pass over the recorded polls and the other feeds of the corpus."""

    addresses: set[str] = field(default_factory=set)
    """Links and guids that are addresses."""
    pairs: set[tuple[str, str, str]] = field(default_factory=set)
    """Feed, guid and link of each entry that has both."""
    by_url: Merges = field(default_factory=Merges)
    by_product: Merges = field(default_factory=Merges)

    def add(self, feed: str, parsed: ParsedFeed) -> None:
        for entry in parsed.entries:
            self.addresses.update(text for text in (entry.link, entry.guid) if text and is_http(text))
            if entry.guid and entry.link:
                self.pairs.add((feed, entry.guid, entry.link))


def read_links(corpus: Path) -> Links:
    links = Links()
    for feed, polls in groupby(recorded_polls(corpus), key=lambda poll: poll.feed):
        seen: dict[bytes, Seen] = {}
        url = f"https://feeds.example/{feed}"
        for number, poll in enumerate(polls, 1):
            links.add(feed, poll.parsed)
            # Texts do not take part: without them the whole corpus takes a minute.
            parsed = replace(
                poll.parsed, entries=tuple(replace(e, content=None) for e in poll.parsed.entries)
            )
            result = normalise(parsed, feed_id=1, feed_url=url, poll_id=number, seen_at=poll.at, seen=seen)
            seen.update((row.key, row) for row in result.seen)
            for article in result.articles:
                if article.guid:
                    links.by_product.add(feed, article.guid, str(article.id))
    for archive in UNPACKED:
        for name, body in read_tar_zst(corpus_file(corpus, archive)):
            other = parse_feed(body, url=f"https://feeds.example/{Path(name).name}")
            if not isinstance(other, Failed):
                links.add(name, other)
    for feed, guid, link in links.pairs:
        address = canonical(link)
        if address is not None and feed.endswith(".xml") and "/" not in feed:
            links.by_url.add(feed, guid, address)
    return links


def unstable(addresses: Iterable[str]) -> list[str]:
    """Return the addresses whose canonical URL has another canonical URL, or none."""
    changed = []
    for address in addresses:
        first = canonical(address)
        if first is not None and canonical(first) != first:
            changed.append(address)
    return changed


def unstable_feed_urls(addresses: Iterable[str]) -> list[str]:
    """Return the addresses whose spelling in the registry is respelled when it is added again."""
    changed = []
    for address in addresses:
        try:
            first = feed_url(address)
        except Refused:
            continue
        if feed_url(first) != first:
            changed.append(address)
    return changed


def feed_addresses(corpus: Path) -> Iterator[str]:
    for name, body in read_tar_zst(corpus_file(corpus, ARCHIVE)):
        if name.endswith("feed_urls.tsv"):
            for line in body.decode("utf-8").splitlines()[1:]:
                yield line.split("\t")[0]


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Add merges of real links, and the addresses of the whole corpus that change the second time."""
    links = read_links(corpus)
    figures.add("urls_links_with_guid", len(links.pairs), "links")
    links.by_url.add_figures(figures, "urls_canonical", has_floor=False, show=show)
    links.by_product.add_figures(figures, "urls_articles", has_floor=True, show=show)
    feeds = list(feed_addresses(corpus))
    vectors = [vector.address for vector in read_vectors(archive_files(corpus))]
    for name, addresses in (("links", links.addresses), ("feed_addresses", feeds), ("vectors", vectors)):
        changed = unstable(addresses) + (unstable_feed_urls(addresses) if name == "feed_addresses" else [])
        figures.add(
            f"urls_{name}_changed_twice",
            len(changed),
            f"addresses_of_{len(addresses)}",
            floor=0,
            lower_is_better=True,
        )
        for address in changed[:show]:
            first = canonical(address) or ""
            print(f"urls: {address!r} becomes {first!r}, then {canonical(first)!r}"[:300], file=sys.stderr)
