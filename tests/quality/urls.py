"""Canonical URLs: real links, vectors of other projects, and lists of tracking parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.figures import Figures
from tests.quality import url_links, url_parameters, url_vectors
from tests.quality.subject import Subject


def measure(corpus: Path, figures: Figures, *, show: int) -> None:
    """Measure links, vectors and parameters in turn."""
    for part in (url_links.measure, url_vectors.measure, url_parameters.measure):
        part(corpus, figures, show=show)


SUBJECT: Final = Subject(
    about="articles merged and split by their addresses, URL vectors, tracking parameters", measure=measure
)
