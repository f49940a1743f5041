"""Paths and schemas of feeds, their polls and their WebSub subscriptions."""

from __future__ import annotations

from typing import Any, Final

from ingest.api.feeds import DEFAULT_FEEDS, MAX_FEEDS
from ingest.api.openapi.elements import (
    CURSOR,
    FLAG,
    NUMBER,
    NUMBER_OR_NULL,
    SECONDS,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    TIME_OR_NULL,
    array,
    get,
    path,
    query,
    record,
    ref,
)
from ingest.db.feed_codecs import FEED_STATES
from ingest.db.polls import SHOWN_POLLS
from ingest.schedule.websub import SubscriptionState
from ingest.types import Evidence, FailureKind, PollResult, TlsException, UserAgentState

_PUBLISH_RATE: Final = record({"entries": {"type": "number"}, "hours": {"type": "number"}})
_PUBLISH_GAPS: Final = record({"last_new_at": TIME, "mean": SECONDS, "deviation": SECONDS, "count": NUMBER})
_REQUEST_OPTIONS: Final = record(
    {
        "user_agent": TEXT_OR_NULL,
        "headers": {"type": "object", "additionalProperties": TEXT},
        "proxy": TEXT_OR_NULL,
        "tls": array({"enum": [exception.value for exception in TlsException]}),
        "ca": {**array(TEXT), "description": "fingerprints of additional trusted certificates"},
    }
)
_FEED: Final[dict[str, Any]] = {
    "id": NUMBER,
    "url": TEXT,
    "title": TEXT_OR_NULL,
    "enabled": {**FLAG, "description": "false: muted, and not polled"},
    "state": {"enum": list(FEED_STATES), "description": "state of the feed"},
    "state_since": TIME_OR_NULL,
    "state_reason": TEXT_OR_NULL,
    "moved_to": {**TEXT_OR_NULL, "description": "URL that permanent redirects lead to"},
    "moved_since": TIME_OR_NULL,
    "publish_gaps": {
        "anyOf": [_PUBLISH_GAPS, {"type": "null"}],
        "description": "gaps between the times at which the feed had new entries, in seconds",
    },
    "added_at": TIME,
    "next_poll_at": TIME,
    "polled_at": {**TIME_OR_NULL, "description": "the end of the last poll; null: none yet"},
    "interval": SECONDS,
    "failures": {**NUMBER, "description": "in a row"},
    "last_outcome": {
        "enum": [*(result.value for result in PollResult if result is not PollResult.PUSHED), None]
    },
    "last_reason": {**TEXT_OR_NULL, "description": "why the next poll is at this time"},
    "polling_since": {
        **TIME_OR_NULL,
        "description": "begin of a poll that has not ended; another poller takes over at next_poll_at",
    },
    "succeeded_at": {
        **TIME_OR_NULL,
        "description": "end of the last poll that returned a document, or 304",
    },
    "entries": {**NUMBER, "description": "number of entries in the last document"},
    "publish_rate": {
        "anyOf": [_PUBLISH_RATE, {"type": "null"}],
        "description": "entries per hours; older entries have less weight",
    },
    "poll_hints": {
        **record(
            {
                "interval": {"type": ["number", "null"], "description": "in seconds"},
                "skip_hours": {**array(NUMBER), "description": "of the day, GMT"},
                "skip_days": {**array(NUMBER), "description": "of the week; Monday is 0"},
            }
        ),
        "description": "polling hints that the document declares",
    },
    "request_options": {
        "anyOf": [_REQUEST_OPTIONS, {"type": "null"}],
        "description": "request options set by an operator; secrets are hidden",
    },
    "user_agent_trial": {
        "anyOf": [
            record({"state": {"enum": [state.value for state in UserAgentState]}, "since": TIME}),
            {"type": "null"},
        ],
        "description": "the trial of a fallback user agent after a refusal; null: no refusal",
    },
    "parent_id": {
        "type": ["integer", "null"],
        "description": "the sitemap index that lists this feed",
    },
    "full_text": {**FLAG, "description": "the pages of its articles are fetched too"},
    "tags": {**array(TEXT), "description": "names by which an operator groups feeds; paths with slashes"},
    "identity": {
        "enum": [*(evidence.value for evidence in Evidence), None],
        "description": "the evidence that an operator chose to recognise entries by; null: chosen for each document",
    },
    "entry_identity": {
        "anyOf": [
            record(
                {
                    "evidence": {"enum": [evidence.value for evidence in Evidence]},
                    "reason": TEXT,
                    "rotates": {
                        **FLAG,
                        "description": "guids or links changed from one document to the next, titles and dates did not",
                    },
                }
            ),
            {"type": "null"},
        ],
        "description": "the evidence that identified the entries of the last document; null: no document was read",
    },
}

PATHS: Final[dict[str, Any]] = {
    "/v1/feeds": get(
        "listFeeds",
        "Feeds in order of their ids; all filters must match",
        record(
            {
                "feeds": array(ref("Feed")),
                "next_after": {
                    **NUMBER_OR_NULL,
                    "description": "after of the next result page; null: this is the last one",
                },
            }
        ),
        query(
            "state",
            {"enum": list(FEED_STATES)},
            "state of the feeds; new: never polled, muted: not polled",
        ),
        query("failing", {"const": True}, "enabled feeds whose last poll failed"),
        query("tag", TEXT, "feeds with this tag, or with one below it: Asia covers Asia/Korea"),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_FEEDS, "default": DEFAULT_FEEDS}),
        query(
            "after",
            {**CURSOR, "default": 0},
            "feeds with higher ids; next_after of the previous result page",
        ),
    ),
    "/v1/feeds/{id}": get(
        "getFeed",
        "One feed with its last polls",
        record({"feed": ref("FeedHistory")}),
        path("id", {"type": "integer", "minimum": 1}),
        errors=(400, 404, 503),
    ),
}

SCHEMAS: Final[dict[str, Any]] = {
    "Feed": record(_FEED),
    "FeedHistory": record(
        {
            **_FEED,
            "websub": {
                "anyOf": [ref("Subscription"), {"type": "null"}],
                "description": "the WebSub subscription; null: none",
            },
            "polls": {**array(ref("Poll")), "description": f"newest first, {SHOWN_POLLS} at most"},
        }
    ),
    "Subscription": record(
        {
            "feed_id": NUMBER,
            "feed_url": TEXT,
            "hub": TEXT,
            "topic": {**TEXT, "description": "URL of the feed at the hub"},
            "state": {"enum": [state.value for state in SubscriptionState]},
            "reliable": {
                **FLAG,
                "description": "the hub is verified, renewed and trusted: polls are only a backup",
            },
            "verified_at": TIME_OR_NULL,
            "lease_until": TIME_OR_NULL,
            "next_try_at": {**TIME_OR_NULL, "description": "time of the next request to the hub"},
            "failures": {**NUMBER, "description": "in a row"},
            "trust": {"type": "number", "minimum": 0, "maximum": 1},
            "push_count": {**NUMBER, "description": "pushes with a valid signature"},
            "last_push_at": TIME_OR_NULL,
            "missed_entries": {**NUMBER, "description": "entries that polls found and the hub did not push"},
            "invalid_pushes": {**NUMBER, "description": "pushes without a valid signature"},
            "detail": {**TEXT_OR_NULL, "description": "the last response or failure of the hub"},
        }
    ),
    "Poll": record(
        {
            "id": NUMBER,
            "started_at": TIME,
            "finished_at": TIME,
            "result": {"enum": [result.value for result in PollResult]},
            "status": {
                **NUMBER_OR_NULL,
                "description": "HTTP status; null: no response, or a push",
            },
            "failure": {"enum": [*(kind.value for kind in FailureKind), None]},
            "detail": {**TEXT_OR_NULL, "description": "for people"},
            "body_bytes": NUMBER,
            "entries": {**NUMBER, "description": "entries in the document"},
            "appended": {**NUMBER, "description": "appended to the log: new and changed entries"},
            "created": {**NUMBER, "description": "new entries among the appended ones"},
            "duplicates": {**NUMBER, "description": "entries that the document repeats"},
            "missed": {
                **NUMBER,
                "description": "estimated number of entries that appeared and disappeared between two polls",
            },
            "next_poll_at": TIME,
            "reason": {**TEXT, "description": "why the next poll is at this time"},
        }
    ),
}
