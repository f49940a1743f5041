"""The parent of the parser processes: assigns documents to workers, and replaces workers that are lost."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from ingest.document import Document, PageBody, ParsedDocument, SeenLookup
from ingest.errors import Unavailable
from ingest.parse_pool.idle import IdleWorkers
from ingest.parse_pool.ipc import (
    LENGTH_BYTES,
    DocumentRead,
    PageRead,
    ReadDocument,
    ReadPage,
    Rejected,
    Reply,
    Request,
    SeenQuery,
    SeenRows,
    decode_reply,
    encode,
)
from ingest.types import Failed, FailureKind, Message, Seen

START_SECONDS: Final = 60.0
"""A worker imports its parsers before it is ready, which takes long on a busy machine."""
READ_BUFFER: Final = 1024**2
DOCUMENTS_PER_WORKER: Final = 20_000
"""A worker is replaced after so many documents, so that a slow leak stays small."""
SAMPLE_BYTES: Final = 1000

Lookup = Callable[[int, SeenLookup], Awaitable[Mapping[bytes, Seen]]]
"""Finds the rows of a feed's seen-set that a document needs."""


async def nothing_seen(_feed_id: int, _lookup: SeenLookup) -> Mapping[bytes, Seen]:
    """The look-up for which every entry is new."""
    return {}


class _Worker:
    """One process, between two documents."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self.documents = 0
        self.reads_pages = False
        self._reader = reader
        self._writer = writer

    @property
    def is_usable(self) -> bool:
        return self.documents < DOCUMENTS_PER_WORKER and self.process.poll() is None

    async def request(self, frame: bytearray) -> Reply:
        """
        Raises:
            EOFError, OSError: the process is gone.
        """
        self._writer.write(frame)
        await self._writer.drain()
        return await self.receive()

    async def receive(self) -> Reply:
        length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
        return decode_reply(await self._reader.readexactly(length))

    def kill(self) -> None:
        self._writer.close()
        self.process.kill()


class ParserPool:
    """Parses as many documents at once as it has workers. Belongs to one event loop, in a thread that stays.

    Args:
        workers: processes.
        deadline: for one document, look-ups not counted; a worker that exceeds it is killed.
        memory: bytes of address space that one worker may have.
        lookup: reads rows of a feed's seen-set; :meth:`parse` raises what it raises.
    """

    def __init__(
        self, *, workers: int, deadline: timedelta, memory: int, lookup: Lookup = nothing_seen
    ) -> None:
        self._lookup = lookup
        self._count = workers
        self._deadline = deadline.total_seconds()
        self._memory = memory
        self._idle: IdleWorkers[_Worker] = IdleWorkers()
        self._workers: set[_Worker] = set()
        self._killed: list[subprocess.Popen[bytes]] = []
        self.lost = 0
        """Workers that were killed, or exited, during a document."""
        self.busy_seconds = 0.0
        """Time that all workers together had a document."""

    async def __aenter__(self) -> Self:
        try:
            workers = await asyncio.gather(*(self._start() for _ in range(self._count)))
            for slot, worker in enumerate(workers):
                self._idle.put(slot, worker)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        return tuple(worker.process.pid for worker in self._workers)

    async def parse(self, document: Document) -> ParsedDocument | Failed:
        """Parse one document as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        reply = await self._serve(ReadDocument(document), document)
        if isinstance(reply, Failed):
            return reply
        assert isinstance(reply, DocumentRead)
        return reply.document

    async def read_page(self, page: PageBody) -> Message | Failed:
        """The message with the article and its page's text, as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        reply = await self._serve(ReadPage(page), page)
        if isinstance(reply, Failed):
            return reply
        assert isinstance(reply, PageRead)
        return reply.message

    async def _serve(self, request: Request, document: Document | PageBody) -> Reply | Failed:
        # All pages go to slot 0 first: page reading is slow to import.
        own_slot = document.feed_id % self._count if isinstance(document, Document) else 0
        slot, worker = await self._idle.take(own_slot)
        begun = time.monotonic()
        reusable = False
        try:
            if worker is None or not worker.is_usable:
                self._kill(worker)
                worker = await self._start()
            reply = await self._exchange(worker, request, document)
            if isinstance(reply, Failed):
                return reply
            worker.documents += 1
            if isinstance(reply, Rejected):
                if reply.failed.kind is FailureKind.PARSE_LIMIT:
                    self.lost += 1
                else:
                    reusable = True
                return reply.failed
            reusable = True
            return reply
        finally:
            self.busy_seconds += time.monotonic() - begun
            # A worker that was interrupted, by us or by a cancellation, is still busy.
            if not reusable:
                self._kill(worker)
            self._idle.put(slot, worker if reusable else None)

    async def _exchange(
        self, worker: _Worker, request: Request, document: Document | PageBody
    ) -> Reply | Failed:
        """Send one document, serve its look-up, and return the final reply."""
        seconds = self._deadline
        if isinstance(document, PageBody) and not worker.reads_pages:
            seconds += START_SECONDS  # for the import of page reading, which this worker has still to do
            worker.reads_pages = True
        begun = time.monotonic()
        reply = await self._request(worker, request, document, seconds=seconds)
        if isinstance(reply, SeenQuery) and isinstance(document, Document):
            left = self._deadline - (time.monotonic() - begun)
            rows = await self._lookup(document.feed_id, reply.lookup)
            reply = await self._request(worker, SeenRows(tuple(rows.values())), document, seconds=left)
        return reply

    async def _request(
        self, worker: _Worker, request: Request, document: Document | PageBody, *, seconds: float
    ) -> Reply | Failed:
        frame = encode(request)
        try:
            async with asyncio.timeout(seconds):
                return await worker.request(frame)
        except TimeoutError:
            return self._limit(f"not parsed within {self._deadline:g} s", document)
        except (EOFError, OSError):
            return self._limit("the parser process exited during this document", document)

    def _limit(self, detail: str, document: Document | PageBody) -> Failed:
        self.lost += 1
        return Failed(kind=FailureKind.PARSE_LIMIT, detail=detail, sample=document.body[:SAMPLE_BYTES])

    async def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(theirs, self._memory)
        worker = _Worker(process, *await asyncio.open_connection(sock=ours, limit=READ_BUFFER))
        self._workers.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker.receive()
        except (EOFError, OSError, TimeoutError) as error:
            self._kill(worker)
            raise Unavailable("parser", f"a worker does not start ({type(error).__name__})") from error
        except BaseException:
            self._kill(worker)
            raise
        return worker

    def _kill(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.kill()
            self._workers.discard(worker)
            self._killed.append(worker.process)
            self._killed = [process for process in self._killed if process.poll() is None]

    async def _close(self) -> None:
        for worker in self._idle.clear():
            self._kill(worker)
        for process in self._killed:
            await asyncio.to_thread(process.wait)


def _spawn(connection: socket.socket, memory: int) -> subprocess.Popen[bytes]:
    """Start a worker at the far end of a socket, with the import path of this process."""
    call = f"run_worker({connection.fileno()}, {memory}, {os.getpid()})"
    code = f"import sys; sys.path[:] = {sys.path!r}; from ingest.parse_pool.worker import run_worker; {call}"
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-P", "-c", code], pass_fds=(connection.fileno(),), stdin=subprocess.DEVNULL
    )
