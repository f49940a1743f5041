"""Permanent redirects of a feed: since when they lead to one address, and when that becomes the feed's own. Pure.

Only responses that could be used count. A redirect to a home page or a parking page ends as a failure and is not
followed permanently (docs/polling.md, case 33).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingest.errors import Refused
from ingest.types import Lease, PermanentMove
from ingest.urls import feed_url

MOVED_AFTER: Final = timedelta(days=7)
"""The time for which all responses must come from another address before it becomes the feed's own
(docs/polling.md, case 31)."""


def move_after(lease: Lease, moved_to: str | None, *, now: datetime) -> PermanentMove | None:
    """Return the move that a poll confirmed; None: it was not redirected permanently to an acceptable address."""
    if moved_to is None:
        return None
    target = _acceptable_address(lease, moved_to)
    if target is None:
        return None
    move = lease.memory.move
    return move if move is not None and move.to == target else PermanentMove(to=target, since=now)


def relocation_after(move: PermanentMove | None, *, site_changed: bool, now: datetime) -> str | None:
    """Return the feed's new address where it moved long enough ago; None: the address stays.

    A sold domain may redirect permanently to its buyer's. Content that looks like another site's keeps the address
    until an operator confirms the site.
    """
    if move is None or site_changed or now - move.since < MOVED_AFTER:
        return None
    return move.to


def ignored_redirect(lease: Lease, moved_to: str | None, move: PermanentMove | None) -> str | None:
    """Explain a permanent redirect that is not followed permanently; None: there is none."""
    if moved_to is None or move is not None or moved_to == lease.url:
        return None
    return f"permanent redirect to {moved_to} ignored: not an acceptable address"


def _acceptable_address(lease: Lease, moved_to: str) -> str | None:
    """Return the address as the registry spells it; None: it is unacceptable or the feed's own."""
    try:
        target = feed_url(moved_to)
    except Refused:
        return None
    # An attacker on the network can forge a redirect to http, and it would be followed permanently.
    downgraded = lease.url.startswith("https:") and target.startswith("http:")
    return None if downgraded or target == lease.url else target
