"""Every fault that happens between a feed and its readers, as one function each.

Each function returns a :data:`~ingest.demo.responses.Fault`: it takes the honest response and returns the faulty one.
All of them were observed on real feeds.
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


def _plain(response: HttpResponse, body: bytes, content_type: str | None = None) -> HttpResponse:
    """Replace the body of a response, without coding, framing or validators."""
    for name in ("Content-Encoding", "Content-Length", "ETag", "Last-Modified"):
        response = response.replacing(name, None)
    if content_type is not None:
        response = response.replacing("Content-Type", content_type)
    return replace(response, status=200, body=body)


def _script(response: HttpResponse, *more: Step) -> Script:
    return Script(status=response.status, steps=(response.encoded(), *more))


def status(code: int, *, headers: Mapping[str, str] | None = None, body: bytes = ERROR_PAGE) -> Fault:
    """Respond with this status, these headers (``Retry-After``, ``cf-mitigated`` …) and an HTML body."""
    all_headers = (("Content-Type", "text/html"), *(headers or {}).items())
    refusal = HttpResponse(status=code, headers=all_headers, body=b"" if code in {204, 304} else body)
    return lambda _truth: _script(refusal)


def redirect_to(location: str, *, code: int = 302) -> Fault:
    """Redirect once; for a lasting redirect publish one (:meth:`WorldFeed.redirect`)."""
    return status(code, headers={"Location": location}, body=b"")


def with_headers(*headers: tuple[str, str]) -> Fault:
    """Put more headers before those of the honest response."""
    return lambda truth: _script(replace(truth.response, headers=headers + truth.response.headers))


def many_headers(count: int = 150) -> Fault:
    """Send more headers than http.client reads (100)."""
    return with_headers(*((f"X-Cache-Node-{number}", "miss") for number in range(count)))


def huge_header(size: int = 200_000) -> Fault:
    """Send one header line of ``size`` bytes."""
    return with_headers(("X-Padding", "x" * size))


def garbage_headers() -> Fault:
    """Send an invalid header block: a line without a colon, and control characters."""

    def fault(truth: Truth) -> Script:
        response = truth.full
        line, _, remainder = response.encoded().partition(b"\r\n")
        return Script(
            status=response.status, steps=(line + b"\r\nthis is no header\r\n\x00\x01: \x02\r\n" + remainder,)
        )

    return fault


def garbage_status_line() -> Fault:
    """Respond in another protocol than HTTP."""
    return lambda _truth: Script(status=0, steps=(b"SSH-2.0-OpenSSH_9.2p1\r\n", End.CLOSE))


def without_content_type() -> Fault:
    return lambda truth: _script(truth.full.replacing("Content-Type", None))


def content_type(value: str) -> Fault:
    """Send a wrong Content-Type, such as ``text/html`` for a feed, or a wrong charset."""
    return lambda truth: _script(truth.full.replacing("Content-Type", value))


def wrong_charset(label: str = "gb2312") -> Fault:
    return content_type(f"text/xml; charset={label}")


def early_hints(count: int = 1) -> Fault:
    """Send ``103 Early Hints`` ``count`` times before the response."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * count
    return lambda truth: Script(status=truth.response.status, steps=(hints + truth.response.encoded(),))


def empty() -> Fault:
    """Respond 200 with an empty body."""
    return lambda truth: _script(_plain(truth.plain, b""))


def html(page: bytes = ERROR_PAGE) -> Fault:
    """Respond 200 with a web page in place of the feed."""
    return lambda truth: _script(_plain(truth.plain, page, "text/html; charset=utf-8"))


def body(replacement: bytes, content_type: str | None = None) -> Fault:
    """Respond 200 with another body, for a document that a test shows once."""
    return lambda truth: _script(_plain(truth.plain, replacement, content_type))


def malformed() -> Fault:
    """Cut the feed in the middle of its XML, with a matching Content-Length."""
    return lambda truth: _script(_plain(truth.plain, truth.plain.body[: len(truth.plain.body) // 2] + b"<"))


def without_validators() -> Fault:
    return lambda truth: _script(truth.full.replacing("ETag", None).replacing("Last-Modified", None))


def etag(value: str) -> Fault:
    """Send this ETag with the honest response, whatever the body is."""
    return lambda truth: _script(truth.full.replacing("ETag", value))


def not_modified(*, headers: Mapping[str, str] | None = None) -> Fault:
    """Respond 304 although the feed changed, or with other validators than the request's."""
    return status(304, headers=headers)


def truncate(keep: float = 0.5) -> Fault:
    """Announce the whole body, send this share of it, close."""

    def fault(truth: Truth) -> Script:
        response = truth.full
        encoded = response.encoded()
        head = len(response.head())
        return Script(
            status=response.status, steps=(encoded[: head + int((len(encoded) - head) * keep)], End.CLOSE)
        )

    return fault


def truncate_chunked() -> Fault:
    """Omit the last chunk: all bytes of the body arrive, but the response is incomplete."""

    def fault(truth: Truth) -> Script:
        response = truth.full
        chunked = replace(response.replacing("Content-Length", None), chunked=True)
        return Script(status=response.status, steps=(chunked.head() + chunk(response.body), End.CLOSE))

    return fault


def trailers() -> Fault:
    """Send chunk extensions and trailers: legal, and rarely tested."""

    def fault(truth: Truth) -> Script:
        response = truth.full
        chunked = replace(response.replacing("Content-Length", None), chunked=True)
        framed = b"%x;name=value\r\n%s\r\n0\r\nX-Checksum: none\r\n\r\n" % (len(response.body), response.body)
        return Script(status=response.status, steps=(chunked.head() + framed,))

    return fault


def stall(seconds: float = 3600.0, *, after: int | None = None) -> Fault:
    """Pause for ``seconds``, before the status line or after ``after`` bytes of the body; then send the rest."""

    def fault(truth: Truth) -> Script:
        response = truth.response if after is None else truth.full
        encoded = response.encoded()
        if after is None:
            return Script(status=response.status, steps=(Pause(seconds), encoded))
        cut = len(response.head()) + after
        return Script(status=response.status, steps=(encoded[:cut], Pause(seconds), encoded[cut:]))

    return fault


def drip(*, size: int = 1, every: float = 1.0) -> Fault:
    """Send the head at once, then ``size`` bytes of the body every ``every`` seconds."""

    def fault(truth: Truth) -> Script:
        response = truth.full

        def steps() -> Iterator[Step]:
            yield response.head()
            payload = response.payload()
            for at in range(0, len(payload), size):
                yield Pause(every)
                yield payload[at : at + size]

        return Script(status=response.status, steps=steps())

    return fault


def reset(*, after: int | None = None) -> Fault:
    """Send a TCP RST, at once or after ``after`` bytes of the body."""

    def fault(truth: Truth) -> Script:
        if after is None:
            return Script(status=0, steps=(End.RESET,))
        response = truth.full
        cut = len(response.head()) + after
        # wait for the client to read: a RST discards bytes that it has not read yet
        return Script(status=response.status, steps=(response.encoded()[:cut], Pause(0.1), End.RESET))

    return fault


def close() -> Fault:
    """Close the connection properly without a response, as happens to idle keep-alive connections."""
    return lambda _truth: Script(status=0, steps=(End.CLOSE,))


def endless_body(piece: bytes = b"<item><title>more</title></item>\n" * 500) -> Fault:
    """Send a chunked feed without end, as fast as the client reads it."""

    def fault(truth: Truth) -> Script:
        head = replace(_plain(truth.plain, b""), chunked=True).head()
        return Script(status=200, steps=itertools.chain((head,), itertools.repeat(chunk(piece))))

    return fault


def endless_headers() -> Fault:
    """Send a header block without end."""

    def fault(_truth: Truth) -> Script:
        lines = (b"X-Line-%d: more\r\n" % number * 50 for number in itertools.count())
        return Script(status=200, steps=itertools.chain((b"HTTP/1.1 200 OK\r\n",), lines))

    return fault


def gzip_bomb(size: int = 512 * 1024**2, *, coding: str = "gzip") -> Fault:
    """Send a small compressed body (gzip, deflate, br, zstd) that decompresses to ``size`` bytes, a thousand times as
    many."""
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
    """Declare this Content-Encoding with an uncompressed body."""
    return lambda truth: _script(_plain(truth.plain, truth.plain.body).replacing("Content-Encoding", coding))


def truncated_gzip() -> Fault:
    """Send a gzip stream without its end, with a matching Content-Length."""

    def fault(truth: Truth) -> Script:
        packed = gzip.compress(truth.plain.body, mtime=0)
        return _script(_plain(truth.plain, packed[: len(packed) // 2]).replacing("Content-Encoding", "gzip"))

    return fault


def raw_deflate() -> Fault:
    """Send ``deflate`` without the zlib wrapper, as some servers implement it."""

    def fault(truth: Truth) -> Script:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(truth.plain.body) + packer.flush()
        return _script(_plain(truth.plain, packed).replacing("Content-Encoding", "deflate"))

    return fault


def hidden_gzip() -> Fault:
    """Send a gzip body without a Content-Encoding."""
    return lambda truth: _script(_plain(truth.plain, gzip.compress(truth.plain.body, mtime=0)))
