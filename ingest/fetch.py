"""Fetching one feed over HTTP: a lease in; what the server said, or why nothing came of it, out.

::

    Lease ─▶ hop ─▶ status ─┬─ 2xx ─▶ body: undo codings, never past the cap ─▶ Fetched
              ▲             ├─ 304 ─▶ NotModified
              └── Location ─┤  3xx
                            └─ else, or anything that goes wrong on the way ──▶ Failed

The httpx API over the aiohttp transport, driven a level below ``httpx.AsyncClient``: that keeps cookies,
follows redirects and logs, none of which we want. One deadline covers all hops and the body. Every socket
passes :func:`refusal` with the address it is about to connect to, so a name that resolves to another address
the second time, a redirect or an address in a disguise gets no further than the first.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Final, Self, TypeAlias, cast

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from ingest.codings import ACCEPT_ENCODING, GZIP_MAGIC, Decoder, TooLarge, Undecodable, looks_plain
from ingest.schedule.hints import retry_after
from ingest.types import Failed, FailureKind, Fetched, FetchResult, Lease, NotModified

Resolver: TypeAlias = AbstractResolver
"""Finds the addresses of a name."""

ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
POLICY_HEADERS: Final = ("age", "cache-control", "content-language", "date", "expires", "retry-after")
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PERMANENT: Final = frozenset({301, 308})
SAMPLE_BYTES: Final = 1000
SAMPLE_SECONDS: Final = 2.0
"""An error page gets this long; what it says matters less than its status."""
# lexpress.fr sends more than 100 headers; aiohttp's own bound is 128, of 8 kB each.
MAX_HEADERS: Final = 1000
MAX_HEADER_BYTES: Final = 64 * 1024
KEEP_ALIVE_SECONDS: Final = 15
DNS_CACHE_SECONDS: Final = 60
"""The address guard stands at the socket, so a cached name is no less safe."""

_ALLOW: Final = "INGEST_ALLOW_PRIVATE_ADDRESSES=true"
"""Named in the failure of a poll, which is where somebody with a feed of their own network meets the guard."""
# NAT64 (RFC 6052): carries an IPv4 address, as mapped, 6to4 and Teredo ones do, which ipaddress knows itself.
_NAT64: Final = IPv6Network("64:ff9b::/96")


def refusal(address: str) -> str | None:
    """Why a public service may not connect to ``address`` (an IP literal); None where it may."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is not an IP address"
    while isinstance(found, IPv6Address) and (inner := _carried(found)) is not None:
        found = inner
    # Site-local addresses are gone from the standards (RFC 3879), and some networks route them still.
    site_local = isinstance(found, IPv6Address) and found.is_site_local
    if not found.is_global or found.is_multicast or found.is_reserved or site_local:
        return f"{address} is not a public address; {_ALLOW} has pollers connect to such too"
    return None


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


_REFUSED: Final = "refused by the address guard: "
"""Raised as an ``OSError`` where the socket would be made: only the text survives happy eyeballs."""


def _guarded_socket(
    address: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]],
) -> socket.socket:
    family, kind, protocol, _, sockaddr = address
    why = refusal(sockaddr[0])
    if why is not None:
        raise OSError(errno.EACCES, _REFUSED + why)
    return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one fetch."""

    deadline: timedelta = timedelta(seconds=60)
    """In all: every hop, retry and the body."""
    max_bytes: int = 16 * 1024**2
    """Of a body, as received and after decompression."""
    max_redirects: int = 10


class _Response(aiohttp.ClientResponse):
    """One whose reason phrase can be encoded again, which the transport does; servers write it in any charset."""

    async def start(self, connection: Connection) -> Self:
        await super().start(connection)
        if self.reason and not self.reason.isascii():
            self.reason = self.reason.encode("ascii", "replace").decode()
        return self


class _Stopped(Exception):
    def __init__(self, failed: Failed) -> None:
        self.failed = failed


class _WrongCoding(Exception):
    """The body is not in the coding its header names; asking for none may help."""


class Fetcher:
    """Fetches feeds on the running event loop; as many at once as :meth:`fetch` is called.

    Args:
        user_agent: how we identify ourselves.
        allow_private_addresses: connect to loopback, private and link-local addresses too.
        connections: open connections at most, idle ones included.
        resolver: of names; None: the system's.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        limits: Limits | None = None,
        allow_private_addresses: bool = False,
        connections: int = 200,
        resolver: Resolver | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._allow_private = allow_private_addresses
        self._connections = connections
        self._resolver = resolver
        self._headers = [(b"User-Agent", user_agent.encode()), (b"Accept", ACCEPT.encode())]
        self._transport: AiohttpTransport | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context()
        connector = aiohttp.TCPConnector(
            ssl=context,
            limit=self._connections,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            resolver=self._resolver,
            socket_factory=None if self._allow_private else _guarded_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            response_class=_Response,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        self._transport = AiohttpTransport(verify=context, client=self._session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = self._transport = None

    async def fetch(self, lease: Lease, *, now: datetime) -> FetchResult:
        """One conditional GET, redirects included. ``now``: what a date in the answer is measured from.

        Never raises for anything a remote side does.
        """
        seconds = self._limits.deadline.total_seconds()
        answered: list[str] = []
        follow = partial(self._follow, lease, now=now, answered=answered)
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await follow(accept_encoding=ACCEPT_ENCODING)
                except _WrongCoding:
                    return await follow(accept_encoding="identity", last_try=True)
        except TimeoutError:
            detail = f"not done within {seconds:g} s"
            return Failed(kind=FailureKind.TIMEOUT, detail=detail, unreachable=not answered)
        except _WrongCoding as error:
            return Failed(kind=FailureKind.ENCODING, detail=str(error))
        except _Stopped as stopped:
            return stopped.failed
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return Failed(kind=FailureKind.ADDRESS, detail=f"not a URL: {error}"[:300])
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            failed = _failure(error)
            return replace(failed, unreachable=False) if answered else failed

    async def _follow(
        self,
        lease: Lease,
        *,
        now: datetime,
        answered: list[str],
        accept_encoding: str,
        last_try: bool = False,
    ) -> FetchResult:
        """``answered`` gets the address of every answer."""
        headers = [*self._headers, (b"Accept-Encoding", accept_encoding.encode())]
        if lease.etag is not None:
            headers.append((b"If-None-Match", lease.etag.encode()))
        if lease.last_modified is not None:
            headers.append((b"If-Modified-Since", lease.last_modified.encode()))
        url = httpx.URL(lease.url)
        visited = {str(url)}
        permanent = True
        while True:
            if url.scheme not in {"http", "https"} or not url.host:
                raise _Stopped(
                    Failed(kind=FailureKind.ADDRESS, detail=f"{str(url)[:500]} is no http or https URL")
                )
            response = await self._send(url, headers)
            answered.append(str(url))
            try:
                status = response.status_code
                if status not in REDIRECTS or "location" not in response.headers:
                    result = await self._read(response, lease, now=now, last_try=last_try)
                    if isinstance(result, Failed) or len(visited) == 1 or not permanent:
                        return result
                    return replace(result, moved_to=str(url))
                permanent = permanent and status in PERMANENT
                url = _next_hop(url, response.headers["location"])
            finally:
                await _stream(response).aclose()
            if str(url) in visited:
                raise _Stopped(
                    Failed(kind=FailureKind.REDIRECT, detail=f"a loop at {str(url)[:500]}", status=status)
                )
            visited.add(str(url))
            if len(visited) > self._limits.max_redirects + 1:
                detail = f"more than {self._limits.max_redirects} redirects"
                raise _Stopped(Failed(kind=FailureKind.REDIRECT, detail=detail, status=status))

    async def _send(self, url: httpx.URL, headers: list[tuple[bytes, bytes]]) -> httpx.Response:
        if self._transport is None:
            raise RuntimeError("a fetcher works only inside its with block")
        return await self._transport.handle_async_request(httpx.Request("GET", url, headers=headers))

    async def _read(
        self, response: httpx.Response, lease: Lease, *, now: datetime, last_try: bool
    ) -> FetchResult:
        headers, status, url = response.headers, response.status_code, str(response.request.url)
        if status == 304:
            if lease.etag is None and lease.last_modified is None:
                return Failed(kind=FailureKind.PROTOCOL, detail="304 to an unconditional request", status=304)
            etag, last_modified = _validators(headers)
            return NotModified(
                url=url, etag=etag, last_modified=last_modified, headers=_policy_headers(headers)
            )
        challenger = _challenger(status, headers)
        if challenger is not None:
            return Failed(
                kind=FailureKind.CHALLENGED,
                detail=f"{status}: a challenge of {challenger}, which only a browser passes",
                status=status,
                url=url,
                sample=await self._sample(response),
            )
        if not 200 <= status < 300:
            return Failed(
                kind=FailureKind.STATUS,
                detail=f"{status} {response.reason_phrase}".strip()[:200],
                status=status,
                retry_after=_retry_after(headers, now),
                url=url,
                sample=await self._sample(response),
            )
        if status == 206:  # we sent no Range
            return Failed(
                kind=FailureKind.PROTOCOL, detail="206: a part where the whole was asked for", status=206
            )
        body = await self._body(response, last_try=last_try)
        if not body:
            return Failed(
                kind=FailureKind.EMPTY,
                detail="no bytes",
                status=status,
                retry_after=_retry_after(headers, now),
            )
        etag, last_modified = _validators(headers)
        return Fetched(
            url=url,
            status=status,
            body=body,
            content_type=headers.get("content-type"),
            etag=etag,
            last_modified=last_modified,
            headers=_policy_headers(headers),
        )

    async def _body(self, response: httpx.Response, *, last_try: bool) -> bytes:
        """The whole body, decoded.

        Raises:
            _Stopped: it is past the cap.
            _WrongCoding: its coding cannot be undone.
            httpx.HTTPError: it ended early.
        """
        limit = self._limits.max_bytes
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise _too_large(limit, response)
        coding = response.headers.get("content-encoding", "")
        decoder: Decoder | None = None
        raw: list[bytes] = []
        body: list[bytes] = []
        size = 0
        try:
            async for chunk in _stream(response):
                if decoder is None:
                    # some servers compress and forget to say so
                    hidden = not coding and chunk.startswith(GZIP_MAGIC)
                    decoder = Decoder("gzip" if hidden else coding, limit=limit)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit, response)
                if last_try:
                    raw.append(chunk)
                body.append(decoder.feed(chunk))
            if decoder is not None:
                decoder.end()
        except TooLarge:
            raise _too_large(limit, response) from None
        except Undecodable as error:
            if not last_try:
                raise _WrongCoding(str(error)) from None
            # We asked for no coding, and got none but in name.
            async for chunk in _stream(response):
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit, response) from None
                raw.append(chunk)
            plain = b"".join(raw)
            if not looks_plain(plain):
                raise _WrongCoding(str(error)) from None
            return plain
        return b"".join(body)

    async def _sample(self, response: httpx.Response) -> bytes | None:
        """The beginning of an error page, as far as it can be had quickly."""
        sample = b""
        with suppress(TimeoutError, httpx.HTTPError, aiohttp.ClientError, OSError, Undecodable, TooLarge):
            decoder = Decoder(response.headers.get("content-encoding", ""), limit=self._limits.max_bytes)
            async with asyncio.timeout(SAMPLE_SECONDS):
                async for chunk in _stream(response):
                    sample += decoder.feed(chunk)
                    if len(sample) >= SAMPLE_BYTES:
                        break
        return sample[:SAMPLE_BYTES] or None


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    return cast("httpx.AsyncByteStream", response.stream)


def _too_large(limit: int, response: httpx.Response) -> _Stopped:
    detail = f"larger than {limit} bytes"
    return _Stopped(Failed(kind=FailureKind.TOO_LARGE, detail=detail, status=response.status_code))


def _next_hop(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. Credentials in the feed's URL go along only to where they belong."""
    target = url.join(location.strip().replace(" ", "%20"))
    same_origin = (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port)
    if url.userinfo and same_origin:
        target = target.copy_with(userinfo=url.userinfo)
    return target.copy_with(fragment=None)


def _validators(headers: httpx.Headers) -> tuple[str | None, str | None]:
    """ETag and Last-Modified, opaque. One that is not in UTF-8 or has control characters in it counts as none: aiohttp
    could not send it back."""
    found: dict[bytes, str | None] = {b"etag": None, b"last-modified": None}
    for name, value in headers.raw:
        lowered = name.lower()
        if lowered in found:
            try:
                text = value.decode()
            except UnicodeDecodeError:
                text = ""
            found[lowered] = None if _CONTROL.search(text) else text or None
    return found[b"etag"], found[b"last-modified"]


def _challenger(status: int, headers: httpx.Headers) -> str | None:
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


def _policy_headers(headers: httpx.Headers) -> Mapping[str, str]:
    return {name: headers[name] for name in POLICY_HEADERS if name in headers}


def _retry_after(headers: httpx.Headers, now: datetime) -> timedelta | None:
    return retry_after(headers.get("retry-after", ""), sent=headers.get("date", ""), now=now)


_ANSWERS: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_OUR_SIDE: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_KINDS: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (aiohttp.ClientConnectorDNSError, FailureKind.DNS),
    (aiohttp.ClientSSLError, FailureKind.TLS),
    (ssl.SSLError, FailureKind.TLS),
    (aiohttp.ClientConnectorError, FailureKind.CONNECT),
    (aiohttp.InvalidURL, FailureKind.ADDRESS),
    (aiohttp.NonHttpUrlClientError, FailureKind.ADDRESS),
    (httpx.UnsupportedProtocol, FailureKind.ADDRESS),
)


def _failure(error: BaseException) -> Failed:
    """What an exception of the two libraries means. The transport keeps aiohttp's own as the cause."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) and error.__cause__ is not None else error
    said = str(cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else cause)
    if _REFUSED in said:
        return Failed(kind=FailureKind.ADDRESS, detail=said.partition(_REFUSED)[2][:300].rstrip("'"))
    kind = next((kind for known, kind in _KINDS if isinstance(cause, known)), FailureKind.PROTOCOL)
    number = cause.os_error.errno if isinstance(cause, aiohttp.ClientConnectorError) else None
    named = kind is FailureKind.DNS
    return Failed(
        kind=kind,
        detail=f"{type(cause).__name__}: {said}"[:300],
        # A refusal comes from somebody; silence, or no way there, from nobody.
        unreachable=named or (kind is FailureKind.CONNECT and number not in _ANSWERS),
        local=number == socket.EAI_AGAIN if named else number in _OUR_SIDE,
    )
