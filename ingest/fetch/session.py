"""HTTP sessions: every guard of a socket and of a header block is configured here."""

from __future__ import annotations

import ssl
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver

from ingest.fetch.addresses import guarded_socket
from ingest.fetch.irregular import repair_responses

Resolver: TypeAlias = AbstractResolver
"""Resolves a host name to addresses."""

# lexpress.fr sends more than 100 headers; aiohttp's default limit is 128, of 8 kB each. No limit covers the whole
# block, so one response may hold the product in memory: 16 MB, as much as a body (``Limits.max_bytes``).
MAX_HEADERS: Final = 500
MAX_HEADER_BYTES: Final = 32 * 1024
KEEP_ALIVE_SECONDS: Final = 15
DNS_CACHE_SECONDS: Final = 60
"""The address guard checks at the socket, so caching a look-up is safe."""


def open_session(
    context: ssl.SSLContext,
    *,
    connections: int,
    guarded: bool,
    resolver: Resolver | None,
    repairs: bool = False,
) -> aiohttp.ClientSession:
    """Open a session without cookies and without settings from the environment; the caller closes it.

    With ``guarded``, its sockets connect to public addresses only. With ``repairs``, responses that are not valid HTTP
    are repaired, and each connection serves one request.
    """
    connector = aiohttp.TCPConnector(
        ssl=context,
        limit=connections,
        keepalive_timeout=None if repairs else KEEP_ALIVE_SECONDS,
        force_close=repairs,
        ttl_dns_cache=DNS_CACHE_SECONDS,
        resolver=resolver,
        socket_factory=guarded_socket if guarded else None,
    )
    if repairs:
        repair_responses(connector)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),  # the exchange has one deadline for all its hops
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
    )
