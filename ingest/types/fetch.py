"""Responses to our requests. Remote failure is a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A 2xx response to the poll of a feed: complete, decompressed, within every limit."""

    url: str
    """The final URL, after redirects."""
    status: int
    body: bytes
    content_type: str | None
    etag: str | None
    last_modified: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that a policy reads, under lower-case names (``cache-control``, ``age``, ``expires``, ``date``,
    ``content-language``, ``link``)."""
    moved_to: str | None = None
    """The final URL, where every redirect on the way was permanent (301, 308)."""
    violation: str | None = None
    """How responses of this host violate HTTP; they are read nevertheless. None: not as far as is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """A 304. Its validators, where present, replace the stored ones (RFC 9111 §4.3.4)."""

    url: str
    etag: str | None
    last_modified: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    moved_to: str | None = None
    """As in :class:`Fetched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """A 2xx response to the GET of a resource that is not a feed: complete and decompressed. The body may be empty."""

    url: str
    """The final URL, after redirects."""
    status: int
    body: bytes
    content_type: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """As in :class:`Fetched`, with ``etag``, ``last-modified``, ``link`` and ``x-robots-tag``."""
    moved_to: str | None = None
    """As in :class:`Fetched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostResponse:
    """A 2xx response to a POST."""

    url: str
    """The final URL, after redirects."""
    status: int
    body: bytes
    content_type: str | None


class FailureKind(StrEnum):
    """The reason why a request brought nothing usable."""

    ADDRESS = "address"  # a URL or resolved address that we may not or cannot connect to
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"  # the total deadline passed
    PROTOCOL = "protocol"  # reset, truncation, malformed HTTP
    TOO_LARGE = "too-large"
    ENCODING = "encoding"  # the content coding cannot be decoded
    REDIRECT = "redirect"  # a loop, or too many hops
    STATUS = "status"  # 4xx or 5xx
    CHALLENGED = "challenged"  # a page that only a browser with a person passes
    EMPTY = "empty"  # 200 without a body
    NOT_A_FEED = "not-a-feed"  # HTML or another type where a feed was expected
    UNPARSABLE = "unparsable"  # recognised as a feed, but no entries can be read
    PARSE_LIMIT = "parse-limit"  # the parser exceeded its time or memory and was killed
    ABANDONED = "abandoned"  # the poller died while it held the lease
    OUTAGE = "outage"  # our own network or resolver is down
    ROBOTS = "robots"  # an article's page that robots.txt disallows
    NOT_HTML = "not-html"  # an article's page of another type
    NO_BETTER = "no-better"  # an article's page without more text than the feed has


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A request that brought nothing usable, with the reason."""

    kind: FailureKind
    detail: str
    status: int | None = None
    retry_after: timedelta | None = None
    url: str | None = None
    """The final URL, after redirects, where a server responded."""
    unreachable: bool = False
    """No remote machine responded, so our own network may be down."""
    is_local: bool = False
    """The error arose on our side: no route, or a resolver that does not respond."""
    sample: bytes | None = None
    """The first bytes of an unusable body."""
    feed_links: tuple[str, ...] = ()
    """Addresses of feeds named by the page that came instead of a feed, the most likely first."""
    location: str | None = None
    """Target of a redirect that was not followed."""


FetchResult = Fetched | NotModified | Failed
