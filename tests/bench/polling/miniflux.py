"""The peer Miniflux (Go, PostgreSQL), built from its module into the cache folder.

Its database server equals that of the service: the same version and settings, with durable commits.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from sqlalchemy import text

from ingest.db import embedded
from ingest.db.engine import open_engine
from ingest.opml import ExportRow, write_opml
from tests.bench.polling.passes import PeerAbsentError, settle, until
from tests.feedworld.recorded import cache_dir
from tests.ports import reserve_ports

MODULE: Final = "miniflux.app/v2"
_SOURCE: Final = Path(__file__).with_name("go")
BUILD_SECONDS: Final = 600
WORKERS: Final = 32
"""Feeds refreshed at once. With 100 the CPU time for each feed is the same, with 8 slightly higher (300 feeds)."""
_LOGIN: Final = ("admin", "for the bench alone")
SETTINGS: Final = {
    "FETCHER_ALLOW_PRIVATE_NETWORKS": "1",
    "POLLING_PARSING_ERROR_LIMIT": "0",
    "DISABLE_SCHEDULER_SERVICE": "1",
    "WATCHDOG": "0",
    "LOG_LEVEL": "error",
    "RUN_MIGRATIONS": "1",
    "CREATE_ADMIN": "1",
    "ADMIN_USERNAME": _LOGIN[0],
    "ADMIN_PASSWORD": _LOGIN[1],
}


def installed() -> Path:
    """Return Miniflux's program in the cache folder; the first call builds it, which takes a minute.

    Raises:
        PeerAbsentError: Go is missing, or the build failed.
    """
    version = next(
        line.split()[1]
        for line in (_SOURCE / "go.mod").read_text().splitlines()
        if line.split()[:1] == [MODULE]
    )
    program = cache_dir() / f"miniflux-{version}"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise PeerAbsentError("miniflux", "it is built with Go, and `go` is not in PATH")
    program.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = program.with_name(f".{program.name}.{os.getpid()}")
    try:
        built = subprocess.run(
            [go, "build", "-o", str(partial), MODULE],
            cwd=_SOURCE,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PeerAbsentError("miniflux", f"not built within {BUILD_SECONDS} s") from None
    if built.returncode:
        raise PeerAbsentError("miniflux", (built.stderr.strip().splitlines() or ["no reason given"])[-1])
    partial.rename(program)
    return program


class Miniflux:
    """Runs Miniflux's daemon; feeds are imported as OPML, and refreshed through its API."""

    name = "miniflux"

    def __init__(self, urls: Sequence[str], *, program: Path, workers: int = WORKERS) -> None:
        self._urls = urls
        self._workers = workers
        self._program = program
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-miniflux-")))
            server = embedded.start(folder)
            stack.callback(server.stop)
            self._engine = open_engine(server.url(), name="bench")
            stack.callback(self._engine.dispose)
            (self._port,) = reserve_ports(1)
            where = urlsplit(server.url())
            options = parse_qs(where.query)
            daemon = subprocess.Popen(
                [str(self._program)],
                env={
                    **SETTINGS,
                    "PATH": os.environ.get("PATH", ""),
                    "DATABASE_URL": f"user={where.username} dbname={where.path[1:]} host={options['host'][0]}"
                    f" port={options['port'][0]} sslmode=disable",
                    "LISTEN_ADDR": f"127.0.0.1:{self._port}",
                    "BATCH_SIZE": str(2 * len(self._urls)),
                    "WORKER_POOL_SIZE": str(self._workers),
                    # Miniflux keeps this many idle connections (by default 1); with fewer than workers it reconnects.
                    "DATABASE_MIN_CONNS": str(self._workers + 8),
                    "DATABASE_MAX_CONNS": str(self._workers + 8),
                },
            )
            stack.callback(daemon.wait, timeout=30)
            stack.callback(daemon.terminate)
            self._roots = {"miniflux": daemon.pid, "postgres": server.pid}
            until(self._ready, what="miniflux to be ready", patience=60)
            self._subscribe()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _subscribe(self) -> None:
        """Import the feeds without fetching them, and give each an icon: Miniflux would request icons of the real
        sites."""
        opml = write_opml([ExportRow(url=url) for url in self._urls], title="bench", now=datetime.now(UTC))
        self._call("POST", "/v1/import", opml)
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO icons (hash, mime_type, content, external_id) VALUES ('none', 'image/png', '', '')"
                )
            )
            inserted = connection.execute(
                text("INSERT INTO feed_icons (feed_id, icon_id) SELECT f.id, i.id FROM feeds f, icons i")
            )
        if inserted.rowcount != len(self._urls):
            raise RuntimeError(f"miniflux took {inserted.rowcount} of {len(self._urls)} feeds")

    def first(self) -> None:
        self._refresh()

    def unchanged(self) -> None:
        self._refresh()

    def _refresh(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("UPDATE feeds SET next_check_at = now() - interval '1 day'"))
            began = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        time.sleep(0.01)
        self._call("PUT", "/v1/feeds/refresh")

        def done() -> bool:
            statement = "SELECT count(*) FROM feeds WHERE checked_at > :began"
            return bool(self._query(statement, began=began) == len(self._urls))

        until(done, what="miniflux to record all feeds")

    def roots(self) -> Mapping[str, int]:
        return self._roots

    def settle(self) -> None:
        settle(self._engine)

    def entries(self) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            counted = connection.execute(
                text(
                    "SELECT f.feed_url, count(e.id) FROM feeds f LEFT JOIN entries e ON e.feed_id = f.id"
                    " GROUP BY f.feed_url"
                )
            )
            return {url: int(count) for url, count in counted}

    def failures(self) -> Mapping[str, str]:
        """Return the reason why a feed could not be read, by URL."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text("SELECT feed_url, parsing_error_msg FROM feeds WHERE parsing_error_count > 0")
            )
            return {url: str(message) for url, message in rows}

    def enclosures(self) -> int:
        """Return the number of enclosures, a table that the service does not have."""
        return int(self._query("SELECT count(*) FROM enclosures"))

    def _query(self, statement: str, **parameters: Any) -> Any:
        with self._engine.connect() as connection:
            return connection.execute(text(statement), parameters).scalar_one()

    def _ready(self) -> bool:
        try:
            self._call("GET", "/v1/me")
        except (URLError, OSError):
            return False
        return True

    def _call(self, method: str, path: str, body: bytes | None = None) -> None:
        login = base64.b64encode(":".join(_LOGIN).encode()).decode()
        request = Request(
            f"http://127.0.0.1:{self._port}{path}", body, {"Authorization": f"Basic {login}"}, method=method
        )
        with urlopen(request, timeout=60) as response:
            response.read()
