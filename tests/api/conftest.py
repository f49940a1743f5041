"""The API as it runs: uvicorn on a free port, a real database, real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from ingest.api import create_api, serve_api
from ingest.runtime import Stop
from tests.library import Library


class Running:
    """A server in a thread, until it is stopped."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        """``options`` are those of ``create_api``."""
        self._stop = Stop()
        self._bound = threading.Event()
        self.url = ""
        self.app = create_api(engine, **options)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self._bound.wait(30)

    def _serve(self) -> None:
        serve_api(self.app, host="127.0.0.1", port=0, stop=self._stop, on_bound=self._tell)

    def _tell(self, url: str) -> None:
        self.url = url
        self._bound.set()

    def request_stop(self) -> None:
        self._stop.request()

    def stop(self) -> None:
        self.request_stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def running(engine: Engine, **options: Any) -> Iterator[Running]:
    server = Running(engine, **options)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def library(database: Engine) -> Library:
    return Library(database)


@pytest.fixture
def server(database: Engine) -> Iterator[Running]:
    with running(database, push=True) as started:
        yield started


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened
