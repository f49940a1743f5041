"""Everything that goes wrong between a feed and us, as one function per fault.

Each makes a :data:`~ingest.demo.responses.Fault`: it is given the truth and says what happens instead.
Every one of them was met in the wild.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

import brotli  # type: ignore[import-untyped]
import zstandard

from ingest.demo.responses import End, Fault, HttpResponse, Pause, Script, Step, Truth, chunk

ERROR_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>One moment</title></head>"
    b"<body><h1>We are checking your browser</h1><p>This takes a few seconds.</p></body></html>"
)


def _plain(answer: HttpResponse, body: bytes, content_type: str | None = None) -> HttpResponse:
    """Another body under the answer's headers, uncoded, unframed yet, without validators."""
    for name in ("Content-Encoding", "Content-Length", "ETag", "Last-Modified"):
        answer = answer.replacing(name, None)
    if content_type is not None:
        answer = answer.replacing("Content-Type", content_type)
    return replace(answer, status=200, body=body)


def _script(answer: HttpResponse, *more: Step) -> Script:
    return Script(status=answer.status, steps=(answer.encoded(), *more))


def status(code: int, *, headers: Mapping[str, str] | None = None, body: bytes = ERROR_PAGE) -> Fault:
    """This status, with these headers (``Retry-After``, ``cf-mitigated`` …) and an HTML body."""
    given = (("Content-Type", "text/html"), *(headers or {}).items())
    refusal = HttpResponse(status=code, headers=given, body=b"" if code in {204, 304} else body)
    return lambda _truth: _script(refusal)


def redirect_to(location: str, *, code: int = 302) -> Fault:
    """One redirect; for a standing one publish it (:meth:`WorldFeed.redirect`)."""
    return status(code, headers={"Location": location}, body=b"")


def with_headers(*headers: tuple[str, str]) -> Fault:
    """The honest answer with more headers before its own."""
    return lambda truth: _script(replace(truth.response, headers=headers + truth.response.headers))


def many_headers(count: int = 150) -> Fault:
    """More headers than http.client reads (100)."""
    return with_headers(*((f"X-Cache-Node-{number}", "miss") for number in range(count)))


def huge_header(size: int = 200_000) -> Fault:
    """One header line of ``size`` bytes."""
    return with_headers(("X-Padding", "x" * size))


def garbage_headers() -> Fault:
    """A header block that is no HTTP: a line without a colon, and control characters."""

    def fault(truth: Truth) -> Script:
        answer = truth.full
        line, _, rest = answer.encoded().partition(b"\r\n")
        return Script(
            status=answer.status, steps=(line + b"\r\nthis is no header\r\n\x00\x01: \x02\r\n" + rest,)
        )

    return fault


def garbage_status_line() -> Fault:
    """Something that is not HTTP at all answers on the port."""
    return lambda _truth: Script(status=0, steps=(b"SSH-2.0-OpenSSH_9.2p1\r\n", End.CLOSE))


def without_content_type() -> Fault:
    return lambda truth: _script(truth.full.replacing("Content-Type", None))


def content_type(value: str) -> Fault:
    """A wrong Content-Type, such as ``text/html`` for a feed, or a charset the bytes are not in."""
    return lambda truth: _script(truth.full.replacing("Content-Type", value))


def wrong_charset(label: str = "gb2312") -> Fault:
    return content_type(f"text/xml; charset={label}")


def early_hints(count: int = 1) -> Fault:
    """``103 Early Hints`` before the answer, so many times."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * count
    return lambda truth: Script(status=truth.response.status, steps=(hints + truth.response.encoded(),))


def empty() -> Fault:
    """200 with no bytes."""
    return lambda truth: _script(_plain(truth.plain, b""))


def html(page: bytes = ERROR_PAGE) -> Fault:
    """200 with a web page where the feed should be."""
    return lambda truth: _script(_plain(truth.plain, page, "text/html; charset=utf-8"))


def body(replacement: bytes, content_type: str | None = None) -> Fault:
    """200 with other bytes, for any document a test wants to show once."""
    return lambda truth: _script(_plain(truth.plain, replacement, content_type))


def malformed() -> Fault:
    """The feed, cut in the middle of its XML, under a Content-Length that agrees."""
    return lambda truth: _script(_plain(truth.plain, truth.plain.body[: len(truth.plain.body) // 2] + b"<"))


def without_validators() -> Fault:
    return lambda truth: _script(truth.full.replacing("ETag", None).replacing("Last-Modified", None))


def etag(value: str) -> Fault:
    """This ETag on the honest answer, whatever the body is."""
    return lambda truth: _script(truth.full.replacing("ETag", value))


def not_modified(*, headers: Mapping[str, str] | None = None) -> Fault:
    """304 though the feed changed (a validator that lies), or with other validators than the request's."""
    return status(304, headers=headers)


def truncate(keep: float = 0.5) -> Fault:
    """Promise the whole body, send this share of it, close."""

    def fault(truth: Truth) -> Script:
        answer = truth.full
        whole = answer.encoded()
        head = len(answer.head())
        return Script(
            status=answer.status, steps=(whole[: head + int((len(whole) - head) * keep)], End.CLOSE)
        )

    return fault


def truncate_chunked() -> Fault:
    """Chunked framing without its last chunk: all bytes of the body came, and yet it is cut."""

    def fault(truth: Truth) -> Script:
        answer = truth.full
        chunked = replace(answer.replacing("Content-Length", None), chunked=True)
        return Script(status=answer.status, steps=(chunked.head() + chunk(answer.body), End.CLOSE))

    return fault


def trailers() -> Fault:
    """Chunked framing with extensions and trailers: legal, and rarely tried."""

    def fault(truth: Truth) -> Script:
        answer = truth.full
        chunked = replace(answer.replacing("Content-Length", None), chunked=True)
        framed = b"%x;name=value\r\n%s\r\n0\r\nX-Checksum: none\r\n\r\n" % (len(answer.body), answer.body)
        return Script(status=answer.status, steps=(chunked.head() + framed,))

    return fault


def stall(seconds: float = 3600.0, *, after: int | None = None) -> Fault:
    """Nothing for so long: before the status line, or after so many bytes of the body. Then the rest."""

    def fault(truth: Truth) -> Script:
        answer = truth.response if after is None else truth.full
        whole = answer.encoded()
        if after is None:
            return Script(status=answer.status, steps=(Pause(seconds), whole))
        cut = len(answer.head()) + after
        return Script(status=answer.status, steps=(whole[:cut], Pause(seconds), whole[cut:]))

    return fault


def drip(*, size: int = 1, every: float = 1.0) -> Fault:
    """The head at once, then ``size`` bytes of the body every so many seconds."""

    def fault(truth: Truth) -> Script:
        answer = truth.full

        def steps() -> Iterator[Step]:
            yield answer.head()
            payload = answer.payload()
            for at in range(0, len(payload), size):
                yield Pause(every)
                yield payload[at : at + size]

        return Script(status=answer.status, steps=steps())

    return fault


def reset(*, after: int | None = None) -> Fault:
    """TCP RST: at once, or after so many bytes of the body."""

    def fault(truth: Truth) -> Script:
        if after is None:
            return Script(status=0, steps=(End.RESET,))
        answer = truth.full
        cut = len(answer.head()) + after
        # the client must have had time to take the bytes: a RST throws away what it has not read
        return Script(status=answer.status, steps=(answer.encoded()[:cut], Pause(0.1), End.RESET))

    return fault


def close() -> Fault:
    """The connection ends in good order without an answer, as an idle keep-alive connection does."""
    return lambda _truth: Script(status=0, steps=(End.CLOSE,))


def endless_body(piece: bytes = b"<item><title>more</title></item>\n" * 500) -> Fault:
    """A feed that never ends, chunked, as fast as it is read."""

    def fault(truth: Truth) -> Script:
        head = replace(_plain(truth.plain, b""), chunked=True).head()
        return Script(status=200, steps=itertools.chain((head,), itertools.repeat(chunk(piece))))

    return fault


def endless_headers() -> Fault:
    """A header block that never ends."""

    def fault(_truth: Truth) -> Script:
        lines = (b"X-Line-%d: more\r\n" % number * 50 for number in itertools.count())
        return Script(status=200, steps=itertools.chain((b"HTTP/1.1 200 OK\r\n",), lines))

    return fault


def gzip_bomb(size: int = 512 * 1024**2, *, coding: str = "gzip") -> Fault:
    """A body that is a thousandth of itself or less (gzip, deflate, br, zstd) until it is decompressed to ``size``."""
    return lambda truth: _script(
        _plain(truth.plain, _bomb(size, coding)).replacing("Content-Encoding", coding)
    )


@cache
def _bomb(size: int, coding: str) -> bytes:
    block = bytes(1024**2)
    blocks = itertools.repeat(block, size // len(block))
    if coding == "br":
        brotli_packer = brotli.Compressor(quality=5)
        packed: bytes = b"".join(map(brotli_packer.process, blocks)) + brotli_packer.finish()
        return packed
    if coding == "zstd":
        zstd_packer = zstandard.ZstdCompressor().compressobj()
        return b"".join(map(zstd_packer.compress, blocks)) + zstd_packer.flush()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    return b"".join(map(packer.compress, blocks)) + packer.flush()


def says_coding(coding: str = "gzip") -> Fault:
    """Content-Encoding says this, the bytes are plain."""
    return lambda truth: _script(_plain(truth.plain, truth.plain.body).replacing("Content-Encoding", coding))


def truncated_gzip() -> Fault:
    """A gzip stream without its end, under a Content-Length that agrees."""

    def fault(truth: Truth) -> Script:
        packed = gzip.compress(truth.plain.body, mtime=0)
        return _script(_plain(truth.plain, packed[: len(packed) // 2]).replacing("Content-Encoding", "gzip"))

    return fault


def raw_deflate() -> Fault:
    """``deflate`` without the zlib wrapper, as some servers understand the word."""

    def fault(truth: Truth) -> Script:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(truth.plain.body) + packer.flush()
        return _script(_plain(truth.plain, packed).replacing("Content-Encoding", "deflate"))

    return fault


def hidden_gzip() -> Fault:
    """gzip bytes that no header announces."""
    return lambda truth: _script(_plain(truth.plain, gzip.compress(truth.plain.body, mtime=0)))
