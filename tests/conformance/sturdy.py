"""No document stops the service: every fixture, wild feed and recorded poll through the real parser pool; and the same
documents again and again in one process, whose memory stays flat."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from ingest.parse import parse_feed
from ingest.parse_pool import Document, ParsedDocument, ParserPool
from ingest.settings import Settings
from ingest.types import FailureKind
from tests.bench.figures import corpus_file, read_tar_zst
from tests.conformance.claims import ARCHIVE

ARCHIVES: Final = (ARCHIVE, "wild-feeds.tar.zst", "polls-2020.tar.zst")
SOURCES: Final = (".md", ".txt", "LICENSE", "LICENSE-MIT", ".htaccess")
WARM_UP: Final = 0.2
"""Of the parses; caches and pools fill in them."""
SEEN_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Crossing:
    """What became of documents that went through the pool."""

    documents: int = 0
    read: int = 0
    refused: int = 0
    """Failures that say what was found."""
    crashed: list[str] = field(default_factory=list)
    """Documents that killed a worker, took it too long, or brought out a mistake of ours."""


def documents(corpus: Path, *, every: int = 1) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each document of the corpus that a feed's server may send; of each ``every`` one."""
    for archive in ARCHIVES:
        bodies = (
            (f"{archive}: {name}", body)
            for name, body in read_tar_zst(corpus_file(corpus, archive))
            if not name.endswith(SOURCES)
        )
        yield from (each for number, each in enumerate(bodies) if number % every == 0)


def cross(found: Iterable[tuple[str, bytes]]) -> Crossing:
    """Send documents through a pool with the limits that the service has by default."""
    return asyncio.run(_cross(found))


async def _cross(found: Iterable[tuple[str, bytes]]) -> Crossing:
    crossing, limits = Crossing(), Settings()
    pool = ParserPool(workers=2, deadline=limits.parse_deadline, memory=limits.parse_memory)
    async with pool:
        waiting: set[asyncio.Task[None]] = set()
        for number, (name, body) in enumerate(found, 1):
            waiting.add(asyncio.create_task(_one(pool, crossing, number, name, body)))
            if len(waiting) >= 8:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting)
    return crossing


async def _one(pool: ParserPool, crossing: Crossing, number: int, name: str, body: bytes) -> None:
    url = "http://documents.invalid/feed"
    answer = await pool.parse(
        Document(
            feed_id=number,
            feed_url=url,
            poll_id=number,
            seen_at=SEEN_AT,
            url=url,
            content_type=None,
            language=None,
            body=body,
            first=True,
        )
    )
    crossing.documents += 1
    if isinstance(answer, ParsedDocument):
        crossing.read += 1
    elif answer.kind is FailureKind.PARSE_LIMIT or answer.detail.startswith("reading it failed"):
        crossing.crashed.append(f"{name}: {answer.detail}")
    else:
        crossing.refused += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Of one process over many parses."""

    parses: int
    before: int
    """Bytes of resident memory after the warm-up."""
    after: int

    @property
    def megabytes(self) -> float:
        return (self.after - self.before) / 1e6


def parse_again_and_again(bodies: list[bytes], *, parses: int) -> Growth:
    """Parse these documents in turn, ``parses`` times in all, in this process."""
    process = psutil.Process()
    before = 0
    for number in range(parses):
        if number == int(parses * WARM_UP):
            gc.collect()
            before = process.memory_info().rss
        found = parse_feed(bodies[number % len(bodies)], url="http://documents.invalid/feed")
        assert found is not None
    gc.collect()
    return Growth(parses=parses, before=before, after=process.memory_info().rss)


def small(found: Iterable[tuple[str, bytes]], *, at_most: int = 20_000) -> list[bytes]:
    """The bodies that are cheap enough to be parsed a hundred thousand times."""
    return [body for _, body in found if len(body) <= at_most]
