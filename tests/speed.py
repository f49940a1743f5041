"""Limits on processor time that hold on a slow or busy machine, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_REFERENCE_SECONDS: Final = 0.025
"""CPU time of :func:`_reference` on the machine on which the limits were chosen."""


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Fail when the block takes more CPU time of this process than ``seconds`` at the reference machine's speed.

    CPU time also grows when another process shares the core's caches or its clock. So a fixed piece of work is timed
    before and after the block, and the slower of the two scales the limit.
    """
    before = _reference()
    begun = time.process_time()
    yield
    used = time.process_time() - begun
    scale = max(1.0, max(before, _reference()) / _REFERENCE_SECONDS)
    assert used < seconds * scale, f"{used:.2f} CPU seconds, {seconds:g} allowed, scaled by {scale:.1f}"


def _reference() -> float:
    begun = time.process_time()
    words = {str(number): number for number in range(80_000)}
    assert sum(words.values()) > 0
    return time.process_time() - begun
