"""Life cycle of a parser process: import the parsers, bound its memory, serve requests until its socket closes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from ingest.document import Document
from ingest.parse_pool.ipc import (
    LENGTH_BYTES,
    DocumentRead,
    PageRead,
    ReadDocument,
    ReadPage,
    Ready,
    Rejected,
    Reply,
    Request,
    SeenQuery,
    SeenRows,
    decode_request,
    encode,
)
from ingest.runtime import tune_gc
from ingest.types import Failed, FailureKind

ENTRY_CACHE_BYTES: Final = 64 * 1024**2
"""Entries that one worker caches; never more than an eighth of its memory."""

_PR_SET_PDEATHSIG: Final = 1
_ReadDocument = Callable[[Document, "_Channel"], Reply]


def run_worker(descriptor: int, memory: int, parent: int) -> None:
    """Serve requests from the socket ``descriptor`` until it closes, in ``memory`` bytes of address space."""
    _die_with(parent)
    # Stopping the service closes this socket. A signal to the whole process group must not end a worker.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    with connection, connection.makefile("rb") as requests, connection.makefile("wb") as replies:
        channel = _Channel(requests, replies)
        read_document = _load_parsers(min(ENTRY_CACHE_BYTES, memory // 8))
        tune_gc()
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        channel.send(Ready())
        with suppress(BrokenPipeError, ConnectionResetError):
            while (payload := channel.receive()) is not None:
                reply = _reply(payload, read_document, channel)
                if reply is None:
                    detail = f"parsing takes more than {memory} bytes of memory"
                    channel.send(Rejected(Failed(kind=FailureKind.PARSE_LIMIT, detail=detail)))
                    return  # the failed allocation may have left any part of this process unusable
                channel.send(reply)


class _Channel:
    """The worker's end of the socket."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies

    def receive(self) -> bytes | None:
        """The next request; None when the parent has closed the socket."""
        length = self._requests.read(LENGTH_BYTES)
        return self._requests.read(int.from_bytes(length, "big")) if length else None

    def send(self, reply: Reply) -> None:
        self._replies.write(encode(reply))
        self._replies.flush()

    def look_up(self, query: SeenQuery) -> SeenRows:
        """
        Raises:
            ConnectionResetError: the parent is gone.
        """
        self.send(query)
        payload = self.receive()
        if payload is None:
            raise ConnectionResetError
        rows = decode_request(payload)
        assert isinstance(rows, SeenRows)
        return rows


def _reply(payload: bytes, read_document: _ReadDocument, channel: _Channel) -> Reply | None:
    """None: the worker's memory does not suffice."""
    try:
        request: Request = decode_request(payload)
        if isinstance(request, ReadDocument):
            return read_document(request.document, channel)
        assert isinstance(request, ReadPage)
        return _read_page(request)
    except MemoryError:
        return None
    except (BrokenPipeError, ConnectionResetError):  # the parent went away during a look-up
        raise
    # An error of ours that one document provokes is recorded as the failure of its poll, with its traceback. It must
    # not end all polling.
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        detail = f"parsing failed: {type(error).__name__}: {error}"
        return Rejected(Failed(kind=FailureKind.UNPARSABLE, detail=detail[:500]))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:  # the parent died before the call
        raise SystemExit(0)


def _load_parsers(cache_bytes: int) -> _ReadDocument:
    """Import the parsers here, because their imports are slow and only workers need them."""
    from ingest.document.feed import finish, prepare
    from ingest.parse import EntryCache

    cache = EntryCache(cache_bytes)

    def read_document(document: Document, channel: _Channel) -> Reply:
        prepared = prepare(document, cache=cache)
        if isinstance(prepared, Failed):
            return Rejected(prepared)
        rows = SeenRows(())
        if prepared.needs_lookup:
            rows = channel.look_up(SeenQuery(prepared.lookup))
        return DocumentRead(finish(prepared, {row.key: row for row in rows.rows}))

    return read_document


def _read_page(request: ReadPage) -> Reply:
    """Import page reading on first use: the import is slow, and most workers never read a page."""
    from ingest.document.page import read_page

    result = read_page(request.page)
    return Rejected(result) if isinstance(result, Failed) else PageRead(result)
