"""Publishing rate, publishing gaps and missed entries of a feed after a poll. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingest.schedule import publish_rate, silence
from ingest.types import DocumentSummary, Lease, PublishGaps, PublishRate


def rate_after(lease: Lease, document: DocumentSummary | None, *, now: datetime) -> PublishRate:
    """Return the publishing rate after a poll. ``document`` is None where no document was parsed."""
    rate, succeeded_at = lease.memory.publish_rate, lease.memory.health.succeeded_at
    if rate is None or succeeded_at is None:
        return publish_rate.initial_rate(document.dates if document else (), now=now)
    # A clock that was set back does not count as elapsed time.
    since = max(now - succeeded_at, timedelta(0))
    if document is None:
        return publish_rate.update_rate(rate, created=0, since=since)
    # A sitemap index counts as one new entry where any of its sitemaps changed, however many did.
    changed = [child.updated for child in document.children or () if child.updated is not None]
    created = document.created + any(succeeded_at < at <= now for at in changed)
    if missed_entries(lease, document, now=now):
        # The new entries are only a part of those published, so the rate may rise and must not fall. Adding the
        # estimate, which grows with the rate, would let the rate of a feed that publishes in batches grow without end.
        created = max(created, round(publish_rate.entries_an_hour(rate) * (since / publish_rate.HOUR)))
    return publish_rate.update_rate(rate, created=created, since=since)


def gaps_after(lease: Lease, document: DocumentSummary | None, *, now: datetime) -> PublishGaps | None:
    """Return the publishing gaps after a poll: unchanged without new entries."""
    gaps = lease.memory.publish_gaps
    if document is None or not document.created:
        return gaps
    if gaps is None and lease.memory.health.succeeded_at is None:
        return silence.initial_gaps(document.dates, now=now)
    return silence.update_gaps(gaps, at=now)


def missed_entries(lease: Lease, document: DocumentSummary, *, now: datetime) -> int:
    """Estimate the entries that appeared and disappeared since the last poll.

    Entries were missed where the whole document is new and its oldest entry is younger than the last poll.
    """
    rate, succeeded_at = lease.memory.publish_rate, lease.memory.health.succeeded_at
    if lease.first or rate is None or succeeded_at is None or document.children is not None:
        return 0
    dated = len(document.dates) >= max(2, document.entries)
    if document.has_seen_entries or not document.complete or not dated:
        return 0
    gap = min(document.dates) - succeeded_at
    if gap <= timedelta(0) or gap > now - succeeded_at:
        return 0
    return max(1, round(publish_rate.entries_an_hour(rate) * (gap / publish_rate.HOUR)))
