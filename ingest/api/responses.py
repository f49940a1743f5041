"""Answers: our types as JSON, errors in one form, and the headers that every answer has."""

from __future__ import annotations

import logging
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


class NotFound(IngestError):
    """What the path names does not exist."""

    def __init__(self, parameter: str, value: str, expected: str) -> None:
        super().__init__(parameter, value, expected)
        self.parameter = parameter
        self.value = value
        self.expected = expected


class Json(Response):
    """JSON of anything ``plain`` knows."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        # A lone surrogate, as a path may hold, has no UTF-8.
        return json_line(content).encode("utf-8", "backslashreplace")


def error(status: int, *, parameter: str, value: object, expected: str, **more: Any) -> Json:
    """The one form of every error."""
    shown = value if value is None or isinstance(value, int | list) else str(value)
    if isinstance(shown, str) and len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}… ({len(shown)} characters)"
    return Json({"error": {"parameter": parameter, "value": shown, "expected": expected}, **more}, status)


def public(failure: IngestError) -> str:
    """What anybody may read of it. The words of a driver name servers and users: those are for our log."""
    return f"{failure.component} is not available" if isinstance(failure, Unavailable) else str(failure)


async def refused(_request: Request, exception: Exception) -> Response:
    if not isinstance(exception, Refused):
        raise exception
    return error(400, parameter=exception.thing, value=exception.value, expected=exception.accepted)


async def not_found(_request: Request, exception: Exception) -> Response:
    if not isinstance(exception, NotFound):
        raise exception
    return error(404, parameter=exception.parameter, value=exception.value, expected=exception.expected)


async def unavailable(_request: Request, exception: Exception) -> Response:
    logger.warning("answered 503: %s", exception)
    value = public(exception) if isinstance(exception, IngestError) else None
    answer = error(503, parameter="service", value=value, expected="another try in a moment")
    answer.headers["retry-after"] = "2"
    return answer


async def http_error(request: Request, exception: Exception) -> Response:
    """Starlette's own: no such path, or not with this method."""
    if not isinstance(exception, HTTPException):
        raise exception
    if exception.status_code == 405:
        sent = request.url.path.startswith("/push/")
        expected = "GET or POST" if sent else "GET"
        answer = error(405, parameter="method", value=request.method, expected=expected)
        answer.headers["allow"] = "GET, HEAD, POST" if sent else "GET, HEAD"
        return answer
    return error(
        exception.status_code, parameter="path", value=request.url.path, expected="a path of /openapi.json"
    )


async def broken(_request: Request, _exception: Exception) -> Response:
    """A mistake of ours; the log has the traceback."""
    return error(
        500, parameter="service", value=None, expected="nothing else of you: this is a fault of ours"
    )


class SafeHeaders:
    """Middleware: ``HEADERS`` on every answer."""

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
