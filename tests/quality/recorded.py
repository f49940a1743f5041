"""The recorded polls of the corpus, parsed once for each distinct document, in time order within each feed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from ingest.parse import EntryCache, parse_feed
from ingest.types import Failed, ParsedFeed
from tests.bench.figures import corpus_file, read_tar_zst

POLLS: Final = "polls-2020.tar.zst"
_CACHED_ENTRIES: Final = 500
_POLL: Final = re.compile(r"([^/]+)/(\d{4}-\d\d-\d\dT\d{6})([pm]\d{4})_[0-9a-f]+\.xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPoll:
    """One recorded response that is a feed."""

    feed: str
    at: datetime
    body: bytes
    parsed: ParsedFeed

    @property
    def feed_url(self) -> str:
        return f"https://feeds.example/{self.feed}"


def recorded_polls(corpus: Path) -> Iterator[RecordedPoll]:
    """Yield each poll whose body is a feed."""
    files = ((match, body) for match, body in _files(corpus) if match is not None)
    for feed, polls in groupby(files, key=lambda poll: poll[0][1]):
        cache = EntryCache(_CACHED_ENTRIES)
        # The archive is not in time order everywhere.
        for match, body in sorted(polls, key=lambda poll: poll[0][0]):
            parsed = parse_feed(body, url=f"https://feeds.example/{feed}", cache=cache)
            if not isinstance(parsed, Failed):
                yield RecordedPoll(feed=feed, at=_time(match), body=body, parsed=parsed)


def with_new_entries(polls: Iterator[RecordedPoll]) -> Iterator[RecordedPoll]:
    """Yield the polls with the entries whose texts no earlier poll of the feed had, unless none is left."""
    seen: set[tuple[str | None, ...]] = set()
    for poll in polls:
        entries = []
        for entry in poll.parsed.entries:
            texts = (poll.feed, entry.guid, entry.link, entry.title, entry.summary, entry.content)
            if texts not in seen:
                seen.add(texts)
                entries.append(entry)
        if entries:
            yield replace(poll, parsed=replace(poll.parsed, entries=tuple(entries)))


def poll_time(name: str) -> datetime | None:
    """The time of the recorded poll whose file has this name; None for other files."""
    match = _POLL.search(name)
    return None if match is None else _time(match)


def _files(corpus: Path) -> Iterator[tuple[re.Match[str] | None, bytes]]:
    for name, body in read_tar_zst(corpus_file(corpus, POLLS)):
        yield _POLL.search(name), body


def _time(match: re.Match[str]) -> datetime:
    zone = match[3].replace("p", "+").replace("m", "-")
    return datetime.strptime(f"{match[2]}{zone}", "%Y-%m-%dT%H%M%S%z").astimezone(UTC)
