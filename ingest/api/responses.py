"""Responses: our types as JSON, errors in one form, and the headers of every response."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.errors import IngestError, Refused, Unavailable
from ingest.jsonable import json_line

logger = logging.getLogger(__name__)

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SHOWN_CHARACTERS: Final = 200
ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


class NotFound(IngestError):
    """The resource that the path names does not exist."""

    def __init__(self, parameter: str, value: str, expected: str) -> None:
        super().__init__(parameter, value, expected)
        self.parameter = parameter
        self.value = value
        self.expected = expected


class Json(Response):
    """JSON of any value that :func:`ingest.jsonable.jsonable` accepts."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        # A path may contain a lone surrogate, which has no UTF-8 encoding.
        return json_line(content).encode("utf-8", "backslashreplace")


def error(status: int, *, parameter: str, value: object, expected: str, **more: Any) -> Json:
    """Return an error in the form that all errors have."""
    shown = value if value is None or isinstance(value, int | list) else str(value)
    if isinstance(shown, str) and len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}… ({len(shown)} characters)"
    return Json({"error": {"parameter": parameter, "value": shown, "expected": expected}, **more}, status)


def public(failure: IngestError) -> str:
    """Return the message for clients. Messages of a driver name servers and users, so only the log has them."""
    return f"{failure.component} is not available" if isinstance(failure, Unavailable) else str(failure)


async def refused(_request: Request, exception: Exception) -> Response:
    """Respond with 400 to a refused parameter."""
    if not isinstance(exception, Refused):
        raise exception
    return error(400, parameter=exception.thing, value=exception.value, expected=exception.accepted)


async def not_found(_request: Request, exception: Exception) -> Response:
    """Respond with 404 to a name that does not exist."""
    if not isinstance(exception, NotFound):
        raise exception
    return error(404, parameter=exception.parameter, value=exception.value, expected=exception.expected)


async def unavailable(_request: Request, exception: Exception) -> Response:
    """Respond with 503 while the database or log is not available."""
    logger.warning("responded 503: %s", exception)
    value = public(exception) if isinstance(exception, IngestError) else None
    response = error(503, parameter="service", value=value, expected="a retry after a few seconds")
    response.headers["retry-after"] = "2"
    return response


async def http_error(request: Request, exception: Exception) -> Response:
    """Respond to errors of Starlette: no such path, or not with this method."""
    if not isinstance(exception, HTTPException):
        raise exception
    if exception.status_code == 405:
        is_callback = request.url.path.startswith("/push/")
        expected = "GET or POST" if is_callback else "GET"
        response = error(405, parameter="method", value=request.method, expected=expected)
        response.headers["allow"] = "GET, HEAD, POST" if is_callback else "GET, HEAD"
        return response
    return error(
        exception.status_code, parameter="path", value=request.url.path, expected="a path of /openapi.json"
    )


async def internal_error(_request: Request, _exception: Exception) -> Response:
    """Respond with 500 to a defect of the service; the log has the traceback."""
    return error(
        500,
        parameter="service",
        value=None,
        expected="no change of the request: this is a defect of the service",
    )


class SafeHeaders:
    """Middleware: adds ``HEADERS`` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
