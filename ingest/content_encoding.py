"""Decode HTTP content codings (RFC 9110 §8.4) piece by piece, up to a limit.

A bomb of 16 kB may decode to 512 MB. Each decompressor returns at most the rest of the limit, so memory stays bounded
within a single chunk too.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
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
"""Codings that may lie over each other."""
MAX_NAMES: Final = 10
TEXT_SAMPLE: Final = 200
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_NO_CODING: Final = frozenset({"", "identity", "none"})
_MAGIC_BYTES: Final = 4
_MAGICS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "gzip": (GZIP_MAGIC,),
    "x-gzip": (GZIP_MAGIC,),
    # A frame, and the sixteen kinds of frame to skip (RFC 8878 §3.1).
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((0x50 + kind, 0x2A, 0x4D, 0x18)) for kind in range(16))),
}
"""The first bytes of the codings that have a magic number."""


class Undecodable(ValueError):
    """The bytes are not in the declared coding, or end before the coded stream does."""


class TooLarge(ValueError):
    """The decoded bytes exceed the limit."""


class _Decompressor(Protocol):
    """Decodes one coding; ``limit`` bounds the bytes of a call, roughly."""

    finished: bool

    def feed(self, piece: bytes, limit: int) -> bytes: ...


class _Zlib:
    """Decodes gzip (also several members) and deflate (with zlib header or, as some servers send it, raw).

    The first bytes decide which of them it is, because servers confuse the names.
    """

    def __init__(self, *, gzip: bool) -> None:
        self._named_gzip = gzip
        self._gzip = gzip
        self._object: zlib._Decompress | None = None
        self._head = b""
        self._members = 0
        """Complete members."""
        self._in_member = False
        """The current member has shown content."""
        self._padding = False
        """The rest of the stream is no member, and is ignored as gzip does."""
        self.finished = False

    def feed(self, piece: bytes, limit: int) -> bytes:
        if self._object is None:
            self._head += piece
            if len(self._head) < 2:
                return b""
            piece, self._head = self._head, b""
            self._object = self._open(piece)
        out = []
        while piece and limit > 0 and not self._padding:
            if self._object.eof:
                self._members += 1
                self._in_member = False
                if not (self._gzip and piece[0] == GZIP_MAGIC[0]):
                    self._padding = True
                    break
                self._object = zlib.decompressobj(31)
            try:
                out.append(self._object.decompress(piece, limit))
            except zlib.error:
                if self._members == 0 or self._in_member:
                    raise
                self._padding = True
                break
            self._in_member = self._in_member or bool(out[-1])
            limit -= len(out[-1])
            piece = self._object.unused_data if self._object.eof else self._object.unconsumed_tail
        self.finished = self._object.eof or self._padding or (self._members > 0 and not self._in_member)
        return b"".join(out)

    def _open(self, head: bytes) -> zlib._Decompress:
        self._gzip = head.startswith(GZIP_MAGIC) or (self._named_gzip and not _has_zlib_header(head))
        if self._gzip:
            return zlib.decompressobj(31)
        return zlib.decompressobj(15 if _has_zlib_header(head) else -15)


def _has_zlib_header(head: bytes) -> bool:
    return head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0


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


class _Layer:
    """One declared coding. Bytes that cannot be in it pass unchanged: the server declared it, and did not apply it."""

    def __init__(self, name: str, *, declared: Sequence[str]) -> None:
        self._decompressor: _Decompressor | None = _DECOMPRESSORS[name]()
        self._name = name
        self._magics = _MAGICS.get(name)
        # Brotli has no magic number. The magic number of another declared coding shows that brotli was not applied.
        self._foreign = tuple(
            magic
            for coding in declared
            if coding != name
            for magic in _MAGICS.get(coding, ())
            if name == "br"
        )
        self._head = b""
        self.applied: bool | None = None
        """Whether the coding was applied; None: not enough bytes arrived."""

    @property
    def finished(self) -> bool:
        return self._decompressor is None or self._decompressor.finished

    def feed(self, piece: bytes, limit: int) -> bytes:
        if self.applied is None:
            self._head += piece
            if len(self._head) < _MAGIC_BYTES:
                return b""
            piece, self._head = self._head, b""
            self._decide(piece)
        return piece if self._decompressor is None else self._decompressor.feed(piece, limit)

    def flush(self, _: bytes, limit: int) -> bytes:
        """Return the decoded rest of a stream that is shorter than a magic number."""
        if self.applied is not None or not self._head:
            return b""
        piece, self._head = self._head, b""
        self._decide(piece)
        return piece if self._decompressor is None else self._decompressor.feed(piece, limit)

    def _decide(self, head: bytes) -> None:
        if self._magics is None:
            self.applied = not head.startswith(self._foreign)
        else:
            has_zlib_header = "gzip" in self._name and _has_zlib_header(head)
            self.applied = head.startswith(self._magics) or has_zlib_header
        if not self.applied:
            self._decompressor = None


class Decoder:
    """Decodes one body by its ``Content-Encoding``.

    Names of unknown codings are passed over: servers declare ``aws-chunked`` and charsets there. A known coding that
    the bytes cannot have is passed over where another one was applied.

    Raises:
        Undecodable: too many codings.
    """

    def __init__(self, content_encoding: str, *, limit: int) -> None:
        names = [name.partition(";")[0].strip().strip("\"'").lower() for name in content_encoding.split(",")]
        applied = [name for name in names if name in _DECOMPRESSORS]
        if len(applied) > MAX_CODINGS or len(names) > MAX_NAMES:
            raise Undecodable(f"content coding {content_encoding[:100]!r} has too many names")
        self._name = ", ".join(applied)
        self._layers = [_Layer(name, declared=applied) for name in reversed(applied)]
        unknown = [name for name in names if name not in _DECOMPRESSORS and name not in _NO_CODING]
        self._unknown = ", ".join(unknown)[:100] if not applied else ""
        self._limit = self._left = limit

    def feed(self, piece: bytes) -> bytes:
        """The decoded bytes of this piece of the received body.

        Raises:
            Undecodable: the piece is not in the declared coding.
            TooLarge: the decoded bytes exceed the limit, all pieces together.
        """
        return self._decode(piece, [layer.feed for layer in self._layers])

    def _decode(self, piece: bytes, steps: Sequence[Callable[[bytes, int], bytes]]) -> bytes:
        try:
            for step in steps[:-1]:
                piece = step(piece, self._limit + 1)
                if len(piece) > self._limit:
                    raise TooLarge
            for step in steps[-1:]:
                piece = step(piece, self._left + 1)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise Undecodable(f"not in the declared coding {self._name!r}: {error}") from None
        if self._layers and all(layer.applied is False for layer in self._layers):
            raise Undecodable(f"not in the declared coding {self._name!r}")
        if self._unknown and piece:
            if not _is_text(piece):
                raise Undecodable(f"content coding {self._unknown!r} is not known")
            self._unknown = ""
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge
        return piece

    def end(self) -> bytes:
        """Return the last decoded bytes, and check that the coded stream is complete.

        Raises:
            Undecodable: the stream continues: the body was cut.
            TooLarge: as for :meth:`feed`.
        """
        rest = b""
        for number, layer in enumerate(self._layers):
            steps = [layer.flush, *(inner.feed for inner in self._layers[number + 1 :])]
            rest += self._decode(b"", steps)
        if not all(layer.finished for layer in self._layers):
            raise Undecodable(f"the {self._name!r} stream ends too early")
        return rest


def _is_text(piece: bytes) -> bool:
    """Whether a body begins like a text, or with the magic number that every body is checked for."""
    return piece.startswith(GZIP_MAGIC) or not _NOT_TEXT.search(piece[:TEXT_SAMPLE])


def looks_plain(body: bytes) -> bool:
    """Whether the body begins like a document and not like compressed bytes."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{"}
