"""Whether a poll sends the stored validators, and which validators are stored after it. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from ingest.identity import PARSER_VERSION
from ingest.schedule import publish_rate
from ingest.types import Failed, FeedState, Fetched, Lease, NotModified, Validators

REJECTED_CONDITIONS: Final = frozenset({400, 412, 431})
"""Statuses that may reject the conditional headers. The next request has none."""
MAX_TRUST: Final = timedelta(days=8)
"""The longest time without a body in which a 304 is trusted. Then the document is requested unconditionally."""
MIN_TRUST: Final = timedelta(hours=1)
TRUST_SHARE: Final = 0.25
"""The time for which 304s are trusted, as a share of the time in which the document replaces all its entries."""
REPARSE_WITHIN: Final = timedelta(days=1)
"""The time over which all feeds are parsed again after a change of the parser."""
_NO_VALIDATORS: Final = Validators()


def body_hash(body: bytes, content_type: str | None) -> bytes:
    """Hash all that parsing depends on: the same bytes in another charset are another document."""
    return blake2b(body, digest_size=16, key=(content_type or "").encode("utf-8", "replace")[:64]).digest()


def is_conditional(lease: Lease, *, now: datetime) -> bool:
    """Decide whether to send the validators.

    Validators are not sent

    - where the server sent unchanged ones with a changed body,
    - once to parse the document with a new parser,
    - once when a feed becomes silent,
    - where only 304s came for so long that a feed with this publishing rate should have had new entries.
    """
    if lease.memory.validators.unreliable or needs_reparse(lease):
        return False
    body_at, health = lease.memory.body.at, lease.memory.health
    if body_at is None:
        return True
    if health.state is FeedState.SILENT and health.since is not None and body_at < health.since:
        return False
    return now - body_at < _trust(lease)


def without_validators(lease: Lease) -> Lease:
    """Return ``lease`` for an unconditional request."""
    unreliable = lease.memory.validators.unreliable
    memory = replace(lease.memory, validators=replace(_NO_VALIDATORS, unreliable=unreliable))
    return replace(lease, memory=memory)


def needs_reparse(lease: Lease) -> bool:
    """Decide whether this poll fetches the whole document because an older parser read the last one.

    Each poll has a probability of its interval's share in :data:`REPARSE_WITHIN`, so that an upgrade does not fetch all
    feeds within minutes. The decision depends on feed and poll id alone.
    """
    body = lease.memory.body
    if body.parser_version >= PARSER_VERSION or body.at is None:
        return False
    drawn = blake2b(b"%d %d" % (lease.feed_id, lease.poll_id), digest_size=4).digest()
    return int.from_bytes(drawn, "big") / 2**32 < lease.memory.interval / REPARSE_WITHIN


def validators_after(
    lease: Lease, result: Fetched | NotModified, *, complete: bool, hashed: bytes | None, now: datetime
) -> Validators:
    """Return the validators to store after a success.

    A truncated document leaves none: a later 304, or the same truncated bytes, would hide its missing part.
    """
    stored = lease.memory.validators
    if isinstance(result, NotModified):
        # RFC 9111 §4.3.4: a field that the 304 does not have keeps its stored value.
        etag = stored.etag if result.etag is None else result.etag
        last_modified = stored.last_modified if result.last_modified is None else result.last_modified
        if (etag, last_modified) == (stored.etag, stored.last_modified):
            return stored
        return replace(stored, etag=etag, last_modified=last_modified)
    return Validators(
        etag=result.etag if complete else None,
        last_modified=result.last_modified if complete else None,
        unreliable=stored.unreliable or _validators_missed_a_change(lease, result, hashed, now=now),
    )


def validators_after_failure(lease: Lease, failed: Failed) -> Validators:
    """Return the validators to store after a failure: the old ones, unless the status may reject them."""
    stored = lease.memory.validators
    if failed.status in REJECTED_CONDITIONS:
        return replace(stored, etag=None, last_modified=None)
    return stored


def _trust(lease: Lease) -> timedelta:
    """Return how long 304s are trusted.

    This is a part of the time in which the document replaces its entries. Entries behind validators that do not change
    are then mostly still in the document when it is fetched unconditionally.
    """
    rate = lease.memory.publish_rate
    turnover = None if rate is None else publish_rate.window_turnover(rate, entries=lease.memory.body.entries)
    if turnover is None:
        return MAX_TRUST
    return min(max(turnover * TRUST_SHARE, MIN_TRUST), MAX_TRUST)


def _validators_missed_a_change(
    lease: Lease, fetched: Fetched, hashed: bytes | None, *, now: datetime
) -> bool:
    """Whether an unconditional GET brought a changed body with the stored validators."""
    stored_hash = lease.memory.body.hash
    if is_conditional(lease, now=now) or stored_hash is None or hashed == stored_hash:
        return False
    stored = lease.memory.validators
    return (stored.etag, stored.last_modified) == (fetched.etag, fetched.last_modified) != (None, None)
