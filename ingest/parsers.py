"""The parser pool: documents are read in processes that can be killed.

::

    PageBody ─frame─▶ worker: article_html ─▶ with_page_text ─▶ encode ─frame─▶ Message | Failed
    Document ─frame─▶ worker: parse_feed ─▶ draft ─keys─▶ seen-set ─rows─▶ settle ─▶ encode ─frame─▶ Digested | Failed
                      stuck:   no answer by the deadline   ─▶ killed, Failed(PARSE_LIMIT)
                      bloated: past its address space      ─▶ ends,   Failed(PARSE_LIMIT)

A worker does everything that costs, so its parent only moves bytes, and a lost worker loses one document;
another takes its place. A worker remembers the entries it read (``EntryCache``), so a feed's documents go to
the same one where that is free, and to any other where it is not. Frames are a length and a ``marshal`` value
of builtin types: both ends are one interpreter's. No worker outlives its parent: the kernel kills it with the
thread that started it, and while it waits the end of its socket ends it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import marshal
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self
from uuid import UUID

from ingest.errors import Unavailable, Unusable
from ingest.schedule import Reading
from ingest.types import (
    About,
    Article,
    Asked,
    Child,
    Entry,
    Failed,
    FailureKind,
    Message,
    ParsedFeed,
    Record,
    Seen,
)
from ingest.urls import host_of
from ingest.wire import decode, encode

if TYPE_CHECKING:
    from ingest.normalise import Normalised

START_SECONDS: Final = 60.0
"""A worker imports a parser before it is ready; on a busy machine that takes a while."""
READ_BUFFER: Final = 1024**2
ENTRY_CACHE: Final = 64 * 1024**2
"""Bytes of entries that one worker remembers; never more than an eighth of its memory."""
PATIENCE: Final = 8
"""How many may go before whoever waits longest, because the free worker is theirs."""
DOCUMENTS_PER_WORKER: Final = 20_000
"""Then another takes its place, so that a slow leak stays slow."""
SAMPLE_BYTES: Final = 1000
KEPT_LINKS: Final = 20
KEPT_HOSTS: Final = 8
KEPT_CHARACTERS: Final = 200
"""Of what a feed says it is."""

_PR_SET_PDEATHSIG: Final = 1
_LENGTH_BYTES: Final = 8
_LookUp = Callable[[tuple[bytes, ...], tuple[bytes, ...]], Any]
_Digest = Callable[[tuple[Any, ...], _LookUp], tuple[Any, ...]]
_ENTRY_TAG: Final = re.compile(rb"<(/?)(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_ROOT_END: Final = re.compile(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf|urlset|sitemapindex)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A body to read, and what there is to know about it."""

    feed_id: int
    feed_url: str
    poll_id: int
    seen_at: datetime
    url: str
    """Where it came from, after redirects: the base of its relative addresses."""
    content_type: str | None
    language: str | None
    body: bytes
    first: bool = False
    """Nothing of the feed was ever seen: there is nothing to look up."""
    pushed: bool = False
    """A hub sent it: it may be a part of the feed, and its entries may say less than the feed's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBody:
    """An article's page to read, and the article as its feed has it."""

    article: Article
    page_id: int
    seen_at: datetime
    url: str
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """One entry that could not be made an article: its original as JSON, and why."""

    key: str
    value: bytes
    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """What a document came to: the messages to append, and what to remember once they are durable."""

    reading: Reading
    messages: tuple[Message, ...]
    unreadable: tuple[Unreadable, ...]
    keys: tuple[bytes, ...] = ()
    """Of all its entries, where a hub sent it."""


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
        self._writer.write(len(request).to_bytes(_LENGTH_BYTES, "big"))
        self._writer.write(request)
        await self._writer.drain()
        return await self.answer()

    async def answer(self) -> Any:
        length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
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

    async def digest(self, document: Document) -> Digested | Failed:
        """Read one document, as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        answer = await self._answer_to(_pack(document), document)
        return answer if isinstance(answer, Failed) else _unpack(answer)

    async def read_page(self, page: PageBody) -> Message | Failed:
        """The article with its page's text, to append; as soon as a worker is free.

        Raises:
            Unavailable: no worker can be started.
        """
        answer = await self._answer_to(_pack_page(page), page)
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
                answer = await self._ask(worker, _pack_seen(seen), document, seconds=left)
            if isinstance(answer, Failed):
                return answer
            worker.documents += 1
            if answer[0] == "failed":
                _, kind, detail, sample, *found = answer
                failed = Failed(
                    kind=FailureKind(kind),
                    detail=detail,
                    sample=sample,
                    found=tuple(found[0] if found else ()),
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
    work = f"work({connection.fileno()}, {memory}, {os.getpid()})"
    code = f"import sys; sys.path[:] = {sys.path!r}; from ingest.parsers import work; {work}"
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-P", "-c", code], pass_fds=(connection.fileno(),), stdin=subprocess.DEVNULL
    )


def _pack(document: Document) -> bytes:
    return marshal.dumps(
        (
            document.feed_id,
            document.feed_url,
            document.poll_id,
            document.seen_at.timestamp(),
            document.url,
            document.content_type,
            document.language,
            document.body,
            document.first,
            document.pushed,
        )
    )


def _pack_page(page: PageBody) -> bytes:
    value = encode(page.article).value
    seen_at = page.seen_at.timestamp()
    return marshal.dumps(("page", value, page.page_id, seen_at, page.url, page.content_type, page.body))


def _pack_seen(seen: Mapping[bytes, Seen]) -> bytes:
    return marshal.dumps({key: (row.digest, row.article_id.bytes, row.marks) for key, row in seen.items()})


def _pack_asked(asked: Asked) -> tuple[Any, ...]:
    every = None if asked.every is None else asked.every.total_seconds()
    return every, sorted(asked.skip_hours), sorted(asked.skip_days)


def _unpack_asked(packed: tuple[Any, ...]) -> Asked:
    every, hours, days = packed
    return Asked(
        every=None if every is None else timedelta(seconds=every),
        skip_hours=frozenset(hours),
        skip_days=frozenset(days),
    )


def _unpack(answer: tuple[Any, ...]) -> Digested:
    (_, title, entries, created, duplicates, whole, known, dates, asked, about, *rest) = answer
    name, hosts, language = about
    messages, seen, unreadable, children, fresh, hubs, self_url, keys = rest
    return Digested(
        reading=Reading(
            title=title,
            entries=entries,
            appended=len(messages),
            created=created,
            duplicates=duplicates,
            whole=whole,
            known=known,
            dates=tuple([datetime.fromtimestamp(date, UTC) for date in dates]),
            asked=_unpack_asked(asked),
            about=About(title=name, hosts=hosts, language=language),
            fresh=fresh,
            hubs=hubs,
            self_url=self_url,
            seen=tuple(
                [
                    Seen(key=key, digest=digest, article_id=UUID(bytes=article_id), marks=marks)
                    for key, digest, article_id, marks in seen
                ]
            ),
            children=_unpack_children(children),
        ),
        messages=tuple([Message(key=key, value=value, headers=headers) for key, value, headers in messages]),
        unreadable=tuple(
            [
                Unreadable(key=key, value=value, error=error, detail=detail)
                for key, value, error, detail in unreadable
            ]
        ),
        keys=keys,
    )


def _pack_children(parsed: ParsedFeed) -> list[tuple[str, float | None]] | None:
    if parsed.version != "sitemapindex":
        return None
    return [
        (child.url, None if child.updated is None else child.updated.timestamp()) for child in parsed.children
    ]


def _unpack_children(packed: list[tuple[str, float | None]] | None) -> tuple[Child, ...] | None:
    if packed is None:
        return None
    return tuple(
        [
            Child(url=url, updated=None if at is None else datetime.fromtimestamp(at, UTC))
            for url, at in packed
        ]
    )


def work(descriptor: int, memory: int, parent: int) -> None:
    """A worker's life: read documents from the socket ``descriptor`` and answer them, until it ends."""
    _tie_to(parent)
    # Whoever stops the service closes our socket; a signal to all of its processes is not for us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    with connection, connection.makefile("rb") as requests, connection.makefile("wb") as answers:
        digest = _load(min(ENTRY_CACHE, memory // 8))
        gc.freeze()
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        _send(answers, ("ready",))
        with suppress(BrokenPipeError, ConnectionResetError):

            def look_up(keys: tuple[bytes, ...], articles: tuple[bytes, ...]) -> Any:
                _send(answers, ("keys", keys, articles))
                found = _receive(requests)
                if found is None:
                    raise ConnectionResetError
                return marshal.loads(found)  # noqa: S302 - our own parent wrote it

            while (request := _receive(requests)) is not None:
                answer = _answer(digest, request, look_up)
                if answer is None:
                    why = f"reading it took more than {memory} bytes"
                    _send(answers, ("failed", FailureKind.PARSE_LIMIT.value, why, None))
                    return  # what is left of our address space is in unknown hands
                _send(answers, answer)


def _answer(digest: _Digest, request: bytes, look_up: _LookUp) -> tuple[Any, ...] | None:
    """None: our memory did not suffice."""
    try:
        return digest(marshal.loads(request), look_up)  # noqa: S302 - our own parent wrote it
    except MemoryError:
        return None
    except (BrokenPipeError, ConnectionResetError):  # our parent went away while we asked it
        raise
    # A mistake of ours that one document brings out is that poll's failure, on record and with its place, and
    # not the end of all polling.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        why = f"reading it failed: {type(error).__name__}: {error}"
        return ("failed", FailureKind.UNPARSABLE.value, why[:500], None)


def _tie_to(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # it died before we asked
        raise SystemExit(0)


def _send(answers: IO[bytes], value: tuple[Any, ...]) -> None:
    encoded = marshal.dumps(value)
    answers.write(len(encoded).to_bytes(_LENGTH_BYTES, "big"))
    answers.write(encoded)
    answers.flush()


def _ends(body: bytes) -> bool:
    """Whether its root element is closed. (UTF-16 is ASCII between NULs, as far as tags go.)"""
    return _ROOT_END.search(body.replace(b"\0", b"")) is not None


def _ends_within_an_entry(body: bytes) -> bool:
    slashes = _ENTRY_TAG.findall(body.replace(b"\0", b""))
    return bool(slashes) and not slashes[-1]


def _about(parsed: ParsedFeed) -> tuple[str | None, tuple[str, ...], str | None]:
    """Whose feed it says it is. Title and language are cut: this is kept for every feed."""
    links = (parsed.link, *(entry.link for entry in parsed.entries[:KEPT_LINKS]))
    counted = Counter(host_of(link) for link in links if link)
    hosts = tuple(host for host, _ in counted.most_common(KEPT_HOSTS) if host)
    title, language = parsed.title, parsed.language
    return title and title[:KEPT_CHARACTERS], hosts, language and language[:KEPT_CHARACTERS]


def _receive(requests: IO[bytes]) -> bytes | None:
    """The next frame, or None at the end."""
    head = requests.read(_LENGTH_BYTES)
    return requests.read(int.from_bytes(head, "big")) if head else None


def _unreadable(entry: Entry, why: Unusable) -> tuple[str, bytes, str, str]:
    value = json.dumps(asdict(entry), default=str, ensure_ascii=False).encode("utf-8", "replace")
    return blake2b(value, digest_size=16).hexdigest(), value, type(why).__name__, str(why)


def _without_less(normalised: Normalised, seen: Mapping[bytes, Any]) -> Normalised:
    """Hubs may send entries without their text (YouTube's does): of one that is known that is no change."""
    less = {each.entry_key for each in normalised.articles if not each.text and each.entry_key in seen}
    return replace(
        normalised,
        articles=tuple([each for each in normalised.articles if each.entry_key not in less]),
        seen=tuple([row for row in normalised.seen if row.key not in less]),
    )


def _read_page(
    value: bytes, page_id: int, seen_at: float, url: str, content_type: str | None, body: bytes
) -> tuple[Any, ...]:
    """What a worker does to an article's page. The imports are slow, and here because most workers never see one."""
    from ingest.extract import article_html, is_html
    from ingest.normalise.pages import with_page_text

    if not is_html(body, content_type):
        return ("failed", FailureKind.NOT_HTML.value, f"it is {content_type or 'no HTML'}"[:200], None)
    at = datetime.fromtimestamp(seen_at, UTC)
    key = str(json.loads(value)["id"])
    article = decode(
        Record(topic="page", partition=0, offset=0, key=key, value=value, headers={}, appended_at=at)
    )
    found = with_page_text(
        article,
        article_html(body, content_type=content_type),
        page_url=url,
        page_id=page_id,
        seen_at=at,
    )
    if isinstance(found, Failed):
        return ("failed", found.kind.value, found.detail, None)
    message = encode(found)
    return ("page", message.key, message.value)


def _load(remembered: int) -> _Digest:
    """What a worker does to a document, remembering so many bytes of entries.

    The imports are here because only workers shall pay for them.
    """
    from ingest.normalise import draft, settle
    from ingest.parse import EntryCache, parse_feed
    from ingest.schedule.hints import asked_by

    cache = EntryCache(remembered)

    def digest(request: tuple[Any, ...], look_up: _LookUp) -> tuple[Any, ...]:
        if request[0] == "page":
            return _read_page(*request[1:])
        feed_id, feed_url, poll_id, seen_at, url, content_type, language, body, first, pushed = request
        parsed = parse_feed(body, content_type=content_type, url=url, language=language, cache=cache)
        if isinstance(parsed, Failed):
            return ("failed", parsed.kind.value, parsed.detail, parsed.sample, parsed.found)
        # JSON that was cut is no JSON: what could be read is whole.
        whole = not parsed.warnings or parsed.version.startswith("json") or _ends(body)
        if not whole and _ends_within_an_entry(body):
            # Half a text would be a revision, half a guid another article; the next poll asks for all of it.
            parsed = replace(parsed, entries=parsed.entries[:-1])
        drafted = draft(parsed, feed_url=feed_url, url=url)
        articles = tuple([article.bytes for article in drafted.articles])
        seen = look_up(drafted.keys, articles) if drafted.keys and not first else {}
        normalised = settle(
            drafted,
            feed_id=feed_id,
            poll_id=poll_id,
            seen_at=datetime.fromtimestamp(seen_at, UTC),
            seen={
                key: Seen(key=key, digest=known, article_id=UUID(bytes=article_id), marks=marks)
                for key, (known, article_id, marks) in seen.items()
            },
        )
        if pushed:
            normalised = _without_less(normalised, seen)
        messages = [encode(article) for article in normalised.articles]
        ids = {row[1] for row in seen.values()}
        fresh = [each.entry_key for each in normalised.articles if each.id.bytes not in ids]
        return (
            "digested",
            parsed.title,
            normalised.entries,
            normalised.created,
            normalised.duplicates,
            whole,
            bool(seen),
            [date.timestamp() for entry in parsed.entries if (date := entry.published or entry.updated)],
            _pack_asked(asked_by(parsed.hints)),
            _about(parsed),
            [(message.key, message.value, dict(message.headers)) for message in messages],
            [(each.key, each.digest, each.article_id.bytes, each.marks) for each in normalised.seen],
            [_unreadable(entry, why) for entry, why in normalised.unusable],
            _pack_children(parsed),
            tuple([key for key in fresh if key not in seen]),
            parsed.hubs,
            parsed.self_url,
            drafted.keys if pushed else (),
        )

    return digest
