"""Serving the application on an address of our own until we are asked to stop."""

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
"""Answers under way at a stop get this long; streams end at once, after the event they are sending."""
BACKLOG: Final = 512
USER_TIMEOUT: Final = 60_000
"""Milliseconds after which Linux gives up a connection whose client takes nothing (RFC 5482)."""


def serve_api(
    app: Starlette,
    *,
    host: str,
    port: int,
    stop: Stop,
    on_bound: Callable[[str], object] = lambda _url: None,
) -> None:
    """Serve until ``stop``, then end streams in order and let answers finish. Port 0: any free one.

    ``on_bound`` gets the URL once requests are answered.

    Raises:
        Refused: the address cannot be bound.
        Unavailable: the application did not start.
    """
    with _listen(host, port) as bound:
        url = base_url(bound)
        server = _Server(
            uvicorn.Config(
                app,
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
        asyncio.run(_serve(server, app, bound, stop))
        if not server.started:
            raise Unavailable("API", "the application did not start; its log says why")
    failpoint("serve.stopped")


async def _serve(server: _Server, app: Starlette, bound: socket.socket, stop: Stop) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        # The server waits for open answers, and a live stream is one: they have to end first.
        app.state.live.stop()
        server.should_exit = True

    def end_from_anywhere() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(end)

    stop.on_request(end_from_anywhere)
    await server.serve(sockets=[bound])


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers, for stopping is the process's affair; it tells when it answers."""

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
