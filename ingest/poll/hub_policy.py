"""The part of WebSub that a poll run needs: poll intervals of feeds with a hub, and evidence about hubs from polls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ingest.schedule import Policy
from ingest.schedule.websub import HubSignals
from ingest.types import DocumentSummary, Fetched, Lease


class HubPolicy(Protocol):
    """How hubs change the polling of their feeds."""

    async def load_subscriptions(self, leases: Sequence[Lease]) -> None:
        """Load the subscriptions of these feeds, for :meth:`policy` and :meth:`signals`."""

    def discard_subscription(self, feed_id: int) -> None:
        """Discard the subscription that was loaded for a poll, because the poll has ended."""

    def policy(self, lease: Lease, policy: Policy, *, now: datetime) -> Policy:
        """Return the poll policy of a feed."""

    def signals(self, lease: Lease, fetched: Fetched, summary: DocumentSummary) -> HubSignals | None:
        """Return the consequences of a parsed document for the feed's hub; None: there are none."""

    async def record_signals(self, signals: Sequence[HubSignals]) -> None:
        """Store signals of polls that are recorded."""


class NoHubs:
    """A poller that hubs cannot reach: feeds are polled by their ordinary policy."""

    async def load_subscriptions(self, leases: Sequence[Lease]) -> None:
        """Load nothing."""

    def discard_subscription(self, feed_id: int) -> None:
        """Discard nothing."""

    def policy(self, lease: Lease, policy: Policy, *, now: datetime) -> Policy:
        """Return ``policy``."""
        return policy

    def signals(self, lease: Lease, fetched: Fetched, summary: DocumentSummary) -> HubSignals | None:
        """Return None."""
        return None

    async def record_signals(self, signals: Sequence[HubSignals]) -> None:
        """Store nothing."""
