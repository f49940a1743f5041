"""The URL, the headers and the transport of each hop of a request.

Most URLs are already spelled as they are sent; :class:`RequestUrl` parses only the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import httpx

from ingest.fetch.session_pool import DIRECT, TransportKey
from ingest.types import DEFAULT_REQUEST, RequestOptions

# URLs that httpx.URL leaves unchanged: lower case, nothing to encode, no default port, no dot segments.
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_NORMALIZED: Final = re.compile(
    rf"""(https?)://
    ((?![\d.]+[:/])(?!xn--)[a-z0-9-]+(?:\.[a-z0-9-]+)* | {_OCTET}(?:\.{_OCTET}){{3}})
    (?: : (?!80/|443/) [1-9]\d{{0,3}} | : [1-5]\d{{4}} )?
    (?: / (?!\.) [A-Za-z0-9_~.,;=@!$&*+-]* )+
    (?: \? [A-Za-z0-9_~.,;=@!$&*+/?-]+ )?""",
    re.VERBOSE,
)
_MAX_CHARACTERS: Final = 2000


class RequestUrl:
    """The URL of one hop, parsed only when its parts are needed.

    Raises:
        httpx.InvalidURL, UnicodeError, ValueError: the text is not a URL.
    """

    __slots__ = ("_parsed", "host", "scheme", "text")

    def __init__(self, url: str | httpx.URL) -> None:
        self._parsed: httpx.URL | None = None
        normalized = (
            _NORMALIZED.fullmatch(url) if isinstance(url, str) and len(url) <= _MAX_CHARACTERS else None
        )
        if normalized is not None:
            self.text = normalized[0]
            self.scheme, self.host = normalized[1], normalized[2]
            return
        self._parsed = url if isinstance(url, httpx.URL) else httpx.URL(url)
        self.text = str(self._parsed)
        self.scheme, self.host = self._parsed.scheme, self._parsed.host

    @property
    def parsed(self) -> httpx.URL:
        if self._parsed is None:
            self._parsed = httpx.URL(self.text)
        return self._parsed


def redirect_target(url: httpx.URL, location: str) -> httpx.URL:
    """Resolve the header ``Location``. Credentials in ``url`` are kept only for the same origin."""
    target = url.join(location.strip().replace(" ", "%20"))
    same_origin = (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port)
    if url.userinfo and same_origin:
        target = target.copy_with(userinfo=url.userinfo)
    return target.copy_with(fragment=None)


def hop_headers(
    hop: RequestUrl, headers: list[tuple[str, str]], options: RequestOptions, *, origin: RequestUrl
) -> Sequence[tuple[str, str]]:
    """Return the headers of one hop.

    An operator's headers go only to the server they were configured for, where they replace ours.
    """
    if not options.headers or not _is_same_server(hop.parsed, origin.parsed):
        return headers
    configured = {name.lower() for name, _ in options.headers}
    return [(name, value) for name, value in headers if name.lower() not in configured] + list(
        options.headers
    )


def hop_transport(hop: RequestUrl, options: RequestOptions, *, origin: RequestUrl) -> TransportKey:
    """Return the transport of one hop: the proxy for every host, TLS exceptions for the feed's own host alone."""
    if options == DEFAULT_REQUEST:
        return DIRECT
    if hop.host != origin.host:
        return TransportKey(proxy=options.proxy)
    return TransportKey(proxy=options.proxy, tls=options.tls, ca=options.ca)


def _is_same_server(url: httpx.URL, origin: httpx.URL) -> bool:
    """Whether ``url`` is at the server of ``origin``, or at its https counterpart."""
    if (url.scheme, url.host, url.port) == (origin.scheme, origin.host, origin.port):
        return True
    upgraded = (origin.scheme, url.scheme) == ("http", "https") and origin.port is url.port is None
    return upgraded and url.host == origin.host
