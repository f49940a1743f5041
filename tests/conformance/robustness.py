"""No document stops the service: every fixture, wild feed and recorded poll passes through the real parser pool.

The same documents are parsed many times over in one process, whose memory must stay flat.
"""

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
"""Share of the parses in which caches and pools fill up."""
SEEN_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class PoolRun:
    """Results of the documents that went through the pool."""

    documents: int = 0
    read: int = 0
    refused: int = 0
    """Documents refused with a reason."""
    crashed: list[str] = field(default_factory=list)
    """Documents that killed a worker, exceeded its time, or raised an exception of our code."""


def documents(corpus: Path, *, every: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every document of the corpus that a feed's server may send, or of one in ``every``."""
    for archive in ARCHIVES:
        bodies = (
            (f"{archive}: {name}", body)
            for name, body in read_tar_zst(corpus_file(corpus, archive))
            if not name.endswith(SOURCES)
        )
        yield from (document for number, document in enumerate(bodies) if number % every == 0)


def parse_in_pool(documents: Iterable[tuple[str, bytes]]) -> PoolRun:
    """Send documents through a pool with the service's default limits."""
    return asyncio.run(_parse_in_pool(documents))


async def _parse_in_pool(documents: Iterable[tuple[str, bytes]]) -> PoolRun:
    run, limits = PoolRun(), Settings()
    pool = ParserPool(workers=2, deadline=limits.parse_deadline, memory=limits.parse_memory)
    async with pool:
        waiting: set[asyncio.Task[None]] = set()
        for number, (name, body) in enumerate(documents, 1):
            waiting.add(asyncio.create_task(_parse_document(pool, run, number, name, body)))
            if len(waiting) >= 8:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting)
    return run


async def _parse_document(pool: ParserPool, run: PoolRun, number: int, name: str, body: bytes) -> None:
    url = "http://documents.invalid/feed"
    parsed = await pool.parse(
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
    run.documents += 1
    if isinstance(parsed, ParsedDocument):
        run.read += 1
    elif parsed.kind is FailureKind.PARSE_LIMIT or parsed.detail.startswith("parsing failed"):
        run.crashed.append(f"{name}: {parsed.detail}")
    else:
        run.refused += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Resident memory of one process over many parses."""

    parses: int
    before: int
    """Bytes of resident memory after the warm-up."""
    after: int

    @property
    def megabytes(self) -> float:
        return (self.after - self.before) / 1e6


def measure_growth(bodies: list[bytes], *, parses: int) -> Growth:
    """Parse these documents in turn, ``parses`` times in all, in this process."""
    process = psutil.Process()
    before = 0
    for number in range(parses):
        if number == int(parses * WARM_UP):
            gc.collect()
            before = process.memory_info().rss
        parsed = parse_feed(bodies[number % len(bodies)], url="http://documents.invalid/feed")
        assert parsed is not None
    gc.collect()
    return Growth(parses=parses, before=before, after=process.memory_info().rss)


def small(documents: Iterable[tuple[str, bytes]], *, at_most: int = 20_000) -> list[bytes]:
    """Return the bodies that are small enough to be parsed a hundred thousand times."""
    return [body for _, body in documents if len(body) <= at_most]
