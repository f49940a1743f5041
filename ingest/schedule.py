"""When a feed is polled next, and what is remembered of the poll that just ended. Pure.

::

    NotModified      validators updated   interval                        reset failures
    Fetched, same    validators replaced  interval                        reset failures
    Fetched, read    validators replaced  interval                        reset failures
    Fetched, cut     validators forgotten interval                        reset failures
    Failed           validators kept      back-off, at least Retry-After  failures + 1

A failure may follow a 200 (a body that is no feed): the old validators stay, so the next poll asks for the
same bytes again. The order matters: what is here decided is stored only after the articles are in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from ingest.types import (
    Failed,
    FetchResult,
    Lease,
    NotModified,
    PollOutcome,
    PollResult,
    Seen,
)

JITTER: Final = 0.1
"""At most this share of a delay is added, so that feeds added together do not stay together."""
MAX_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often a feed is polled."""

    interval: timedelta = timedelta(minutes=15)
    minimum: timedelta = timedelta(minutes=1)
    maximum: timedelta = timedelta(days=1)

    def clamp(self, delay: timedelta) -> timedelta:
        return min(max(delay, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a document came to, once it was parsed and normalised against its feed's seen-set."""

    title: str | None
    entries: int
    appended: int
    duplicates: int
    seen: tuple[Seen, ...]
    whole: bool
    """False: the document was cut, though its framing said nothing; there may be more where it came from."""


def body_hash(body: bytes, content_type: str | None) -> bytes:
    """Of all that parsing depends on: the same bytes under another charset are another document."""
    return blake2b(body, digest_size=16, key=(content_type or "").encode("utf-8", "replace")[:64]).digest()


def outcome(
    lease: Lease,
    result: FetchResult,
    reading: Reading | None,
    *,
    now: datetime,
    policy: Policy,
    hashed: bytes | None = None,
    body_bytes: int = 0,
) -> PollOutcome:
    """What the poll came to.

    ``hashed`` is the :func:`body_hash` of a :class:`Fetched` body. ``reading`` belongs to a body that was
    parsed; one with the hash of the last one was not, and has None. A body that could not be used is given as
    the :class:`Failed` it came to, with its size.
    """
    if isinstance(result, Failed):
        return _failed(lease, result, now=now, policy=policy, body_bytes=body_bytes)
    interval = policy.clamp(policy.interval)
    next_poll_at = now + spread(lease.feed_id, interval, policy=policy)
    reason = f"every {shown(interval)}"
    if isinstance(result, NotModified):
        return PollOutcome(
            feed_id=lease.feed_id,
            poll_id=lease.poll_id,
            result=PollResult.NOT_MODIFIED,
            started_at=lease.leased_at,
            finished_at=now,
            next_poll_at=next_poll_at,
            reason=reason,
            interval=interval,
            failures=0,
            # RFC 9111 §4.3.4: what a 304 does not mention stays as it was.
            etag=lease.etag if result.etag is None else result.etag,
            last_modified=lease.last_modified if result.last_modified is None else result.last_modified,
            body_hash=lease.body_hash,
            status=304,
        )
    # Remembering anything of a document that was cut would let a later 304, or an equal cut, hide its rest.
    whole = reading is None or reading.whole
    return PollOutcome(
        feed_id=lease.feed_id,
        poll_id=lease.poll_id,
        result=PollResult.UNCHANGED if reading is None else PollResult.FETCHED,
        started_at=lease.leased_at,
        finished_at=now,
        next_poll_at=next_poll_at,
        reason=reason,
        interval=interval,
        failures=0,
        etag=result.etag if whole else None,
        last_modified=result.last_modified if whole else None,
        body_hash=hashed if whole else None,
        feed_title=None if reading is None else reading.title,
        status=result.status,
        detail=None if whole else "the document was cut short",
        body_bytes=len(result.body),
        entries=0 if reading is None else reading.entries,
        appended=0 if reading is None else reading.appended,
        duplicates=0 if reading is None else reading.duplicates,
        seen=() if reading is None else reading.seen,
    )


def _failed(lease: Lease, failed: Failed, *, now: datetime, policy: Policy, body_bytes: int) -> PollOutcome:
    failures = lease.failures + 1
    interval = policy.clamp(policy.interval)
    backoff = policy.clamp(interval * 2 ** min(failures - 1, MAX_DOUBLINGS))
    delay, reason = backoff, f"failed {failures} times in a row" if failures > 1 else "failed once"
    if failed.retry_after is not None and failed.retry_after > backoff:
        delay = policy.clamp(failed.retry_after)
        reason = f"asked to wait {shown(failed.retry_after)}"
        if delay < failed.retry_after:
            reason += f", which we do for {shown(delay)} at most"
    return PollOutcome(
        feed_id=lease.feed_id,
        poll_id=lease.poll_id,
        result=PollResult.FAILED,
        started_at=lease.leased_at,
        finished_at=now,
        next_poll_at=now + spread(lease.feed_id, delay, policy=policy),
        reason=reason,
        interval=interval,
        failures=failures,
        etag=lease.etag,
        last_modified=lease.last_modified,
        body_hash=lease.body_hash,
        status=failed.status,
        failure=failed.kind,
        detail=failed.detail,
        sample=failed.sample,
        body_bytes=body_bytes,
    )


def spread(feed_id: int, delay: timedelta, *, policy: Policy) -> timedelta:
    """``delay`` and up to ``JITTER`` of it, always the same for one feed; never beyond the maximum."""
    share = blake2b(feed_id.to_bytes(8, "big", signed=True), digest_size=2).digest()
    longer = delay * (1 + JITTER * int.from_bytes(share, "big") / 0xFFFF)
    return max(delay, min(longer, policy.maximum))


def shown(delay: timedelta) -> str:
    """As settings spell it: ``15m``, ``6h``, ``90s``."""
    seconds = delay.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
