"""The callbacks of hubs (WebSub, §5.3 and §7): what they ask is answered, what they send is kept and then acknowledged.

::

    GET  /push/TOKEN   do you want this?    yes, with their challenge, where we asked for just that; else 404
    POST /push/TOKEN   here is something    signature ─▶ durable ─▶ 204; the poller reads it

A token is known to us and one hub. Whoever calls without one learns nothing but that it is none.
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
BODY_PATIENCE: Final = timedelta(seconds=60)
"""A hub has this long for what it sends."""
_TOKEN_EXPECTED: Final = "a callback that a hub was given"  # noqa: S105 - words for people
_ALGORITHMS: Final = ("sha1", "sha256", "sha384", "sha512")
"""What a hub may sign with (§7.1.1)."""
_DONE: Final = 204


class PushRoutes:
    """Handlers for hubs. ``max_bytes`` bounds what one may send, decoded; without ``enabled`` there is no callback."""

    def __init__(
        self,
        engine: Engine,
        threads: Threads,
        *,
        enabled: bool,
        max_bytes: int,
        patience: timedelta = BODY_PATIENCE,
        clock: Callable[[], datetime] = runtime.now,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._enabled = enabled
        self._max_bytes = max_bytes
        self._patience = patience.total_seconds()
        self._clock = clock

    async def verify(self, request: Request) -> Response:
        """A hub asks whether we want what it was asked for, or says no by itself."""
        token = request.path_params["token"]
        asked = dict(reversed(request.query_params.multi_items()))  # of two the first counts
        mode, topic = asked.get("hub.mode", ""), asked.get("hub.topic", "")
        challenge = asked.get("hub.challenge", "")
        if mode not in ("subscribe", "unsubscribe", "denied") or len(challenge) > MAX_CHALLENGE:
            raise NotFound("hub.mode", mode, "subscribe, unsubscribe or denied, of a request of ours")
        now = self._clock()

        def answer(known: Subscription) -> Subscription | None:
            if topic != known.topic or (mode == "unsubscribe") is not (
                known.state is SubscriptionState.CANCELLED
            ):
                return None
            if mode == "unsubscribe":
                return websub.after_unsubscribed(known)
            if mode == "denied":
                return websub.after_denial(known, asked.get("hub.reason"), now=now)
            return websub.after_verification(known, asked.get("hub.lease_seconds"), now=now)

        changed: Subscription | None = None
        if self._enabled and _is_token(token):
            changed = await self._threads.run(
                lambda: subscriptions.change(self._engine, answer, token=token, now=now)
            )
        if changed is None:
            raise NotFound("hub.topic", topic, "what this callback was made for, and asked for by us")
        return Response("" if mode == "denied" else challenge, media_type="text/plain")

    async def receive(self, request: Request) -> Response:
        """A hub sends what is new. Our 2xx means that it is durable, or was not signed as agreed (§7.1)."""
        token = request.path_params["token"]
        known: Subscription | None = None
        if self._enabled and _is_token(token):
            known = await self._threads.run(lambda: subscriptions.find(self._engine, token=token))
        if known is None or known.state is SubscriptionState.CANCELLED:
            return error(410, parameter="token", value=token, expected=_TOKEN_EXPECTED)
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        if not is_signed(body, request.headers.get("x-hub-signature"), secret=known.secret):
            logger.warning("feed %d: what came was not signed as agreed with %s", known.feed_id, known.hub)
            await self._threads.run(
                lambda: subscriptions.change(
                    self._engine, websub.after_invalid_push, token=token, now=self._clock()
                )
            )
            return Response(status_code=_DONE)
        plain = _decoded(body, request.headers.get("content-encoding", ""), limit=self._max_bytes)
        if plain is None:
            return self._too_large()
        kept = await self._threads.run(
            lambda: pushes.store(
                self._engine,
                known.feed_id,
                plain,
                content_type=request.headers.get("content-type"),
                language=request.headers.get("content-language"),
                now=self._clock(),
            )
        )
        if not kept:
            full = error(503, parameter="service", value=None, expected="another try when less waits here")
            full.headers["retry-after"] = "60"
            return full
        runtime.failpoint("serve.push-kept")
        return Response(status_code=_DONE)

    async def _body(self, request: Request) -> bytes | Response:
        """What was sent, or the answer where that is too much, or takes too long."""
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._patience):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._max_bytes:
                        return self._too_large()
                    chunks.append(chunk)
        except TimeoutError:
            return error(408, parameter="body", value=None, expected=f"all of it within {self._patience:g} s")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        return b"".join(chunks)

    def _too_large(self) -> Response:
        return error(413, parameter="body", value=None, expected=f"{self._max_bytes} bytes at most")


def is_signed(body: bytes, header: str | None, *, secret: str) -> bool:
    """Whether ``header`` (``X-Hub-Signature: METHOD=HEX``) is that of ``body``."""
    method, _, signature = (header or "").strip().partition("=")
    method = method.lower()
    if method not in _ALGORITHMS or not signature.isascii():
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    return hmac.compare_digest(expected, signature.strip().lower())


def _is_token(text: str) -> bool:
    return 0 < len(text) <= MAX_TOKEN and text.isascii() and text.isprintable()


def _decoded(body: bytes, coding: str, *, limit: int) -> bytes | None:
    """``body`` without its content coding; as it is, where that cannot be undone. None: larger than ``limit``."""
    if not coding.strip():
        return body
    decoder = Decoder(coding, limit=limit)
    try:
        plain = decoder.feed(body)
        decoder.end()
    except TooLarge:
        return None
    except Undecodable:
        return body
    return plain
