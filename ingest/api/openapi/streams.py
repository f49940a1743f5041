"""Paths and schemas of topics, events and alerts."""

from __future__ import annotations

from typing import Any, Final

from ingest.alerts import alert_schema
from ingest.api.openapi.elements import (
    CURSOR,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    array,
    embedded,
    get,
    last_event_id,
    path,
    query,
    record,
    ref,
    response,
)
from ingest.log.api import ALERTS_STREAM
from ingest.streams import event_schema

PATHS: Final[dict[str, Any]] = {
    "/v1/topics": get("listTopics", "All topics", record({"topics": array(ref("Topic"))})),
    "/v1/topics/{slug}/events": get(
        "readEvents",
        "Events of a stream; 410 where retention deleted events after the cursor",
        ref("EventPage"),
        path("slug", TEXT),
        query("after", CURSOR, "events after this cursor; 0, the default: from the beginning"),
        query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
        errors=(400, 404, 503),
        also={410: response("retention deleted events after the cursor", ref("Gone"))},
    ),
    "/v1/topics/{slug}/stream": get(
        "followStream",
        "The live stream as Server-Sent Events: id is the cursor, event the kind, data an Event in one "
        "line. An event of kind gap stands for events that retention deleted.",
        TEXT,
        path("slug", TEXT),
        query("after", CURSOR, "events after this cursor; 0: from the beginning; default: new events only"),
        last_event_id(),
        media="text/event-stream",
        errors=(400, 404, 503),
    ),
    "/v1/alerts": get(
        "readAlerts",
        "Alerts about feeds; 410 where retention deleted alerts after the cursor",
        ref("AlertPage"),
        query("after", CURSOR, "alerts after this cursor; 0, the default: from the beginning"),
        query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
        errors=(400, 503),
        also={410: response("retention deleted alerts after the cursor", ref("Gone"))},
    ),
    "/v1/alerts/stream": get(
        "followAlerts",
        "The live stream of alerts, like that of a topic: data is an Alert in one line",
        TEXT,
        query("after", CURSOR, "alerts after this cursor; 0: from the beginning; default: new alerts only"),
        last_event_id(),
        media="text/event-stream",
        errors=(400, 503),
    ),
}

SCHEMAS: Final[dict[str, Any]] = {
    "Topic": record(
        {
            "slug": TEXT,
            "title": TEXT,
            "description": TEXT,
            "rule": {"type": "object"},
            "changed_at": TIME,
            "retired": FLAG,
            "articles": NUMBER,
            "cursor": {**CURSOR, "description": "the last cursor of the stream; 0: no event yet"},
            "first_cursor": {**CURSOR, "description": "the first cursor that is still available"},
        }
    ),
    "Event": embedded(event_schema()),
    "Gap": record(
        {
            "v": {"const": 1},
            "kind": {"const": "gap"},
            "topic": TEXT,
            "after": CURSOR,
            "first_cursor": {**CURSOR, "description": "the first cursor that is still available"},
            "lost": {**NUMBER, "description": "number of deleted events"},
        }
    ),
    "Gone": record({"error": ref("Fault"), "gap": ref("Gap")}),
    "EventPage": record(
        {
            "topic": TEXT,
            "first_cursor": CURSOR,
            "last_cursor": CURSOR,
            "next_after": {**CURSOR, "description": "after of the next result page"},
            "gap": {"anyOf": [ref("Gap"), {"type": "null"}]},
            "events": array(ref("Event")),
        }
    ),
    "Alert": embedded(alert_schema()),
    "AlertPage": record(
        {
            "topic": {"const": ALERTS_STREAM},
            "first_cursor": CURSOR,
            "last_cursor": CURSOR,
            "next_after": {**CURSOR, "description": "after of the next result page"},
            "gap": {"anyOf": [ref("Gap"), {"type": "null"}]},
            "events": array(ref("Alert")),
        }
    ),
}
