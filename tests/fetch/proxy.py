"""A real HTTP proxy in its threads: it forwards requests, opens tunnels, and remembers what it was asked for."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """A context manager.

    Args:
        known: where hosts are that only it knows, such as ``{"news.example": ("127.0.0.1", 8000)}``.
        credentials: ``name:password`` that it wants to see.
    """

    def __init__(
        self, *, known: Mapping[str, tuple[str, int]] | None = None, credentials: str | None = None
    ) -> None:
        self._known = known or {}
        self._credentials = credentials
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self.heads: list[bytes] = []
        """Request of every connection, in order."""

    @property
    def url(self) -> str:
        name = "" if self._credentials is None else f"{self._credentials}@"
        return f"http://{name}127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._serve)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        with socket.create_connection(self._listening.getsockname(), timeout=5):
            pass
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            if self._stopped:
                connection.close()
                return
            self._start(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(10_000)
                if not more:
                    return
                head += more
            self.heads.append(head)
            if self._credentials is not None and self._token() not in head:
                connection.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            method, target, _ = head.split(b" ", 2)
            self._forward(connection, head, method=method.decode(), target=target.decode())

    def _token(self) -> bytes:
        assert self._credentials is not None
        return b"Proxy-Authorization: Basic " + base64.b64encode(self._credentials.encode())

    def _forward(self, connection: socket.socket, head: bytes, *, method: str, target: str) -> None:
        split = urlsplit(f"//{target}" if method == "CONNECT" else target)
        assert split.hostname is not None
        place = self._known.get(split.hostname, (split.hostname, split.port or 80))
        with socket.create_connection(place, timeout=5) as there:
            if method == "CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = target.partition("://")[2].partition("/")[2]
                line, _, rest = head.partition(b"\r\n")
                del line
                there.sendall(f"{method} /{path} HTTP/1.1\r\nConnection: close\r\n".encode() + rest)
            self._start(self._pipe, connection.dup(), there.dup())
            self._pipe(there.dup(), connection.dup())

    def _pipe(self, source: socket.socket, target: socket.socket) -> None:
        with source, target, suppress(OSError):
            while more := source.recv(65_536):
                target.sendall(more)
            target.shutdown(socket.SHUT_WR)
