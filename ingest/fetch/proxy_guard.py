"""Which targets a proxy may be asked for. It connects for us, so no socket of ours sees the address."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from aiohttp import DefaultResolver

from ingest.fetch.addresses import refusal
from ingest.fetch.session import Resolver

LOOKUP_SECONDS: Final = 3.0
"""A name may well be one that only the proxy can look up."""


async def refused_target(host: str, *, resolver: Resolver | None) -> str | None:
    """Why a proxy may not be asked for ``host`` (None: it may): it is an address, in whatever spelling, that we would
    not connect to ourselves, or a name that has such a one here. What the proxy finds under it is its own business.
    """
    bare = host.strip("[]").rstrip(".").lower()
    literal = _literal(bare)
    if literal is not None:
        return refusal(literal)
    if bare == "localhost" or bare.endswith(".localhost"):
        return refusal("127.0.0.1")
    found: list[str] = []
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await _addresses(bare, resolver=resolver)
    except (OSError, TimeoutError, UnicodeError):
        return None
    return next((why for address in found if (why := refusal(address)) is not None), None)


def _literal(host: str) -> str | None:
    """The address that ``host`` is, as the C library reads it too (``127.1``, ``0x7f.1``, ``2130706433``)."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


async def _addresses(host: str, *, resolver: Resolver | None) -> list[str]:
    own = DefaultResolver() if resolver is None else None
    try:
        used = resolver if own is None else own
        assert used is not None
        return [found["host"] for found in await used.resolve(host, 80, family=socket.AF_UNSPEC)]
    finally:
        if own is not None:
            await own.close()
