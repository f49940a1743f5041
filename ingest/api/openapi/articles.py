"""Paths and schemas of articles and the ledger."""

from __future__ import annotations

from typing import Any, Final

from ingest.api.openapi.elements import (
    CURSOR,
    FLAG,
    ID,
    NUMBER,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
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
from ingest.query import DEFAULT_LIMIT, MAX_LIMIT, Sort
from ingest.schedule.page_fetch import PageState
from ingest.types import CreditRole

PATHS: Final[dict[str, Any]] = {
    "/v1/articles": get(
        "findArticles",
        "Articles, newest first or best first; all parameters must match",
        ref("ArticleResults"),
        query(
            "q",
            TEXT,
            'full text: words, "phrases", or, -excluded, prefix*, title:word, (groups); docs/search.md',
        ),
        query("topic", TEXT, "slug of a topic that the article matches"),
        query("source", TEXT, "host of the article's address, without www."),
        query("language", TEXT, "language tag or its prefix: ko includes ko-KR"),
        query("from", TEXT, "published (else first seen) at this time or later; ISO 8601"),
        query("to", TEXT, "before this time; ISO 8601"),
        query("story", ID, "copies of one text"),
        query(
            "sort", {"enum": [sort.value for sort in Sort], "default": Sort.DATE.value}, "relevance needs q"
        ),
        query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        query("cursor", TEXT, "next_cursor of the previous result page"),
    ),
    "/v1/articles/{id}": get(
        "getArticle",
        "One article with its revisions, matches, sightings, events and copies",
        record({"article": ref("ArticleHistory")}),
        path("id", ID),
        query("before", NUMBER, "revisions below this number: the next part of a long history"),
        errors=(400, 404, 503),
    ),
    "/v1/ledger": get(
        "readLedger",
        "The history of a URL: sightings and their polls, articles, quarantined records, matches and "
        "deliveries; 404, with the same body, for an unknown URL",
        ref("Ledger"),
        query("url", TEXT, "the address of an article or feed", required=True),
        also={404: response("unknown URL: recorded is false", ref("Ledger"))},
    ),
}

SCHEMAS: Final[dict[str, Any]] = {
    "Article": record(
        {
            "id": ID,
            "revision": NUMBER,
            "url": TEXT_OR_NULL,
            "title": TEXT,
            "source": TEXT,
            "publisher": TEXT_OR_NULL,
            "authors": TEXTS,
            "language": TEXT_OR_NULL,
            "published_at": TIME_OR_NULL,
            "first_seen_at": TIME,
            "revised_at": TIME,
            "story_id": ID,
            "summary": TEXT,
            "feed_id": NUMBER,
            "topics": TEXTS,
            "title_fragments": {
                **array(record({"text": TEXT, "hit": FLAG})),
                "description": "the whole title with the hits of q marked",
            },
            "snippet": {
                **array(record({"text": TEXT, "hit": FLAG})),
                "description": "parts of the text around the hits of q",
            },
        },
        optional=("title_fragments", "snippet"),
    ),
    "ArticleResults": record(
        {
            "articles": array(ref("Article")),
            "next_cursor": TEXT_OR_NULL,
            "exact": {**FLAG, "description": "false: articles from before `since` may be missing here"},
            "since": {
                **TIME_OR_NULL,
                "description": "null where exact; else the time back to which every article was compared",
            },
        }
    ),
    "ArticleHistory": record(
        {
            "id": ID,
            "url": TEXT_OR_NULL,
            "source": TEXT,
            "language": {**TEXT_OR_NULL, "description": "decided from the declared and the detected one"},
            "declared_language": TEXT_OR_NULL,
            "detected_language": {**TEXT_OR_NULL, "description": "null: the text is too short or too mixed"},
            "language_confidence": {
                "type": ["number", "null"],
                "description": "share of the text in the detected language, 0 to 1",
            },
            "story_id": ID,
            "published_at": TIME_OR_NULL,
            "first_seen_at": TIME,
            "revised_at": TIME,
            "revision": {**NUMBER, "description": "number of the current revision"},
            "feed_id": NUMBER,
            "revisions": {**array(ref("Revision")), "description": "newest first, 50 at most"},
            "sightings": {**array(ref("Sighting")), "description": "newest first, 200 at most"},
            "sightings_total": NUMBER,
            "matches": array(ref("Match")),
            "events": array(record({"topic": TEXT, "cursor": CURSOR, "kind": TEXT, "at": TIME})),
            "copies": array(
                record(
                    {
                        "id": ID,
                        "url": TEXT_OR_NULL,
                        "source": TEXT,
                        "title": TEXT,
                        "first_seen_at": TIME,
                    }
                )
            ),
            "pages": {
                **array(ref("Page")),
                "description": "fetches of the article page for feeds with full text, one per version, newest first",
            },
        }
    ),
    "Page": record(
        {
            "id": NUMBER,
            "url": TEXT,
            "state": {"enum": [state.value for state in PageState]},
            "wanted_at": TIME,
            "tries": NUMBER,
            "tried_at": TIME_OR_NULL,
            "due_at": {**TIME, "description": "time of the next try, while it is waiting"},
            "status": {"type": ["integer", "null"]},
            "failure": TEXT_OR_NULL,
            "detail": TEXT_OR_NULL,
            "revision": {
                "type": ["integer", "null"],
                "description": "the revision with the text of the page",
            },
        }
    ),
    "Revision": record(
        {
            "number": NUMBER,
            "current": FLAG,
            "seen_at": TIME,
            "feed_id": NUMBER,
            "poll_id": NUMBER,
            "title": TEXT,
            "authors": TEXTS,
            "publisher": TEXT_OR_NULL,
            "attribution": {"anyOf": [ref("Attribution"), {"type": "null"}]},
            "summary": TEXT,
            "text": TEXT,
            "html": {**TEXT, "description": "sanitised"},
            "guid": TEXT_OR_NULL,
            "categories": TEXTS,
            "image": TEXT_OR_NULL,
            "updated_at": TIME_OR_NULL,
            "removed": {
                **array(
                    record(
                        {"rule": {**TEXT, "description": "name of the rule that removed it"}, "text": TEXT}
                    )
                ),
                "description": "boilerplate that is no part of text",
            },
        }
    ),
    "Attribution": {
        **record(
            {
                "author": TEXT_OR_NULL,
                "publisher": {**TEXT_OR_NULL, "description": "first publisher, as the text names it"},
                "url": TEXT_OR_NULL,
                "evidence": {
                    **TEXT,
                    "description": "the sentence that names the origin, or the first credit's",
                },
                "credits": {
                    **array(
                        record(
                            {
                                "agency": TEXT,
                                "role": {"enum": [role.value for role in CreditRole]},
                                "evidence": {
                                    **TEXT,
                                    "description": "the dateline, line or sentence that names the agency",
                                },
                            }
                        )
                    ),
                    "description": "news agencies that the text credits; absent before version 3 of the rules",
                },
            }
        ),
        "required": ["author", "publisher", "url", "evidence"],
        "description": "declared origin of a reposted text, and agencies that the text credits",
    },
    "Sighting": record(
        {
            "poll_id": NUMBER,
            "polled_at": TIME_OR_NULL,
            "feed_id": NUMBER,
            "feed_url": TEXT_OR_NULL,
            "seen_at": TIME,
            "effect": {"enum": ["created", "updated", "reverted", "unchanged", "late"]},
            "revision": NUMBER,
            "log_position": {**TEXT, "description": "log topic/partition/offset of the record"},
        }
    ),
    "Match": record(
        {
            "topic": TEXT,
            "title": TEXT,
            "revision": NUMBER,
            "matched_at": TIME,
            "explanation": record(
                {
                    "rule": {**TEXT, "description": "the part of the topic's rule that matched"},
                    "matches": array(
                        record(
                            {
                                "field": {"enum": ["title", "text"]},
                                "phrase": TEXT,
                                "offset": {**NUMBER, "description": "in characters"},
                                "quote": TEXT,
                            }
                        )
                    ),
                }
            ),
        }
    ),
    "Ledger": record(
        {
            "recorded": {**FLAG, "description": "false: no feed, article or record has this URL"},
            "url": TEXT,
            "canonical": TEXT,
            "articles": array(ref("ArticleHistory")),
            "entries": {
                **array(
                    record(
                        {
                            "feed_id": NUMBER,
                            "feed_url": TEXT,
                            "poll_id": NUMBER,
                            "article_id": ID,
                            "stored": FLAG,
                        }
                    )
                ),
                "description": "entries of feeds with this URL; stored is false while the record is in the log only",
            },
            "quarantined": array(
                record(
                    {
                        "id": NUMBER,
                        "quarantined_at": TIME,
                        "replayed_at": TIME_OR_NULL,
                        "stage": TEXT,
                        "log_position": TEXT,
                        "error": TEXT,
                        "detail": TEXT,
                    }
                )
            ),
            "feed": {
                "type": ["object", "null"],
                "description": "polling state, where the URL is that of a feed",
            },
        }
    ),
}
