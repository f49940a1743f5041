"""Hosts whose responses are not valid HTTP: found by a failure, then read through a repair.

The HTTP library's parser is strict. A response that it refuses is requested once more through a session that repairs
responses (:mod:`ingest.fetch.repair`). Later requests to that host use such a session at once.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import TransferEncodingError

from ingest.fetch.repair import BeyondRepairError, ResponseRepair

logger = logging.getLogger(__name__)

MAX_HOSTS: Final = 10_000
"""Remembered hosts. Beyond them the longest unused one is learned again."""
MAX_REASON: Final = 100
"""Characters of a shown violation."""


class IrregularHosts:
    """The hosts whose responses are repaired, each with the violation that it was first seen with."""

    def __init__(self) -> None:
        self._reasons: OrderedDict[str, str] = OrderedDict()

    def __contains__(self, host: str) -> bool:
        return host in self._reasons

    def violation(self, host: str) -> str | None:
        """Return the violation of this host; None: its responses are valid as far as is known."""
        if host not in self._reasons:
            return None
        self._reasons.move_to_end(host)
        return self._reasons[host]

    def add(self, host: str, reason: str | None) -> None:
        """Remember a host whose response was repaired, and log it. A response without a violation changes nothing."""
        if reason is None:
            return
        self._reasons[host] = reason
        if len(self._reasons) > MAX_HOSTS:
            self._reasons.popitem(last=False)
        logger.warning("%s sends responses that are not valid HTTP (%s); they are repaired", host, reason)


def violation_of(error: aiohttp.ClientError) -> str | None:
    """Return how a response violates HTTP; None: the request failed for another reason."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return None
    if isinstance(error, aiohttp.ClientResponseError):
        message = error.message
    elif isinstance(error, aiohttp.ClientPayloadError) and isinstance(error.__cause__, TransferEncodingError):
        message = error.__cause__.message
    else:
        return None
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (
        " ".join(lines[: 2 if lines and lines[0] == "Bad status line:" else 1]).rstrip(":")[:MAX_REASON]
        or None
    )


def repair_responses(connector: aiohttp.TCPConnector) -> None:
    """Make each connection of ``connector`` repair the responses that it receives."""
    # The connector has no public parameter for its protocol.
    handler: Callable[..., ResponseHandler] = functools.partial(
        _RepairingHandler, loop=asyncio.get_running_loop()
    )
    setattr(connector, "_factory", handler)  # noqa: B010


class _RepairingHandler(ResponseHandler):
    """A connection that passes repaired responses to the HTTP library's parser."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._repair: ResponseRepair | None = None

    def set_response_params(self, **parameters: Any) -> None:
        self._repair = ResponseRepair()
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        if self._repair is None or not data:
            super().data_received(data)
            return
        try:
            repaired = self._repair.feed(data)
        except BeyondRepairError:
            repair, self._repair, repaired = self._repair, None, b""
            if repair.in_head:
                repaired = repair.unread  # the strict parser reports the violation
            elif self.transport is not None:
                self.transport.abort()  # the body is incomplete
        if repaired:
            super().data_received(repaired)

    def connection_lost(self, exc: BaseException | None) -> None:
        rest = self._repair.end() if self._repair is not None and exc is None else b""
        if rest:
            super().data_received(rest)
        super().connection_lost(exc)
