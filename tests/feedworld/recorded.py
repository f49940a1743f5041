"""The recorded world: 4,717 real polls of 20 news feeds, served again in the order of their time.

::

    recording = Recording.open(corpus_dir())
    feeds = recording.load(world)                 # name → WorldFeed, everything waiting
    for poll in recording.polls:                  # in time order over all feeds
        feeds[poll.feed].advance()                # … then let the service poll feeds[poll.feed].url

or, quicker, one version of each feed per round: ``while world.advance_all(): …``. Empty, HTML and malformed
polls are served as they were recorded, with status 200.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self
from uuid import uuid4

from ingest.demo.feeds import WorldFeed
from ingest.demo.pages import Version
from ingest.demo.world import FeedWorld
from tests.bench.figures import corpus_file, read_jsonl_zst, read_tar_zst

POLLS: Final = "polls-2020.tar.zst"
INDEX: Final = "polls-index.tsv"
EXPECTED: Final = "polls-2020-expected.jsonl.zst"

_NAME: Final = re.compile(
    r"(?P<local>\d{4}-\d\d-\d\dT\d{6})(?P<sign>[pm])(?P<offset>\d{4})_(?P<blob>[0-9a-f]{8})\.xml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPoll:
    """The body that one feed served at one time."""

    feed: str
    """File name of the feed in the recording, such as ``bbc.xml``."""
    at: datetime
    """Time of the commit to the recording, with the recorder's time zone."""
    name: str
    """The recorder's local time as in the file name; expected entries name their poll by it."""
    blob: str
    """Git's id of the bytes: whole if the index has it, otherwise its first 8 hexadecimal digits."""
    path: Path

    @property
    def etag(self) -> str:
        return f'"{self.blob}"'

    def version(self) -> Version:
        """Return the version to serve, with validators derived from the blob; its bytes are read when it is shown."""
        return Version(body=self.path, at=self.at, content_type="text/xml", etag=self.etag)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEntry:
    """An entry that is new or changed at one poll, as feedparser reads it. Its key is ``id or link or title``."""

    feed: str
    poll: str
    kind: Literal["new", "rev"]
    id: str | None
    link: str | None
    title: str | None

    @property
    def key(self) -> str | None:
        return self.id or self.link or self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Every recorded poll, in time order."""

    polls: tuple[RecordedPoll, ...]

    @classmethod
    def open(cls, corpus: Path, *, cache: Path | None = None) -> Self:
        """Unpack the archive into the cache (once) and read the index.

        Raises:
            CorpusAbsentError: a file of the recording is not in the corpus.
            ValueError: the name of a file in the archive has no time.
        """
        folder = unpacked(corpus_file(corpus, POLLS), cache=cache)
        with corpus_file(corpus, INDEX).open(encoding="utf-8", newline="") as index:
            rows = csv.DictReader(index, delimiter="\t")
            blobs = {(row["path"], datetime.fromisoformat(row["commit_time"])): row["blob"] for row in rows}
        polls = [_recorded(path, blobs) for path in folder.glob("*.xml/*.xml")]
        return cls(polls=tuple(sorted(polls, key=lambda poll: (poll.at, poll.feed))))

    @property
    def feeds(self) -> tuple[str, ...]:
        return tuple(sorted({poll.feed for poll in self.polls}))

    def of(self, feed: str) -> tuple[RecordedPoll, ...]:
        """Return one feed's polls, in time order."""
        return tuple(poll for poll in self.polls if poll.feed == feed)

    def load(self, world: FeedWorld) -> dict[str, WorldFeed]:
        """Queue every version on the world; nothing is shown yet."""
        feeds = {name: world.feed(f"/{name}") for name in self.feeds}
        for poll in self.polls:
            feeds[poll.feed].queue(poll.version())
        return feeds

    def rounds(self) -> Iterator[tuple[RecordedPoll, ...]]:
        """Return the n-th poll of each feed that has one, from n = 0: the versions that each ``world.advance_all()``
        shows."""
        by_feed = [self.of(feed) for feed in self.feeds]
        for number in range(max(map(len, by_feed), default=0)):
            yield tuple(polls[number] for polls in by_feed if number < len(polls))


def read_expected(corpus: Path) -> Iterator[ExpectedEntry]:
    """Yield the entries that a faithful reader of the recording finds, in the order of the file.

    Raises:
        CorpusAbsentError: the corpus has no such file.
    """
    for row in read_jsonl_zst(corpus_file(corpus, EXPECTED)):
        yield ExpectedEntry(**row)


def _recorded(path: Path, blobs: dict[tuple[str, datetime], str]) -> RecordedPoll:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: no name of a recorded poll, which is <local time>p<zone>_<blob>.xml")
    sign = "+" if match["sign"] == "p" else "-"
    at = datetime.fromisoformat(match["local"] + sign + match["offset"])
    feed = path.parent.name
    blob = blobs.get((feed, at), "")
    return RecordedPoll(
        feed=feed,
        at=at,
        name=match["local"],
        blob=blob if blob.startswith(match["blob"]) else match["blob"],
        path=path,
    )


def cache_dir() -> Path:
    """Return the folder of unpacked archives: ``$XDG_CACHE_HOME/news-ingest``, or else a temporary folder."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "news-ingest"
    return Path(tempfile.gettempdir()) / f"news-ingest-{os.getuid()}"


def unpacked(archive: Path, *, cache: Path | None = None) -> Path:
    """Return the folder with the files of a ``.tar.zst``, unpacked once for each state of the archive.

    Raises:
        ValueError: a file of the archive would be written outside its folder.
    """
    stat = archive.stat()
    stem = archive.name.removesuffix(".tar.zst")
    folder = (cache or cache_dir()) / f"{stem}-{stat.st_size}-{stat.st_mtime_ns}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder.with_name(f".{folder.name}.{uuid4().hex}")
    for name, content in read_tar_zst(archive):
        path = partial / name
        if not path.resolve().is_relative_to(partial.resolve()):
            raise ValueError(f"{archive}: {name!r} lies outside the archive's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        # another process was faster; its folder has the same files
        _remove(partial)
    return folder


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()
