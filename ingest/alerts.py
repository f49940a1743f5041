"""Alerts about feeds as messages of the alert stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from ingest.jsonable import json_line
from ingest.log.api import ALERTS
from ingest.types import Alert, AlertKind, ClockAlert, FeedState, Message

MAX_REASON: Final = 2000
"""The longest reason, in characters."""


class Outbox(Protocol):
    """The part of the Postgres log that alerts need."""

    def append_in(self, connection: Connection, topic: str, messages: Sequence[Message]) -> object: ...


def append_alerts(outbox: Outbox, connection: Connection, alerts: Sequence[Alert]) -> None:
    """Append alerts to their stream in the transaction that stores the changes they report."""
    outbox.append_in(connection, ALERTS, [alert_message(alert) for alert in alerts])


def append_clock_alert(outbox: Outbox, connection: Connection, alert: ClockAlert) -> None:
    """Append an alert about the clock, in the transaction that corrects the stored times."""
    body = {
        "v": 1,
        "kind": AlertKind.CLOCK.value,
        "at": alert.at,
        "feed": None,
        "before": None,
        "after": None,
        "reason": alert.reason[:MAX_REASON],
        "poll_id": None,
        "missed": 0,
        "moved_to": None,
    }
    message = Message(
        key="clock", value=json_line(body).encode(), headers={"kind": AlertKind.CLOCK.value, "v": "1"}
    )
    outbox.append_in(connection, ALERTS, [message])


def alert_message(alert: Alert) -> Message:
    """Encode an alert as a message of its log topic. Subscribers receive its cursor too."""
    body = {
        "v": 1,
        "kind": alert.kind.value,
        "at": alert.at,
        "feed": {"id": alert.feed_id, "url": alert.url},
        "before": alert.before.value,
        "after": alert.after.value,
        # A reason from a server's response may contain lone surrogates, which UTF-8 cannot encode.
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
    """Return the JSON Schema (2020-12) of an alert as the API serves it. In the log it has no ``cursor``."""
    states = [state.value for state in FeedState]
    feed = {"id": {"type": "integer"}, "url": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:news-ingest:alert:1",
        "title": "Alert",
        "description": "A change of a feed, or a wrong clock, for its operator. Unknown fields are ignored.",
        "type": "object",
        "required": ["cursor", "v", "kind", "at", "feed", "before", "after", "reason"],
        "properties": {
            "cursor": {"type": "integer", "minimum": 1, "description": "gapless; resume after it"},
            "v": {"const": 1},
            "kind": {"enum": [kind.value for kind in AlertKind]},
            "at": {"type": "string", "format": "date-time"},
            "feed": {
                "type": ["object", "null"],
                "required": list(feed),
                "properties": feed,
                "description": "null: the alert is about the clock (kind clock)",
            },
            "before": {"enum": [*states, None], "description": "state before the change"},
            "after": {"enum": [*states, None], "description": "state after the change"},
            "reason": {"type": "string", "description": "for people"},
            "poll_id": {"type": ["integer", "null"], "description": "null: an operator's action"},
            "missed": {"type": "integer", "description": "estimated number of entries"},
            "moved_to": {"type": ["string", "null"]},
        },
        "additionalProperties": True,
    }
