"""Which addresses a public service may connect to, judged at the socket itself."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

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
        return f"{address} is not a public address; {_ALLOW} allows such too"
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


REFUSED: Final = "refused by the address guard: "
"""Raised as an ``OSError`` where the socket would be made: only the text survives happy eyeballs."""


def guarded_socket(
    address: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]],
) -> socket.socket:
    """A socket for this address, as aiohttp asks for one.

    Raises:
        OSError: it is none that we may connect to.
    """
    family, kind, protocol, _, sockaddr = address
    why = refusal(sockaddr[0])
    if why is not None:
        raise OSError(errno.EACCES, REFUSED + why)
    return socket.socket(family, kind, protocol)
