"""A resolver of our own: any name stands for an address of this machine, and it can be made to fail."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """Every name under ``.test`` (RFC 2606) is ``127.0.0.1``; ``addresses`` may say otherwise for some.

    With ``failing`` set, look-ups end as ``getaddrinfo`` ends them: ``EAI_AGAIN`` where no resolver answers,
    ``EAI_NONAME`` where one says that there is no such name.
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
