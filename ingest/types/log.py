"""Messages and records of the log, and the events of topic streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to append to a log topic. Messages with one key keep their order."""

    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message with a position: ``offset`` within ``partition`` of log topic ``topic``."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    appended_at: datetime


class EventKind(StrEnum):
    """The change of an article that an event reports."""

    CREATED = "created"
    UPDATED = "updated"
    RETRACTED = "retracted"
    RECLASSIFIED = "reclassified"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of one stream. ``cursor`` is gapless and monotonic within ``topic``, and the same everywhere."""

    topic: str
    cursor: int
    kind: EventKind
    article_id: UUID
    revision: int
    at: datetime
    body: Mapping[str, Any]
    """The event as subscribers receive it (docs/streams.md lists the fields)."""
