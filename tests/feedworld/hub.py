"""A hub (WebSub, W3C Recommendation): a real HTTP server that verifies, distributes with signature, and misbehaves.

::

    with Hub() as hub:
        …                                   # a feed declares hub.url; a client subscribes
        hub.settle()                        # all verifications are done
        assert hub.publish(topic, body) == [204]

Faults: ``answer_next`` (a status and a text), ``only`` (accepts a topic under another name only), ``denies``,
``verifies`` (False: accepts a subscription and never verifies it), ``lease``, ``delivers``, ``signs`` (a method,
``wrong`` or ``not``), ``down``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlencode

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A verified subscriber of a topic."""

    callback: str
    topic: str
    secret: str | None


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore requests whose client was killed; report every other error, which is a bug."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Hub:
    """A WebSub hub on ``address``, a loopback address."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.requests: list[dict[str, str]] = []
        """Forms received, in order."""
        self.verifications: list[tuple[str, int]] = []
        """Callbacks verified, with the status of each response."""
        self.subscribers: dict[tuple[str, str], Subscriber] = {}
        self.lease: str | None = "864000"
        """``hub.lease_seconds`` of the verifications; None to omit it."""
        self.verifies = True
        self.denies: str | None = None
        """Reason of the denial, if subscriptions are denied."""
        self.only: dict[str, str] = {}
        """Accepted topic by requested topic: the hub accepts only the other name."""
        self.delivers = True
        self.signs = "sha256"
        self.down = False
        self._prepared: deque[tuple[int, str, dict[str, str]]] = deque()
        self._address = address
        self._threads: list[threading.Thread] = []
        self._client = httpx.Client(timeout=30)

    def __enter__(self) -> Self:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
                if hub.down:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, text, headers = hub._respond(form)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server((self._address, 0), Handler)
        self._server.daemon_threads = True
        self._serving = threading.Thread(target=self._server.serve_forever, name="hub", daemon=True)
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()
        self.settle()
        self._client.close()

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self._server.server_address[1]}/hub"

    def answer_next(self, status: int, text: str = "", **headers: str) -> None:
        """Respond to the next request with this status and do nothing. Write ``Retry_After`` with an underscore."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._prepared.append((status, text, named))

    def settle(self) -> None:
        """Wait until all verifications are finished."""
        while self._threads:
            self._threads.pop().join(30)

    def publish(
        self, topic: str, body: bytes, content_type: str = "application/rss+xml; charset=utf8", **headers: str
    ) -> list[int]:
        """Distribute ``body`` to the subscribers of ``topic``; return the status of each response."""
        if not self.delivers:
            return []
        statuses = []
        for subscriber in [candidate for candidate in self.subscribers.values() if candidate.topic == topic]:
            sent_headers = {"Content-Type": content_type, "Link": f'<{topic}>; rel="self"', **headers}
            if subscriber.secret is not None and self.signs != "not":
                sent_headers["X-Hub-Signature"] = self._signature(subscriber.secret, body)
            statuses.append(
                self._client.post(subscriber.callback, content=body, headers=sent_headers).status_code
            )
        return statuses

    def _signature(self, secret: str, body: bytes) -> str:
        if self.signs == "wrong":
            return "sha256=" + hmac.new(b"another secret", body, hashlib.sha256).hexdigest()
        return f"{self.signs}={hmac.new(secret.encode(), body, getattr(hashlib, self.signs)).hexdigest()}"

    def _respond(self, form: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        self.requests.append(form)
        if self._prepared:
            return self._prepared.popleft()
        topic = form["hub.topic"]
        if topic in self.only:
            return 422, f"You may only subscribe to {self.only[topic]} (not to {topic})", {}
        verification = threading.Thread(target=self._verify_quietly, args=(form,), daemon=True)
        self._threads.append(verification)
        verification.start()
        return 202, "", {}

    def _verify_quietly(self, form: dict[str, str]) -> None:
        with suppress(httpx.HTTPError):  # the subscriber is gone, so the subscription is not verified
            self._verify(form)

    def _verify(self, form: dict[str, str]) -> None:
        callback, topic, mode = form["hub.callback"], form["hub.topic"], form["hub.mode"]
        if self.denies is not None:
            self._get(callback, {"hub.mode": "denied", "hub.topic": topic, "hub.reason": self.denies})
            return
        if not self.verifies:
            return
        challenge = secrets.token_urlsafe(16)
        query = {"hub.mode": mode, "hub.topic": topic, "hub.challenge": challenge}
        if mode == "subscribe" and self.lease is not None:
            query["hub.lease_seconds"] = self.lease
        response = self._get(callback, query)
        if response.status_code == 200 and response.text == challenge:
            if mode == "unsubscribe":
                self.subscribers.pop((callback, topic), None)
                return
            self.subscribers[callback, topic] = Subscriber(
                callback=callback, topic=topic, secret=form.get("hub.secret")
            )

    def _get(self, callback: str, query: dict[str, str]) -> httpx.Response:
        response = self._client.get(f"{callback}?{urlencode(query)}")
        self.verifications.append((callback, response.status_code))
        return response
