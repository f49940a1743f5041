"""The callbacks of hubs (WebSub, §5.3 and §7): verification of intent, and content distribution.

::

    GET  /push/TOKEN   verification   200 with the challenge where the subscription was requested; else 404
    POST /push/TOKEN   content        signature ─▶ durable ─▶ 204; the poller reads it

A token is a secret shared with one hub. A request with an invalid token gets no information beyond that.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ingest import runtime
from ingest.api.responses import NotFound, error
from ingest.api.threads import Threads
from ingest.content_encoding import Decoder, TooLarge, Undecodable
from ingest.db.engine import Engine
from ingest.db.websub import pushes, subscriptions
from ingest.schedule import websub
from ingest.schedule.websub import Subscription, SubscriptionState

logger = logging.getLogger(__name__)

MAX_TOKEN: Final = 100
MAX_CHALLENGE: Final = 4096
BODY_TIMEOUT: Final = timedelta(seconds=60)
"""A hub must send a body within this time."""
_TOKEN_EXPECTED: Final = "the token of a callback"  # noqa: S105 - a text for people
_ALGORITHMS: Final = ("sha1", "sha256", "sha384", "sha512")
"""Signature methods of hubs (§7.1.1)."""
_DONE: Final = 204


class PushRoutes:
    """Handlers of hub callbacks.

    Args:
        enabled: False serves no callback.
        max_bytes: the largest body, before and after decoding.
        timeout: the time within which a body must arrive.
        clock: returns the current time.
    """

    def __init__(
        self,
        engine: Engine,
        threads: Threads,
        *,
        enabled: bool,
        max_bytes: int,
        timeout: timedelta = BODY_TIMEOUT,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._enabled = enabled
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout.total_seconds()
        self._clock = clock

    async def verify(self, request: Request) -> Response:
        """Verify a subscription request for a hub, or record that the hub denied it."""
        token = request.path_params["token"]
        # The first of repeated parameters counts.
        parameters = dict(reversed(request.query_params.multi_items()))
        mode, topic = parameters.get("hub.mode", ""), parameters.get("hub.topic", "")
        challenge = parameters.get("hub.challenge", "")
        if mode not in ("subscribe", "unsubscribe", "denied") or len(challenge) > MAX_CHALLENGE:
            raise NotFound(
                "hub.mode", mode, "subscribe, unsubscribe or denied, for a request of this service"
            )
        now = self._clock()

        def verify(subscription: Subscription) -> Subscription | None:
            is_cancelled = subscription.state is SubscriptionState.CANCELLED
            if topic != subscription.topic or (mode == "unsubscribe") is not is_cancelled:
                return None
            if mode == "unsubscribe":
                return websub.after_unsubscribed(subscription)
            if mode == "denied":
                return websub.after_denial(subscription, parameters.get("hub.reason"), now=now)
            return websub.after_verification(subscription, parameters.get("hub.lease_seconds"), now=now)

        changed: Subscription | None = None
        if self._enabled and _is_token(token):
            changed = await self._threads.run(
                lambda: subscriptions.change(self._engine, verify, token=token, now=now)
            )
        if changed is None:
            raise NotFound("hub.topic", topic, "the topic of this callback, in a request of this service")
        return Response("" if mode == "denied" else challenge, media_type="text/plain")

    async def receive(self, request: Request) -> Response:
        """Store the content that a hub sends. A 2xx response means durable, or dropped for its signature (§7.1)."""
        token = request.path_params["token"]
        subscription: Subscription | None = None
        if self._enabled and _is_token(token):
            subscription = await self._threads.run(lambda: subscriptions.find(self._engine, token=token))
        if subscription is None or subscription.state is SubscriptionState.CANCELLED:
            return error(410, parameter="token", value=token, expected=_TOKEN_EXPECTED)
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        if not is_signed(body, request.headers.get("x-hub-signature"), secret=subscription.secret):
            logger.warning(
                "feed %d: dropped a push without a valid signature of %s",
                subscription.feed_id,
                subscription.hub,
            )
            await self._threads.run(
                lambda: subscriptions.change(
                    self._engine, websub.after_invalid_push, token=token, now=self._clock()
                )
            )
            return Response(status_code=_DONE)
        plain = _decoded(body, request.headers.get("content-encoding", ""), limit=self._max_bytes)
        if plain is None:
            return self._too_large()
        stored = await self._threads.run(
            lambda: pushes.store(
                self._engine,
                subscription.feed_id,
                plain,
                content_type=request.headers.get("content-type"),
                language=request.headers.get("content-language"),
                now=self._clock(),
            )
        )
        if not stored:
            response = error(503, parameter="service", value=None, expected="a retry when fewer pushes wait")
            response.headers["retry-after"] = "60"
            return response
        runtime.failpoint("serve.push-kept")
        return Response(status_code=_DONE)

    async def _body(self, request: Request) -> bytes | Response:
        """Return the body, or the error response where it is too large or takes too long."""
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._max_bytes:
                        return self._too_large()
                    chunks.append(chunk)
        except TimeoutError:
            return error(
                408,
                parameter="body",
                value=None,
                expected=f"a complete body within {self._timeout_seconds:g} s",
            )
        except ClientDisconnect:
            return Response(status_code=400)  # the hub has disconnected
        return b"".join(chunks)

    def _too_large(self) -> Response:
        return error(413, parameter="body", value=None, expected=f"at most {self._max_bytes} bytes")


def is_signed(body: bytes, header: str | None, *, secret: str) -> bool:
    """Tell whether ``header`` (``X-Hub-Signature: METHOD=HEX``) is a valid signature of ``body``."""
    method, _, signature = (header or "").strip().partition("=")
    method = method.lower()
    if method not in _ALGORITHMS or not signature.isascii():
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    return hmac.compare_digest(expected, signature.strip().lower())


def _is_token(text: str) -> bool:
    return 0 < len(text) <= MAX_TOKEN and text.isascii() and text.isprintable()


def _decoded(body: bytes, coding: str, *, limit: int) -> bytes | None:
    """Return the decoded body, or the body itself where it cannot be decoded. None: larger than ``limit``."""
    if not coding.strip():
        return body
    decoder = Decoder(coding, limit=limit)
    try:
        plain = decoder.feed(body) + decoder.end()
    except TooLarge:
        return None
    except Undecodable:
        return body
    return plain
