"""Undoing HTTP content codings (RFC 9110 §8.4) piece by piece, never beyond a cap.

A bomb of 16 kB may be 512 MB: each decoder is asked for at most what is left under the cap, so memory stays
bounded within a single chunk too.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

ACCEPT_ENCODING: Final = "gzip, deflate, br, zstd"
GZIP_MAGIC: Final = b"\x1f\x8b\x08"
ZSTD_WINDOW: Final = 8 * 1024**2
"""RFC 9659: a window beyond 8 MB is not for HTTP."""
ZSTD_SLICE: Final = 512
"""A zstd block of 4 bytes may say 128 kB, and the decoder takes no limit: 512 bytes are at most 16 MB."""
MAX_CODINGS: Final = 3


class Undecodable(ValueError):
    """The bytes are not in the coding they are said to be in, or end before it does."""


class TooLarge(ValueError):
    """What came out is beyond the cap."""


class _Undo(Protocol):
    """One coding; ``limit`` bounds what a call may return (a little more is allowed)."""

    finished: bool

    def feed(self, piece: bytes, limit: int) -> bytes: ...


class _Zlib:
    """gzip (members one after the other) and deflate (zlib-wrapped or, as some servers have it, raw)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._object = zlib.decompressobj(31) if gzip else None
        self._head = b""
        self.finished = False

    def feed(self, piece: bytes, limit: int) -> bytes:
        if self._object is None:
            self._head += piece
            if len(self._head) < 2:
                return b""
            piece, self._head = self._head, b""
            wrapped = piece[0] & 0x0F == 8 and int.from_bytes(piece[:2], "big") % 31 == 0
            self._object = zlib.decompressobj(15 if wrapped else -15)
        out = []
        while piece and limit > 0:
            if self._object.eof:
                if not (self._gzip and piece[0] == GZIP_MAGIC[0]):
                    break  # what follows the last member is padding; gzip ignores it too
                self._object = zlib.decompressobj(31)
            out.append(self._object.decompress(piece, limit))
            limit -= len(out[-1])
            piece = self._object.unused_data if self._object.eof else self._object.unconsumed_tail
        self.finished = self._object.eof
        return b"".join(out)


class _Brotli:
    def __init__(self) -> None:
        self._object = brotli.Decompressor()
        self.finished = False

    def feed(self, piece: bytes, limit: int) -> bytes:
        if self.finished:
            return b""
        out = [self._object.process(piece, output_buffer_limit=limit)]
        limit -= len(out[0])
        while limit > 0 and not self._object.can_accept_more_data():
            out.append(self._object.process(b"", output_buffer_limit=limit))
            limit -= len(out[-1])
        self.finished = self._object.is_finished()
        return b"".join(out)


class _Zstd:
    def __init__(self) -> None:
        self._maker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._object = self._maker.decompressobj()
        self.finished = False

    def feed(self, piece: bytes, limit: int) -> bytes:
        out = []
        for at in range(0, len(piece), ZSTD_SLICE):
            part = piece[at : at + ZSTD_SLICE]
            while part and limit > 0:
                if self._object.eof:
                    self._object = self._maker.decompressobj()
                out.append(self._object.decompress(part))
                limit -= len(out[-1])
                part = self._object.unused_data if self._object.eof else b""
        self.finished = self._object.eof
        return b"".join(out)


_UNDOS: Final[dict[str, Callable[[], _Undo]]] = {
    "gzip": lambda: _Zlib(gzip=True),
    "x-gzip": lambda: _Zlib(gzip=True),
    "deflate": lambda: _Zlib(gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}


class Decoder:
    """Undoes the codings of one body, given as its ``Content-Encoding``.

    Raises:
        Undecodable: a coding we do not know, or too many of them.
    """

    def __init__(self, content_encoding: str, *, limit: int) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        applied = [name for name in names if name not in {"", "identity"}]
        unknown = [name for name in applied if name not in _UNDOS]
        if unknown or len(applied) > MAX_CODINGS:
            raise Undecodable(f"content coding {content_encoding[:100]!r} is not known")
        self._name = ", ".join(applied)
        self._undos = [_UNDOS[name]() for name in reversed(applied)]
        self._left = limit

    def feed(self, piece: bytes) -> bytes:
        """What comes out for this piece of what was received.

        Raises:
            Undecodable: this is not that coding.
            TooLarge: more than the limit came out, in all.
        """
        try:
            for undo in self._undos:
                piece = undo.feed(piece, self._left + 1)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise Undecodable(f"not in the coding {self._name!r} it is said to be in: {error}") from None
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge
        return piece

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            Undecodable: the coded stream is not over: the body was cut.
        """
        if not all(undo.finished for undo in self._undos):
            raise Undecodable(f"the {self._name!r} stream ends too early")


def looks_plain(body: bytes) -> bool:
    """Whether it begins like a document rather than like compressed bytes."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{"}
