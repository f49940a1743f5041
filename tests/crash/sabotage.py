"""Proof that the harness catches what it is there to catch: the service with one guarantee broken on purpose.

The source is copied and rewritten there; the run over the copy must find articles or events lost.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.crash.rig import CHECKOUT


class NotFoundError(Exception):
    """The source is not as the sabotage knows it; it has to be taught the new text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """In ``file``: the one place that has ``old`` gets ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    about: str
    rewrites: tuple[Rewrite, ...]
    labels: tuple[str, ...]
    """The steps at which a kill shows it."""
    patience: float = 10.0
    """Seconds to wait for what will not come."""


SABOTAGES: Final = {
    "validators-first": Sabotage(
        about="the outcome of a poll is recorded before its articles are in the log",
        rewrites=(
            Rewrite(
                file="ingest/poll/recorder.py",
                old="outcomes, refused = self._append(batch)\n",
                new="outcomes, refused = [poll.outcome for poll in batch], []\n",
            ),
            Rewrite(
                file="ingest/poll/recorder.py",
                old='        failpoint("poll.recorded")\n',
                new='        failpoint("poll.recorded")\n        self._append(batch)\n',
            ),
        ),
        labels=("poll.recorded",),
    ),
    "stream-outside": Sabotage(
        about="the stream events are written in a transaction of their own, after the articles",
        rewrites=(
            Rewrite(
                file="ingest/persist.py",
                old="                self._outbox.append_in(connection, topic, messages)\n",
                new="                pass\n",
            ),
            Rewrite(
                file="ingest/persist.py",
                old='        failpoint("persist.stored")\n',
                new='        failpoint("persist.stored")\n'
                "        with transaction(self._engine) as connection:\n"
                "            for topic, messages in sorted(stream_events(changes, now=now).items()):\n"
                "                self._outbox.append_in(connection, topic, messages)\n",
            ),
        ),
        labels=("persist.stored",),
    ),
}


@contextmanager
def sabotaged(name: str) -> Iterator[Path]:
    """A folder with the rewritten package, for the length of the block.

    Raises:
        NotFoundError: a text to rewrite is not there, or there more than once.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-sabotage-") as folder:
        for part in ("ingest", "migrations"):
            shutil.copytree(
                CHECKOUT / part, Path(folder) / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        rewrite(Path(folder), SABOTAGES[name].rewrites)
        yield Path(folder)


def rewrite(folder: Path, rewrites: Sequence[Rewrite]) -> None:
    for one in rewrites:
        path = folder / one.file
        source = path.read_text("utf-8")
        if source.count(one.old) != 1:
            raise NotFoundError(
                f"{one.file} has {source.count(one.old)} times, not once:\n{one.old}"
                "tests/crash/sabotage.py must follow the source"
            )
        path.write_text(source.replace(one.old, one.new), "utf-8")
