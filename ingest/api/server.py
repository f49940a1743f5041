"""Serve the API on a socket until a stop is requested."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette

from ingest.errors import Unavailable
from ingest.runtime import Stop, address_refused, base_url, bind_port, failpoint

GRACE_SECONDS: Final = 10
"""Responses in progress at a stop may take this long; streams end after the event that they are sending."""
BACKLOG: Final = 512
USER_TIMEOUT: Final = 60_000
"""Milliseconds after which Linux closes a connection whose client reads nothing (RFC 5482)."""


def serve_api(
    api: Starlette,
    *,
    host: str,
    port: int,
    stop: Stop,
    on_bound: Callable[[str], object] = lambda _url: None,
) -> None:
    """Serve until ``stop``, then end streams in order and let responses finish.

    Args:
        port: 0 binds any free port.
        on_bound: receives the URL once requests are served.

    Raises:
        Refused: the address cannot be bound.
        Unavailable: the application did not start.
    """
    with _listen(host, port) as bound:
        url = base_url(bound)
        server = _Server(
            uvicorn.Config(
                api,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_graceful_shutdown=GRACE_SECONDS,
                timeout_keep_alive=30,
            ),
            on_started=lambda: on_bound(url),
        )
        asyncio.run(_serve(server, api, bound, stop))
        if not server.started:
            raise Unavailable("API", "the application did not start; see its log")
    failpoint("serve.stopped")


async def _serve(server: _Server, api: Starlette, bound: socket.socket, stop: Stop) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        # The server waits for open responses, and live streams are open responses, so they have to end first.
        api.state.live.stop()
        server.should_exit = True

    def end_from_any_thread() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(end)

    stop.on_request(end_from_any_thread)
    await server.serve(sockets=[bound])


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers, which belong to the process; calls ``on_started`` once it serves requests."""

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()


def _listen(host: str, port: int) -> socket.socket:
    bound = bind_port(host, port)
    try:
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise address_refused(host, port, error) from None
    return bound
