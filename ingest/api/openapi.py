"""The API's description, OpenAPI 3.1, by hand; a test holds it equal to the routes and to real answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ingest import __version__
from ingest.alerts import alert_schema
from ingest.api.feeds import DEFAULT_FEEDS, MAX_FEEDS
from ingest.db.feed_codecs import FEED_STATES
from ingest.db.polls import SHOWN_POLLS
from ingest.log.api import ALERTS_STREAM
from ingest.query import DEFAULT_LIMIT, MAX_LIMIT
from ingest.schedule.page_fetch import PageState
from ingest.schedule.websub import SubscriptionState
from ingest.streams import event_schema
from ingest.types import FailureKind, PollResult, TlsException, UserAgentState

_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_NUMBER: Final = {"type": "integer"}
_NUMBER_OR_NULL: Final = {"type": ["integer", "null"]}
_SECONDS: Final = {"type": "number", "description": "in seconds"}
_FLAG: Final = {"type": "boolean"}
_ID: Final = {"type": "string", "format": "uuid"}
_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_CURSOR: Final = {"type": "integer", "minimum": 0}
_ANY: Final[dict[str, Any]] = {}


def document() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "news-ingest",
            "version": __version__,
            "summary": "The article database and the live topic streams.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {"schemas": _schemas()},
    }


def _paths() -> dict[str, Any]:
    return {
        "/v1/articles": _get(
            "findArticles",
            "Articles, newest first; every parameter narrows",
            _ref("ArticlePage"),
            _query("q", _TEXT, 'full text: words, "phrases", or, -without; words as they stand, no stems'),
            _query("topic", _TEXT, "the slug of a topic they match"),
            _query("source", _TEXT, "host of the article's address, without www."),
            _query("language", _TEXT, "tag or the beginning of one, as declared: ko is ko-KR too"),
            _query("from", _TEXT, "published, or first seen, at this time or later; ISO 8601"),
            _query("to", _TEXT, "before this time; ISO 8601"),
            _query("story", _ID, "copies of one text"),
            _query(
                "limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
            ),
            _query("cursor", _TEXT, "next_cursor of the page before"),
        ),
        "/v1/articles/{id}": _get(
            "getArticle",
            "One article with its revisions, matches, sightings, events and copies",
            _object({"article": _ref("ArticleHistory")}),
            _path("id", _ID),
            _query("before", _NUMBER, "revisions below this number: the next page of a long history"),
            errors=(400, 404, 503),
        ),
        "/v1/topics": _get("listTopics", "All topics", _object({"topics": _list(_ref("Topic"))})),
        "/v1/topics/{slug}/events": _get(
            "readEvents",
            "A page of a stream; 410 where the events behind the cursor are no longer held",
            _ref("EventPage"),
            _path("slug", _TEXT),
            _query("after", _CURSOR, "events behind this cursor; 0, the default: from the beginning"),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
            errors=(400, 404, 503),
            also={410: _answer("the events behind the cursor are no longer held", _ref("Gone"))},
        ),
        "/v1/topics/{slug}/stream": _get(
            "followStream",
            "The stream, live, as Server-Sent Events: id is the cursor, event the kind, data an Event as one "
            "line. An event of kind gap tells what is no longer held.",
            _TEXT,
            _path("slug", _TEXT),
            _query(
                "after", _CURSOR, "events behind this cursor; 0: from the beginning; without it: from now on"
            ),
            _last_event_id(),
            media="text/event-stream",
            errors=(400, 404, 503),
        ),
        "/v1/alerts": _get(
            "readAlerts",
            "A page of what there was to tell of feeds; 410 where what is behind the cursor is no longer held",
            _ref("AlertPage"),
            _query("after", _CURSOR, "alerts behind this cursor; 0, the default: from the beginning"),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}),
            errors=(400, 503),
            also={410: _answer("the alerts behind the cursor are no longer held", _ref("Gone"))},
        ),
        "/v1/alerts/stream": _get(
            "followAlerts",
            "The same live, as a topic's stream: data is an Alert as one line",
            _TEXT,
            _query(
                "after", _CURSOR, "alerts behind this cursor; 0: from the beginning; without it: from now on"
            ),
            _last_event_id(),
            media="text/event-stream",
            errors=(400, 503),
        ),
        "/v1/feeds": _get(
            "listFeeds",
            "Feeds, the oldest id first; every filter narrows",
            _object(
                {
                    "feeds": _list(_ref("Feed")),
                    "next_after": {
                        **_NUMBER_OR_NULL,
                        "description": "the next page's after; null: this is the last page",
                    },
                }
            ),
            _query(
                "state",
                {"enum": list(FEED_STATES)},
                "how they stand; new: never polled, muted: not polled",
            ),
            _query("failing", {"const": True}, "those that are polled and whose last poll failed"),
            _query(
                "limit", {"type": "integer", "minimum": 1, "maximum": MAX_FEEDS, "default": DEFAULT_FEEDS}
            ),
            _query(
                "after",
                {**_CURSOR, "default": 0},
                "feeds with ids above this one; next_after of the page before",
            ),
        ),
        "/v1/feeds/{id}": _get(
            "getFeed",
            "One feed with its last polls",
            _object({"feed": _ref("FeedHistory")}),
            _path("id", {"type": "integer", "minimum": 1}),
            errors=(400, 404, 503),
        ),
        "/v1/ledger": _get(
            "readLedger",
            "What became of a URL: seen when, by which poll, stored, merged or set aside, matched why, sent "
            "where; 404, with the same body, for one we never met",
            _ref("Ledger"),
            _query("url", _TEXT, "the address of an article or feed", required=True),
            also={404: _answer("we never met this URL: known is false", _ref("Ledger"))},
        ),
        "/v1/status": _get("getStatus", "Counts and lags of the whole service", _ref("Status")),
        "/v1/schema": _get(
            "getSchemas",
            "JSON Schemas: article as it travels on news.articles, event and alert as streams have them",
            _object(
                {"article": {"type": "object"}, "event": {"type": "object"}, "alert": {"type": "object"}}
            ),
            errors=(400,),
        ),
        "/push/{token}": {
            **_get(
                "verifySubscription",
                "For hubs (WebSub): whether we want what they were asked for; 404 where we do not, or without "
                "INGEST_PUBLIC_URL",
                _TEXT,
                _path("token", _TEXT),
                _query("hub.mode", {"enum": ["subscribe", "unsubscribe", "denied"]}, required=True),
                _query("hub.topic", _TEXT, "as we asked for it", required=True),
                _query("hub.challenge", _TEXT, "is answered"),
                _query("hub.lease_seconds", _TEXT, "how long it is good"),
                _query("hub.reason", _TEXT, "of a denial"),
                media="text/plain",
                errors=(404, 503),
            ),
            "post": _push(),
        },
        "/healthz": _get("isAlive", "200 while the process answers", _ref("Health"), errors=(400,)),
        "/readyz": _get(
            "isReady",
            "200 where database, migration and log are as needed; else 503 with the reasons",
            _ref("Health"),
            errors=(400,),
            also={
                503: _answer("not ready: checks tell the reason of each that does not pass", _ref("Health"))
            },
        ),
        "/metrics": _get(
            "getMetrics", "For Prometheus, in its text format", _TEXT, media="text/plain", errors=(400,)
        ),
        "/openapi.json": _get("describe", "This description", {"type": "object"}, errors=(400,)),
    }


def _last_event_id() -> dict[str, Any]:
    return {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": _CURSOR,
        "description": "as after, and wins over it: clients send it when they reconnect",
    }


def _push() -> dict[str, Any]:
    kept = "kept; or not signed as agreed (X-Hub-Signature) and dropped, which only we are told"
    errors = {
        408: "it took too long",
        410: "no such callback: nothing is wanted here",
        413: "too large",
        503: "the database is not available, or too much of this feed waits; to be sent again",
    }
    return {
        "operationId": "receivePush",
        "summary": "For hubs (WebSub): what a feed has new, signed",
        "parameters": [_path("token", _TEXT)],
        "requestBody": {"required": True, "content": {"*/*": {"schema": _TEXT}}},
        "responses": {
            "204": {"description": kept},
            **{str(status): _answer(about, _ref("Error")) for status, about in errors.items()},
        },
    }


def _schemas() -> dict[str, Any]:
    feed = _feed()
    event, alert = (
        {name: value for name, value in schema.items() if name not in {"$schema", "$id"}}
        for schema in (event_schema(), alert_schema())
    )
    return {
        "Error": _object({"error": _ref("Fault")}),
        "Fault": _object(
            {
                "parameter": {**_TEXT, "description": "what was wrong"},
                "value": {**_ANY, "description": "as it was given"},
                "expected": {**_TEXT, "description": "what would be accepted"},
            }
        ),
        "Gone": _object({"error": _ref("Fault"), "gap": _ref("Gap")}),
        "Article": _object(
            {
                "id": _ID,
                "revision": _NUMBER,
                "url": _TEXT_OR_NULL,
                "title": _TEXT,
                "source": _TEXT,
                "publisher": _TEXT_OR_NULL,
                "authors": _TEXTS,
                "language": _TEXT_OR_NULL,
                "published_at": _TIME_OR_NULL,
                "first_seen_at": _TIME,
                "revised_at": _TIME,
                "story_id": _ID,
                "summary": _TEXT,
                "feed_id": _NUMBER,
                "topics": _TEXTS,
                "snippet": _list(_object({"text": _TEXT, "hit": _FLAG})),
            },
            optional=("snippet",),
        ),
        "ArticlePage": _object({"articles": _list(_ref("Article")), "next_cursor": _TEXT_OR_NULL}),
        "ArticleHistory": _object(
            {
                "id": _ID,
                "url": _TEXT_OR_NULL,
                "source": _TEXT,
                "language": _TEXT_OR_NULL,
                "story_id": _ID,
                "published_at": _TIME_OR_NULL,
                "first_seen_at": _TIME,
                "revised_at": _TIME,
                "revision": {**_NUMBER, "description": "number of the current one"},
                "feed_id": _NUMBER,
                "revisions": {**_list(_ref("Revision")), "description": "newest first, 50 at most"},
                "sightings": {**_list(_ref("Sighting")), "description": "newest first, 200 at most"},
                "sightings_total": _NUMBER,
                "matches": _list(_ref("Match")),
                "events": _list(_object({"topic": _TEXT, "cursor": _CURSOR, "kind": _TEXT, "at": _TIME})),
                "copies": _list(
                    _object(
                        {
                            "id": _ID,
                            "url": _TEXT_OR_NULL,
                            "source": _TEXT,
                            "title": _TEXT,
                            "first_seen_at": _TIME,
                        }
                    )
                ),
                "pages": {
                    **_list(_ref("Page")),
                    "description": "where a feed asks for full text: once for each of its versions, newest first",
                },
            }
        ),
        "Page": _object(
            {
                "id": _NUMBER,
                "url": _TEXT,
                "state": {"enum": [state.value for state in PageState]},
                "wanted_at": _TIME,
                "tries": _NUMBER,
                "tried_at": _TIME_OR_NULL,
                "due_at": {**_TIME, "description": "when it is tried next, where it is waiting"},
                "status": {"type": ["integer", "null"]},
                "failure": _TEXT_OR_NULL,
                "detail": _TEXT_OR_NULL,
                "revision": {"type": ["integer", "null"], "description": "that has its text"},
            }
        ),
        "Revision": _object(
            {
                "number": _NUMBER,
                "current": _FLAG,
                "seen_at": _TIME,
                "feed_id": _NUMBER,
                "poll_id": _NUMBER,
                "title": _TEXT,
                "authors": _TEXTS,
                "publisher": _TEXT_OR_NULL,
                "attribution": {"type": ["object", "null"]},
                "summary": _TEXT,
                "text": _TEXT,
                "html": {**_TEXT, "description": "sanitised"},
                "guid": _TEXT_OR_NULL,
                "categories": _TEXTS,
                "image": _TEXT_OR_NULL,
                "updated_at": _TIME_OR_NULL,
            }
        ),
        "Sighting": _object(
            {
                "poll_id": _NUMBER,
                "polled_at": _TIME_OR_NULL,
                "feed_id": _NUMBER,
                "feed_url": _TEXT_OR_NULL,
                "seen_at": _TIME,
                "effect": {"enum": ["created", "updated", "reverted", "unchanged", "late"]},
                "revision": _NUMBER,
                "log_position": {**_TEXT, "description": "log topic/partition/offset of the record"},
            }
        ),
        "Match": _object(
            {
                "topic": _TEXT,
                "title": _TEXT,
                "revision": _NUMBER,
                "matched_at": _TIME,
                "explanation": _object(
                    {
                        "rule": {**_TEXT, "description": "the part of the topic's rule that matched"},
                        "matches": _list(
                            _object(
                                {
                                    "field": {"enum": ["title", "text"]},
                                    "phrase": _TEXT,
                                    "offset": {**_NUMBER, "description": "in characters"},
                                    "quote": _TEXT,
                                }
                            )
                        ),
                    }
                ),
            }
        ),
        "Topic": _object(
            {
                "slug": _TEXT,
                "title": _TEXT,
                "description": _TEXT,
                "rule": {"type": "object"},
                "changed_at": _TIME,
                "retired": _FLAG,
                "articles": _NUMBER,
                "cursor": {**_CURSOR, "description": "the last one given; 0: none yet"},
                "first_cursor": {**_CURSOR, "description": "the first that is still held"},
            }
        ),
        "Event": event,
        "Gap": _object(
            {
                "v": {"const": 1},
                "kind": {"const": "gap"},
                "topic": _TEXT,
                "after": _CURSOR,
                "first_cursor": {**_CURSOR, "description": "the first that is still held"},
                "lost": {**_NUMBER, "description": "how many events that is"},
            }
        ),
        "EventPage": _object(
            {
                "topic": _TEXT,
                "first_cursor": _CURSOR,
                "last_cursor": _CURSOR,
                "next_after": {**_CURSOR, "description": "the next page's after"},
                "gap": {"anyOf": [_ref("Gap"), {"type": "null"}]},
                "events": _list(_ref("Event")),
            }
        ),
        "Alert": alert,
        "AlertPage": _object(
            {
                "topic": {"const": ALERTS_STREAM},
                "first_cursor": _CURSOR,
                "last_cursor": _CURSOR,
                "next_after": {**_CURSOR, "description": "the next page's after"},
                "gap": {"anyOf": [_ref("Gap"), {"type": "null"}]},
                "events": _list(_ref("Alert")),
            }
        ),
        "Feed": _object(feed),
        "FeedHistory": _object(
            {
                **feed,
                "subscription": {
                    "anyOf": [_ref("Subscription"), {"type": "null"}],
                    "description": "with its hub; null: there is none",
                },
                "polls": {**_list(_ref("Poll")), "description": f"newest first, {SHOWN_POLLS} at most"},
            }
        ),
        "Subscription": _object(
            {
                "feed_id": _NUMBER,
                "feed_url": _TEXT,
                "hub": _TEXT,
                "topic": {**_TEXT, "description": "what the hub calls the feed"},
                "state": {"enum": [state.value for state in SubscriptionState]},
                "reliable": {
                    **_FLAG,
                    "description": "the hub is verified, renewed and trusted: polls are only a backup",
                },
                "verified_at": _TIME_OR_NULL,
                "lease_until": _TIME_OR_NULL,
                "next_try_at": {**_TIME_OR_NULL, "description": "when the hub is asked again"},
                "failures": {**_NUMBER, "description": "in a row"},
                "trust": {"type": "number", "minimum": 0, "maximum": 1},
                "push_count": {**_NUMBER, "description": "good pushes"},
                "last_push_at": _TIME_OR_NULL,
                "missed_entries": {**_NUMBER, "description": "entries that polls found and it did not bring"},
                "invalid_pushes": {**_NUMBER, "description": "pushes that were not signed as agreed"},
                "detail": {**_TEXT_OR_NULL, "description": "the last that the hub said, or did not"},
            }
        ),
        "Poll": _object(
            {
                "id": _NUMBER,
                "started_at": _TIME,
                "finished_at": _TIME,
                "result": {"enum": [result.value for result in PollResult]},
                "status": {
                    **_NUMBER_OR_NULL,
                    "description": "of HTTP; null: there was no answer, or a hub sent it",
                },
                "failure": {"enum": [*(kind.value for kind in FailureKind), None]},
                "detail": {**_TEXT_OR_NULL, "description": "for people"},
                "body_bytes": _NUMBER,
                "entries": {**_NUMBER, "description": "in its document"},
                "appended": {**_NUMBER, "description": "put on the log: new and changed"},
                "created": {**_NUMBER, "description": "of these the new ones"},
                "duplicates": {**_NUMBER, "description": "entries twice in the document"},
                "missed": {
                    **_NUMBER,
                    "description": "an estimate: entries that came and went between two polls",
                },
                "next_poll_at": _TIME,
                "reason": {**_TEXT, "description": "why then"},
            }
        ),
        "Ledger": _object(
            {
                "known": _FLAG,
                "url": _TEXT,
                "canonical": _TEXT,
                "articles": _list(_ref("ArticleHistory")),
                "entries": {
                    **_list(
                        _object(
                            {
                                "feed_id": _NUMBER,
                                "feed_url": _TEXT,
                                "poll_id": _NUMBER,
                                "article_id": _ID,
                                "stored": _FLAG,
                            }
                        )
                    ),
                    "description": "entries of feeds with this URL; not stored: the record is still in the log",
                },
                "quarantined": _list(
                    _object(
                        {
                            "id": _NUMBER,
                            "quarantined_at": _TIME,
                            "replayed_at": _TIME_OR_NULL,
                            "stage": _TEXT,
                            "log_position": _TEXT,
                            "error": _TEXT,
                            "detail": _TEXT,
                        }
                    )
                ),
                "feed": {"type": ["object", "null"], "description": "where the URL is a feed's own"},
            }
        ),
        "Status": _object(
            {
                "at": _TIME,
                "feeds": {"type": "object", "additionalProperties": _NUMBER, "description": "by state"},
                "feeds_failing": _NUMBER,
                "feeds_due": _NUMBER,
                "due_lag_seconds": {"type": "number"},
                "polls_last_hour": {"type": "object", "additionalProperties": _NUMBER},
                "last_poll_at": _TIME_OR_NULL,
                "articles": _NUMBER,
                "revisions": _NUMBER,
                "pages_waiting": {**_NUMBER, "description": "articles' pages to be fetched"},
                "pages_last_hour": {"type": "object", "additionalProperties": _NUMBER},
                "quarantine": {**_NUMBER, "description": "records of the log that wait to be replayed"},
                "quarantine_entries": {**_NUMBER, "description": "entries of feeds; polls bring them again"},
                "streams": _list(_object({"topic": _TEXT, "cursor": _CURSOR, "first_cursor": _CURSOR})),
                "groups": _list(_object({"topic": _TEXT, "group": _TEXT, "lag": _NUMBER})),
                "subscriptions": {
                    "type": "object",
                    "additionalProperties": _NUMBER,
                    "description": "with hubs, by state",
                },
                "pushes_waiting": {**_NUMBER, "description": "sent by hubs and not read yet"},
            }
        ),
        "Health": _object(
            {"status": _TEXT, "checks": {"type": "object", "additionalProperties": _TEXT}},
            optional=("checks",),
        ),
    }


def _feed() -> dict[str, Any]:
    publish_rate = _object({"entries": {"type": "number"}, "hours": {"type": "number"}})
    publish_gaps = _object({"last_new_at": _TIME, "mean": _SECONDS, "deviation": _SECONDS, "count": _NUMBER})
    return {
        "id": _NUMBER,
        "url": _TEXT,
        "title": _TEXT_OR_NULL,
        "enabled": {**_FLAG, "description": "false: muted, and not polled"},
        "state": {"enum": list(FEED_STATES), "description": "how it stands"},
        "state_since": _TIME_OR_NULL,
        "state_reason": _TEXT_OR_NULL,
        "moved_to": {**_TEXT_OR_NULL, "description": "it answers there, by permanent redirects"},
        "moved_since": _TIME_OR_NULL,
        "publish_gaps": {
            "anyOf": [publish_gaps, {"type": "null"}],
            "description": "how far apart the times lie at which it had something new, in seconds",
        },
        "added_at": _TIME,
        "next_poll_at": _TIME,
        "polled_at": {**_TIME_OR_NULL, "description": "the end of the last poll; null: none yet"},
        "interval": _SECONDS,
        "failures": {**_NUMBER, "description": "in a row"},
        "last_outcome": {
            "enum": [*(result.value for result in PollResult if result is not PollResult.PUSHED), None]
        },
        "last_reason": {**_TEXT_OR_NULL, "description": "why the next poll is when it is"},
        "polling_since": {
            **_TIME_OR_NULL,
            "description": "a poll that began then has not ended; another poller takes the feed at next_poll_at",
        },
        "succeeded_at": {
            **_TIME_OR_NULL,
            "description": "the last poll that told what the feed has, or that nothing is new",
        },
        "entries": {**_NUMBER, "description": "in its last document"},
        "publish_rate": {
            "anyOf": [publish_rate, {"type": "null"}],
            "description": "it publishes so many entries in so many hours, older ones counted for less",
        },
        "poll_hints": {
            **_object(
                {
                    "interval": {"type": ["number", "null"], "description": "in seconds"},
                    "skip_hours": {**_list(_NUMBER), "description": "of the day, GMT"},
                    "skip_days": {**_list(_NUMBER), "description": "of the week; Monday is 0"},
                }
            ),
            "description": "when its own document asks to be polled",
        },
        "request_options": {
            "anyOf": [_request(), {"type": "null"}],
            "description": "what an operator has it asked with, secrets hidden",
        },
        "user_agent_trial": {
            "anyOf": [
                _object({"state": {"enum": [state.value for state in UserAgentState]}, "since": _TIME}),
                {"type": "null"},
            ],
            "description": "our own user agent was refused; null: as far as is known it does",
        },
        "parent_id": {
            "type": ["integer", "null"],
            "description": "the feed that is an index of sitemaps and names it, if one does",
        },
        "full_text": {**_FLAG, "description": "the pages of its articles are fetched too"},
    }


def _request() -> dict[str, Any]:
    return _object(
        {
            "user_agent": _TEXT_OR_NULL,
            "headers": {"type": "object", "additionalProperties": _TEXT},
            "proxy": _TEXT_OR_NULL,
            "tls": _list({"enum": [exception.value for exception in TlsException]}),
            "ca": {**_list(_TEXT), "description": "fingerprints of certificates that are trusted as well"},
        }
    )


_ABOUT_ERRORS: Final = {
    400: "a parameter is not accepted",
    404: "what the path or parameter names does not exist",
    503: "the database or the log is not available, or no more streams can be opened here",
}

_NOTHING_ELSE: Final[Mapping[int, dict[str, Any]]] = MappingProxyType({})


def _get(
    name: str,
    summary: str,
    answer: dict[str, Any],
    *parameters: dict[str, Any],
    media: str = "application/json",
    errors: tuple[int, ...] = (400, 503),
    also: Mapping[int, dict[str, Any]] = _NOTHING_ELSE,
) -> dict[str, Any]:
    """``errors`` are answers in the one form; ``also`` are those that have another."""
    answers = {200: _answer("as asked", answer, media=media), **also}
    answers |= {status: _answer(_ABOUT_ERRORS[status], _ref("Error")) for status in errors}
    operation = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {str(status): answers[status] for status in sorted(answers)},
    }
    return {"get": operation}


def _answer(description: str, schema: dict[str, Any], *, media: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def _query(
    name: str, schema: dict[str, Any], description: str = "", *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description, "required": required}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "schema": schema, "required": True}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _object(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "required": needed, "properties": properties, "additionalProperties": False}
