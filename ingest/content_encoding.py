"""Decode HTTP content codings (RFC 9110 §8.4) piece by piece, up to a limit.

A bomb of 16 kB may decode to 512 MB. Each decompressor returns at most the rest of the limit, so memory stays bounded
within a single chunk too.
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
"""Largest window for HTTP, 8 MB (RFC 9659)."""
ZSTD_SLICE: Final = 512
"""Bytes per call: a zstd block of 4 bytes may decode to 128 kB without a limit, so 512 bytes to 16 MB at most."""
MAX_CODINGS: Final = 3


class Undecodable(ValueError):
    """The bytes are not in the declared coding, or end before the coded stream does."""


class TooLarge(ValueError):
    """The decoded bytes exceed the limit."""


class _Decompressor(Protocol):
    """Decodes one coding; ``limit`` bounds the bytes of a call, roughly."""

    finished: bool

    def feed(self, piece: bytes, limit: int) -> bytes: ...


class _Zlib:
    """Decodes gzip (also several members) and deflate (with zlib header or, as some servers send it, raw)."""

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
                    break  # padding after the last member, which gzip ignores too
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


_DECOMPRESSORS: Final[dict[str, Callable[[], _Decompressor]]] = {
    "gzip": lambda: _Zlib(gzip=True),
    "x-gzip": lambda: _Zlib(gzip=True),
    "deflate": lambda: _Zlib(gzip=False),
    "br": _Brotli,
    "zstd": _Zstd,
}


class Decoder:
    """Decodes one body by its ``Content-Encoding``.

    Raises:
        Undecodable: an unknown coding, or too many of them.
    """

    def __init__(self, content_encoding: str, *, limit: int) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        applied = [name for name in names if name not in {"", "identity"}]
        unknown = [name for name in applied if name not in _DECOMPRESSORS]
        if unknown or len(applied) > MAX_CODINGS:
            raise Undecodable(f"content coding {content_encoding[:100]!r} is not known")
        self._name = ", ".join(applied)
        self._decompressors = [_DECOMPRESSORS[name]() for name in reversed(applied)]
        self._left = limit

    def feed(self, piece: bytes) -> bytes:
        """The decoded bytes of this piece of the received body.

        Raises:
            Undecodable: the piece is not in the declared coding.
            TooLarge: the decoded bytes exceed the limit, all pieces together.
        """
        try:
            for decompressor in self._decompressors:
                piece = decompressor.feed(piece, self._left + 1)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise Undecodable(f"not in the declared coding {self._name!r}: {error}") from None
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge
        return piece

    def end(self) -> None:
        """Check that the coded stream is complete.

        Raises:
            Undecodable: the stream continues: the body was cut.
        """
        if not all(decompressor.finished for decompressor in self._decompressors):
            raise Undecodable(f"the {self._name!r} stream ends too early")


def looks_plain(body: bytes) -> bool:
    """Whether the body begins like a document and not like compressed bytes."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{"}
