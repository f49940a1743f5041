"""The fetcher's request verbs and the exchange they share; :mod:`ingest.fetch` has the diagram."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import httpx

from ingest.content_encoding import ACCEPT_ENCODING
from ingest.fetch.exchange import METHOD_PRESERVING, HopHistory, Limits, Request
from ingest.fetch.failures import FetchAborted, UndecodableBody, failed_from
from ingest.fetch.irregular import IrregularHosts, violation_of
from ingest.fetch.proxy_guard import target_refusal
from ingest.fetch.redirects import RequestUrl, hop_headers, hop_transport
from ingest.fetch.response import (
    PAGE_HEADERS,
    HttpResponse,
    read_body,
    retry_after_delay,
    select_headers,
    unusable_response,
    validators,
)
from ingest.fetch.session import Resolver
from ingest.fetch.session_pool import PooledSession, SessionPool
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
POST_RESPONSE_BYTES: Final = 64 * 1024
"""Default size limit of a response to a POST; hubs send one sentence."""
_Result = TypeVar("_Result", covariant=True)


class _ResponseReader(Protocol[_Result]):
    """Converts the final response into the result of the verb."""

    async def __call__(
        self, response: HttpResponse, history: HopHistory, /, *, last_try: bool
    ) -> _Result | Failed: ...


class Fetcher:
    """Sends requests on the running event loop; calls run concurrently.

    Args:
        user_agent: our identification, the header ``User-Agent``.
        allow_private_addresses: connect to loopback, private and link-local addresses too.
        connections: maximum of open connections, idle ones included, for each combination of proxy and TLS exceptions.
        resolver: resolves host names; None uses the system's resolver.

    A verb raises no exception for anything that a remote server does.
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
        self._irregular = IrregularHosts()
        self._sessions = SessionPool(
            connections=connections, allow_private=allow_private_addresses, resolver=resolver
        )

    async def __aenter__(self) -> Self:
        self._sessions.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sessions.close()

    async def fetch(self, lease: Lease, *, now: datetime) -> FetchResult:
        """Send one conditional GET for a feed, with its operator's request options.

        Dates in the response are relative to ``now``.
        """
        headers = self._headers(ACCEPT, lease.request_options)
        stored = lease.memory.validators
        if stored.etag is not None:
            headers.append(("If-None-Match", stored.etag))
        if stored.last_modified is not None:
            headers.append(("If-Modified-Since", stored.last_modified))
        request = Request(method="GET", url=lease.url, headers=tuple(headers), options=lease.request_options)
        result: FetchResult = await self._exchange(
            request, partial(self._read_feed, lease, now=now), limits=self._limits
        )
        if isinstance(result, Fetched) and RequestUrl(result.url).host in self._irregular:
            return replace(result, violation=self._irregular.violation(RequestUrl(result.url).host))
        return result

    async def get(
        self,
        url: str,
        *,
        accept: str,
        now: datetime,
        limits: Limits | None = None,
        options: RequestOptions = DEFAULT_REQUEST,
    ) -> WebPage | Failed:
        """Send one unconditional GET for a document that is not a feed: an article's page, a robots.txt.

        Every response but a complete 2xx is a failure with its status. An empty body is not a failure.

        Args:
            accept: the accepted media types, in the syntax of the header ``Accept``.
            now: dates in the response are relative to this time.
            limits: replace the fetcher's limits.
            options: request options of the feed that the document belongs to. Secrets go to the host of ``url`` alone.
        """
        limits = limits or self._limits
        headers = tuple(self._headers(accept, options))
        request = Request(method="GET", url=url, headers=headers, options=options)
        return await self._exchange(request, partial(self._read_page, limits=limits, now=now), limits=limits)

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str],
        now: datetime,
        limits: Limits | None = None,
        options: RequestOptions = DEFAULT_REQUEST,
    ) -> PostResponse | Failed:
        """Send one POST of a form, to a hub.

        A redirect is followed if it preserves the method (307, 308) and does not lead from https to http. Any other
        response but a 2xx is a failure with its status and a sample of its body.

        Args:
            form: the fields, in order; they are encoded in UTF-8.
            now: dates in the response are relative to this time.
            limits: replace the fetcher's limits; by default the response may have 64 KiB.
            options: request options, as for :meth:`get`.
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
        """Send one POST of any body, to a webhook; otherwise like :meth:`post`. Every hop receives ``headers``."""
        limits = limits or replace(self._limits, max_bytes=min(POST_RESPONSE_BYTES, self._limits.max_bytes))
        request = Request(
            method="POST",
            url=url,
            headers=(*self._headers("*/*", options), *headers.items()),
            content=body,
            options=options,
            redirects=METHOD_PRESERVING,
            accepts_codings=False,
        )
        return await self._exchange(
            request, partial(self._read_post_response, limits=limits, now=now), limits=limits
        )

    def _headers(self, accept: str, options: RequestOptions = DEFAULT_REQUEST) -> list[tuple[str, str]]:
        """Return the headers that every hop receives."""
        return [("User-Agent", options.user_agent or self._user_agent), ("Accept", accept)]

    async def _exchange(
        self, request: Request, read: _ResponseReader[_Result], *, limits: Limits
    ) -> _Result | Failed:
        """Send the request, follow redirects and read the final response within the deadline; failures are values."""
        seconds = limits.deadline.total_seconds()
        history = HopHistory()
        follow = partial(self._follow, request, read, limits=limits)
        try:
            async with asyncio.timeout(seconds):
                if not request.accepts_codings:
                    return await follow(history, accept_encoding="identity", last_try=True)
                try:
                    return await follow(history, accept_encoding=ACCEPT_ENCODING, last_try=False)
                except UndecodableBody:
                    history = HopHistory(response_urls=history.response_urls)
                    return await follow(history, accept_encoding="identity", last_try=True)
        except TimeoutError:
            detail = f"not completed within {seconds:g} s"
            return Failed(kind=FailureKind.TIMEOUT, detail=detail, unreachable=not history.response_urls)
        except UndecodableBody as error:
            return Failed(kind=FailureKind.ENCODING, detail=str(error))
        except FetchAborted as aborted:
            return aborted.failed
        except (aiohttp.ClientError, OSError) as error:
            failed = failed_from(error)
            return replace(failed, unreachable=False) if history.response_urls else failed
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            return Failed(kind=FailureKind.ADDRESS, detail=f"not a URL: {error}"[:300])

    async def _follow(
        self,
        request: Request,
        read: _ResponseReader[_Result],
        history: HopHistory,
        *,
        limits: Limits,
        accept_encoding: str,
        last_try: bool,
    ) -> _Result | Failed:
        headers = [*request.headers, ("Accept-Encoding", accept_encoding)]
        hop = origin = RequestUrl(request.url)
        visited: set[str] = set()
        violation: str | None = None
        """Why the response of this hop is requested again, through a repairing session."""
        while True:
            if hop.scheme not in {"http", "https"} or not hop.host:
                raise FetchAborted(
                    Failed(kind=FailureKind.ADDRESS, detail=f"{hop.text[:500]} is not an http or https URL")
                )
            visited.add(hop.text)
            transport = hop_transport(hop, request.options, origin=origin)
            if transport.proxy is None and (violation is not None or hop.host in self._irregular):
                transport = replace(transport, repairs=True)
            try:
                async with self._sessions.session_for(transport) as pooled:
                    own_headers = hop_headers(hop, headers, request.options, origin=origin)
                    async with await self._send(pooled, request, hop, own_headers) as response:
                        history.response_urls.append(hop.text)
                        if response.status not in request.redirects or "location" not in response.headers:
                            result = await read(response, history, last_try=last_try)
                            self._irregular.add(hop.host, violation)
                            return result
                        self._irregular.add(hop.host, violation)
                        violation = None
                        previous, hop = hop, history.follow(response, hop)
            except aiohttp.ClientError as error:
                violation = violation_of(error)
                # A POST is not repeated: its hub or webhook may have received it.
                if violation is None or transport.repairs or transport.proxy or request.method != "GET":
                    raise
                continue
            self._check_redirect(request, history, previous=previous, hop=hop, visited=visited, limits=limits)

    @staticmethod
    def _check_redirect(
        request: Request,
        history: HopHistory,
        *,
        previous: RequestUrl,
        hop: RequestUrl,
        visited: Collection[str],
        limits: Limits,
    ) -> None:
        """Check that the redirect from ``previous`` to ``hop`` may be followed.

        Raises:
            FetchAborted: a loop, too many redirects, or a body that would be sent unencrypted.
        """
        status = history.status
        if hop.text in visited:
            detail = f"a redirect loop at {hop.text[:500]}"
            raise FetchAborted(Failed(kind=FailureKind.REDIRECT, detail=detail, status=status))
        if history.redirects > limits.max_redirects:
            detail = f"more than {limits.max_redirects} redirects"
            failed = Failed(kind=FailureKind.REDIRECT, detail=detail, status=status, location=hop.text)
            raise FetchAborted(failed)
        if request.content and previous.scheme == "https" and hop.scheme != "https":
            detail = f"from https to {hop.text[:500]}, which would send the body unencrypted"
            raise FetchAborted(Failed(kind=FailureKind.REDIRECT, detail=detail, status=status))

    async def _send(
        self, pooled: PooledSession, request: Request, hop: RequestUrl, headers: Sequence[tuple[str, str]]
    ) -> HttpResponse:
        """Send one request.

        Raises:
            FetchAborted: the proxy may not be asked for this host.
        """
        if pooled.proxy is not None and not self._allow_private:
            refusal = await target_refusal(hop.host, resolver=self._resolver)
            if refusal is not None:
                raise FetchAborted(Failed(kind=FailureKind.ADDRESS, detail=refusal))
        response = await pooled.session.request(
            request.method,
            hop.text,
            headers=headers,
            data=request.content or None,
            allow_redirects=False,
            proxy=pooled.proxy,
            proxy_headers=pooled.proxy_headers,
        )
        return HttpResponse(response, url=hop.text)

    async def _read_feed(
        self, lease: Lease, response: HttpResponse, history: HopHistory, *, now: datetime, last_try: bool
    ) -> FetchResult:
        headers, status, url = response.headers, response.status, response.url
        if status == 304:
            if lease.memory.validators.etag is None and lease.memory.validators.last_modified is None:
                return Failed(kind=FailureKind.PROTOCOL, detail="304 to an unconditional request", status=304)
            etag, last_modified = validators(response)
            return NotModified(
                url=url,
                etag=etag,
                last_modified=last_modified,
                headers=select_headers(headers),
                moved_to=history.moved_to,
            )
        limit = self._limits.max_bytes
        failed = await unusable_response(response, limit=limit, now=now)
        if failed is not None:
            return failed
        body = await read_body(response, limit=limit, last_try=last_try)
        if not body:
            delay = retry_after_delay(headers, now)
            return Failed(kind=FailureKind.EMPTY, detail="no bytes", status=status, retry_after=delay)
        etag, last_modified = validators(response)
        return Fetched(
            url=url,
            status=status,
            body=body,
            content_type=headers.get("content-type"),
            etag=etag,
            last_modified=last_modified,
            headers=select_headers(headers),
            moved_to=history.moved_to,
        )

    async def _read_page(
        self, response: HttpResponse, history: HopHistory, *, limits: Limits, now: datetime, last_try: bool
    ) -> WebPage | Failed:
        failed = await unusable_response(response, limit=limits.max_bytes, now=now)
        if failed is not None:
            return failed
        return WebPage(
            url=response.url,
            status=response.status,
            body=await read_body(response, limit=limits.max_bytes, last_try=last_try),
            content_type=response.headers.get("content-type"),
            headers=select_headers(response.headers, PAGE_HEADERS),
            moved_to=history.moved_to,
        )

    async def _read_post_response(
        self, response: HttpResponse, history: HopHistory, *, limits: Limits, now: datetime, last_try: bool
    ) -> PostResponse | Failed:
        failed = await unusable_response(response, limit=limits.max_bytes, now=now)
        if failed is not None:
            return failed
        return PostResponse(
            url=response.url,
            status=response.status,
            body=await read_body(response, limit=limits.max_bytes, last_try=last_try),
            content_type=response.headers.get("content-type"),
        )
