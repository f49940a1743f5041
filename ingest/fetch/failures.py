"""What goes wrong with a request, as the library says it, and as the value that we make of it."""

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


class Stopped(Exception):
    """Nothing more is to be read: ``failed`` says why."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed


class WrongCoding(Exception):
    """The body is not in the coding its header names; asking for none may help."""


_ANSWERS: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
_OUR_SIDE: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})
_KINDS: Final[tuple[tuple[type[BaseException], FailureKind], ...]] = (
    (aiohttp.ClientConnectorDNSError, FailureKind.DNS),
    (aiohttp.ClientSSLError, FailureKind.TLS),
    (ssl.SSLError, FailureKind.TLS),
    (aiohttp.ClientConnectorError, FailureKind.CONNECT),
    (aiohttp.InvalidURL, FailureKind.ADDRESS),
    (aiohttp.NonHttpUrlClientError, FailureKind.ADDRESS),
)


def failure(cause: BaseException) -> Failed:
    """What an exception of the library means."""
    said = str(cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else cause)
    if REFUSED in said:
        return Failed(kind=FailureKind.ADDRESS, detail=said.partition(REFUSED)[2][:300].rstrip("'"))
    kind = next((kind for known, kind in _KINDS if isinstance(cause, known)), FailureKind.PROTOCOL)
    origin = cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else cause
    told = diagnosis(origin) if kind is FailureKind.TLS else None
    if isinstance(cause, (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)):
        kind, told = FailureKind.CONNECT, f"the proxy: {_proxy_said(cause)}"
    number = cause.os_error.errno if isinstance(cause, aiohttp.ClientConnectorError) else None
    named = kind is FailureKind.DNS
    answers = isinstance(cause, aiohttp.ClientHttpProxyError)  # the proxy does, whatever of
    return Failed(
        kind=kind,
        detail=(told or _in_words(cause, kind) or f"{type(cause).__name__}: {said}")[:300],
        # A refusal comes from somebody; silence, or no way there, from nobody.
        unreachable=named or (kind is FailureKind.CONNECT and number not in _ANSWERS and not answers),
        is_local=number == socket.EAI_AGAIN if named else number in _OUR_SIDE,
    )


def _in_words(cause: BaseException, kind: FailureKind) -> str | None:
    """Why there is no connection, as the system words it; None where the library knows more."""
    if kind not in {FailureKind.DNS, FailureKind.CONNECT} or not isinstance(
        cause, aiohttp.ClientConnectorError
    ):
        return None
    origin = cause.os_error
    said = origin.strerror or str(origin)
    if kind is FailureKind.DNS or origin.errno is None or origin.errno not in errno.errorcode:
        return said or None
    word = os.strerror(origin.errno)
    return word if said in {"", word} else f"{word}: {said}"


def _proxy_said(cause: aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError) -> str:
    """Without its address, which may have a password in it."""
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"{cause.status} {cause.message}"
    return str(cause.os_error)
