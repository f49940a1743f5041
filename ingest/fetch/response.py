"""Reading an answer: its body within a cap, what its status and headers mean."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

import aiohttp

from ingest.content_encoding import GZIP_MAGIC, Decoder, TooLarge, Undecodable, looks_plain
from ingest.fetch.failures import Stopped, WrongCoding
from ingest.schedule.hints import retry_after
from ingest.types import Failed, FailureKind

POLICY_HEADERS: Final = (
    "age",
    "cache-control",
    "content-language",
    "date",
    "expires",
    "link",
    "retry-after",
)
PAGE_HEADERS: Final = (*POLICY_HEADERS, "etag", "last-modified", "x-robots-tag")
CHUNK_BYTES: Final = 16 * 1024
SAMPLE_BYTES: Final = 1000
SAMPLE_SECONDS: Final = 2.0
"""An error page gets this long; what it says matters less than its status."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Received:
    """The answer to one request, its body not read yet. A context manager that lets go of its connection.

    ``headers``: by name in lower case; one that comes more than once is one, its values parted by commas.
    """

    __slots__ = ("_response", "headers", "status", "url")

    def __init__(self, response: aiohttp.ClientResponse, *, url: str) -> None:
        self._response = response
        self.url = url
        self.status = response.status
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in response.raw_headers:
            name, value = _decoded(raw_name).lower(), _decoded(raw_value)
            before = self.headers.get(name)
            self.headers[name] = value if before is None else f"{before}, {value}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._response.release()
        await self._response.wait_for_close()

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        return self._response.raw_headers

    @property
    def reason(self) -> str:
        """Servers write it in any charset."""
        return (self._response.reason or "").encode("ascii", "replace").decode()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, not decoded.

        Raises:
            aiohttp.ClientError, OSError: it ended early.
        """
        return self._response.content.iter_chunked(CHUNK_BYTES)


def _decoded(raw: bytes) -> str:
    """What nearly all servers send, or what the rest did before there was UTF-8 (RFC 9110 §5.5)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def refused(response: Received, *, limit: int, now: datetime) -> Failed | None:
    """Why this answer is not what was asked for, as its status says: a challenge, no 2xx, or a part. None: it is."""
    headers, status, url = response.headers, response.status, response.url
    who = challenger(status, headers)
    if who is not None:
        return Failed(
            kind=FailureKind.CHALLENGED,
            detail=f"{status}: a challenge of {who}, which only a browser passes",
            status=status,
            url=url,
            sample=await sample(response, limit=limit),
        )
    if not 200 <= status < 300:
        return Failed(
            kind=FailureKind.STATUS,
            detail=f"{status} {response.reason}".strip()[:200],
            status=status,
            retry_after=asked_to_wait(headers, now),
            url=url,
            sample=await sample(response, limit=limit),
        )
    if status == 206:  # we sent no Range
        detail = "206: a part where the whole was asked for"
        return Failed(kind=FailureKind.PROTOCOL, detail=detail, status=206)
    return None


async def body(response: Received, *, limit: int, last_try: bool) -> bytes:
    """The whole body, decoded; ``limit``: its bytes at most, as received and after decompression.

    Raises:
        Stopped: it is past the cap.
        WrongCoding: its coding cannot be undone.
        aiohttp.ClientError: it ended early.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(limit, response)
    coding = response.headers.get("content-encoding", "")
    raw: list[bytes] = []
    read: list[bytes] = []
    size = 0
    try:
        decoder = Decoder(coding, limit=limit)
        async for chunk in response.chunks():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, response)
            if last_try:
                raw.append(chunk)
            read.append(decoder.feed(chunk))
        if size:
            decoder.end()
        found = b"".join(read)
        # A .xml.gz, in a coding or as it is; or a server that compresses and forgets to say so.
        if found.startswith(GZIP_MAGIC):
            inner = Decoder("gzip", limit=limit)
            found = inner.feed(found)
            inner.end()
    except TooLarge:
        raise _too_large(limit, response) from None
    except Undecodable as error:
        if not last_try:
            raise WrongCoding(str(error)) from None
        # We asked for no coding, and got none but in name.
        async for chunk in response.chunks():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, response) from None
            raw.append(chunk)
        plain = b"".join(raw)
        if plain and not looks_plain(plain):
            raise WrongCoding(str(error)) from None
        return plain
    return found


async def sample(response: Received, *, limit: int) -> bytes | None:
    """The beginning of an error page, as far as it can be had quickly."""
    found = b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError, Undecodable, TooLarge):
        decoder = Decoder(response.headers.get("content-encoding", ""), limit=limit)
        async with asyncio.timeout(SAMPLE_SECONDS):
            async for chunk in response.chunks():
                found += decoder.feed(chunk)
                if len(found) >= SAMPLE_BYTES:
                    break
    return found[:SAMPLE_BYTES] or None


def _too_large(limit: int, response: Received) -> Stopped:
    detail = f"larger than {limit} bytes"
    return Stopped(Failed(kind=FailureKind.TOO_LARGE, detail=detail, status=response.status))


def validators(response: Received) -> tuple[str | None, str | None]:
    """ETag and Last-Modified, opaque. One that is not in UTF-8 or has control characters in it counts as none: aiohttp
    could not send it back."""
    found: dict[bytes, str | None] = {b"etag": None, b"last-modified": None}
    for name, value in response.raw_headers:
        lowered = name.lower()
        if lowered in found:
            try:
                text = value.decode()
            except UnicodeDecodeError:
                text = ""
            found[lowered] = None if _CONTROL.search(text) else text or None
    return found[b"etag"], found[b"last-modified"]


def challenger(status: int, headers: Mapping[str, str]) -> str | None:
    """Who answers with a challenge instead of the feed, as they say themselves (Cloudflare: "cf-mitigated"; AWS WAF:
    "x-amzn-waf-action", with 202 for its script and 405 for its puzzle)."""
    if headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return "Cloudflare's"
    if status in {202, 405} and headers.get("x-amzn-waf-action", "").strip().lower() in {
        "challenge",
        "captcha",
    }:
        return "AWS's firewall"
    return None


def kept_headers(headers: Mapping[str, str], names: tuple[str, ...] = POLICY_HEADERS) -> Mapping[str, str]:
    """Those of ``names`` that are there."""
    return {name: headers[name] for name in names if name in headers}


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What ``Retry-After`` says."""
    return retry_after(headers.get("retry-after", ""), sent=headers.get("date", ""), now=now)
