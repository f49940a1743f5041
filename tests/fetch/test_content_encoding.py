"""Undoing content codings within bounds."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from ingest.content_encoding import Decoder, TooLarge, Undecodable, looks_plain

TEXT = b"".join(b"<item><title>number %d</title></item>\n" % number for number in range(5000))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "gzip in two members": ("gzip", lambda body: gzip.compress(body[:999]) + gzip.compress(body[999:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd),
    "zstd in two frames": ("zstd", lambda body: zstd(body[:999]) + zstd(body[999:])),
    "two, one over the other": ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
    "none": ("", lambda body: body),
    "identity": ("identity", lambda body: body),
}


def decode(name: str, coded: bytes, *, limit: int = len(TEXT), piece: int = 1000) -> bytes:
    decoder = Decoder(name, limit=limit)
    out = b"".join(decoder.feed(coded[at : at + piece]) for at in range(0, len(coded), piece))
    decoder.end()
    return out


@pytest.mark.parametrize("case", CODINGS)
@pytest.mark.parametrize("piece", [1, 7, 16_384, 10**9])
def test_a_coding_is_undone_whatever_the_pieces(case: str, piece: int) -> None:
    name, code = CODINGS[case]
    assert decode(name, code(TEXT), piece=piece) == TEXT


@pytest.mark.parametrize("case", CODINGS)
def test_one_byte_beyond_the_limit_is_too_large(case: str) -> None:
    name, code = CODINGS[case]
    with pytest.raises(TooLarge):
        decode(name, code(TEXT), limit=len(TEXT) - 1)


@pytest.mark.parametrize("case", [case for case in CODINGS if case not in {"none", "identity"}])
def test_a_stream_that_ends_too_early_is_undecodable(case: str) -> None:
    name, code = CODINGS[case]
    with pytest.raises(Undecodable):
        decode(name, code(TEXT)[:-20])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_plain_bytes_under_the_name_of_a_coding_are_undecodable(name: str) -> None:
    with pytest.raises(Undecodable):
        decode(name, TEXT)


@pytest.mark.parametrize("name", ["utf-8", "sdch", "gzip, gzip, gzip, gzip"])
def test_an_unknown_coding_is_undecodable(name: str) -> None:
    with pytest.raises(Undecodable, match="is not known"):
        Decoder(name, limit=10)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_gives_no_more_than_its_limit_in_one_piece(name: str) -> None:
    code = CODINGS[name][1]
    bomb = code(bytes(64 * 1024**2))
    assert len(bomb) < 100_000
    decoder = Decoder(name, limit=1_000_000)
    biggest = 0
    undo = decoder._decompressors[0]
    feed = undo.feed

    def watched(piece: bytes, limit: int) -> bytes:
        nonlocal biggest
        out = feed(piece, limit)
        biggest = max(biggest, len(out))
        return out

    undo.feed = watched  # type: ignore[method-assign]
    with pytest.raises(TooLarge):
        decoder.feed(bomb)
    assert biggest < 20 * 1024**2


def test_padding_after_the_last_gzip_member_is_ignored() -> None:
    assert decode("gzip", gzip.compress(TEXT) + b"\0" * 100) == TEXT


@pytest.mark.parametrize(
    ("body", "plain"),
    [(b"\xef\xbb\xbf <rss/>", True), (b'\n{"a":1}', True), (b"\x1f\x8b\x08", False), (b"", False)],
)
def test_documents_look_plain(body: bytes, *, plain: bool) -> None:
    assert looks_plain(body) is plain
