"""One exchange of the fetcher: the request, its limits, and its hops so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ingest.fetch.redirects import RequestUrl, redirect_target
from ingest.fetch.response import HttpResponse
from ingest.types import DEFAULT_REQUEST, RequestOptions

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PERMANENT: Final = frozenset({301, 308})
METHOD_PRESERVING: Final = frozenset({307, 308})
"""Redirects after which a POST stays a POST with its body (RFC 9110 §15.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one exchange."""

    deadline: timedelta = timedelta(seconds=60)
    """Covers every hop, the retry and the body."""
    max_bytes: int = 16 * 1024**2
    """Maximum body size, as received and after decompression."""
    max_redirects: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, before its first hop."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    options: RequestOptions = DEFAULT_REQUEST
    content: bytes = b""
    redirects: frozenset[int] = REDIRECTS
    accepts_codings: bool = True
    """Request a compressed body, and repeat the request without compression if decoding fails."""


@dataclass(slots=True, kw_only=True)
class HopHistory:
    """The hops of a request so far."""

    response_urls: list[str] = field(default_factory=list)
    """URL of every response."""
    redirects: int = 0
    all_permanent: bool = True

    status: int | None = None
    """Status of the last redirect."""

    def follow(self, response: HttpResponse, hop: RequestUrl) -> RequestUrl:
        """Add the redirect that ``response`` is, and return the next hop."""
        self.status = response.status
        self.redirects += 1
        self.all_permanent = self.all_permanent and response.status in PERMANENT
        return RequestUrl(redirect_target(hop.parsed, response.headers["location"]))

    @property
    def moved_to(self) -> str | None:
        return self.response_urls[-1] if self.redirects and self.all_permanent else None
