"""Stored text: story without boilerplate, dates, encodings, language; each part is a module of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.figures import Figures
from tests.quality import boilerplate, dates, encodings, language, removed_lines
from tests.quality.subject import Measure, Subject

PARTS: Final[tuple[Measure, ...]] = (
    boilerplate.measure,
    removed_lines.measure,
    dates.measure,
    encodings.measure,
    language.measure,
)


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Measure each part in turn."""
    for part in PARTS:
        part(corpus, figures, show=show)


SUBJECT: Final = Subject(
    about="boilerplate removed and story sentences kept, dates and encodings beside independent readings",
    measure=measure,
)
