"""The vocabulary: one frozen type for each moment of an article's way through the service.

==========  ================================================================
request     how an operator has a feed requested
memory      the values that one poll of a feed leaves for the next
feed        a feed as the registry shows it; alerts
poll        the lease before a poll; the outcome after it
fetch       responses and failures
parsed      a document as the feed publishes it
article     our normalised form of an entry
log         messages, records, stream events
topic       topics and matches
store       an article before and after a record is applied
==========  ================================================================

Times are aware UTC, durations are ``timedelta``. A type holds either remote data (:class:`Fetched`, :class:`Entry`,
:class:`ParsedFeed`) or our own decisions (:class:`Article`, :class:`PollOutcome`), never both.
"""

from ingest.types.article import Article, Attribution, Credit, CreditRole, PageSource, RemovedLine
from ingest.types.feed import Alert, AlertKind, ClockAlert, Feed
from ingest.types.fetch import Failed, FailureKind, Fetched, FetchResult, NotModified, PostResponse, WebPage
from ingest.types.log import Event, EventKind, Message, Record
from ingest.types.memory import (
    EntryIdentity,
    Evidence,
    FeedMemory,
    FeedState,
    Health,
    LastBody,
    PermanentMove,
    PollHints,
    PublishGaps,
    PublishRate,
    Site,
    SiteIdentity,
    UserAgentState,
    UserAgentTrial,
    Validators,
)
from ingest.types.parsed import DocumentSummary, Entry, FeedHints, ParsedFeed, Seen, SitemapLink
from ingest.types.poll import ChildSitemap, Lease, Pause, PollOutcome, PollResult
from ingest.types.request import DEFAULT_REQUEST, MaskedOptions, RequestOptions, TlsException
from ingest.types.store import MAX_CLOCK_SKEW, ArticleChange, Effect, StoredArticle, StoredText
from ingest.types.topic import Match, Topic

__all__ = [
    "DEFAULT_REQUEST",
    "MAX_CLOCK_SKEW",
    "Alert",
    "AlertKind",
    "Article",
    "ArticleChange",
    "Attribution",
    "ChildSitemap",
    "ClockAlert",
    "Credit",
    "CreditRole",
    "DocumentSummary",
    "Effect",
    "Entry",
    "EntryIdentity",
    "Event",
    "EventKind",
    "Evidence",
    "Failed",
    "FailureKind",
    "Feed",
    "FeedHints",
    "FeedMemory",
    "FeedState",
    "FetchResult",
    "Fetched",
    "Health",
    "LastBody",
    "Lease",
    "MaskedOptions",
    "Match",
    "Message",
    "NotModified",
    "PageSource",
    "ParsedFeed",
    "Pause",
    "PermanentMove",
    "PollHints",
    "PollOutcome",
    "PollResult",
    "PostResponse",
    "PublishGaps",
    "PublishRate",
    "Record",
    "RemovedLine",
    "RequestOptions",
    "Seen",
    "Site",
    "SiteIdentity",
    "SitemapLink",
    "StoredArticle",
    "StoredText",
    "TlsException",
    "Topic",
    "UserAgentState",
    "UserAgentTrial",
    "Validators",
    "WebPage",
]
