"""Shared parts of every measuring command: location of the corpus, output of figures, exit code.

A figure is printed as one line, ``name value unit``, as soon as it is measured; the same figures are written as JSON at
the end. A figure beyond its *floor* makes the exit code 1. A missed *goal* is only reported.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

CORPUS_VARIABLE: Final = "INGEST_CORPUS"
DEFAULT_CORPUS: Final = Path(__file__).resolve().parents[2].parent / "shared" / "data"

ABSENT_EXIT: Final = 2
"""Exit code when nothing could be measured: the corpus, or a file of it, is missing."""


class CorpusAbsentError(FileNotFoundError):
    """The evaluation corpus, or a file of it, is not at the expected place."""

    def __init__(self, path: Path, came_from: str) -> None:
        super().__init__(path, came_from)
        self.path = path
        self.came_from = came_from

    def __str__(self) -> str:
        return (
            f"no evaluation corpus: {self.path} (from {self.came_from}) does not exist; "
            f"name a folder of that layout with --corpus DIR or {CORPUS_VARIABLE}"
        )


def corpus_dir(option: str | os.PathLike[str] | None = None) -> Path:
    """Return the corpus folder: ``--corpus``, else ``$INGEST_CORPUS``, else ``../shared/data`` beside the checkout.

    Raises:
        CorpusAbsentError: the first of these that is set is not a folder. A wrong path does not fall through to the
        next one.
    """
    if option is not None:
        path, came_from = Path(option), "--corpus"
    elif os.environ.get(CORPUS_VARIABLE):
        path, came_from = Path(os.environ[CORPUS_VARIABLE]), CORPUS_VARIABLE
    else:
        path, came_from = DEFAULT_CORPUS, "the default"
    if not path.is_dir():
        raise CorpusAbsentError(path, came_from)
    return path


def corpus_file(corpus: Path, name: str) -> Path:
    """Return the path of a file of the corpus.

    Raises:
        CorpusAbsentError: the corpus has no such file.
    """
    path = corpus / name
    if not path.is_file():
        raise CorpusAbsentError(path, "the corpus folder")
    return path


def read_jsonl_zst(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a ``.jsonl.zst`` file."""
    import io

    import zstandard

    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
        for line in io.TextIOWrapper(plain, "utf-8"):
            if line.strip():
                yield json.loads(line)


def read_tar_zst(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file in a ``.tar.zst`` archive, in its order, without unpacking it to disk."""
    import tarfile

    import zstandard

    with (
        path.open("rb") as raw,
        zstandard.ZstdDecompressor().stream_reader(raw) as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
    ):
        for member in archive:
            if member.isfile():
                opened = archive.extractfile(member)
                if opened is not None:
                    yield member.name, opened.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value. ``floor`` and ``goal`` are lower bounds, unless ``lower_is_better``."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    goal: float | None = None
    lower_is_better: bool = False

    def meets(self, bound: float | None) -> bool:
        if bound is None:
            return True
        return self.value <= bound if self.lower_is_better else self.value >= bound


class Figures:
    """The figures of one run, printed as they are added."""

    def __init__(self, command: str) -> None:
        self.command = command
        self._figures: list[Figure] = []

    @classmethod
    def options(cls, parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
        """Give ``parser`` the two options that every measuring command has."""
        parser.add_argument(
            "--corpus",
            metavar="DIR",
            help=f"evaluation corpus (else ${CORPUS_VARIABLE}, else ../shared/data)",
        )
        parser.add_argument("--json", metavar="FILE", help="write the figures there as JSON too")
        return parser

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        floor: float | None = None,
        goal: float | None = None,
        lower_is_better: bool = False,
    ) -> Self:
        """Print a figure, and report on stderr when it misses its floor or goal."""
        figure = Figure(
            name=name, value=value, unit=unit, floor=floor, goal=goal, lower_is_better=lower_is_better
        )
        self._figures.append(figure)
        print(f"{name} {_shown(value)} {unit}", flush=True)
        side = "at most" if lower_is_better else "at least"
        if not figure.meets(floor):
            print(f"FLOOR MISSED: {name} is {_shown(value)}, must be {side} {floor} {unit}", file=sys.stderr)
        elif not figure.meets(goal):
            print(f"goal missed: {name} is {_shown(value)}, hoped for {side} {goal} {unit}", file=sys.stderr)
        return self

    def values(self) -> Mapping[str, float]:
        return {figure.name: figure.value for figure in self._figures}

    def missed(self) -> Sequence[Figure]:
        """Return the figures beyond their floor."""
        return [figure for figure in self._figures if not figure.meets(figure.floor)]

    def write_json(self, path: str | os.PathLike[str] | None) -> None:
        """Write ``{"command": …, "figures": [{name, value, unit, floor, goal, met}, …]}``, unless ``path`` is None."""
        if path is None:
            return
        figures = [
            {
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "floor": figure.floor,
                "goal": figure.goal,
                "met": figure.meets(figure.floor),
            }
            for figure in self._figures
        ]
        Path(path).write_text(
            json.dumps({"command": self.command, "figures": figures}, indent=2) + "\n", "utf-8"
        )

    def exit_code(self) -> int:
        """Return 1 if a floor was missed, else 0."""
        return 1 if self.missed() else 0


def _shown(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
