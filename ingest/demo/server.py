"""The part of HTTP/1.1 that a feed world needs, over asyncio: thousands of responses per second on one core.

Each client has one :class:`Connection`, whose requests are processed in order. Scripts are sent step by step with
back-pressure, so that an endless body needs no memory.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Final, Protocol, cast

from ingest.demo.responses import End, Pause, Script

MAX_HEAD: Final = 262_144
MAX_BODY: Final = 64 * 1024**2
_MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Site(Protocol):
    """The source of responses."""

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...

    def respond(
        self, method: str, target: str, headers: dict[str, str], head: bytes, body: bytes
    ) -> bytes | Script: ...


class Dates:
    """The current ``Date`` header, formatted once per second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def value(self) -> str:
        """Return the value of the header."""
        return self.line()[6:-2].decode()

    def line(self) -> bytes:
        """Return the whole header line."""
        second = int(time.time())
        if second != self._second:
            self._second, self._line = second, b"Date: %s\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


class Connection(asyncio.Protocol):
    """The connection of one client."""

    __slots__ = ("_buffer", "_loop", "_playing", "_site", "_transport", "_writable", "sent")

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._playing: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._site.opened(self)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._playing is not None:
            self._playing.cancel()
        self._transport = None
        self._site.closed(self)

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
        self._writable = None

    def data_received(self, received: bytes) -> None:
        self._buffer = self._buffer + received if self._buffer else received
        if self._playing is None:
            self._process_buffer()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _process_buffer(self) -> None:
        """Respond to every complete request until one needs a script."""
        while self._buffer and self._transport is not None and not self._transport.is_closing():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    self._refuse()
                return
            head = self._buffer[:end]
            line, *fields = head.decode("latin-1").split("\r\n")
            parts = line.split(" ")
            if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
                self._refuse()
                return
            headers = {}
            for each in fields:
                name, _, value = each.partition(":")
                headers[name.lower()] = value.strip()
            after, body = end + 4, b""
            if "content-length" in headers:
                length = headers["content-length"]
                if not length.isdecimal() or int(length) > MAX_BODY:
                    self._refuse()
                    return
                after += int(length)
                if len(self._buffer) < after:
                    return
                body = self._buffer[end + 4 : after]
            self._buffer = self._buffer[after:]
            last = parts[2] == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
            reply = self._site.respond(parts[0], parts[1], headers, head, body)
            if isinstance(reply, Script):
                self._playing = self._loop.create_task(self._play(reply, last=last))
                return
            self._transport.write(reply)
            self.sent += len(reply)
            if last:
                self._transport.close()

    def _refuse(self) -> None:
        if self._transport is not None:
            self._transport.write(_MALFORMED)
            self._transport.close()

    async def _play(self, script: Script, *, last: bool) -> None:
        transport = self._transport
        for step in script.steps:
            if transport is None or transport.is_closing():
                return
            if isinstance(step, bytes):
                transport.write(step)
                self.sent += len(step)
                if self._writable is not None:
                    await self._writable.wait()
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif step is End.CLOSE:
                transport.close()
            else:
                drop_with_reset(transport)
        self._playing = None
        if last and transport is not None:
            transport.close()
        self._process_buffer()


def drop_with_reset(transport: asyncio.Transport) -> None:
    """Close with RST instead of FIN: a linger time of zero discards unsent data."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def listen(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Return one listening socket per address, all with one port; 0 chooses a port that is free on all addresses.

    Raises:
        OSError: the port is in use, or an address is not local.
    """
    for _ in range(50):
        opened: list[socket.socket] = []
        try:
            for address in addresses:
                chosen = opened[0].getsockname()[1] if opened else port
                opened.append(_listen_on(address, chosen))
        except OSError as error:
            for each in opened:
                each.close()
            if port != 0 or error.errno != errno.EADDRINUSE:
                raise
        else:
            return opened
    raise OSError(errno.EADDRINUSE, "no port is free on all of these addresses", ", ".join(addresses))


def _listen_on(address: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(1024)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
