"""The vocabulary: one frozen type for each moment of an article's way through the service.

Times are aware UTC, durations are ``timedelta``, a type holds either what *they* said (:class:`Fetched`,
:class:`Entry`, :class:`ParsedFeed`) or what *we* say (:class:`Article`, :class:`PollOutcome`), never both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PollHints:
    """When a feed's own document asks to be polled, as far as it can be made sense of."""

    interval: timedelta | None = None
    """``ttl`` or ``sy:updatePeriod``, whichever is longer."""
    skip_hours: frozenset[int] = frozenset()
    """Of the day, GMT, 0 to 23."""
    skip_days: frozenset[int] = frozenset()
    """Of the week; Monday is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRate:
    """How much a feed publishes: so many entries in so many hours, the older ones counted for less."""

    entries: float
    hours: float


class FeedState(StrEnum):
    """How a feed stands, in one word (docs/polling.md, *How a feed stands*)."""

    NEW = "new"  # never polled
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it fails now and then, or what it says is cut or another site's
    BACKING_OFF = "backing-off"  # it fails again and again
    MUTED = "muted"  # not polled until an operator resumes it
    MOVED = "moved"  # it answers somewhere else, and says for good
    GONE = "gone"  # 410; looked at now and then
    CHALLENGED = "challenged"  # only a browser gets it
    SILENT = "silent"  # it answers, and has had nothing new for longer than it ever had


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishGaps:
    """How far apart the times lie at which a feed had something new."""

    last_new_at: datetime
    """The last of them."""
    mean: timedelta = timedelta(0)
    """The mean, newer ones counted for more."""
    deviation: timedelta = timedelta(0)
    """From the mean, likewise."""
    count: int = 0
    """How many were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteIdentity:
    """Whose feed it is, by its own document."""

    title: str | None = None
    hosts: tuple[str, ...] = ()
    """Of its site and its entries' links, without ``www.``."""
    language: str | None = None


class TlsException(StrEnum):
    """What is let pass for one feed whose server cannot do better; nothing of it is ever let pass for all."""

    UNVERIFIED = "unverified"  # any certificate: expired, of another name, signed by nobody
    RENEGOTIATION = "legacy-renegotiation"  # a server that does not know RFC 5746
    OLD_VERSIONS = "tls1.0"  # TLS 1.0 and 1.1, and the weak ciphers that go with them
    WEAK = "weak"  # short keys, SHA-1 signatures, old ciphers


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What an operator has one feed asked with (:mod:`ingest.request_options`). It has secrets in it."""

    user_agent: str | None = None
    """In place of our own."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """For the feed's own server alone."""
    proxy: str | None = field(default=None, repr=False)
    """``http://[name:password@]host:port``."""
    tls: frozenset[TlsException] = frozenset()
    """For the feed's own host alone."""
    ca: str | None = field(default=None, repr=False)
    """Certificates in PEM that are trusted as well, for the feed's own host alone."""


DEFAULT_REQUEST: Final = RequestOptions()
"""As every feed is asked of which nobody said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedOptions:
    """:class:`RequestOptions` without their secrets."""

    user_agent: str | None
    headers: Mapping[str, str]
    proxy: str | None
    tls: tuple[str, ...]
    ca: tuple[str, ...]
    """Fingerprints (SHA-256)."""


class UserAgentState(StrEnum):
    """What came of our own user agent at a feed that has none from an operator."""

    TRYING = "trying"  # ours was refused: the next poll tries the other
    FALLBACK = "fallback"  # the other one brings the feed
    NEITHER = "neither"  # both were refused


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAgentTrial:
    """How a feed takes our user agents, where not simply well; ``since``: of the poll that showed it last."""

    state: UserAgentState
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What we poll, as the registry holds it."""

    id: int
    url: str
    title: str | None
    enabled: bool
    added_at: datetime
    next_poll_at: datetime
    polled_at: datetime | None
    interval: timedelta
    failures: int
    last_outcome: str | None
    last_reason: str | None
    succeeded_at: datetime | None
    """When a poll last told us what the feed has, or that it has nothing new."""
    entries: int
    """In its last document."""
    publish_rate: PublishRate | None
    poll_hints: PollHints
    state: FeedState
    state_since: datetime | None
    state_reason: str | None
    moved_to: str | None
    """It answers there by permanent redirects, since ``moved_since``."""
    moved_since: datetime | None
    publish_gaps: PublishGaps | None
    request_options: MaskedOptions | None = None
    """What an operator has it asked with; None: nothing special."""
    user_agent_trial: UserAgentTrial | None = None
    """None: our own user agent does, as far as is known."""
    parent_id: int | None = None
    """The index of sitemaps that names it, if one does."""
    full_text: bool = False
    """The pages of its articles are fetched too."""
    polling_since: datetime | None = None
    """A poll that began then has not ended; where it has not by ``next_poll_at``, another poller takes the feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The exclusive right to poll one feed until ``until``; ``poll_id`` names this one poll for ever.

    Validators are opaque: they are sent back byte for byte (RFC 9110 §8.8).
    """

    feed_id: int
    poll_id: int
    url: str
    leased_at: datetime
    until: datetime
    etag: str | None
    last_modified: str | None
    body_hash: bytes | None
    interval: timedelta
    failures: int
    first: bool = False
    """No poll of this feed was ever recorded, so nothing of it was ever seen."""
    succeeded_at: datetime | None = None
    """When a poll last told us what the feed has, or that it has nothing new."""
    entries: int = 0
    """In its last document."""
    publish_rate: PublishRate | None = None
    poll_hints: PollHints = PollHints()
    last_body_at: datetime | None = None
    """When it last answered with a body."""
    validators_unreliable: bool = False
    """Its validators stood still while its document did not."""
    state: FeedState = FeedState.NEW
    state_since: datetime | None = None
    moved_to: str | None = None
    moved_since: datetime | None = None
    publish_gaps: PublishGaps | None = None
    site_identity: SiteIdentity | None = None
    site_changed_reason: str | None = None
    """Why what it says looks like another site's."""
    parser_version: int = 0
    """The :data:`ingest.identity.PARSER_VERSION` that read its last document."""
    request_options: RequestOptions = DEFAULT_REQUEST
    user_agent_trial: UserAgentTrial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A 2xx response, whole, decompressed, within every limit."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    body: bytes
    content_type: str | None
    etag: str | None
    last_modified: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names; only those a policy reads (``cache-control``, ``age``, ``expires``, ``date``,
    ``content-language``, ``link``)."""
    moved_to: str | None = None
    """The URL that answered, where every redirect on the way to it was permanent (301, 308)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """A 304. Its validators, where present, replace the stored ones (RFC 9111 §4.3.4)."""

    url: str
    etag: str | None
    last_modified: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    moved_to: str | None = None
    """As in :class:`Fetched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """A 2xx answer to a GET of what is no feed, whole and decompressed; it may have no bytes."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    body: bytes
    content_type: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names; those of :class:`Fetched`, and ``etag``, ``last-modified``, ``link``, ``x-robots-tag``."""
    moved_to: str | None = None
    """As in :class:`Fetched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostResponse:
    """A 2xx answer to a POST."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    body: bytes
    content_type: str | None


class FailureKind(StrEnum):
    """Why a poll brought nothing; remote failure is data."""

    ADDRESS = "address"  # URL or resolved address that we may not or cannot connect to
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"  # the total deadline, whatever the bytes were doing
    PROTOCOL = "protocol"  # reset, truncation, malformed HTTP
    TOO_LARGE = "too-large"
    ENCODING = "encoding"  # the content coding cannot be undone
    REDIRECT = "redirect"  # a loop, or too many hops
    STATUS = "status"  # 4xx or 5xx
    CHALLENGED = "challenged"  # a page that only a browser with a person before it passes
    EMPTY = "empty"  # 200 with no bytes
    NOT_A_FEED = "not-a-feed"  # HTML or anything else where a feed was expected
    UNPARSABLE = "unparsable"  # a feed by its looks, no entries to be had from it
    PARSE_LIMIT = "parse-limit"  # the parser was killed: time or memory
    ABANDONED = "abandoned"  # the poller died holding the lease
    OUTAGE = "outage"  # our own network or resolver is down
    ROBOTS = "robots"  # of an article's page: its host's robots.txt asks that it is not fetched
    NOT_HTML = "not-html"  # of an article's page
    NO_BETTER = "no-better"  # of an article's page: its text is not more of what the feed says


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A poll that brought nothing, and why."""

    kind: FailureKind
    detail: str
    status: int | None = None
    retry_after: timedelta | None = None
    url: str | None = None
    """The one that answered, after redirects, where one did."""
    unreachable: bool = False
    """No machine of theirs answered, so it may be our own network that is down."""
    is_local: bool = False
    """An error that our side makes by itself: no route, or a resolver that does not answer."""
    sample: bytes | None = None
    """The first bytes of a body that could not be used."""
    feed_links: tuple[str, ...] = ()
    """Addresses of feeds that the page names which answered instead of the feed; the likeliest first."""
    location: str | None = None
    """Where a redirect leads that was not followed."""


FetchResult = Fetched | NotModified | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the feed said about one article; strings as the parser gave them, HTML where the feed had HTML."""

    guid: str | None
    link: str | None
    title: str | None
    summary: str | None
    content: str | None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published: datetime | None = None
    published_raw: str | None = None
    updated: datetime | None = None
    language: str | None = None
    source_title: str | None = None
    """``<source>`` of RSS or ``atom:source``: the feed this entry was taken from."""
    source_url: str | None = None
    image: str | None = None
    base: str | None = None
    """``xml:base`` in force for its HTML, where that is not the feed's own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHints:
    """What a feed said of when to poll it, word for word (RSS 2.0; RSS 1.0 syndication module)."""

    ttl: str | None = None
    update_period: str | None = None
    update_frequency: str | None = None
    skip_hours: tuple[str, ...] = ()
    skip_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SitemapLink:
    """A document that another one names as a part of itself: a sitemap in an index of sitemaps."""

    url: str
    updated: datetime | None = None
    """When it says that it last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """What the feed said, whole."""

    title: str | None
    link: str | None
    language: str | None
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()
    """Well-formedness problems that did not keep us from reading it."""
    version: str = ""
    hints: FeedHints = FeedHints()
    hubs: tuple[str, ...] = ()
    """Where changes of it can be subscribed to, in its order (WebSub: ``rel=hub``; JSON Feed: ``hubs``)."""
    self_url: str | None = None
    """What it calls its own address (``rel=self``; JSON Feed: ``feed_url``): the name hubs know it by."""
    children: tuple[SitemapLink, ...] = ()
    """Where its entries are, if it is an index of sitemaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Where a reposted text says it comes from."""

    author: str | None
    publisher: str | None
    url: str | None
    evidence: str
    """The sentence that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSource:
    """Where an article's text comes from that its feed did not have."""

    id: int
    """Names this one page's fetching for ever; of the same sequence as the ids of polls."""
    content_hash: bytes
    """Of the feed's version whose text it replaces."""
    url: str
    """The page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What we say: one version of one article, normalised. Text is plain, html is sanitised."""

    id: UUID
    feed_id: int
    feed_url: str
    poll_id: int
    entry_key: bytes
    """The entry's key in its feed's seen-set, 16 bytes."""
    content_hash: bytes
    """Of what makes a revision (title, text and authors), 16 bytes."""
    seen_at: datetime
    url: str | None
    """Canonical."""
    guid: str | None
    title: str
    authors: tuple[str, ...]
    publisher: str | None
    """Who ran it first, as far as the text says; else the feed's own title or host."""
    source: str
    """Host of the article's URL, or of the feed's where it has none."""
    attribution: Attribution | None
    summary: str
    text: str
    """The story as plain text, paragraphs separated by a newline, boilerplate removed."""
    html: str
    """The entry's HTML, sanitised."""
    language: str | None
    categories: tuple[str, ...]
    image: str | None
    published_at: datetime | None
    updated_at: datetime | None
    link: str | None = None
    """Its address as the feed has it, where that is not ``url``: what a page is fetched from."""
    page: PageSource | None = None
    """Its text and HTML are its page's; all else is as the feed said it in ``poll_id``. None: all is the feed's."""

    @property
    def sighting(self) -> int:
        """What this record of the article is known by: a second one of it is a repeat."""
        return self.poll_id if self.page is None else self.page.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One row of a feed's seen-set: what this entry was when it last travelled."""

    key: bytes
    content_hash: bytes
    article_id: UUID
    entry_fingerprint: bytes = b""
    """Of its link, title and date (:func:`ingest.identity.marks`); empty where they were not noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSitemap:
    """A sitemap of an index that is to be polled as a feed of its own."""

    url: str
    first_poll_at: datetime
    interval: timedelta


class PollResult(StrEnum):
    """How a poll ended, in one word."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not-modified"
    UNCHANGED = "unchanged"  # 200, with the very bytes of the last time
    FAILED = "failed"
    PUSHED = "pushed"  # no poll: a hub sent it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A host is to be left alone, by all pollers and for all of its feeds."""

    host: str
    at: datetime
    until: datetime
    reason: str


class AlertKind(StrEnum):
    """What an alert tells of a feed."""

    STATE = "state"  # it stands otherwise than before
    SITE_CHANGED = "site-changed"  # what it says looks like another site's
    MISSED = "missed"  # entries came and went between two polls
    RELOCATED = "relocated"  # its address is another one now, as its server said for a week


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something about a feed that its operator should know."""

    kind: AlertKind
    feed_id: int
    url: str
    at: datetime
    before: FeedState
    after: FeedState
    reason: str
    poll_id: int | None = None
    """The poll that brought it out; None: an operator."""
    missed: int = 0
    """How many entries, an estimate."""
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOutcome:
    """What one poll came to, and what follows for its feed. Every poll ends in exactly one.

    ``etag``, ``last_modified`` and ``body_hash`` are the values to *store* (on a failure: the old ones).
    """

    feed_id: int
    poll_id: int
    result: PollResult
    started_at: datetime
    finished_at: datetime
    next_poll_at: datetime
    reason: str
    """Why the next poll is when it is."""
    interval: timedelta
    failures: int
    etag: str | None
    last_modified: str | None
    body_hash: bytes | None
    feed_title: str | None = None
    status: int | None = None
    failure: FailureKind | None = None
    detail: str | None = None
    sample: bytes | None = None
    body_bytes: int = 0
    entries: int = 0
    appended: int = 0
    created: int = 0
    """Entries that were never seen before."""
    duplicates: int = 0
    """Entries of the document that are the same article as an earlier entry of it."""
    missed: int = 0
    """Entries that came and went between two polls, as far as can be told: an estimate."""
    succeeded_at: datetime | None = None
    publish_rate: PublishRate | None = None
    poll_hints: PollHints = PollHints()
    last_body_at: datetime | None = None
    validators_unreliable: bool = False
    user_agent_trial: UserAgentTrial | None = None
    retry_after_until: datetime | None = None
    """The server asked to be left alone until then, for this feed."""
    pause: Pause | None = None
    """It asked that for all of its host."""
    children: tuple[ChildSitemap, ...] | None = None
    """The sitemaps of an index that are to be polled, and no others; None: it is no index."""
    seen: tuple[Seen, ...] = ()
    """New and changed rows of the seen-set."""
    state: FeedState = FeedState.NEW
    state_since: datetime | None = None
    state_reason: str | None = None
    moved_to: str | None = None
    moved_since: datetime | None = None
    relocate: str | None = None
    """The address that the feed has from now on."""
    publish_gaps: PublishGaps | None = None
    site_identity: SiteIdentity | None = None
    site_changed_reason: str | None = None
    parser_version: int = 0
    alerts: tuple[Alert, ...] = ()


class EventKind(StrEnum):
    """What happened to an article, as a stream tells it."""

    CREATED = "created"
    UPDATED = "updated"
    RETRACTED = "retracted"
    RECLASSIFIED = "reclassified"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of one stream. ``cursor`` is gapless and monotonic within ``topic``, and the same everywhere."""

    topic: str
    cursor: int
    kind: EventKind
    article_id: UUID
    revision: int
    at: datetime
    body: Mapping[str, Any]
    """The event as subscribers see it (docs/streams.md gives the fields)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """To append to a log topic. Messages of one key keep their order."""

    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message with a place: ``offset`` within ``partition`` of ``topic``."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    appended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A subject people subscribe to, as data: a slug, a title and a rule (``ingest.classify`` reads it)."""

    slug: str
    title: str
    description: str
    rule: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An article belongs to a topic, and this is why."""

    topic: str
    explanation: Mapping[str, Any]
    """``{"rule": …, "matches": [{"field": "title"|"text", "phrase": …, "offset": …, "quote": …}, …]}``"""


class Effect(StrEnum):
    """What one record did to the store."""

    CREATED = "created"
    UPDATED = "updated"
    REVERTED = "reverted"  # back to the text of an earlier revision, which is current again
    UNCHANGED = "unchanged"
    LATE = "late"  # a text from before the current one: a revision that never was current


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArticle:
    """What the store holds of an article before a record is applied."""

    id: UUID
    revision: int
    """The number of the current revision."""
    latest: int
    """The highest number: more than ``revision`` where the article went back to an earlier text."""
    revisions: Mapping[bytes, int]
    """The number of every revision by its digest."""
    story_id: UUID
    first_seen_at: datetime
    published_at: datetime | None
    revised_at: datetime
    """When the current text came to be it, again or first."""
    feed_id: int
    """Which said then, as the next, that the current text is it."""
    poll_id: int
    topics: frozenset[str]
    """The topics it matches."""
    pages: Mapping[bytes, int] = field(default_factory=dict)
    """The revision that has the page's text, by the digest of the feed's version it stands for."""
    versions_by_text: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    """The digests of the versions that say who wrote them, in their order, by that of their title and text alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleChange:
    """What we will write for one record. ``revision`` is the number of the current revision afterwards."""

    record: Record
    article: Article
    effect: Effect
    revision: int
    latest: int
    feed_id: int
    """Which says that the current revision is it; as ``poll_id``."""
    poll_id: int
    story_id: UUID
    joins_story: bool
    """It came new into a story that has other articles."""
    first_seen_at: datetime
    published_at: datetime | None
    """The first date the publisher gave: later ones do not move an article."""
    matches: tuple[Match, ...]
    topics_joined: frozenset[str]
    """Topics it did not match before."""
    topics_left: frozenset[str]
    """Topics it matched before and does no longer."""

    @property
    def brings_revision(self) -> bool:
        """There is a row of it to write: number ``latest``."""
        return self.effect in (Effect.CREATED, Effect.UPDATED, Effect.LATE)
