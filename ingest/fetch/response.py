"""HTTP responses: bodies within a size limit, and the meaning of status and headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Self

import aiohttp

from ingest.content_encoding import GZIP_MAGIC, Decoder, TooLarge, Undecodable, looks_plain
from ingest.fetch.failures import FetchAborted, UndecodableBody
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
"""Time limit for reading an error page; its status matters more than its text."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class HttpResponse:
    """The response to one request, with its body still unread; a context manager that releases the connection.

    ``headers`` are keyed by lower-case name. Repeated headers are joined with commas.
    """

    __slots__ = ("_response", "headers", "status", "url")

    def __init__(self, response: aiohttp.ClientResponse, *, url: str) -> None:
        self._response = response
        self.url = url
        self.status = response.status
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in response.raw_headers:
            name, value = _decode_header(raw_name).lower(), _decode_header(raw_value)
            previous = self.headers.get(name)
            self.headers[name] = value if previous is None else f"{previous}, {value}"

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
        """Reason phrase in ASCII; servers send it in any charset."""
        return (self._response.reason or "").encode("ascii", "replace").decode()

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as received, with its content coding.

        Raises:
            aiohttp.ClientError, OSError: the body ended early.
        """
        return self._response.content.iter_chunked(CHUNK_BYTES)


def _decode_header(raw: bytes) -> str:
    """Decode a header as UTF-8, which nearly all servers send, else as Latin-1 (RFC 9110 §5.5)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


async def unusable_response(response: HttpResponse, *, limit: int, now: datetime) -> Failed | None:
    """Return the failure that the status means: a challenge, not 2xx, or a partial body. None for a usable response."""
    headers, status, url = response.headers, response.status, response.url
    provider = challenge_provider(status, headers)
    if provider is not None:
        return Failed(
            kind=FailureKind.CHALLENGED,
            detail=f"{status}: a challenge by {provider}, which only a browser passes",
            status=status,
            url=url,
            sample=await read_sample(response, limit=limit),
        )
    if not 200 <= status < 300:
        return Failed(
            kind=FailureKind.STATUS,
            detail=f"{status} {response.reason}".strip()[:200],
            status=status,
            retry_after=retry_after_delay(headers, now),
            url=url,
            sample=await read_sample(response, limit=limit),
        )
    if status == 206:  # we sent no Range
        detail = "206: partial content without a range request"
        return Failed(kind=FailureKind.PROTOCOL, detail=detail, status=206)
    return None


async def read_body(response: HttpResponse, *, limit: int, last_try: bool) -> bytes:
    """Return the whole body, decoded; ``limit`` bounds its bytes, as received and after decompression.

    Raises:
        FetchAborted: the body is larger than ``limit``.
        UndecodableBody: the body is not in the coding that its header names.
        aiohttp.ClientError: the body ended early.
    """
    content_length = response.headers.get("content-length", "")
    if content_length.isdecimal() and int(content_length[:20]) > limit:
        raise _too_large(limit, response)
    coding = response.headers.get("content-encoding", "")
    raw: list[bytes] = []
    decoded: list[bytes] = []
    size = 0
    try:
        decoder = Decoder(coding, limit=limit)
        async for chunk in response.chunks():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, response)
            if last_try:
                raw.append(chunk)
            decoded.append(decoder.feed(chunk))
        if size:
            decoded.append(decoder.end())
        body = b"".join(decoded)
        # A .xml.gz file, with or without a content coding, or a server that omits the header.
        if body.startswith(GZIP_MAGIC):
            inner = Decoder("gzip", limit=limit)
            body = inner.feed(body) + inner.end()
    except TooLarge:
        raise _too_large(limit, response) from None
    except Undecodable as error:
        if not last_try:
            raise UndecodableBody(str(error)) from None
        # We requested no coding, and only the header names one.
        async for chunk in response.chunks():
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, response) from None
            raw.append(chunk)
        plain = b"".join(raw)
        if plain and not looks_plain(plain):
            raise UndecodableBody(str(error)) from None
        return plain
    return body


async def read_sample(response: HttpResponse, *, limit: int) -> bytes | None:
    """Return the beginning of an error page, as far as it arrives within ``SAMPLE_SECONDS``."""
    beginning = b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError, Undecodable, TooLarge):
        decoder = Decoder(response.headers.get("content-encoding", ""), limit=limit)
        async with asyncio.timeout(SAMPLE_SECONDS):
            async for chunk in response.chunks():
                beginning += decoder.feed(chunk)
                if len(beginning) >= SAMPLE_BYTES:
                    break
    return beginning[:SAMPLE_BYTES] or None


def _too_large(limit: int, response: HttpResponse) -> FetchAborted:
    detail = f"larger than {limit} bytes"
    return FetchAborted(Failed(kind=FailureKind.TOO_LARGE, detail=detail, status=response.status))


def validators(response: HttpResponse) -> tuple[str | None, str | None]:
    """Return ETag and Last-Modified, uninterpreted.

    A value that is not UTF-8 or has control characters is dropped: aiohttp could not send it back.
    """
    values: dict[bytes, str | None] = {b"etag": None, b"last-modified": None}
    for name, value in response.raw_headers:
        lowered = name.lower()
        if lowered in values:
            try:
                text = value.decode()
            except UnicodeDecodeError:
                text = ""
            values[lowered] = None if _CONTROL.search(text) else text or None
    return values[b"etag"], values[b"last-modified"]


def challenge_provider(status: int, headers: Mapping[str, str]) -> str | None:
    """Return the provider that sent a challenge instead of the document; None when the response is no challenge.

    Cloudflare marks a challenge with ``cf-mitigated``, AWS WAF with ``x-amzn-waf-action``: status 202 for its script,
    405 for its puzzle.
    """
    if headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return "Cloudflare"
    if status in {202, 405} and headers.get("x-amzn-waf-action", "").strip().lower() in {
        "challenge",
        "captcha",
    }:
        return "AWS WAF"
    return None


def select_headers(headers: Mapping[str, str], names: tuple[str, ...] = POLICY_HEADERS) -> Mapping[str, str]:
    """Return those headers of ``names`` that are present."""
    return {name: headers[name] for name in names if name in headers}


def retry_after_delay(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the delay that the header ``Retry-After`` requests."""
    return retry_after(headers.get("retry-after", ""), sent=headers.get("date", ""), now=now)
