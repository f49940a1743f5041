"""What there is to tell of a feed, as the stream of the alerts has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from ingest.jsonable import json_line
from ingest.log.api import ALERTS
from ingest.types import Alert, AlertKind, FeedState, Message

MAX_REASON: Final = 2000
"""Characters."""


class Outbox(Protocol):
    """What of the Postgres log an alert needs."""

    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> object: ...


def append_alerts(outbox: Outbox, connection: Connection, alerts: Sequence[Alert]) -> None:
    """Make ``alerts`` part of the stream, in the transaction that stores what they tell."""
    outbox.append_in(connection, ALERTS, [alert_message(alert) for alert in alerts])


def alert_message(alert: Alert) -> Message:
    """The alert as the stream's log topic carries it; subscribers get its cursor beside it."""
    body = {
        "v": 1,
        "kind": alert.kind.value,
        "at": alert.at,
        "feed": {"id": alert.feed_id, "url": alert.url},
        "before": alert.before.value,
        "after": alert.after.value,
        # No lone surrogates: what comes from a server's answer may have some.
        "reason": alert.reason[:MAX_REASON].encode("utf-8", "replace").decode(),
        "poll_id": alert.poll_id,
        "missed": alert.missed,
        "moved_to": alert.moved_to,
    }
    return Message(
        key=f"feed:{alert.feed_id}",
        value=json_line(body).encode(),
        headers={"kind": alert.kind.value, "v": "1"},
    )


def alert_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an alert as it is served; in the log and in Kafka it has no ``cursor``."""
    states = [state.value for state in FeedState]
    feed = {"id": {"type": "integer"}, "url": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:alert:1",
        "title": "Alert",
        "description": "Something about a feed that its operator should know. Unknown fields are ignored.",
        "type": "object",
        "required": ["cursor", "v", "kind", "at", "feed", "before", "after", "reason"],
        "properties": {
            "cursor": {"type": "integer", "minimum": 1, "description": "gapless; resume behind it"},
            "v": {"const": 1},
            "kind": {"enum": [kind.value for kind in AlertKind]},
            "at": {"type": "string", "format": "date-time"},
            "feed": {"type": "object", "required": list(feed), "properties": feed},
            "before": {"enum": states, "description": "how the feed stood"},
            "after": {"enum": states, "description": "how it stands"},
            "reason": {"type": "string", "description": "for people"},
            "poll_id": {"type": ["integer", "null"], "description": "null: an operator's doing"},
            "missed": {"type": "integer", "description": "entries, an estimate"},
            "moved_to": {"type": ["string", "null"]},
        },
        "additionalProperties": True,
    }
