"""The hosts that a proxy may be asked for: the proxy connects for us, so our sockets never see the address."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from aiohttp import DefaultResolver

from ingest.fetch.addresses import address_refusal
from ingest.fetch.session import Resolver

LOOKUP_SECONDS: Final = 3.0
"""Time limit of a local look-up. Some names resolve only at the proxy."""


async def target_refusal(host: str, *, resolver: Resolver | None) -> str | None:
    """Return why a proxy may not be asked for ``host``; None when it may.

    Refused are addresses, in any spelling, to which we would not connect ourselves, and names that resolve to such an
    address here. The proxy's own resolution is outside our control.
    """
    bare = host.strip("[]").rstrip(".").lower()
    literal = _ip_literal(bare)
    if literal is not None:
        return address_refusal(literal)
    if bare == "localhost" or bare.endswith(".localhost"):
        return address_refusal("127.0.0.1")
    addresses: list[str] = []
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            addresses = await _resolve(bare, resolver=resolver)
    except (OSError, TimeoutError, UnicodeError):
        return None
    return next((refusal for address in addresses if (refusal := address_refusal(address)) is not None), None)


def _ip_literal(host: str) -> str | None:
    """Return the address that ``host`` spells, in the C library's forms too (``127.1``, ``0x7f.1``, ``2130706433``)."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


async def _resolve(host: str, *, resolver: Resolver | None) -> list[str]:
    own_resolver = DefaultResolver() if resolver is None else None
    try:
        used = resolver if own_resolver is None else own_resolver
        assert used is not None
        return [result["host"] for result in await used.resolve(host, 80, family=socket.AF_UNSPEC)]
    finally:
        if own_resolver is not None:
            await own_resolver.close()
