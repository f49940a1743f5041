"""Real TLS servers in their threads, with whatever is wrong with them."""

from __future__ import annotations

import socket
import ssl
import threading
from types import TracebackType
from typing import Final, Self

import trustme

RSS: Final = b"<rss version='2.0'><channel><title>Sealed</title></channel></rss>"
SAID: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(RSS)
)
# TLS 1.2, ECDHE-RSA-AES128-GCM-SHA256, no session id, no compression, and no extensions: so no renegotiation_info.
_HELLO_BODY: Final = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2f" + b"\x00"
_HELLO: Final = b"\x02" + len(_HELLO_BODY).to_bytes(3, "big") + _HELLO_BODY
BEFORE_RFC_5746: Final = b"\x16\x03\x03" + len(_HELLO).to_bytes(2, "big") + _HELLO
"""First bytes of a server without secure renegotiation (RFC 5746)."""


class TlsServer:
    """Answers every request over TLS with one feed, or with a redirect; a context manager.

    Args:
        context: how it speaks TLS; None: it sends :data:`BEFORE_RFC_5746` and hangs up.
        location: where it redirects to, with 307.
        host: the address it listens on, as its URL says it.
    """

    def __init__(
        self, context: ssl.SSLContext | None, *, location: str | None = None, host: str = "localhost"
    ) -> None:
        self._context = context
        self._location = location
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._stopped = False
        self.url = f"https://{host}:{self._listening.getsockname()[1]}/feed.xml"
        self.heads: list[bytes] = []
        """Heads of the requests received."""

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        with socket.create_connection(self._listening.getsockname(), timeout=5):
            pass
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection:
                if self._stopped:
                    return
                connection.settimeout(5)
                try:
                    self._answer(connection)
                except OSError:
                    continue  # a client that does not trust us hangs up

    def _answer(self, connection: socket.socket) -> None:
        if self._context is None:
            connection.recv(10_000)
            connection.sendall(BEFORE_RFC_5746)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(10_000)
            return
        with self._context.wrap_socket(connection, server_side=True) as sealed:
            head = b""
            while b"\r\n\r\n" not in head:
                more = sealed.recv(10_000)
                if not more:
                    return
                head += more
            self.heads.append(head)
            if self._location is None:
                sealed.sendall(SAID + RSS)
            else:
                sealed.sendall(
                    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n"
                    b"Connection: close\r\n\r\n" % self._location.encode()
                )


def serving(certificate: trustme.LeafCert, *, chain: bool = True) -> ssl.SSLContext:
    """A server's context with this certificate; ``chain``: and with those between it and the root."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if chain:
        certificate.configure_cert(context)
        return context
    with certificate.private_key_pem.tempfile() as key, certificate.cert_chain_pems[0].tempfile() as leaf:
        context.load_cert_chain(leaf, key)
    return context


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()
