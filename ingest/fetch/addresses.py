"""The addresses that a public service may connect to, checked at the socket itself."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_ALLOW: Final = "INGEST_ALLOW_PRIVATE_ADDRESSES=true"
"""Named in a poll's failure: an operator with a feed in a private network meets the guard there."""
# NAT64 (RFC 6052) embeds an IPv4 address, as mapped, 6to4 and Teredo addresses do; ipaddress knows only the latter.
_NAT64: Final = IPv6Network("64:ff9b::/96")
REFUSED: Final = "refused by the address guard: "
"""Prefix of the guard's ``OSError``. Only the text of that error survives happy eyeballs."""


def address_refusal(address: str) -> str | None:
    """Return why a public service may not connect to ``address`` (an IP literal); None when it may."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is not an IP address"
    while isinstance(parsed, IPv6Address) and (embedded := _embedded_ipv4(parsed)) is not None:
        parsed = embedded
    # Site-local addresses are deprecated (RFC 3879), but some networks still route them.
    site_local = isinstance(parsed, IPv6Address) and parsed.is_site_local
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved or site_local:
        return f"{address} is not a public address; {_ALLOW} allows private addresses"
    return None


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def guarded_socket(
    address: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]],
) -> socket.socket:
    """Create the socket for this address; aiohttp's ``socket_factory``.

    Raises:
        OSError: we may not connect to the address.
    """
    family, kind, protocol, _, sockaddr = address
    refusal = address_refusal(sockaddr[0])
    if refusal is not None:
        raise OSError(errno.EACCES, REFUSED + refusal)
    return socket.socket(family, kind, protocol)
