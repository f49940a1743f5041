"""A pool of HTTP sessions: one for all feeds, and one for each combination of proxy and TLS exceptions in use.

Each combination has its own connections, so a socket opened with a TLS exception or through a proxy never serves a
feed without it. Sessions are opened at their first use, and their number is bounded.
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

MAX_SESSIONS: Final = 32
"""Open sessions with a proxy or TLS exceptions. At the limit, the longest unused one is closed for a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportKey:
    """Proxy, TLS exceptions and certificate authority: the key of a pooled session."""

    proxy: str | None = None
    tls: frozenset[TlsException] = frozenset()
    ca: str | None = None
    repairs: bool = False
    """Responses that are not valid HTTP are repaired; never through a proxy."""


DIRECT: Final = TransportKey()
"""No proxy and no TLS exceptions."""


@dataclass(slots=True, kw_only=True)
class PooledSession:
    """A session, the proxy it uses, and the number of requests under way."""

    session: aiohttp.ClientSession
    proxy: str | None = None
    """URL without user name and password."""
    proxy_headers: Mapping[str, str] | None = None
    users: int = 0


class SessionPool:
    """Sessions by transport, opened at first use and closed together.

    Args:
        connections: maximum for each session. A feed waits for a free connection within its deadline.
        allow_private: connect to non-public addresses too.
        resolver: resolves host names; None uses the system's resolver.
    """

    def __init__(self, *, connections: int, allow_private: bool, resolver: Resolver | None) -> None:
        self._connections = connections
        self._allow_private = allow_private
        self._resolver = resolver
        self._direct: PooledSession | None = None
        self._sessions: OrderedDict[TransportKey, PooledSession] = OrderedDict()
        self._released = asyncio.Condition()

    def open(self) -> None:
        self._direct = self._open_session(DIRECT)

    async def close(self) -> None:
        pooled_sessions = [*self._sessions.values(), *([] if self._direct is None else [self._direct])]
        self._sessions.clear()
        self._direct = None
        for pooled in pooled_sessions:
            await pooled.session.close()

    @property
    def open_count(self) -> int:
        """Open sessions, without the direct one."""
        return len(self._sessions)

    @asynccontextmanager
    async def session_for(self, key: TransportKey) -> AsyncIterator[PooledSession]:
        """Lend the session of this transport; it stays open at least for the length of the block."""
        if self._direct is None:
            raise RuntimeError("a fetcher works only inside its with block")
        if key == DIRECT:
            yield self._direct
            return
        pooled = await self._acquire(key)
        try:
            yield pooled
        finally:
            pooled.users -= 1
            async with self._released:
                # Wake all waiters: several may wait for one transport, and a single one may have been cancelled.
                self._released.notify_all()

    async def _acquire(self, key: TransportKey) -> PooledSession:
        async with self._released:
            while True:
                pooled = self._sessions.get(key)
                if pooled is not None:
                    break
                if len(self._sessions) >= MAX_SESSIONS and not await self._close_idle():
                    await self._released.wait()
                    continue
                pooled = self._sessions[key] = self._open_session(key)
                break
            pooled.users += 1
            self._sessions.move_to_end(key)
            return pooled

    async def _close_idle(self) -> bool:
        """Close the longest unused session; return False when all are in use."""
        idle = next((key for key, pooled in self._sessions.items() if pooled.users == 0), None)
        if idle is None:
            return False
        await self._sessions.pop(idle).session.close()
        return True

    def _open_session(self, key: TransportKey) -> PooledSession:
        context = tls_context(exceptions=key.tls, ca=key.ca)
        session = open_session(
            context,
            connections=self._connections,
            # The operator chose the proxy's address; its targets are checked before each request (target_refusal).
            guarded=not self._allow_private and key.proxy is None,
            resolver=self._resolver,
            repairs=key.repairs,
        )
        if key.proxy is None:
            return PooledSession(session=session)
        proxy, headers = _split_credentials(key.proxy)
        return PooledSession(session=session, proxy=proxy, proxy_headers=headers)


def _split_credentials(proxy: str) -> tuple[str, Mapping[str, str] | None]:
    """Split a proxy's URL into the URL without credentials and a header with them."""
    url = httpx.URL(proxy)
    if not url.userinfo:
        return str(url), None
    # aiohttp sends a proxy header Authorization as Proxy-Authorization, to the proxy alone.
    token = b64encode(unquote(url.userinfo.decode()).encode()).decode()
    return str(url.copy_with(userinfo=b"")), {"Authorization": f"Basic {token}"}
