"""Subjects of ``./run quality``: a description, and a function that measures."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import tests.quality
from tests.bench.figures import Figures


class Measure(Protocol):
    """Add the figures of a subject to ``figures``, and print at most ``show`` wrong results on stderr.

    Raises:
        CorpusAbsentError: the corpus lacks a file that the subject measures.
    """

    def __call__(self, corpus: Path, figures: Figures, *, show: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject, defined by its module as ``SUBJECT``."""

    about: str
    measure: Measure


def subjects() -> Mapping[str, Subject]:
    """Return the subjects by name, in alphabetical order."""
    collected = {}
    for module in pkgutil.iter_modules(tests.quality.__path__):
        name = module.name
        if name.startswith(("_", "test_")):
            continue
        subject = getattr(importlib.import_module(f"tests.quality.{name}"), "SUBJECT", None)
        if isinstance(subject, Subject):
            collected[name] = subject
    return dict(sorted(collected.items()))
