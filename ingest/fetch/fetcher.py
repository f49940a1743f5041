"""The three verbs of the fetcher; :mod:`ingest.fetch` draws them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import httpx

from ingest.content_encoding import ACCEPT_ENCODING
from ingest.fetch import response as reading
from ingest.fetch.failures import Stopped, WrongCoding, failure
from ingest.fetch.proxy_guard import refused_target
from ingest.fetch.redirects import Hop
from ingest.fetch.response import Received
from ingest.fetch.session import Resolver
from ingest.fetch.session_pool import PLAIN, Channel, Channels, TransportKey
from ingest.types import (
    DEFAULT_REQUEST,
    Failed,
    FailureKind,
    Fetched,
    FetchResult,
    Lease,
    NotModified,
    PostResponse,
    RequestOptions,
    WebPage,
)

ACCEPT: Final = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PERMANENT: Final = frozenset({301, 308})
SAME_METHOD: Final = frozenset({307, 308})
"""Redirects that let a POST stay one, its body with it (RFC 9110 §15.4)."""
ANSWER_BYTES: Final = 64 * 1024
"""Of what a hub says to a form: a sentence."""
_Read = TypeVar("_Read", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one fetch."""

    deadline: timedelta = timedelta(seconds=60)
    """In all: every hop, retry and the body."""
    max_bytes: int = 16 * 1024**2
    """Of a body, as received and after decompression."""
    max_redirects: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request before its first hop."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    options: RequestOptions = DEFAULT_REQUEST
    content: bytes = b""
    redirects: frozenset[int] = REDIRECTS
    codings: bool = True
    """Ask for a compressed body, and once more without where it cannot be undone."""


@dataclass(slots=True, kw_only=True)
class _Way:
    """How a request went so far."""

    answered: list[str] = field(default_factory=list)
    """The address of every answer."""
    redirects: int = 0
    permanent: bool = True

    @property
    def moved_to(self) -> str | None:
        return self.answered[-1] if self.redirects and self.permanent else None


class _Reader(Protocol[_Read]):
    """Makes of the last answer of a request what its verb returns."""

    async def __call__(self, response: Received, way: _Way, /, *, last_try: bool) -> _Read | Failed: ...


class Fetcher:
    """Asks servers on the running event loop; as many at once as its verbs are called.

    Args:
        user_agent: how we identify ourselves.
        allow_private_addresses: connect to loopback, private and link-local addresses too.
        connections: open at most, idle ones included; of each combination of proxy and exceptions from TLS.
        resolver: of names; None: the system's.

    No verb raises for anything a remote side does.
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
        self._resolver = resolver
        self._user_agent = user_agent
        self._channels = Channels(
            connections=connections, allow_private=allow_private_addresses, resolver=resolver
        )

    async def __aenter__(self) -> Self:
        self._channels.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channels.close()

    async def fetch(self, lease: Lease, *, now: datetime) -> FetchResult:
        """One conditional GET of a feed, asked as its operator wants it. ``now``: what a date in the answer is measured
        from."""
        headers = self._headers(ACCEPT, lease.request_options)
        validators = lease.memory.validators
        if validators.etag is not None:
            headers.append(("If-None-Match", validators.etag))
        if validators.last_modified is not None:
            headers.append(("If-Modified-Since", validators.last_modified))
        asked = _Asked(method="GET", url=lease.url, headers=tuple(headers), options=lease.request_options)
        return await self._exchange(asked, partial(self._fetched, lease, now=now), limits=self._limits)

    async def get(
        self,
        url: str,
        *,
        accept: str,
        now: datetime,
        limits: Limits | None = None,
        options: RequestOptions = DEFAULT_REQUEST,
    ) -> WebPage | Failed:
        """One unconditional GET of anything that is no feed: a page, a robots.txt. Every answer but a whole 2xx is a
        failure with its status; an empty body is none.

        Args:
            accept: the media types that would do, as the header ``Accept`` spells them.
            now: what a date in the answer is measured from.
            limits: others than the fetcher's own.
            options: as an operator wants a feed asked that this belongs to; its secrets go to the host of ``url``.
        """
        limits = limits or self._limits
        headers = tuple(self._headers(accept, options))
        asked = _Asked(method="GET", url=url, headers=headers, options=options)
        return await self._exchange(asked, partial(self._page, limits=limits, now=now), limits=limits)

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str],
        now: datetime,
        limits: Limits | None = None,
        options: RequestOptions = DEFAULT_REQUEST,
    ) -> PostResponse | Failed:
        """One POST of a form, to a hub. A redirect is followed where it leaves the method as it is (307, 308) and does
        not go from https to http; any other answer but a 2xx is a failure with its status and a sample of what it says.

        Args:
            form: its fields, in order; they go in UTF-8.
            now: what a date in the answer is measured from.
            limits: others than the fetcher's own; without them the answer may have 64 KiB.
            options: as :meth:`get` takes them.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(form).encode("ascii")
        return await self.deliver(url, body=content, headers=headers, now=now, limits=limits, options=options)

    async def deliver(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        now: datetime,
        limits: Limits | None = None,
        options: RequestOptions = DEFAULT_REQUEST,
    ) -> PostResponse | Failed:
        """One POST of anything, to a webhook; else as :meth:`post`. ``headers`` go to every host on the way."""
        limits = limits or replace(self._limits, max_bytes=min(ANSWER_BYTES, self._limits.max_bytes))
        asked = _Asked(
            method="POST",
            url=url,
            headers=(*self._headers("*/*", options), *headers.items()),
            content=body,
            options=options,
            redirects=SAME_METHOD,
            codings=False,
        )
        return await self._exchange(asked, partial(self._answer, limits=limits, now=now), limits=limits)

    def _headers(self, accept: str, options: RequestOptions = DEFAULT_REQUEST) -> list[tuple[str, str]]:
        """Those that go to every host on the way."""
        return [("User-Agent", options.user_agent or self._user_agent), ("Accept", accept)]

    async def _exchange(self, asked: _Asked, read: _Reader[_Read], *, limits: Limits) -> _Read | Failed:
        """Ask, follow, and have the last answer read: all within the deadline, all that goes wrong as a value."""
        seconds = limits.deadline.total_seconds()
        way = _Way()
        follow = partial(self._follow, asked, read, limits=limits)
        try:
            async with asyncio.timeout(seconds):
                if not asked.codings:
                    return await follow(way, accept_encoding="identity", last_try=True)
                try:
                    return await follow(way, accept_encoding=ACCEPT_ENCODING, last_try=False)
                except WrongCoding:
                    way = _Way(answered=way.answered)
                    return await follow(way, accept_encoding="identity", last_try=True)
        except TimeoutError:
            detail = f"not done within {seconds:g} s"
            return Failed(kind=FailureKind.TIMEOUT, detail=detail, unreachable=not way.answered)
        except WrongCoding as error:
            return Failed(kind=FailureKind.ENCODING, detail=str(error))
        except Stopped as stopped:
            return stopped.failed
        except (aiohttp.ClientError, OSError) as error:
            failed = failure(error)
            return replace(failed, unreachable=False) if way.answered else failed
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return Failed(kind=FailureKind.ADDRESS, detail=f"not a URL: {error}"[:300])

    async def _follow(
        self,
        asked: _Asked,
        read: _Reader[_Read],
        way: _Way,
        *,
        limits: Limits,
        accept_encoding: str,
        last_try: bool,
    ) -> _Read | Failed:
        headers = [*asked.headers, ("Accept-Encoding", accept_encoding)]
        hop = origin = Hop(asked.url)
        visited: set[str] = set()
        while True:
            if hop.scheme not in {"http", "https"} or not hop.host:
                raise Stopped(
                    Failed(kind=FailureKind.ADDRESS, detail=f"{hop.spelled[:500]} is no http or https URL")
                )
            visited.add(hop.spelled)
            async with self._channels.through(_combination(hop, asked.options, origin=origin)) as channel:
                given = _headers_at(hop, headers, asked.options, origin=origin)
                async with await self._answer_of(channel, asked, hop, given) as response:
                    way.answered.append(hop.spelled)
                    status = response.status
                    if status not in asked.redirects or "location" not in response.headers:
                        return await read(response, way, last_try=last_try)
                    way.redirects += 1
                    way.permanent = way.permanent and status in PERMANENT
                    left, hop = hop, Hop(_next_hop(hop.url, response.headers["location"]))
            if hop.spelled in visited:
                raise Stopped(
                    Failed(kind=FailureKind.REDIRECT, detail=f"a loop at {hop.spelled[:500]}", status=status)
                )
            if way.redirects > limits.max_redirects:
                detail = f"more than {limits.max_redirects} redirects"
                failed = Failed(kind=FailureKind.REDIRECT, detail=detail, status=status, location=hop.spelled)
                raise Stopped(failed)
            if asked.content and left.scheme == "https" and hop.scheme != "https":
                detail = f"from https to {hop.spelled[:500]}, where anybody could read what is sent"
                raise Stopped(Failed(kind=FailureKind.REDIRECT, detail=detail, status=status))

    async def _answer_of(
        self, channel: Channel, asked: _Asked, hop: Hop, headers: list[tuple[str, str]]
    ) -> Received:
        """The answer to one request.

        Raises:
            Stopped: a proxy may not be asked for its host.
        """
        if channel.proxy is not None and not self._allow_private:
            why = await refused_target(hop.host, resolver=self._resolver)
            if why is not None:
                raise Stopped(Failed(kind=FailureKind.ADDRESS, detail=why))
        response = await channel.session.request(
            asked.method,
            hop.spelled,
            headers=headers,
            data=asked.content or None,
            allow_redirects=False,
            proxy=channel.proxy,
            proxy_headers=channel.proxy_headers,
        )
        return Received(response, url=hop.spelled)

    async def _fetched(
        self, lease: Lease, response: Received, way: _Way, *, now: datetime, last_try: bool
    ) -> FetchResult:
        headers, status, url = response.headers, response.status, response.url
        if status == 304:
            if lease.memory.validators.etag is None and lease.memory.validators.last_modified is None:
                return Failed(kind=FailureKind.PROTOCOL, detail="304 to an unconditional request", status=304)
            etag, last_modified = reading.validators(response)
            return NotModified(
                url=url,
                etag=etag,
                last_modified=last_modified,
                headers=reading.kept_headers(headers),
                moved_to=way.moved_to,
            )
        limit = self._limits.max_bytes
        failed = await reading.refused(response, limit=limit, now=now)
        if failed is not None:
            return failed
        body = await reading.body(response, limit=limit, last_try=last_try)
        if not body:
            wait = reading.asked_to_wait(headers, now)
            return Failed(kind=FailureKind.EMPTY, detail="no bytes", status=status, retry_after=wait)
        etag, last_modified = reading.validators(response)
        return Fetched(
            url=url,
            status=status,
            body=body,
            content_type=headers.get("content-type"),
            etag=etag,
            last_modified=last_modified,
            headers=reading.kept_headers(headers),
            moved_to=way.moved_to,
        )

    async def _page(
        self, response: Received, way: _Way, *, limits: Limits, now: datetime, last_try: bool
    ) -> WebPage | Failed:
        failed = await reading.refused(response, limit=limits.max_bytes, now=now)
        if failed is not None:
            return failed
        return WebPage(
            url=response.url,
            status=response.status,
            body=await reading.body(response, limit=limits.max_bytes, last_try=last_try),
            content_type=response.headers.get("content-type"),
            headers=reading.kept_headers(response.headers, reading.PAGE_HEADERS),
            moved_to=way.moved_to,
        )

    async def _answer(
        self, response: Received, way: _Way, *, limits: Limits, now: datetime, last_try: bool
    ) -> PostResponse | Failed:
        failed = await reading.refused(response, limit=limits.max_bytes, now=now)
        if failed is not None:
            return failed
        return PostResponse(
            url=response.url,
            status=response.status,
            body=await reading.body(response, limit=limits.max_bytes, last_try=last_try),
            content_type=response.headers.get("content-type"),
        )


def _headers_at(
    hop: Hop, headers: list[tuple[str, str]], options: RequestOptions, *, origin: Hop
) -> list[tuple[str, str]]:
    """The headers of one hop: an operator's are for the server that they were given for, and replace our own."""
    if not options.headers or not _is_own(hop.url, origin.url):
        return headers
    own = {name.lower() for name, _ in options.headers}
    return [(name, value) for name, value in headers if name.lower() not in own] + list(options.headers)


def _is_own(url: httpx.URL, origin: httpx.URL) -> bool:
    """Whether ``url`` is at the server of ``origin``, or at its encrypted twin."""
    if (url.scheme, url.host, url.port) == (origin.scheme, origin.host, origin.port):
        return True
    twins = (origin.scheme, url.scheme) == ("http", "https") and origin.port is url.port is None
    return twins and url.host == origin.host


def _combination(hop: Hop, options: RequestOptions, *, origin: Hop) -> TransportKey:
    """How one hop is gone: through the proxy all of them, with exceptions at the feed's own host alone."""
    if options == DEFAULT_REQUEST:
        return PLAIN
    if hop.host != origin.host:
        return TransportKey(proxy=options.proxy)
    return TransportKey(proxy=options.proxy, tls=options.tls, ca=options.ca)


def _next_hop(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. Credentials in the feed's URL go along only to where they belong."""
    target = url.join(location.strip().replace(" ", "%20"))
    same_origin = (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port)
    if url.userinfo and same_origin:
        target = target.copy_with(userinfo=url.userinfo)
    return target.copy_with(fragment=None)
