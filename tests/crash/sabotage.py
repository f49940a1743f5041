"""Prove that the harness detects a broken guarantee: run the service with one guarantee broken on purpose.

The source is copied and the copy rewritten. The run over the copy must lose articles or events.
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


class OutdatedSabotageError(Exception):
    """The source no longer contains the text that a sabotage replaces, so the sabotage must be updated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Replaces the only occurrence of ``old`` in ``file`` by ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    about: str
    rewrites: tuple[Rewrite, ...]
    labels: tuple[str, ...]
    """Failpoints at which a kill exposes the broken guarantee."""
    patience: float = 10.0
    """Seconds to wait for news that will never arrive."""


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
    """Yield a folder with the rewritten package, for the length of the block.

    Raises:
        OutdatedSabotageError: a text to rewrite occurs never, or more than once.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-sabotage-") as folder:
        for part in ("ingest", "migrations"):
            shutil.copytree(
                CHECKOUT / part, Path(folder) / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        rewrite(Path(folder), SABOTAGES[name].rewrites)
        yield Path(folder)


def rewrite(folder: Path, rewrites: Sequence[Rewrite]) -> None:
    for change in rewrites:
        path = folder / change.file
        source = path.read_text("utf-8")
        if source.count(change.old) != 1:
            raise OutdatedSabotageError(
                f"{change.file} has {source.count(change.old)} times, not once:\n{change.old}"
                "tests/crash/sabotage.py must follow the source"
            )
        path.write_text(source.replace(change.old, change.new), "utf-8")
