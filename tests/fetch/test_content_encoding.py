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
    "an unknown coding under gzip": ("aws-chunked, gzip", gzip.compress),
    "an unknown coding over gzip": ("gzip, UTF-8", gzip.compress),
    "two declared, one applied": ("gzip, gzip", gzip.compress),
    "two declared, both applied": ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "gzip and brotli declared, gzip applied": ("gzip, br", gzip.compress),
    "brotli and gzip declared, brotli applied": ("br, gzip", brotli.compress),
    "deflate under the name gzip": ("gzip", zlib.compress),
    "gzip under the name deflate": ("deflate", gzip.compress),
    "with a parameter and quotes": ('"GZIP";q=1.0,', gzip.compress),
    "gzip with garbage behind it": ("gzip", lambda body: gzip.compress(body) + b"<!-- cached -->"),
    "gzip with half a header behind it": ("gzip", lambda body: gzip.compress(body) + b"\x1f\x8bnothing"),
    "none": ("", lambda body: body),
    "no coding by name": ("none", lambda body: body),
    "a charset": ("utf-8", lambda body: body),
    "an unknown coding alone": ("aws-chunked", lambda body: body),
    "identity": ("identity", lambda body: body),
}


PLAIN = {"none", "identity", "no coding by name", "a charset", "an unknown coding alone"}


def decode(name: str, coded: bytes, *, limit: int = len(TEXT), piece: int = 1000) -> bytes:
    decoder = Decoder(name, limit=limit)
    out = b"".join(decoder.feed(coded[at : at + piece]) for at in range(0, len(coded), piece))
    return out + decoder.end()


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


@pytest.mark.parametrize("case", [case for case in CODINGS if case not in PLAIN and "behind it" not in case])
def test_a_stream_that_ends_too_early_is_undecodable(case: str) -> None:
    name, code = CODINGS[case]
    with pytest.raises(Undecodable):
        decode(name, code(TEXT)[:-20])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_plain_bytes_under_the_name_of_a_coding_are_undecodable(name: str) -> None:
    with pytest.raises(Undecodable):
        decode(name, TEXT)


@pytest.mark.parametrize("name", ["sdch", "utf-8, sdch"])
def test_bytes_in_an_unknown_coding_alone_are_undecodable(name: str) -> None:
    with pytest.raises(Undecodable, match="is not known"):
        decode(name, zlib.compress(TEXT))


@pytest.mark.parametrize("name", [", ".join(["gzip"] * 4), "x," * 100])
def test_too_many_codings_are_undecodable(name: str) -> None:
    with pytest.raises(Undecodable, match="too many names"):
        Decoder(name, limit=10)


@pytest.mark.parametrize("body", [b"", b"<", b"<a>"])
@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd", "br", "gzip, br", "gzip, gzip"])
def test_a_body_shorter_than_a_magic_number_is_no_coded_stream(name: str, body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(name, body)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("piece", [1, 10**9])
def test_a_short_body_is_decoded(name: str, piece: int) -> None:
    code = CODINGS[name.partition(",")[0]][1]
    assert decode(name, code(b"a"), piece=piece) == b"a"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_gives_no_more_than_its_limit_in_one_piece(name: str) -> None:
    code = CODINGS[name][1]
    bomb = code(bytes(64 * 1024**2))
    assert len(bomb) < 100_000
    decoder = Decoder(name, limit=1_000_000)
    biggest = 0
    undo = decoder._layers[0]
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


def test_a_bomb_between_two_codings_is_too_large() -> None:
    with pytest.raises(TooLarge):
        decode(
            "gzip, gzip", gzip.compress(gzip.compress(b"a") + bytes(10_000_000)), limit=1_000_000, piece=10**9
        )


def test_padding_after_the_last_gzip_member_is_ignored() -> None:
    assert decode("gzip", gzip.compress(TEXT) + b"\0" * 100) == TEXT


@pytest.mark.parametrize(
    ("body", "plain"),
    [(b"\xef\xbb\xbf <rss/>", True), (b'\n{"a":1}', True), (b"\x1f\x8b\x08", False), (b"", False)],
)
def test_documents_look_plain(body: bytes, *, plain: bool) -> None:
    assert looks_plain(body) is plain
