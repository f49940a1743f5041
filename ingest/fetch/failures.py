"""Translation of the HTTP library's exceptions into the value :class:`~ingest.types.Failed`."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Final

import aiohttp

from ingest.fetch.addresses import REFUSED
from ingest.fetch.tls import diagnosis
from ingest.types import Failed, FailureKind


class FetchAborted(Exception):
    """The exchange ends here; ``failed`` has the reason."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed


class UndecodableBody(Exception):
    """The body is not in the coding that its header names; a request for an uncompressed body may succeed."""


_FROM_HOST: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""Connection errors that the remote host itself sends."""
_FROM_OUR_NETWORK: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})
_KINDS: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (aiohttp.ClientConnectorDNSError, FailureKind.DNS),
    (aiohttp.ClientSSLError, FailureKind.TLS),
    (ssl.SSLError, FailureKind.TLS),
    (aiohttp.ClientConnectorError, FailureKind.CONNECT),
    (aiohttp.InvalidURL, FailureKind.ADDRESS),
    (aiohttp.NonHttpUrlClientError, FailureKind.ADDRESS),
)


def failed_from(cause: BaseException) -> Failed:
    """Translate an exception of the HTTP library."""
    os_error = cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else None
    message = str(cause if os_error is None else os_error)
    if REFUSED in message:
        return Failed(kind=FailureKind.ADDRESS, detail=message.partition(REFUSED)[2][:300].rstrip("'"))
    kind = next((kind for error, kind in _KINDS if isinstance(cause, error)), FailureKind.PROTOCOL)
    explanation = diagnosis(os_error or cause) if kind is FailureKind.TLS else None
    if isinstance(cause, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)):
        kind, explanation = FailureKind.CONNECT, f"the proxy: {_proxy_message(cause)}"
    number = None if os_error is None else os_error.errno
    is_dns = kind is FailureKind.DNS
    proxy_responded = isinstance(cause, aiohttp.ClientHttpProxyError)
    return Failed(
        kind=kind,
        detail=(explanation or _system_message(cause, kind) or f"{type(cause).__name__}: {message}")[:300],
        # A refused connection proves that the host is there; silence or a missing route does not.
        unreachable=is_dns
        or (kind is FailureKind.CONNECT and number not in _FROM_HOST and not proxy_responded),
        is_local=number == socket.EAI_AGAIN if is_dns else number in _FROM_OUR_NETWORK,
    )


def _system_message(cause: BaseException, kind: FailureKind) -> str | None:
    """Return the system's reason why there is no connection; None where the library has a better message."""
    if kind not in {FailureKind.DNS, FailureKind.CONNECT} or not isinstance(
        cause, aiohttp.ClientConnectorError
    ):
        return None
    os_error = cause.os_error
    message = os_error.strerror or str(os_error)
    if kind is FailureKind.DNS or os_error.errno is None or os_error.errno not in errno.errorcode:
        return message or None
    meaning = os.strerror(os_error.errno)
    return meaning if message in {"", meaning} else f"{meaning}: {message}"


def _proxy_message(cause: aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError) -> str:
    """Describe a proxy's failure without its URL, which may contain a password."""
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"{cause.status} {cause.message}"
    return str(cause.os_error)
