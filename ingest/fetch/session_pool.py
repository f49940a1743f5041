"""Ways to a server: one for all feeds, and one for each combination of proxy and TLS exceptions that feeds ask for.

A combination has its own connections, so that a socket that was opened with an exception, or through a proxy, never
serves a feed without it. They are opened when they are first used, and no more than so many are open.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import aiohttp
import httpx

from ingest.fetch.session import Resolver, open_session
from ingest.fetch.tls import tls_context
from ingest.types import TlsException

CHANNELS: Final = 32
"""Combinations open at once; one that nobody uses is closed for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportKey:
    """What sets a channel apart."""

    proxy: str | None = None
    tls: frozenset[TlsException] = frozenset()
    ca: str | None = None


PLAIN: Final = TransportKey()


@dataclass(slots=True, kw_only=True)
class Channel:
    """Connections, and the proxy that they go to."""

    session: aiohttp.ClientSession
    proxy: str | None = None
    """Without the name and password in it."""
    proxy_headers: Mapping[str, str] | None = None
    users: int = 0


class Channels:
    """Channels by combination, opened when needed and closed with the block.

    Args:
        connections: of each channel, at most. A feed that waits for one waits within its deadline.
        allow_private: connect to addresses that are not public, too.
        resolver: of names; None: the system's.
    """

    def __init__(self, *, connections: int, allow_private: bool, resolver: Resolver | None) -> None:
        self._connections = connections
        self._allow_private = allow_private
        self._resolver = resolver
        self._plain: Channel | None = None
        self._others: OrderedDict[TransportKey, Channel] = OrderedDict()
        self._left = asyncio.Condition()

    def open(self) -> None:
        self._plain = self._made(PLAIN)

    async def close(self) -> None:
        channels = [*self._others.values(), *([] if self._plain is None else [self._plain])]
        self._others.clear()
        self._plain = None
        for channel in channels:
            await channel.session.close()

    @property
    def open_count(self) -> int:
        """Combinations that are open, the one without exceptions left out."""
        return len(self._others)

    @asynccontextmanager
    async def through(self, combination: TransportKey) -> AsyncIterator[Channel]:
        """The channel of this combination; its connections live at least as long as the block."""
        if self._plain is None:
            raise RuntimeError("a fetcher works only inside its with block")
        if combination == PLAIN:
            yield self._plain
            return
        channel = await self._taken(combination)
        try:
            yield channel
        finally:
            channel.users -= 1
            async with self._left:
                # All of them: several may wait for one combination, and who is told may have been cancelled meanwhile.
                self._left.notify_all()

    async def _taken(self, combination: TransportKey) -> Channel:
        async with self._left:
            while True:
                channel = self._others.get(combination)
                if channel is not None:
                    break
                if len(self._others) >= CHANNELS and not await self._close_idle():
                    await self._left.wait()
                    continue
                channel = self._others[combination] = self._made(combination)
                break
            channel.users += 1
            self._others.move_to_end(combination)
            return channel

    async def _close_idle(self) -> bool:
        """Close the one that nobody used for longest; False: all are in use."""
        idle = next((key for key, channel in self._others.items() if channel.users == 0), None)
        if idle is None:
            return False
        await self._others.pop(idle).session.close()
        return True

    def _made(self, combination: TransportKey) -> Channel:
        context = tls_context(exceptions=combination.tls, ca=combination.ca)
        session = open_session(
            context,
            connections=self._connections,
            # A proxy is where the operator says it is; its targets are judged before it is asked (refused_target).
            guarded=not self._allow_private and combination.proxy is None,
            resolver=self._resolver,
        )
        if combination.proxy is None:
            return Channel(session=session)
        proxy, headers = _proxy(combination.proxy)
        return Channel(session=session, proxy=proxy, proxy_headers=headers)


def _proxy(address: str) -> tuple[str, Mapping[str, str] | None]:
    """A proxy's address, and the name and password in it as a header."""
    url = httpx.URL(address)
    if not url.userinfo:
        return str(url), None
    # aiohttp sends a header Authorization for the proxy as Proxy-Authorization, to the proxy alone.
    token = b64encode(unquote(url.userinfo.decode()).encode()).decode()
    return str(url.copy_with(userinfo=b"")), {"Authorization": f"Basic {token}"}
