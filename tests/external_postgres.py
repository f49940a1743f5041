"""Run a command against an external PostgreSQL: ``python -m tests.external_postgres -- COMMAND…``.

Sets ``INGEST_TEST_DATABASE_URL`` for the command: the one that is set already, or a throw-away cluster made with
the oldest server we support, from Debian's package ``postgresql-15`` (``PG_BIN`` names another folder).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.ports import reserve_ports
from tests.scratch import scratch_parent

VARIABLE: Final = "INGEST_TEST_DATABASE_URL"
DEBIAN: Final = Path("/usr/lib/postgresql/15/bin")


class NoServer(Exception):
    """No PostgreSQL server files were found."""


@contextmanager
def external_postgres() -> Iterator[str]:
    """The URL of a new cluster on loopback TCP; PostgreSQL does not run as root, so there it runs as ``postgres``."""
    binaries = Path(os.environ.get("PG_BIN", DEBIAN))
    if not (binaries / "initdb").exists():
        raise NoServer(f"{binaries} has no initdb: install postgresql-15, or set PG_BIN or {VARIABLE}")
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="ingest-pg15-", dir=scratch_parent()))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    (port,) = reserve_ports(1)

    def run(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoServer(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    try:
        run(str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "ingest", "-A", "trust", "-E", "UTF8")
        control = (str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run(*control, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://ingest@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "fast", "stop")
    finally:
        shutil.rmtree(folder)


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    command = arguments[1:]
    if os.environ.get(VARIABLE):
        return subprocess.run(command, check=False).returncode
    try:
        with external_postgres() as url:
            print(f"external PostgreSQL at {url}", file=sys.stderr)
            return subprocess.run(command, env={**os.environ, VARIABLE: url}, check=False).returncode
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
