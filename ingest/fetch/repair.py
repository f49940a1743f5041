"""Responses that browsers accept and the HTTP library refuses, rewritten as valid HTTP/1.1. No I/O.

::

    bytes of the server ─▶ ResponseRepair.feed ─▶ one valid response ─▶ the HTTP library's parser, with its own limits

Rules of the WHATWG and of browsers where a response breaks RFC 9112: a line that is no header is dropped; equal values
of Content-Length count once; chunks are stronger than Content-Length; bytes behind the body are dropped. A response
that may be incomplete is never repaired: the body keeps its length, and a chunked body its last chunk. Each repaired
response closes its connection, so no byte of it can be read as another response.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

MAX_HEAD_BYTES: Final = 1024**2
"""The header block is held until it is complete."""
MAX_CHUNK_LINE: Final = 8 * 1024
MAX_INTERIM: Final = 20
"""Responses with a status of 1xx before the final one."""

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(
    rb"(?:HTTP(?:/\d+(?:\.\d+)?)?|ICY)\s+(\d{3})(?!\d)[^\S\n]*([^\r\n]*)", re.IGNORECASE
)
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_CHUNK_SIZE: Final = re.compile(rb"\s*0*([0-9a-fA-F]{1,15})(?=[\s;]|$)")
_LENGTH: Final = re.compile(rb"\d{1,18}")
_FRAMING: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer"}
)


class BeyondRepairError(ValueError):
    """The response is no HTTP, or may be incomplete."""


class _Part(Enum):
    HEAD = auto()
    BODY = auto()  # it has a length, or ends with the connection
    CHUNK_SIZE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    DONE = auto()


class ResponseRepair:
    """Rewrites one response, piece by piece. Its time is proportional to the response."""

    def __init__(self) -> None:
        self._part = _Part.HEAD
        self._held = bytearray()
        self._at = 0
        """The position in ``_held`` of the first byte that is not read yet."""
        self._searched = 0
        """The number of bytes of the header block in which its end does not begin."""
        self._left: int | None = None
        """Bytes of the body or of the chunk that are still to come; None: up to the end of the connection."""
        self._interim = 0

    @property
    def unread(self) -> bytes:
        """The bytes of the server that are not part of the valid response so far."""
        return bytes(self._held[self._at :])

    @property
    def in_head(self) -> bool:
        """Whether the header block is not complete."""
        return self._part is _Part.HEAD

    def feed(self, piece: bytes) -> bytes:
        """Return the bytes of the valid response that this piece completes.

        Raises:
            BeyondRepairError: the response cannot be repaired.
        """
        del self._held[: self._at]
        self._at = 0
        self._held += piece
        repaired: list[bytes] = []
        while (step := self._step()) is not None:
            repaired.append(step)
        return b"".join(repaired)

    def end(self) -> bytes:
        """Return the rest of the valid response after the server has closed the connection."""
        # Behind the last chunk only the empty line may be missing.
        if self._part is _Part.CHUNK_SIZE and re.fullmatch(rb"\s*0+\s*", self._held[self._at :]):
            self._part = _Part.DONE
            return b"0\r\n\r\n"
        return b""

    def _step(self) -> bytes | None:
        """Return the next bytes of the valid response; None: more bytes of the server are needed."""
        match self._part:
            case _Part.HEAD:
                return self._read_head()
            case _Part.BODY:
                return self._read_body()
            case _Part.CHUNK_SIZE:
                return self._read_chunk_size()
            case _Part.CHUNK:
                return self._read_chunk()
            case _Part.CHUNK_END:
                return self._read_chunk_end()
            case _Part.DONE:
                self._at = len(self._held)
                return None

    def _read_head(self) -> bytes | None:
        while self._held[self._at : self._at + 1].isspace():
            self._at += 1
        end = _HEAD_END.search(self._held, self._at + self._searched)
        if end is None:
            size = len(self._held) - self._at
            if size > MAX_HEAD_BYTES:
                raise BeyondRepairError("the header block is too large")
            self._searched = max(0, size - len(b"\r\n\r"))
            return None
        head = bytes(self._held[self._at : end.start()])
        first, _, rest = head.partition(b"\n")
        status_line = _STATUS.match(first)
        if status_line is None:
            raise BeyondRepairError("no status line")
        status = int(status_line[1])
        if 100 <= status < 200:
            self._interim += 1
            if status == 101 or self._interim > MAX_INTERIM:
                raise BeyondRepairError(f"status {status}")
            self._at, self._searched = end.end(), 0
            return b""
        headers = read_headers(rest)
        framing = self._start_body(status, headers)
        self._at = end.end()
        reason = _NOT_IN_VALUE.sub(b" ", status_line[2]).strip()
        lines = [
            b"HTTP/1.1 %d %s" % (status, reason),
            *(name + b": " + value for name, value in headers if name.lower() not in _FRAMING),
            *framing,
            b"Connection: close",
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _start_body(self, status: int, headers: list[tuple[bytes, bytes]]) -> list[bytes]:
        """Decide where the body ends, and return the headers that declare it."""
        if status in {204, 304}:
            self._part = _Part.DONE
            return []
        if any(
            name.lower() == b"transfer-encoding" and b"chunked" in value.lower() for name, value in headers
        ):
            self._part = _Part.CHUNK_SIZE
            return [b"Transfer-Encoding: chunked"]
        self._part = _Part.BODY
        declared = [value for name, value in headers if name.lower() == b"content-length"]
        lengths = {
            int(length)
            for length in b",".join(declared).replace(b" ", b"").split(b",")
            if _LENGTH.fullmatch(length)
        }
        if len(lengths) > 1:
            self._part = _Part.HEAD
            raise BeyondRepairError("different values of Content-Length")
        if not lengths:
            return []
        self._left = lengths.pop()
        return [b"Content-Length: %d" % self._left]

    def _read_body(self) -> bytes | None:
        if self._left == 0:
            self._part = _Part.DONE
            return b""
        return self._take()

    def _read_chunk_size(self) -> bytes | None:
        newline = self._held.find(b"\n", self._at, self._at + MAX_CHUNK_LINE)
        if newline < 0:
            if len(self._held) - self._at > MAX_CHUNK_LINE:
                raise BeyondRepairError("the line before a chunk is too long")
            return None
        size = _CHUNK_SIZE.match(self._held, self._at, newline)
        if size is None:
            raise BeyondRepairError("no size of a chunk")
        self._at = newline + 1
        self._left = int(size[1], 16)
        if self._left == 0:  # trailers are not read
            self._part = _Part.DONE
            return b"0\r\n\r\n"
        self._part = _Part.CHUNK
        return b"%x\r\n" % self._left

    def _read_chunk(self) -> bytes | None:
        taken = self._take()
        if taken is not None and self._left == 0:
            self._part = _Part.CHUNK_END
            return taken + b"\r\n"
        return taken

    def _read_chunk_end(self) -> bytes | None:
        """Read the line break behind a chunk, which may be missing."""
        following = bytes(self._held[self._at : self._at + 2])
        if following in {b"", b"\r"}:
            return None
        self._at += 2 if following == b"\r\n" else following.startswith(b"\n")
        self._part = _Part.CHUNK_SIZE
        return b""

    def _take(self) -> bytes | None:
        """Return the bytes of the body or of the chunk that are here; None: there are none."""
        end = len(self._held) if self._left is None else min(len(self._held), self._at + self._left)
        taken, self._at = bytes(self._held[self._at : end]), end
        if self._left is not None:
            self._left -= len(taken)
        return taken or None


def read_headers(block: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a block; lines that are no headers are dropped, and folded lines are joined."""
    headers: list[tuple[bytes, bytes]] = []
    for raw in block.split(b"\n"):
        line = raw.rstrip(b"\r")
        if line[:1] in {b" ", b"\t"}:
            if headers:
                name, value = headers[-1]
                headers[-1] = name, value + b" " + _NOT_IN_VALUE.sub(b" ", line).strip()
            continue
        name, colon, value = line.partition(b":")
        name = name.rstrip()
        if colon and _NAME.fullmatch(name):
            headers.append((name, _NOT_IN_VALUE.sub(b" ", value).strip()))
    return headers
