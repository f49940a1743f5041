"""A resolver for tests: every name resolves to an address of this machine, and look-ups can be made to fail."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Resolves every name under ``.test`` (RFC 2606) to ``127.0.0.1``, or as ``addresses`` says.

    With ``failing`` set, look-ups fail as in ``getaddrinfo``: ``EAI_AGAIN`` where no resolver responds, ``EAI_NONAME``
    for a name that does not exist.
    """

    def __init__(self, addresses: dict[str, str] | None = None) -> None:
        self.addresses = addresses or {}
        self.failing: int | None = None
        self.lookups = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.lookups += 1
        if self.failing is not None:
            raise OSError(self.failing, "made to fail")
        address = self.addresses.get(host) or ("127.0.0.1" if host.endswith(".test") else None)
        if address is None:
            raise OSError(socket.EAI_NONAME, "no such name")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass
