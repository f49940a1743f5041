"""Different feeds of real bytes: every wild feed, and recorded polls spread evenly over feeds and time.

A recorded poll stands here for a feed of its own. 1,000 of them hold some 31,000 entries, a few of them none (pages
instead of feeds, broken XML). Polls of one recorded feed share some entries, as feeds of one publisher do. Empty polls
are left out: some readers record nothing of them, so a bench could not detect when such a reader has finished.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.demo.world import FeedWorld
from tests.feedworld.recorded import RecordedPoll, Recording
from tests.feedworld.wild import read_wild

SEED: Final = 1
"""Seed of the order, which mixes wild and recorded feeds in the same way in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedFeed:
    """A document that is shown as a feed."""

    name: str
    """Path of the document in its archive."""
    path: Path

    def version(self) -> Version:
        return Version(body=self.path, content_type="text/xml")


def choose_mixed(corpus: Path, count: int, *, cache: Path | None = None) -> tuple[MixedFeed, ...]:
    """Return the same ``count`` documents in the same order for the same corpus.

    Raises:
        CorpusAbsentError: an archive is not in the corpus.
        ValueError: the corpus has fewer documents.
    """
    wild = [
        MixedFeed(name=wild_feed.name, path=wild_feed.path) for wild_feed in read_wild(corpus, cache=cache)
    ][:count]
    recording = Recording.open(corpus, cache=cache)
    if count > len(wild) + len(recording.polls):
        raise ValueError(f"the corpus has {len(wild) + len(recording.polls)} documents, fewer than {count}")
    chosen = [*wild, *map(_mixed, _spread(recording, count - len(wild)))]
    random.Random(SEED).shuffle(chosen)
    return tuple(chosen)


def _spread(recording: Recording, count: int) -> list[RecordedPoll]:
    chosen: list[RecordedPoll] = []
    names = sorted(recording.feeds, key=lambda name: len(recording.of(name)))
    for number, name in enumerate(names):
        polls = [poll for poll in recording.of(name) if poll.path.stat().st_size]
        # Longer recordings make up for the polls that shorter ones lack.
        share = min(len(polls), (count - len(chosen)) // (len(names) - number))
        chosen += [polls[index * len(polls) // share] for index in range(share)]
    return chosen


def _mixed(poll: RecordedPoll) -> MixedFeed:
    return MixedFeed(name=f"{poll.feed}/{poll.path.name}", path=poll.path)


def load_mixed(world: FeedWorld, feeds: tuple[MixedFeed, ...]) -> dict[str, WorldFeed]:
    """Show every feed, by name, spread over the world's addresses, with its gzip prepared."""
    shown = {}
    for number, mixed in enumerate(feeds):
        host = world.addresses[number % len(world.addresses)] if len(world.addresses) > 1 else None
        feed = shown[mixed.name] = world.feed(f"/mixed/{number}.xml", host=host)
        feed.show(mixed.version())
        feed.prepare("gzip")
    return shown
