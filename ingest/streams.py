"""Read one stream from a cursor, the same for the API, webhooks and ``ingest tail``.

::

    cursor of a subscriber ─start_reading─▶ StreamStart: the cursor to read after, and the gap if events were pruned
    Record ─event_line─▶ one line of JSON with its cursor

A cursor is the number of the last event that a subscriber has; 0 is the beginning, before the first event. Events that
retention deleted before a subscriber read them are always reported as a :class:`Gap`. An unassigned cursor is refused,
because it comes from another database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ingest.errors import Refused
from ingest.log.api import stream_topic
from ingest.types import EventKind, Record

CURSOR_ACCEPTED: Final = "the cursor of an event you received, a whole number; 0 for the beginning"

_LINE_ENDS: Final = tuple(
    (character.encode(), b"\\u%04x" % ord(character)) for character in "\x85\u2028\u2029"
)


class StreamReader(Protocol):
    """The part of the Postgres log that a subscriber needs."""

    def read(self, topic: str, *, after: int, limit: int) -> Sequence[Record]: ...

    def bounds(self, topic: str) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Retention deleted the events after ``after`` and before ``first_cursor``."""

    topic: str
    after: int
    first_cursor: int

    @property
    def lost(self) -> int:
        """The number of deleted events."""
        return self.first_cursor - self.after - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStart:
    """The position after which a subscriber reads: ``cursor``."""

    cursor: int
    gap: Gap | None
    first_cursor: int
    """The first stored event."""
    last_cursor: int
    """The last event; 0 before the first one."""


def read_cursor(parameter: str, value: str) -> int:
    """
    Raises:
        Refused: not a whole number.
    """
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise Refused(parameter, value, CURSOR_ACCEPTED)
    return int(value)


def start_reading(reader: StreamReader, slug: str, cursor: int | None, *, parameter: str) -> StreamStart:
    """Return the position after which a subscriber with ``cursor`` reads; without a cursor, the end of the stream.

    Raises:
        Refused: the stream never had this cursor; ``parameter`` is the name under which the subscriber sent it.
        Unavailable: the log.
    """
    first, following = reader.bounds(stream_topic(slug))
    last = following - 1
    if cursor is None:
        return StreamStart(cursor=last, gap=None, first_cursor=first, last_cursor=last)
    if cursor > last:
        accepted = f"a cursor of the stream {slug}, whose last is {last}; 0 for the beginning"
        raise Refused(parameter, cursor, accepted)
    gap = Gap(topic=slug, after=cursor, first_cursor=first) if cursor + 1 < first else None
    return StreamStart(cursor=max(cursor, first - 1), gap=gap, first_cursor=first, last_cursor=last)


def find_gap(slug: str, records: Sequence[Record], *, after: int) -> Gap | None:
    """Return the gap between ``after`` and the records read after it, which retention may have deleted meanwhile."""
    if records and records[0].offset > after + 1:
        return Gap(topic=slug, after=after, first_cursor=records[0].offset)
    return None


def gap_body(gap: Gap) -> dict[str, Any]:
    """Return the JSON body of a gap, in the place of the deleted events."""
    return {
        "v": 1,
        "kind": "gap",
        "topic": gap.topic,
        "after": gap.after,
        "first_cursor": gap.first_cursor,
        "lost": gap.lost,
    }


def event_line(record: Record) -> bytes:
    """Return an event as one line of JSON, with ``cursor`` first.

    U+0085, U+2028 and U+2029 are escaped, because ``str.splitlines`` ends lines there, and some clients of
    Server-Sent Events use it.
    """
    value = record.value
    if value[:2] != b'{"' or b"\n" in value or b"\r" in value:  # not the format of ingest.revise.events
        value = json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":")).encode()
    for line_end, escaped in _LINE_ENDS:
        value = value.replace(line_end, escaped)
    return b'{"cursor":%d,%s' % (record.offset, value[1:])


_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_ARTICLE_PROPERTIES: Final = {
    "id": {"type": "string", "format": "uuid"},
    "revision": {"type": "integer", "minimum": 1},
    "url": _TEXT_OR_NULL,
    "title": {"type": "string"},
    "source": {"type": "string", "description": "host of the article's address, or of the feed's"},
    "publisher": _TEXT_OR_NULL,
    "authors": {"type": "array", "items": {"type": "string"}},
    "language": _TEXT_OR_NULL,
    "published_at": _TIME_OR_NULL,
    "first_seen_at": _TIME,
    "story_id": {
        "type": "string",
        "format": "uuid",
        "description": "the same for all copies of one text",
    },
    "summary": {"type": "string"},
    "feed_id": {"type": "integer"},
}
_MATCH_PROPERTIES: Final = {
    "rule": {"type": "string", "description": "the part of the topic's rule that matched"},
    "matches": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "field": {"enum": ["title", "text"]},
                "phrase": {"type": "string"},
                "offset": {"type": "integer", "minimum": 0, "description": "in characters"},
                "quote": {"type": "string"},
            },
        },
        "description": "the phrases that matched, with their positions",
    },
}


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a served event; in the log and in Kafka an event has no ``cursor``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:event:1",
        "title": "Event",
        "description": "A change of an article in a topic. Readers ignore unknown fields.",
        "type": "object",
        "required": ["cursor", "v", "kind", "topic", "at", "article", "match"],
        "properties": {
            "cursor": {
                "type": "integer",
                "minimum": 1,
                "description": "gapless within the topic; resume after it",
            },
            "v": {"const": 1},
            "kind": {"enum": [kind.value for kind in EventKind]},
            "topic": {"type": "string"},
            "at": _TIME,
            "article": {
                "type": "object",
                "required": list(_ARTICLE_PROPERTIES),
                "properties": _ARTICLE_PROPERTIES,
            },
            "match": {
                "type": ["object", "null"],
                "properties": _MATCH_PROPERTIES,
                "description": "null if the article left the topic",
            },
        },
        "additionalProperties": True,
    }
