"""What the recording says, entry by entry, as feedparser reads it by its own defaults: a second reader.

The service reads with feedparser too, but prepares the bytes and switches some of its passes off; this
reader does neither, so that the two can disagree. Reading everything takes about two minutes of one core,
hence it is kept in the cache, for each state of the archive and version of feedparser.
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
_INVISIBLE: Final = dict.fromkeys(
    (0xAD, 0x200B, 0xFEFF)
)  # a soft hyphen, a place to break, a byte order mark
_COMMENT: Final = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """One entry as one document had it."""

    id: str | None
    link: str | None
    title: str | None
    summary: str | None
    contents: tuple[str, ...]
    captions: tuple[str, ...] = ()
    """What feedparser takes for content, and is said of a picture."""
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
        """What the expectation looks at, without markup."""
        return plain(self.title or ""), plain(self.summary or "")

    @property
    def plain_all(self) -> tuple[str, ...]:
        """Title, summary and every content, without markup."""
        return tuple(map(plain, (self.title or "", self.summary or "", *self.contents)))


@dataclass(frozen=True, slots=True)
class Document:
    """One poll's document: its entries in order, and whether feedparser found it well-formed."""

    entries: tuple[Said, ...]
    version: str
    broken: str | None


def plain(markup: str) -> str:
    """Words only: no tags, no entities, no invisible characters, single spaces."""
    text = html.unescape(_TAG.sub(" ", _COMMENT.sub(" ", markup)))
    return " ".join(text.translate(_INVISIBLE).split())


def read_recording(
    recording: Recording, archive: Path, *, workers: int = 2
) -> dict[tuple[str, str], Document]:
    """Every recorded poll's document, by feed and poll name."""
    stat = archive.stat()
    name = f"said-5-{archive.name.removesuffix('.tar.zst')}-{stat.st_size}-{stat.st_mtime_ns}-{feedparser.__version__}"
    kept = cache_dir() / f"{name}.jsonl.zst"
    if not kept.is_file():
        _write(recording, kept, workers=workers)
    found = {}
    entries: list[Said] = []
    with kept.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as text:
        for line in io.TextIOWrapper(text, "utf-8"):
            row = json.loads(line)
            if "title" in row:
                lists = {name: tuple(row[name]) for name in ("contents", "captions", "authors")}
                entries.append(Said(**{**row, **lists}))
            else:
                found[row["feed"], row["poll"]] = Document(
                    entries=tuple(entries[number] for number in row["entries"]),
                    version=row["version"],
                    broken=row["broken"],
                )
    return found


def read_some(polls: Sequence[RecordedPoll]) -> dict[tuple[str, str], Document]:
    """The documents of these polls alone, read now."""
    return {(poll.feed, poll.name): _read(poll.path) for poll in polls}


def _write(recording: Recording, kept: Path, *, workers: int) -> None:
    feeds = sorted(recording.feeds, key=lambda feed: -sum(p.path.stat().st_size for p in recording.of(feed)))
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = kept.with_name(f".{kept.name}.{uuid4().hex}")
    with (
        half.open("wb") as raw,
        zstandard.ZstdCompressor(level=3).stream_writer(raw) as packed,
        ProcessPoolExecutor(workers) as pool,
    ):
        base = 0
        for lines, count in pool.map(_read_feed, [recording.of(feed) for feed in feeds]):
            for row in lines:
                if "entries" in row:
                    row["entries"] = [base + number for number in row["entries"]]
                packed.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            base += count
    half.rename(kept)


def _read_feed(polls: Sequence[RecordedPoll]) -> tuple[list[dict[str, Any]], int]:
    """Rows of the cache: each distinct entry once, before the first document that has it."""
    rows: list[dict[str, Any]] = []
    numbers: dict[Said, int] = {}
    for poll in polls:
        document = _read(poll.path)
        for said in document.entries:
            if said not in numbers:
                numbers[said] = len(numbers)
                rows.append({field.name: getattr(said, field.name) for field in fields(Said)})
        rows.append(
            {
                "feed": poll.feed,
                "poll": poll.name,
                "entries": [numbers[said] for said in document.entries],
                "version": document.version,
                "broken": document.broken,
            }
        )
    return rows, len(numbers)


def _read(path: Path) -> Document:
    body = path.read_bytes()
    found = _parse(body)
    return Document(
        entries=tuple(_entries(found, captions=_captions(body))),
        version=str(found.get("version") or ""),
        broken=repr(found["bozo_exception"])[:200] if found.get("bozo") else None,
    )


def _captions(body: bytes) -> frozenset[str]:
    """What the document says of its pictures, without markup."""
    said = (each[1].decode("utf-8", "replace") for each in _CAPTION.finditer(body))
    return frozenset(plain(html.unescape(_CDATA.sub(r"\1", each))) for each in said)


def _entries(found: Any, *, captions: frozenset[str]) -> Iterator[Said]:
    """The entries. feedparser takes what is said of a picture for content, and drops what it takes for unsafe in it."""
    for entry in found["entries"]:
        contents = tuple(content.get("value") or "" for content in dict.get(entry, "content") or ())
        texts = tuple(content for content in contents if plain(content) not in captions)
        yield Said(
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
    """The archive that the recording was unpacked from."""
    return corpus / POLLS
