"""``ingest up`` as a user starts it, on a port that is taken or free."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import pytest

from ingest.db.engine import open_engine
from ingest.db.status import poller_connected
from tests.cli.test_refusals import ingest

pytestmark = pytest.mark.store


class _Healthy(BaseHTTPRequestHandler):
    """Says what another news-ingest says when it is asked how it is."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
        """Nobody reads it."""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as other:
        threading.Thread(target=other.serve_forever).start()
        yield other.server_port
        other.shutdown()


def test_a_port_that_another_process_holds_is_refused_before_anything_starts(
    database_url: str, taken_port: int
) -> None:
    done = ingest("up", INGEST_DATABASE_URL=database_url, INGEST_API_PORT=str(taken_port))
    assert done.returncode == 2, done.stderr
    assert f"address of the API: '127.0.0.1:{taken_port}' is not accepted" in done.stderr
    assert "started" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_where_any_free_port_is_wanted_the_one_it_got_is_announced_once_a_poller_is_connected(
    database_url: str,
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
    with subprocess.Popen(
        [sys.executable, "-m", "ingest", "up"],
        env={**kept, "INGEST_DATABASE_URL": database_url, "INGEST_API_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as up:
        assert up.stdout is not None
        said = up.stdout.readline()
        found = re.match(r"ready: API at (http://127\.0\.0\.1:[1-9]\d*)/v1/articles;", said)
        try:
            assert found, said
            engine = open_engine(database_url)
            assert poller_connected(engine)
            engine.dispose()
            with urlopen(f"{found[1]}/healthz", timeout=10) as answer:
                assert answer.status == 200
        finally:
            up.send_signal(signal.SIGTERM)
        assert up.stdout.read() == "stopped\n"
    assert up.returncode == 0
