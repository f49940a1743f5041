"""Reading one stream from a cursor: what the API and ``ingest tail`` have in common.

::

    cursor given ─begin─▶ Beginning: the cursor to go on behind, and the gap if retention was faster
    Record ─served─▶ one line of JSON with its cursor

A cursor is the number of the last event a subscriber has; 0 is the beginning, before the first event. What
retention took is always told (:class:`Gap`). A cursor that was never given is refused: it comes from another
database.
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
    """What of the Postgres log a subscriber needs."""

    def read(self, topic: str, *, after: int, limit: int) -> Sequence[Record]: ...

    def bounds(self, topic: str) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Retention took the events behind ``after`` and before ``first_cursor``."""

    topic: str
    after: int
    first_cursor: int

    @property
    def lost(self) -> int:
        """How many events that were."""
        return self.first_cursor - self.after - 1

    def body(self) -> dict[str, Any]:
        """As subscribers see it."""
        return {
            "v": 1,
            "kind": "gap",
            "topic": self.topic,
            "after": self.after,
            "first_cursor": self.first_cursor,
            "lost": self.lost,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where a subscriber goes on: behind ``cursor``."""

    cursor: int
    gap: Gap | None
    first_cursor: int
    """The first that is still held."""
    last_cursor: int
    """The last that was given; 0 when none was."""


def read_cursor(thing: str, value: str) -> int:
    """
    Raises:
        Refused: not a cursor by its looks.
    """
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise Refused(thing, value, CURSOR_ACCEPTED)
    return int(value)


def begin(reader: StreamReader, slug: str, cursor: int | None, *, thing: str) -> Beginning:
    """Where a subscriber of ``slug`` with ``cursor`` goes on; None: with what comes from now on.

    Raises:
        Refused: the stream never gave this cursor; ``thing`` is where it came from.
        Unavailable: the log.
    """
    first, following = reader.bounds(stream_topic(slug))
    last = following - 1
    if cursor is None:
        return Beginning(cursor=last, gap=None, first_cursor=first, last_cursor=last)
    if cursor > last:
        accepted = f"a cursor of the stream {slug}, whose last is {last}; 0 for the beginning"
        raise Refused(thing, cursor, accepted)
    gap = Gap(topic=slug, after=cursor, first_cursor=first) if cursor + 1 < first else None
    return Beginning(cursor=max(cursor, first - 1), gap=gap, first_cursor=first, last_cursor=last)


def missing(slug: str, records: Sequence[Record], *, after: int) -> Gap | None:
    """The gap between ``after`` and what was read behind it: retention may be faster than a subscriber."""
    if records and records[0].offset > after + 1:
        return Gap(topic=slug, after=after, first_cursor=records[0].offset)
    return None


def served(record: Record) -> bytes:
    """The event as subscribers see it: one line of JSON, ``cursor`` first.

    Also a line for those who end lines at U+0085, U+2028 and U+2029 too (``str.splitlines``, and clients of
    Server-Sent Events that use it): they are escaped.
    """
    value = record.value
    if value[:2] != b'{"' or b"\n" in value or b"\r" in value:  # not as persist writes it
        value = json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":")).encode()
    for ends_a_line, escaped in _LINE_ENDS:
        value = value.replace(ends_a_line, escaped)
    return b'{"cursor":%d,%s' % (record.offset, value[1:])


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an event as it is served; in the log and in Kafka it has no ``cursor``."""
    text_or_null = {"type": ["string", "null"]}
    time = {"type": "string", "format": "date-time"}
    time_or_null = {"type": ["string", "null"], "format": "date-time"}
    article = {
        "id": {"type": "string", "format": "uuid"},
        "revision": {"type": "integer", "minimum": 1},
        "url": text_or_null,
        "title": {"type": "string"},
        "source": {"type": "string", "description": "host of the article's address, or of the feed's"},
        "publisher": text_or_null,
        "authors": {"type": "array", "items": {"type": "string"}},
        "language": text_or_null,
        "published_at": time_or_null,
        "first_seen_at": time,
        "story_id": {
            "type": "string",
            "format": "uuid",
            "description": "the same for all copies of one text",
        },
        "summary": {"type": "string"},
        "feed_id": {"type": "integer"},
    }
    match = {
        "rule": {"description": "what of the topic's rule held"},
        "found": {"type": "array", "items": {"type": "object"}, "description": "where and with which words"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:event:1",
        "title": "Event",
        "description": "What happened to an article, as a stream tells it. Unknown fields are ignored.",
        "type": "object",
        "required": ["cursor", "v", "kind", "topic", "at", "article", "match"],
        "properties": {
            "cursor": {
                "type": "integer",
                "minimum": 1,
                "description": "gapless within the topic; resume behind it",
            },
            "v": {"const": 1},
            "kind": {"enum": [kind.value for kind in EventKind]},
            "topic": {"type": "string"},
            "at": time,
            "article": {"type": "object", "required": list(article), "properties": article},
            "match": {
                "type": ["object", "null"],
                "properties": match,
                "description": "null where it left the topic",
            },
        },
        "additionalProperties": True,
    }
