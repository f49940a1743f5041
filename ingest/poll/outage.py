"""Decide whether a host that cannot be reached has failed, or our own network or resolver.

::

    a host responded lately                            ─▶ that host failed
    no host responds, and several hosts fail together  ─▶ our network failed
    else                                               ─▶ unclear, until other polls add evidence

A failure of our own network is no feed's failure: no feed is polled less often because of it (docs/polling.md, case
21).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ingest.types import Failed

logger = logging.getLogger(__name__)

RECENT: Final = timedelta(seconds=30)
"""A response proves for this long that our network works."""
TOGETHER: Final = timedelta(minutes=5)
"""Hosts that fail within this time, with no response in between, fail together."""
SEVERAL: Final = 3
"""This many hosts do not fail together by chance while no host responds."""
SEVERAL_LOCAL: Final = 2
"""The same where the error says that the route or the resolver is missing. One host alone is no evidence: it may have
another kind of address than we, or its domain may have lost its name servers."""
MAX_UNREACHABLE: Final = 1000


class Blame(StrEnum):
    """The side whose failure made a host unreachable."""

    THEIRS = "theirs"
    OURS = "ours"
    UNCLEAR = "unclear"


class OutageDetector:
    """Evidence that the polls of one poller collected lately. Callers leave out hosts on loopback, which are
    reachable without a network."""

    def __init__(self) -> None:
        self._last_response_at: datetime | None = None
        self._unreachable: dict[str, datetime] = {}
        self.active = False
        """Our own network is taken to be down."""

    def host_reachable(self, *, now: datetime) -> None:
        """Note that a host responded, with whatever status. Ends an outage."""
        self._last_response_at = now
        self._unreachable.clear()
        if self.active:
            logger.warning("hosts can be reached again")
            self.active = False

    def host_unreachable(self, host: str, *, now: datetime) -> None:
        """Note that ``host`` could not be reached."""
        self._unreachable = {name: at for name, at in self._unreachable.items() if now - at <= TOGETHER}
        if len(self._unreachable) < MAX_UNREACHABLE:
            self._unreachable[host] = now

    def blame(self, failed: Failed, *, now: datetime) -> Blame:
        """Judge a failure to reach a host by the evidence so far."""
        if self._last_response_at is not None and now - self._last_response_at <= RECENT:
            return Blame.THEIRS
        if len(self._unreachable) >= (SEVERAL_LOCAL if failed.is_local else SEVERAL):
            return Blame.OURS
        return Blame.UNCLEAR

    def begin(self, failed: Failed) -> None:
        """Take our own network to be down, until a host responds."""
        if not self.active:
            logger.warning("no host can be reached: our own network seems to be down (%s)", failed.detail)
            self.active = True
