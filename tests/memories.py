"""Leases with a memory of chosen values, named as the columns of ``feeds`` are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ingest.db.feed_memory import MEMORY
from ingest.types import FeedMemory, Lease

_PATHS: Final = {column.name: column.path for column in MEMORY}
NOON: Final = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def memory_with(memory: FeedMemory, **values: Any) -> FeedMemory:
    """``memory`` with other values; their names are those of columns, or of fields such as ``publish_rate``."""
    for name, value in values.items():
        field, _, member = _PATHS.get(name, name).partition(".")
        changed = replace(getattr(memory, field), **{member: value}) if member else value
        memory = replace(memory, **{field: changed})
    return memory


def lease_with(lease: Lease, **values: Any) -> Lease:
    """``lease`` with other values, of its own or of its memory."""
    own = {name: value for name, value in values.items() if name in Lease.__dataclass_fields__}
    remembered = {name: value for name, value in values.items() if name not in own}
    lease = replace(lease, **own)
    return replace(lease, memory=memory_with(lease.memory, **remembered))


def make_lease(**values: Any) -> Lease:
    """A lease on a feed of which nothing else is remembered."""
    lease = Lease(
        feed_id=7,
        poll_id=70,
        url="https://a.example/",
        leased_at=NOON,
        until=NOON + timedelta(hours=1),
        memory=FeedMemory(interval=timedelta(minutes=15)),
    )
    return lease_with(lease, **values)
