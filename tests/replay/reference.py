"""Read the recording with feedparser's defaults, as a reference to compare the service with.

The service reads with feedparser too, but prepares the bytes and switches some of its passes off; this
reader does neither, so that the two can disagree. Reading everything takes about two minutes of one core, so the
result is cached for each state of the archive and version of feedparser.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import feedparser
import zstandard

from tests.feedworld.recorded import POLLS, RecordedPoll, Recording, cache_dir

_parse: Final[Callable[..., Any]] = feedparser.parse  # type: ignore[attr-defined]
_CAPTION: Final = re.compile(rb"<media:description\b[^>]*>(.*?)</media:description\s*>", re.DOTALL)
_CDATA: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_INVISIBLE: Final = dict.fromkeys((0xAD, 0x200B, 0xFEFF))  # soft hyphen, zero-width space, byte order mark
_COMMENT: Final = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class ReferenceEntry:
    """An entry of one document, as feedparser reads it."""

    id: str | None
    link: str | None
    title: str | None
    summary: str | None
    contents: tuple[str, ...]
    captions: tuple[str, ...] = ()
    """Captions of pictures, which feedparser puts among the contents."""
    authors: tuple[str, ...] = ()

    @property
    def key(self) -> str | None:
        return self.id or self.link or self.title

    @cached_property
    def plain(self) -> tuple[str, str]:
        """Title and body (the longest of content and summary) without markup, in single spaces."""
        bodies = [plain(body) for body in (*self.contents, self.summary or "")]
        return plain(self.title or ""), max(bodies, key=len)

    @property
    def plain_summary(self) -> tuple[str, str]:
        """Title and summary without markup: the fields that the expectation compares."""
        return plain(self.title or ""), plain(self.summary or "")

    @property
    def plain_all(self) -> tuple[str, ...]:
        """Title, summary and every content, without markup."""
        return tuple(map(plain, (self.title or "", self.summary or "", *self.contents)))


@dataclass(frozen=True, slots=True)
class Document:
    """A poll's document: its entries in order, and whether feedparser found it well-formed."""

    entries: tuple[ReferenceEntry, ...]
    version: str
    broken: str | None


def plain(markup: str) -> str:
    """Strip tags, entities and invisible characters; separate the words by single spaces."""
    text = html.unescape(_TAG.sub(" ", _COMMENT.sub(" ", markup)))
    return " ".join(text.translate(_INVISIBLE).split())


def read_recording(
    recording: Recording, archive: Path, *, workers: int = 2
) -> dict[tuple[str, str], Document]:
    """Return every recorded poll's document, by feed and poll name."""
    stat = archive.stat()
    state = f"{stat.st_size}-{stat.st_mtime_ns}-{feedparser.__version__}"
    cache_file = cache_dir() / f"reference-1-{archive.name.removesuffix('.tar.zst')}-{state}.jsonl.zst"
    if not cache_file.is_file():
        _write(recording, cache_file, workers=workers)
    documents = {}
    entries: list[ReferenceEntry] = []
    with cache_file.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as text:
        for line in io.TextIOWrapper(text, "utf-8"):
            row = json.loads(line)
            if "title" in row:
                lists = {name: tuple(row[name]) for name in ("contents", "captions", "authors")}
                entries.append(ReferenceEntry(**{**row, **lists}))
            else:
                documents[row["feed"], row["poll"]] = Document(
                    entries=tuple(entries[number] for number in row["entries"]),
                    version=row["version"],
                    broken=row["broken"],
                )
    return documents


def read_some(polls: Sequence[RecordedPoll]) -> dict[tuple[str, str], Document]:
    """Parse the documents of these polls alone, without the cache."""
    return {(poll.feed, poll.name): _parse_file(poll.path) for poll in polls}


def _write(recording: Recording, cache_file: Path, *, workers: int) -> None:
    feeds = sorted(recording.feeds, key=lambda feed: -sum(p.path.stat().st_size for p in recording.of(feed)))
    cache_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = cache_file.with_name(f".{cache_file.name}.{uuid4().hex}")
    with (
        partial.open("wb") as raw,
        zstandard.ZstdCompressor(level=3).stream_writer(raw) as packed,
        ProcessPoolExecutor(workers) as pool,
    ):
        base = 0
        for lines, count in pool.map(_parse_feed, [recording.of(feed) for feed in feeds]):
            for row in lines:
                if "entries" in row:
                    row["entries"] = [base + number for number in row["entries"]]
                packed.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            base += count
    partial.rename(cache_file)


def _parse_feed(polls: Sequence[RecordedPoll]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of the cache: each distinct entry once, before the first document that contains it."""
    rows: list[dict[str, Any]] = []
    numbers: dict[ReferenceEntry, int] = {}
    for poll in polls:
        document = _parse_file(poll.path)
        for entry in document.entries:
            if entry not in numbers:
                numbers[entry] = len(numbers)
                rows.append({field.name: getattr(entry, field.name) for field in fields(ReferenceEntry)})
        rows.append(
            {
                "feed": poll.feed,
                "poll": poll.name,
                "entries": [numbers[entry] for entry in document.entries],
                "version": document.version,
                "broken": document.broken,
            }
        )
    return rows, len(numbers)


def _parse_file(path: Path) -> Document:
    body = path.read_bytes()
    parsed = _parse(body)
    return Document(
        entries=tuple(_entries(parsed, captions=_captions(body))),
        version=str(parsed.get("version") or ""),
        broken=repr(parsed["bozo_exception"])[:200] if parsed.get("bozo") else None,
    )


def _captions(body: bytes) -> frozenset[str]:
    """Return the captions of the document's pictures, without markup."""
    captions = (caption[1].decode("utf-8", "replace") for caption in _CAPTION.finditer(body))
    return frozenset(plain(html.unescape(_CDATA.sub(r"\1", caption))) for caption in captions)


def _entries(parsed: Any, *, captions: frozenset[str]) -> Iterator[ReferenceEntry]:
    """Yield the entries, with captions apart from the contents.

    feedparser puts captions among the contents, and drops markup that it takes for unsafe.
    """
    for entry in parsed["entries"]:
        contents = tuple(content.get("value") or "" for content in dict.get(entry, "content") or ())
        texts = tuple(content for content in contents if plain(content) not in captions)
        yield ReferenceEntry(
            id=dict.get(entry, "id"),
            link=dict.get(entry, "link"),
            title=dict.get(entry, "title"),
            summary=dict.get(entry, "summary"),
            contents=texts,
            captions=tuple(content for content in contents if content not in texts),
            authors=tuple(
                filter(None, (dict.get(author, "name") for author in dict.get(entry, "authors") or ()))
            ),
        )


def archive_of(corpus: Path) -> Path:
    """Return the archive that the recording was unpacked from."""
    return corpus / POLLS
