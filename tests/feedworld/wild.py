"""Whole feeds from the wild (blogs, Cyrillic, Chinese, translated), one version each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.demo.world import FeedWorld
from tests.bench.figures import corpus_file
from tests.feedworld.recorded import unpacked

WILD: Final = "wild-feeds.tar.zst"
_NOT_FEEDS: Final = {".txt", ".json", ".md"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WildFeed:
    """A feed from the archive."""

    name: str
    """Path in the archive."""
    path: Path

    def version(self) -> Version:
        return Version(body=self.path, content_type="text/xml")


def read_wild(corpus: Path, *, cache: Path | None = None) -> tuple[WildFeed, ...]:
    """Return every feed of the archive, by name.

    Raises:
        CorpusAbsentError: the corpus has no such archive.
    """
    folder = unpacked(corpus_file(corpus, WILD), cache=cache)
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple(
        WildFeed(name=str(path.relative_to(folder)), path=path)
        for path in paths
        if path.suffix not in _NOT_FEEDS and path.name != "LICENSE"
    )


def load_wild(world: FeedWorld, feeds: tuple[WildFeed, ...]) -> dict[str, WorldFeed]:
    """Show every feed, spread over the world's addresses."""
    shown = {}
    for number, wild in enumerate(feeds):
        host = world.addresses[number % len(world.addresses)] if len(world.addresses) > 1 else None
        shown[wild.name] = world.feed(f"/wild/{number}", host=host)
        shown[wild.name].show(wild.version())
    return shown
