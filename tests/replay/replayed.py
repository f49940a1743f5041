"""The input of the judge: the recording, its expected entries, and the result of the replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.identity import entry_key
from ingest.types import Entry
from tests.feedworld.recorded import ExpectedEntry, Recording
from tests.replay.reference import Document
from tests.replay.stored import AppendedRecord, Poll, Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A replay with everything that it is compared with."""

    recording: Recording
    documents: Mapping[tuple[str, str], Document]
    expected: Sequence[ExpectedEntry]
    polls: Mapping[tuple[str, str], Poll]
    feed_ids: Mapping[str, int]
    stored: Stored
    records: Sequence[AppendedRecord]


def key_of(key: str) -> bytes:
    """Return the key as it stands in a seen-set."""
    return entry_key(Entry(guid=key.strip(), link=None, title=None, summary=None, content=None))
