"""Whose fault it is that a host cannot be reached: its own, or our network's or resolver's.

::

    answered by any host lately ─▶ theirs
    nobody answers, and several hosts fail together ─▶ ours
    else ─▶ not clear yet: what other polls meet will tell

A failure of ours is nobody's error: no feed is polled less often for it (docs/polling.md, case 21).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ingest.types import Failed

LATELY: Final = timedelta(seconds=30)
"""An answer this long ago still says that our network works."""
TOGETHER: Final = timedelta(minutes=5)
"""Hosts that fail this far apart, with no answer in between, fail together."""
SEVERAL: Final = 3
"""So many hosts do not fail together by chance while nobody answers."""
SEVERAL_WITH_SIGNS: Final = 2
"""Nor so many where the error says that the way there, or the resolver, is missing. One alone may be a host that has
another kind of address than we, or a domain whose own servers are dead."""
REMEMBERED: Final = 1000


class Blame(StrEnum):
    """Whose failure it is."""

    THEIRS = "theirs"
    OURS = "ours"
    UNCLEAR = "unclear"


class Outage:
    """What the polls of one poller met lately. Hosts on loopback say nothing of a network and are left out."""

    def __init__(self) -> None:
        self._answered_at: datetime | None = None
        self._silent: dict[str, datetime] = {}

    def host_reachable(self, *, now: datetime) -> None:
        """Some host answered, whatever it said."""
        self._answered_at = now
        self._silent.clear()

    def host_unreachable(self, host: str, *, now: datetime) -> None:
        """``host`` could not be reached."""
        self._silent = {each: at for each, at in self._silent.items() if now - at <= TOGETHER}
        if len(self._silent) < REMEMBERED:
            self._silent[host] = now

    def blame(self, failed: Failed, *, now: datetime) -> Blame:
        """Whose fault a failure to reach a host is, as far as is known now."""
        if self._answered_at is not None and now - self._answered_at <= LATELY:
            return Blame.THEIRS
        if len(self._silent) >= (SEVERAL_WITH_SIGNS if failed.is_local else SEVERAL):
            return Blame.OURS
        return Blame.UNCLEAR
