"""One process tree to a data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import Refused


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
        accepted = f"a folder we may write ({error.strerror}: {error.filename})"
        raise Refused("INGEST_DATA_DIR", str(data_dir), accepted) from error
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
