"""Paths and schemas of status, health, metrics and the callbacks of hubs."""

from __future__ import annotations

from typing import Any, Final

from ingest.api.openapi.elements import (
    ANY,
    CURSOR,
    NUMBER,
    TEXT,
    TIME,
    TIME_OR_NULL,
    array,
    get,
    path,
    query,
    record,
    ref,
    response,
)

_PUSH_ERRORS: Final = {
    408: "the body took too long",
    410: "no such callback: nothing is subscribed here",
    413: "the body is too large",
    503: "the database is not available, or too many pushes of this feed wait; send it again later",
}
_RECEIVE_PUSH: Final[dict[str, Any]] = {
    "operationId": "receivePush",
    "summary": "For hubs (WebSub): the new content of a feed, signed",
    "parameters": [path("token", TEXT)],
    "requestBody": {"required": True, "content": {"*/*": {"schema": TEXT}}},
    "responses": {
        "204": {
            "description": "stored; or dropped because of an invalid X-Hub-Signature, "
            "which is not disclosed to the sender"
        },
        **{str(status): response(text, ref("Error")) for status, text in _PUSH_ERRORS.items()},
    },
}

PATHS: Final[dict[str, Any]] = {
    "/v1/status": get("getStatus", "Counts and lags of the whole service", ref("Status")),
    "/v1/schema": get(
        "getSchemas",
        "JSON Schemas of records of news.articles, and of events and alerts of streams",
        record({"article": {"type": "object"}, "event": {"type": "object"}, "alert": {"type": "object"}}),
        errors=(400,),
    ),
    "/push/{token}": {
        **get(
            "verifySubscription",
            "For hubs (WebSub): verification of a subscription request; 404 where it was not requested, "
            "or without INGEST_PUBLIC_URL",
            TEXT,
            path("token", TEXT),
            query("hub.mode", {"enum": ["subscribe", "unsubscribe", "denied"]}, required=True),
            query("hub.topic", TEXT, "the topic of the subscription request", required=True),
            query("hub.challenge", TEXT, "returned as the body"),
            query("hub.lease_seconds", TEXT, "length of the lease"),
            query("hub.reason", TEXT, "reason of a denial"),
            media="text/plain",
            errors=(404, 503),
        ),
        "post": _RECEIVE_PUSH,
    },
    "/healthz": get("isAlive", "200 while the process responds", ref("Health"), errors=(400,)),
    "/readyz": get(
        "isReady",
        "200 if database, migration and log are usable; else 503 with the reasons",
        ref("Health"),
        errors=(400,),
        also={503: response("not ready: checks has the reason of each failed check", ref("Health"))},
    ),
    "/metrics": get(
        "getMetrics", "Metrics in the text format of Prometheus", TEXT, media="text/plain", errors=(400,)
    ),
    "/openapi.json": get("describe", "This description", {"type": "object"}, errors=(400,)),
}

SCHEMAS: Final[dict[str, Any]] = {
    "Error": record({"error": ref("Fault")}),
    "Fault": record(
        {
            "parameter": {**TEXT, "description": "name of the parameter that is not accepted"},
            "value": {**ANY, "description": "its value"},
            "expected": {**TEXT, "description": "accepted values"},
        }
    ),
    "Status": record(
        {
            "at": TIME,
            "feeds": {"type": "object", "additionalProperties": NUMBER, "description": "by state"},
            "feeds_failing": NUMBER,
            "feeds_due": NUMBER,
            "due_lag_seconds": {"type": "number"},
            "polls_last_hour": {"type": "object", "additionalProperties": NUMBER},
            "last_poll_at": TIME_OR_NULL,
            "articles": NUMBER,
            "revisions": NUMBER,
            "articles_unindexed": {**NUMBER, "description": "articles that searches do not find yet"},
            "pages_waiting": {**NUMBER, "description": "article pages that wait to be fetched"},
            "pages_last_hour": {"type": "object", "additionalProperties": NUMBER},
            "quarantine": {**NUMBER, "description": "records of the log that were not replayed"},
            "quarantine_entries": {
                **NUMBER,
                "description": "quarantined entries of feeds; the next poll brings them again",
            },
            "streams": array(record({"topic": TEXT, "cursor": CURSOR, "first_cursor": CURSOR})),
            "groups": array(record({"topic": TEXT, "group": TEXT, "lag": NUMBER})),
            "websub_subscriptions": {
                "type": "object",
                "additionalProperties": NUMBER,
                "description": "WebSub subscriptions by state",
            },
            "websub_pushes_waiting": {**NUMBER, "description": "pushes of hubs that no poller has read yet"},
        }
    ),
    "Health": record(
        {"status": TEXT, "checks": {"type": "object", "additionalProperties": TEXT}},
        optional=("checks",),
    ),
}
