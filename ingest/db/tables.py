"""The schema as SQLAlchemy Core tables. ``migrations/`` brings a database to it; a test compares the two.

::

    hosts ··< feeds ──< polls  rate limits of hosts; feeds with their memory; the end of each poll
                ├────< seen    per feed: each entry as it was last sent to the log
                └───── websub_subscriptions ; websub_pushes ; hub_misses    hubs, their pushes, entries they missed
    pages ; robots             articles' pages to fetch, with results; rules of robots.txt
    articles ──< revisions     identity and current facts; every version in full, insert-only but for ``current``
      ├─── article_search      the search vector of the current revision, partitioned into search_segments
      ├──< sightings           each consumed record once: the ledger, which makes a repeated record a no-op
      └──< matches >── topics  article × topic, with its explanation
    log_topics ──< log_records ; log_groups     the embedded log, and in every mode the streams (the outbox)
    quarantine                 records that could not be handled, complete

The module has more than 400 lines because it consists of declarations, and one schema is read best in one place.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    event,
    false,
    func,
    literal_column,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_time = DateTime(timezone=True)

HOST_OF_URL: Final = r"substring(url, '^https?://(?:[^/?#@]*@)?(\[[^]]*\]|[^:/?#]+)'::text)"
"""SQL for the host of a URL as :func:`ingest.urls.feed_url` spells it, in lower case."""


def without_scheme(url: ColumnElement[str]) -> ColumnElement[str]:
    """Return a feed's URL without its scheme."""
    return func.regexp_replace(url, literal_column("'^https?'::text"), literal_column("''::text"))


poll_ids: Final = Sequence("poll_ids", metadata=metadata, data_type=BigInteger)

feeds: Final = Table(
    "feeds",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("url", Text, nullable=False, unique=True),
    Column("host", Text, Computed(HOST_OF_URL, persisted=True), nullable=False),
    Column("title", Text),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("added_at", _time, nullable=False),
    # The end of the lease while a poll is in progress: leasing a feed moves its due time.
    Column("next_poll_at", _time, nullable=False),
    Column("lease_poll_id", BigInteger, comment="poll id of the poll in progress"),
    Column("leased_at", _time),
    Column("slot_at", _time, comment="slot in the queue of its host"),
    Column("retry_after_until", _time, comment="end of the wait that the server requested"),
    Column("polled_at", _time),
    Column("interval", Interval, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="consecutive failures"),
    Column("last_outcome", Text),
    Column("last_reason", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", LargeBinary),
    Column("succeeded_at", _time, comment="last poll that showed the content or that nothing changed"),
    Column(
        "entries", Integer, nullable=False, server_default=text("0"), comment="entries in the last document"
    ),
    Column("publish_rate_entries", Double, comment="observed entries, older ones weighted less"),
    Column("publish_rate_hours", Double, comment="hours of observation, older ones weighted less"),
    Column("poll_hints", JSONB, comment="poll times that the document requests"),
    Column("last_body_at", _time, comment="last response with a body"),
    Column(
        "validators_unreliable",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the server sent unchanged validators with a changed body: they are not sent",
    ),
    Column("state", Text, nullable=False, server_default=text("'new'"), comment="FeedState"),
    Column("state_since", _time),
    Column("state_reason", Text),
    Column("moved_to", Text, comment="target of permanent redirects"),
    Column("moved_since", _time),
    Column("publish_gaps", JSONB, comment="statistics of gaps between new entries"),
    Column("site_identity", JSONB, comment="site that the document declares"),
    Column("site_changed_reason", Text, comment="evidence that the content is another site's"),
    Column(
        "parser_version",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="PARSER_VERSION of the last document",
    ),
    Column("request_options", JSONB, comment="request options of an operator; contain secrets"),
    Column("user_agent_trial", JSONB, comment="result of offering our user agents, where one was refused"),
    Column(
        "parent_id",
        BigInteger,
        ForeignKey("feeds.id", ondelete="CASCADE"),
        comment="sitemap index that lists it",
    ),
    Column(
        "full_text",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="pages of its articles are fetched",
    ),
    Column(
        "tags",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'::text[]"),
        comment="names by which an operator groups feeds, sorted",
    ),
    Column(
        "identity",
        Text,
        comment="evidence that an operator chose to identify entries; null: chosen for each document",
    ),
    Column("entry_identity", JSONB, comment="evidence that identified the entries of the last document"),
    Column(
        "config_version",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="number of changes by operators",
    ),
)
CONFIG_CHANGED: Final = {"config_version": feeds.c.config_version + 1}
"""Values that every UPDATE for an operator's change of a feed sets (:mod:`ingest.schedule.reconcile`)."""
Index("ix_feeds_state", feeds.c.state, feeds.c.id)
Index("ix_feeds_due", feeds.c.next_poll_at, postgresql_where=feeds.c.enabled)
# One address with http and https is one feed. It would be requested twice for the same document.
Index("uq_feeds_without_scheme", without_scheme(feeds.c.url), unique=True)
Index("ix_feeds_parent", feeds.c.parent_id, postgresql_where=feeds.c.parent_id.is_not(None))
Index("ix_feeds_leased", feeds.c.host, postgresql_where=feeds.c.lease_poll_id.is_not(None))

hosts: Final = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("next_slot_at", _time, nullable=False, comment="earliest time that keeps the spacing"),
    Column("queue_end", _time, nullable=False, comment="first free slot for feeds"),
    Column("paused_until", _time),
    Column("pause_reason", Text),
    Column("spacing", Interval, comment="spacing set by an operator; null: the setting"),
    Column("crawl_delay", Interval, comment="Crawl-delay of robots.txt"),
    Column("page_queue_end", _time, comment="first free slot for pages"),
)

polls: Final = Table(
    "polls",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("feed_id", BigInteger, nullable=False),
    Column("started_at", _time, nullable=False),
    Column("finished_at", _time, nullable=False),
    Column("result", Text, nullable=False),
    Column("status", SmallInteger),
    Column("failure", Text),
    Column("detail", Text),
    Column("sample", LargeBinary),
    Column("body_bytes", Integer, nullable=False, server_default=text("0")),
    Column("entries", Integer, nullable=False, server_default=text("0")),
    Column("appended", Integer, nullable=False, server_default=text("0")),
    Column("created", Integer, nullable=False, server_default=text("0")),
    Column("duplicates", Integer, nullable=False, server_default=text("0")),
    Column("missed", Integer, nullable=False, server_default=text("0"), comment="estimated number"),
    Column("next_poll_at", _time, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("ix_polls_feed", polls.c.feed_id, polls.c.id)
Index("ix_polls_finished_at", polls.c.finished_at)

seen: Final = Table(
    "seen",
    metadata,
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("article_id", Uuid, nullable=False),
    Column("poll_id", BigInteger, nullable=False, comment="poll that last sent it to the log"),
    Column(
        "entry_fingerprint",
        LargeBinary,
        comment="fingerprint of link, title and date; detects reused guids",
    ),
    PrimaryKeyConstraint("feed_id", "key"),
)
Index("ix_seen_article", seen.c.feed_id, seen.c.article_id)
# Entries whose guid or link changed are recognised by title and date, the second part of the fingerprint.
Index("ix_seen_title_date", seen.c.feed_id, text("substring(entry_fingerprint from 9)"))
Index("ix_seen_key", seen.c.key)

websub_subscriptions: Final = Table(
    "websub_subscriptions",
    metadata,
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "token", Text, nullable=False, unique=True, comment="identifies our callback; only the hub has it"
    ),
    Column("secret", Text, nullable=False, comment="key of the hub's signatures"),
    Column("hubs", ARRAY(Text), nullable=False, comment="hubs that the feed declares"),
    Column("hub", Text, nullable=False, comment="hub in use"),
    Column("self_url", Text, nullable=False, comment="topic URL that the feed declares"),
    Column("topic", Text, nullable=False, comment="topic URL that the hub accepts"),
    Column("state", Text, nullable=False),
    Column("next_try_at", _time, comment="next request to the hub; null: never"),
    Column("slot_at", _time, comment="slot in the queue of its hub's host"),
    Column("requested_at", _time, comment="time of a request that is not verified yet"),
    Column("verified_at", _time, comment="start of the current active period"),
    Column("lease_until", _time),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="consecutive failures"),
    Column("trust", Double, nullable=False, comment="reliability of the hub, 0 to 1"),
    Column("push_count", BigInteger, nullable=False, server_default=text("0"), comment="valid pushes"),
    Column("last_push_at", _time),
    Column("last_ping_at", _time, comment="last push without entries"),
    Column(
        "missed_entries",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="entries that the hub did not push",
    ),
    Column(
        "invalid_pushes",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="pushes without a valid signature",
    ),
    Column("detail", Text),
    CheckConstraint(
        "state IN ('wanted', 'pending', 'active', 'denied', 'lapsed', 'cancelled')", name="state"
    ),
)
Index("ix_websub_subscriptions_next_try_at", websub_subscriptions.c.next_try_at)

websub_pushes: Final = Table(
    "websub_pushes",
    metadata,
    # A poll id: articles of a push come from this "poll", however often the push is read.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
    Column("received_at", _time, nullable=False),
    Column("content_type", Text),
    Column("language", Text),
    Column("body", LargeBinary, nullable=False),
    Column("lease_until", _time, comment="lease of the poller that reads it"),
)
Index("ix_websub_pushes_feed", websub_pushes.c.feed_id, websub_pushes.c.id)

hub_misses: Final = Table(
    "hub_misses",
    metadata,
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
    Column("key", LargeBinary, nullable=False, comment="entry that a poll brought before the hub pushed it"),
    Column("missed_at", _time, nullable=False),
    PrimaryKeyConstraint("feed_id", "key"),
)
Index("ix_hub_misses_missed_at", hub_misses.c.missed_at)

pages: Final = Table(
    "pages",
    metadata,
    Column("id", BigInteger, primary_key=True, server_default=poll_ids.next_value()),
    Column("article_id", Uuid, nullable=False),
    Column(
        "content_hash",
        LargeBinary,
        nullable=False,
        comment="content hash of the feed's version that the page replaces",
    ),
    Column("feed_id", BigInteger, nullable=False),
    Column("entry_key", LargeBinary, nullable=False),
    Column("url", Text, nullable=False, comment="URL to request next, after redirects"),
    Column("host", Text, Computed(HOST_OF_URL, persisted=True), nullable=False),
    Column(
        "hops", SmallInteger, nullable=False, server_default=text("0"), comment="redirects followed so far"
    ),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("wanted_at", _time, nullable=False),
    # The end of the lease while a fetch is in progress, as in feeds.
    Column("due_at", _time, nullable=False),
    Column("leased_at", _time),
    Column("slot_at", _time, comment="slot in the page queue of its host"),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("tried_at", _time),
    Column("status", SmallInteger),
    Column("failure", Text),
    Column("detail", Text),
    Column("revision", Integer, comment="revision with the page's text"),
    UniqueConstraint("article_id", "content_hash"),
    CheckConstraint("state IN ('waiting', 'taken', 'given-up')", name="state"),
)
Index("ix_pages_due", pages.c.due_at, postgresql_where=pages.c.state == text("'waiting'"))
Index("ix_pages_leased", pages.c.host, postgresql_where=pages.c.leased_at.is_not(None))
Index("ix_pages_tried", pages.c.tried_at)
Index("ix_pages_feed", pages.c.feed_id, postgresql_where=pages.c.state == text("'waiting'"))

robots: Final = Table(
    "robots",
    metadata,
    Column("origin", Text, primary_key=True, comment="scheme, host and port"),
    Column("fetched_at", _time, nullable=False),
    Column("expires_at", _time, nullable=False),
    Column("status", SmallInteger, comment="null: no response"),
    Column("reachable", Boolean, nullable=False, comment="false: nothing may be fetched at present"),
    Column("rules", JSONB, nullable=False, comment="rules that apply to us, each [allowed, pattern]"),
    Column("crawl_delay", Interval),
)

articles: Final = Table(
    "articles",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False, comment="the number of the current revision"),
    Column("latest", Integer, nullable=False, comment="the highest revision number"),
    Column("story_id", Uuid, nullable=False),
    Column("feed_id", BigInteger, nullable=False, comment="feed that published it first"),
    Column("url", Text),
    Column("source", Text, nullable=False),
    Column("language", Text),
    Column("published_at", _time),
    Column("first_seen_at", _time, nullable=False),
    Column("revised_at", _time, nullable=False, comment="time at which the current revision became current"),
    Column("revised_feed_id", BigInteger, nullable=False, comment="feed whose record made it current"),
    Column("revised_poll_id", BigInteger, nullable=False, comment="poll of that record"),
    # The order of lists and result pages: never in the future, never null.
    Column("sort_at", _time, nullable=False),
    Column(
        "search_segment", Integer, comment="partition of article_search with its row; null: not indexed yet"
    ),
    CheckConstraint("revision BETWEEN 1 AND latest", name="revision"),
)
PRIMARY_LANGUAGE: Final = func.lower(
    func.split_part(articles.c.language, literal_column("'-'::text"), literal_column("1"))
)
"""SQL for the first subtag of an article's language: ``pt`` of ``pt-BR``."""
_newest_first: Final = (articles.c.sort_at.desc(), articles.c.id.desc())
# A list walks one of these in its order, whatever the statistics are (docs/decisions/search-storage.md).
Index("ix_articles_sort", *_newest_first)
Index("ix_articles_source", articles.c.source, *_newest_first)
Index("ix_articles_language", PRIMARY_LANGUAGE, *_newest_first)
Index("ix_articles_unindexed", *_newest_first, postgresql_where=articles.c.search_segment.is_(None))
Index("ix_articles_story", articles.c.story_id, *_newest_first)
Index("ix_articles_url", func.md5(articles.c.url))

article_aliases: Final = Table(
    "article_aliases",
    metadata,
    Column("alias_id", Uuid, primary_key=True, comment="id that the article's URL would have today"),
    Column(
        "article_id",
        Uuid,
        ForeignKey("articles.id", ondelete="CASCADE"),
        nullable=False,
        comment="the article, stored under a former canonical form of its URL",
    ),
)
Index("ix_article_aliases_article", article_aliases.c.article_id)

canonical_rules: Final = Table(
    "canonical_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    comment="CANONICAL_VERSION of the aliases; one row",
)

revisions: Final = Table(
    "revisions",
    metadata,
    Column("article_id", Uuid, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("seen_at", _time, nullable=False),
    Column("feed_id", BigInteger, nullable=False),
    Column("poll_id", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("authors", ARRAY(Text), nullable=False),
    Column("publisher", Text),
    Column("attribution", JSONB),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("guid", Text),
    Column("categories", ARRAY(Text), nullable=False),
    Column("image", Text),
    Column("updated_at", _time),
    Column("removed", JSONB, comment="boilerplate that was removed from the text; null: none"),
    Column(
        "parser_version",
        SmallInteger,
        comment="PARSER_VERSION that made text and content_hash; null: before 3",
    ),
    PrimaryKeyConstraint("article_id", "number"),
    # An earlier text is not a new revision: publishers switch back and forth between headlines.
    UniqueConstraint("article_id", "content_hash"),
)
search_segments: Final = Table(
    "search_segments",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("sort_from", _time, nullable=False, comment="its articles have sort_at at this time or later"),
    Column("sort_until", _time, nullable=False, comment="and before this time"),
    Column("index_version", Integer, nullable=False, comment="INDEX_VERSION of its vectors"),
    CheckConstraint("sort_from < sort_until", name="period"),
)
Index("ix_search_segments_sort_from", search_segments.c.sort_from)

# One partition for each segment, of bounded size, so that its inverted index stays in memory while it grows
# (docs/decisions/search-storage.md). The partitions are made by ingest.db.search_segments.
article_search: Final = Table(
    "article_search",
    metadata,
    Column("segment", Integer, nullable=False),
    Column("article_id", Uuid, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("sort_at", _time, nullable=False),
    Column("language", Text),
    Column("vector", TSVECTOR, nullable=False),
    PrimaryKeyConstraint("article_id", "segment"),
    postgresql_partition_by="LIST (segment)",
)
Index("ix_article_search_vector", article_search.c.vector, postgresql_using="gin")

sightings: Final = Table(
    "sightings",
    metadata,
    Column("article_id", Uuid, nullable=False),
    Column("poll_id", BigInteger, nullable=False),
    Column("feed_id", BigInteger, nullable=False),
    Column("seen_at", _time, nullable=False),
    Column("effect", Text, nullable=False, comment="created, updated, reverted, unchanged or late"),
    Column("revision", Integer, nullable=False, comment="current revision after this record"),
    Column("log_position", Text, nullable=False, comment="log topic/partition/offset of the record"),
    PrimaryKeyConstraint("article_id", "poll_id"),
    CheckConstraint("effect IN ('created', 'updated', 'reverted', 'unchanged', 'late')", name="effect"),
)

topics: Final = Table(
    "topics",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("rule", JSONB, nullable=False),
    Column("changed_at", _time, nullable=False),
    Column("retired", Boolean, nullable=False, server_default=false()),
)

matches: Final = Table(
    "matches",
    metadata,
    Column("topic", Text, ForeignKey("topics.slug"), nullable=False),
    Column("article_id", Uuid, ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Integer, nullable=False, comment="the revision that was classified"),
    Column("explanation", JSONB, nullable=False),
    Column("matched_at", _time, nullable=False),
    Column("sort_at", _time, nullable=False, comment="sort_at of the article"),
    PrimaryKeyConstraint("topic", "article_id"),
)
Index("ix_matches_sort", matches.c.topic, matches.c.sort_at.desc(), matches.c.article_id.desc())
Index("ix_matches_article", matches.c.article_id)

log_topics: Final = Table(
    "log_topics",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # The counter: UPDATE … RETURNING in the appending transaction makes offsets gapless and visible in order. Offsets
    # start at 1.
    Column("next_offset", BigInteger, nullable=False, server_default=text("1")),
    Column(
        "first_offset",
        BigInteger,
        nullable=False,
        server_default=text("1"),
        comment="lowest offset that is not pruned",
    ),
)

log_records: Final = Table(
    "log_records",
    metadata,
    Column("topic_id", Integer, ForeignKey("log_topics.id", ondelete="CASCADE"), nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("appended_at", _time, nullable=False),
    PrimaryKeyConstraint("topic_id", "offset"),
)
# For the ledger of an article. Only stream events have this header.
Index("ix_log_records_event", log_records.c.key, postgresql_where=text("headers ? 'kind'"))

log_groups: Final = Table(
    "log_groups",
    metadata,
    Column("topic_id", Integer, ForeignKey("log_topics.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False, comment="next offset to read"),
    PrimaryKeyConstraint("topic_id", "name"),
)

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("quarantined_at", _time, nullable=False),
    Column("stage", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("error", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("replayed_at", _time),
)
# A log topic that was created again assigns the same positions to other records.
Index(
    "uq_quarantine_record",
    quarantine.c.topic,
    quarantine.c.partition,
    quarantine.c.offset,
    func.md5(quarantine.c.value),
    unique=True,
)
# Messages that were never appended get a position derived from their content. Their bytes contain the poll id, so
# hashing the bytes would defeat deduplication. A replayed message that fails again is quarantined again.
Index(
    "uq_quarantine_unlogged",
    quarantine.c.topic,
    quarantine.c.offset,
    unique=True,
    postgresql_where=and_(quarantine.c.partition == -1, quarantine.c.replayed_at.is_(None)),
)

# pglz halves a text and costs a fifth of PostgreSQL's work for an article; it does not shrink vectors at all
# (docs/benchmarks.md). SQLAlchemy cannot declare the storage of a column.
UNCOMPRESSED: Final = (revisions.c.text, revisions.c.html, article_search.c.vector, log_records.c.value)
for _column in UNCOMPRESSED:
    event.listen(
        _column.table,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f'ALTER TABLE {_column.table.name} ALTER COLUMN "{_column.name}" SET STORAGE EXTERNAL'
        ),
    )
