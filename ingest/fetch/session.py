"""Opening the connections that requests go over: where every guard of a socket and of a header block is set."""

from __future__ import annotations

import ssl
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver

from ingest.fetch.addresses import guarded_socket

Resolver: TypeAlias = AbstractResolver
"""Finds the addresses of a name."""

# lexpress.fr sends more than 100 headers; aiohttp's own bound is 128, of 8 kB each. There is none over all of them, so
# the product is what one answer may have us hold: 16 MB, as a body may (``Limits.max_bytes``).
MAX_HEADERS: Final = 500
MAX_HEADER_BYTES: Final = 32 * 1024
KEEP_ALIVE_SECONDS: Final = 15
DNS_CACHE_SECONDS: Final = 60
"""The address guard stands at the socket, so a cached name is no less safe."""


def open_session(
    context: ssl.SSLContext, *, connections: int, guarded: bool, resolver: Resolver | None
) -> aiohttp.ClientSession:
    """A session without memory: no cookies, nothing from the environment. Whoever opens it closes it.

    ``guarded``: its sockets go to public addresses only.
    """
    connector = aiohttp.TCPConnector(
        ssl=context,
        limit=connections,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        ttl_dns_cache=DNS_CACHE_SECONDS,
        resolver=resolver,
        socket_factory=guarded_socket if guarded else None,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),  # a request has one deadline, over all of it
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
    )
