"""Stored text: story without boilerplate, dates, encodings, language; each part is a module of this package."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.bench.figures import Figures
from tests.quality import boilerplate, dates, encodings, removed_lines
from tests.quality.subject import Measure, Subject

OPTIONAL: Final = "tests.quality.language"
"""Language detection has a measure of its own where the product detects languages."""
PARTS: Final[tuple[Measure, ...]] = (
    boilerplate.measure,
    removed_lines.measure,
    dates.measure,
    encodings.measure,
)


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Measure each part in turn."""
    for part in (*PARTS, *optional_parts()):
        part(corpus, figures, show=show)


def optional_parts() -> tuple[Measure, ...]:
    if find_spec(OPTIONAL) is None:
        return ()
    measure_language: Measure = import_module(OPTIONAL).measure
    return (measure_language,)


SUBJECT: Final = Subject(
    about="boilerplate removed and story sentences kept, dates and encodings beside independent readings",
    measure=measure,
)
