"""The processes that parse, as their parent sees them: which one gets a document, and what becomes of it."""

from __future__ import annotations

import asyncio
import marshal
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from ingest.errors import Unavailable
from ingest.parse_pool.ipc import (
    LENGTH_BYTES,
    Document,
    PageBody,
    ParsedDocument,
    pack,
    pack_page,
    pack_seen,
    unpack,
)
from ingest.types import Failed, FailureKind, Message, Seen

START_SECONDS: Final = 60.0
"""A worker imports a parser before it is ready; on a busy machine that takes a while."""
READ_BUFFER: Final = 1024**2
PATIENCE: Final = 8
"""How many may go before whoever waits longest, because the free worker is theirs."""
DOCUMENTS_PER_WORKER: Final = 20_000
"""Then another takes its place, so that a slow leak stays slow."""
SAMPLE_BYTES: Final = 1000


class _Worker:
    """One process, between two documents."""

    def __init__(self, process: subprocess.Popen[bytes], streams: tuple[Any, Any]) -> None:
        self.process = process
        self.documents = 0
        self.reads_pages = False
        self._reader: asyncio.StreamReader = streams[0]
        self._writer: asyncio.StreamWriter = streams[1]

    @property
    def fit(self) -> bool:
        return self.documents < DOCUMENTS_PER_WORKER and self.process.poll() is None

    async def ask(self, request: bytes) -> Any:
        """
        Raises:
            EOFError, OSError: it is gone.
        """
        self._writer.write(len(request).to_bytes(LENGTH_BYTES, "big"))
        self._writer.write(request)
        await self._writer.drain()
        return await self.answer()

    async def answer(self) -> Any:
        length = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
        return marshal.loads(await self._reader.readexactly(length))  # noqa: S302 - our own process wrote it

    def end(self) -> None:
        self._writer.close()
        self.process.kill()


@dataclass(slots=True, kw_only=True)
class _Waiting:
    own: int
    worker: asyncio.Future[tuple[int, _Worker | None]]
    passed_over: int = 0


class _Idle:
    """The workers without a document, each at its number, and who waits for one."""

    def __init__(self) -> None:
        self._free: dict[int, _Worker | None] = {}
        self._waiting: deque[_Waiting] = deque()

    async def take(self, own: int) -> tuple[int, _Worker | None]:
        """The worker ``own``, or else any other, as soon as one is free; None: it has to be started."""
        if self._free:
            number = own if own in self._free else next(reversed(self._free))
            return number, self._free.pop(number)
        waiting = _Waiting(own=own, worker=asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return await waiting.worker
        except asyncio.CancelledError:
            if waiting.worker.done() and not waiting.worker.cancelled():
                self.put(*waiting.worker.result())
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def put(self, number: int, worker: _Worker | None) -> None:
        while self._waiting:
            longest = self._waiting[0]
            chosen = longest
            if longest.passed_over < PATIENCE:
                chosen = next((each for each in self._waiting if each.own == number), longest)
            longest.passed_over += chosen is not longest
            self._waiting.remove(chosen)
            if not chosen.worker.done():
                chosen.worker.set_result((number, worker))
                return
        self._free[number] = worker

    def clear(self) -> list[_Worker | None]:
        """Take those that are free, whoever's they are."""
        workers = list(self._free.values())
        self._free.clear()
        return workers


Lookup = Callable[[int, Sequence[bytes], Sequence[UUID]], Awaitable[Mapping[bytes, Seen]]]
"""Finds rows of a feed's seen-set by their keys or articles."""


async def nothing_seen(
    _feed_id: int, _keys: Sequence[bytes], _articles: Sequence[UUID]
) -> Mapping[bytes, Seen]:
    """The lookup where every entry is new."""
    return {}


class ParserPool:
    """Reads documents, as many at once as it has workers. Belongs to one event loop, in a thread that stays.

    Args:
        workers: processes.
        deadline: for one document, lookups not counted; a worker that is not done by then is killed.
        memory: bytes of address space one worker may have.
        lookup: of what the feed said before; what it raises is raised by :meth:`digest`.
    """

    def __init__(
        self, *, workers: int, deadline: timedelta, memory: int, lookup: Lookup = nothing_seen
    ) -> None:
        self._lookup = lookup
        self._count = workers
        self._deadline = deadline.total_seconds()
        self._memory = memory
        self._idle = _Idle()
        self._workers: set[_Worker] = set()
        self._ended: list[subprocess.Popen[bytes]] = []
        self.lost = 0
        """Workers that were killed, or ended, over a document."""
        self.busy_seconds = 0.0
        """Of all workers together, with a document in hand."""

    async def __aenter__(self) -> Self:
        try:
            workers = await asyncio.gather(*(self._start() for _ in range(self._count)))
            for number, worker in enumerate(workers):
                self._idle.put(number, worker)
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
        """Of the workers that are alive."""
        return tuple(worker.process.pid for worker in self._workers)

    async def parse(self, document: Document) -> ParsedDocument | Failed:
        """Read one document, as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        answer = await self._answer_to(pack(document), document)
        return answer if isinstance(answer, Failed) else unpack(answer)

    async def read_page(self, page: PageBody) -> Message | Failed:
        """The article with its page's text, to append; as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        answer = await self._answer_to(pack_page(page), page)
        return answer if isinstance(answer, Failed) else Message(key=answer[1], value=answer[2])

    async def _answer_to(self, request: bytes, document: Document | PageBody) -> tuple[Any, ...] | Failed:
        # Pages go to one that has read some: what reads them is slow to import.
        own = document.feed_id % self._count if isinstance(document, Document) else 0
        number, worker = await self._idle.take(own)
        begun = time.monotonic()
        whole = False
        try:
            if worker is None or not worker.fit:
                self._end(worker)
                worker = await self._start()
            seconds = self._deadline
            if isinstance(document, PageBody) and not worker.reads_pages:
                seconds += START_SECONDS  # it imports what reads pages first
                worker.reads_pages = True
            asked = time.monotonic()
            answer = await self._ask(worker, request, document, seconds=seconds)
            if isinstance(answer, tuple) and answer[0] == "keys" and isinstance(document, Document):
                left = self._deadline - (time.monotonic() - asked)
                articles = [UUID(bytes=article) for article in answer[2]]
                seen = await self._lookup(document.feed_id, answer[1], articles)
                answer = await self._ask(worker, pack_seen(seen), document, seconds=left)
            if isinstance(answer, Failed):
                return answer
            worker.documents += 1
            if answer[0] == "failed":
                _, kind, detail, sample, *found = answer
                failed = Failed(
                    kind=FailureKind(kind),
                    detail=detail,
                    sample=sample,
                    feed_links=tuple(found[0] if found else ()),
                )
                if failed.kind is FailureKind.PARSE_LIMIT:
                    self.lost += 1
                    return failed
                whole = True
                return failed
            whole = True
            return answer
        finally:
            self.busy_seconds += time.monotonic() - begun
            # A worker that was interrupted, by us or by a cancellation, is still busy: it ends.
            if not whole:
                self._end(worker)
            self._idle.put(number, worker if whole else None)

    async def _ask(
        self, worker: _Worker, request: bytes, document: Document | PageBody, *, seconds: float
    ) -> tuple[Any, ...] | Failed:
        try:
            async with asyncio.timeout(seconds):
                answer: tuple[Any, ...] = await worker.ask(request)
        except TimeoutError:
            return self._limit(f"not read within {self._deadline:g} s", document)
        except (EOFError, OSError):
            return self._limit("the parser ended over it", document)
        return answer

    def _limit(self, why: str, document: Document | PageBody) -> Failed:
        self.lost += 1
        return Failed(kind=FailureKind.PARSE_LIMIT, detail=why, sample=document.body[:SAMPLE_BYTES])

    async def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _spawn(theirs, self._memory)
        worker = _Worker(process, await asyncio.open_connection(sock=ours, limit=READ_BUFFER))
        self._workers.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker.answer()
        except (EOFError, OSError, TimeoutError) as error:
            self._end(worker)
            raise Unavailable("parser", f"a worker does not start ({type(error).__name__})") from error
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: _Worker | None) -> None:
        if worker is not None:
            worker.end()
            self._workers.discard(worker)
            self._ended.append(worker.process)
            self._ended = [process for process in self._ended if process.poll() is None]

    async def _close(self) -> None:
        for worker in self._idle.clear():
            self._end(worker)
        for process in self._ended:
            await asyncio.to_thread(process.wait)


def _spawn(connection: socket.socket, memory: int) -> subprocess.Popen[bytes]:
    """A worker on the other end of a socket; it imports what we would, from where we would."""
    work = f"run_worker({connection.fileno()}, {memory}, {os.getpid()})"
    code = f"import sys; sys.path[:] = {sys.path!r}; from ingest.parse_pool.worker import run_worker; {work}"
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-P", "-c", code], pass_fds=(connection.fileno(),), stdin=subprocess.DEVNULL
    )
