"""The peer lemon24/reader (Python, SQLite), installed from its package registry into an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.bench.polling.passes import PeerAbsentError
from tests.feedworld.recorded import cache_dir

VERSION: Final = "3.26"
WORKERS: Final = 4
"""Fetching threads. Everything after the fetch runs on one core, so their number makes no difference."""
INSTALL_SECONDS: Final = 300
_PROCESS: Final = Path(__file__).with_name("reader_process.py")


def installed() -> Path:
    """Return the Python of an environment in the cache folder that has the peer; create it at the first call.

    Raises:
        PeerAbsentError: the peer cannot be installed.
    """
    folder = cache_dir() / f"reader-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        # The peer's feedparser imports sgmllib, which newer feedparser versions replace.
        packages = [f"reader=={VERSION}", "sgmllib3k==1.0.0"]
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], pip):
            try:
                finished = subprocess.run(
                    command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                raise PeerAbsentError("reader", f"not installed within {INSTALL_SECONDS} s") from None
            if finished.returncode:
                reason = (finished.stderr or finished.stdout).strip().splitlines() or ["no reason given"]
                raise PeerAbsentError("reader", reason[-1])
        done.touch()
    return python


class Reader:
    """Runs ``reader`` in one process, as its documentation describes: a database file, and updates."""

    name = "reader"

    def __init__(self, urls: Sequence[str], *, python: Path) -> None:
        self._urls = urls
        self._python = python
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-reader-")))
            self._process = stack.enter_context(
                subprocess.Popen(
                    # -I excludes the script's folder, where a module of ours has the peer's name.
                    [str(self._python), "-I", str(_PROCESS), str(folder / "reader.sqlite"), str(WORKERS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            self._order("add", urls=list(self._urls))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The end of the block closes the process's stdin, which ends the process.
        self._stack.close()

    def first(self) -> None:
        self._order("update")

    def unchanged(self) -> None:
        self._order("update")

    def make_searchable(self) -> None:
        """Update the full-text index, which the peer's updates leave alone."""
        self._order("search")

    def roots(self) -> Mapping[str, int]:
        return {"reader": self._process.pid}

    def settle(self) -> None:
        """Do nothing: SQLite does no background work."""

    def entries(self) -> Mapping[str, int]:
        return self._order("entries")

    def failures(self) -> Mapping[str, str]:
        """Return the reason why a feed could not be read, by URL."""
        return self._order("failures")

    def _order(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("reader ended; its reason is on stderr")
        response: dict[str, Any] = json.loads(line)
        return response
