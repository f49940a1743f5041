"""The schema, as SQLAlchemy Core tables. ``migrations/`` brings a database here; a test holds the two equal.

::

    hosts ··< feeds ──< polls  what we may ask of a host; what we poll; how each poll ended
                ├────< seen    per feed: what each entry was when it last travelled
                └───── subscriptions ; pushes ; hub_misses    its hub, what that sent, and what it did not
    pages ; robots             articles' pages that are wanted, and what became of them; what hosts ask of robots
    articles ──< revisions     identity and current facts; every version in full, insert-only but for ``current``
      ├──< sightings           each record the consumer took, once: the ledger, and what makes a repeat a no-op
      └──< matches >── topics  article × topic, with its explanation
    log_topics ──< log_records ; log_groups     the embedded log, and in every mode the streams (the outbox)
    quarantine                 records that could not be handled, whole
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

INDEXED_TEXT_CHARACTERS: Final = 200_000
"""Full-text search covers this much of an article: a tsvector may not pass 1 MB (PostgreSQL docs, §12.11)."""

_time = DateTime(timezone=True)

HOST_OF_URL: Final = r"substring(url, '^https?://(?:[^/?#@]*@)?(\[[^]]*\]|[^:/?#]+)'::text)"
"""Of a URL as :func:`ingest.urls.feed_url` spells it: the host is in lower case already."""


def without_scheme(url: ColumnElement[str]) -> ColumnElement[str]:
    """A feed's URL from its host on."""
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
    # Doubles as the end of the lease while a poll is under way: claiming a feed moves its due time.
    Column("next_poll_at", _time, nullable=False),
    Column("lease_poll_id", BigInteger, comment="the poll under way, if any"),
    Column("leased_at", _time),
    Column("slot_at", _time, comment="its turn in its host's queue, where it waits for one"),
    Column("retry_after_until", _time, comment="its server asked to be left alone until then"),
    Column("polled_at", _time),
    Column("interval", Interval, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="in a row"),
    Column("last_outcome", Text),
    Column("last_reason", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", LargeBinary),
    Column("succeeded_at", _time, comment="the last poll that told what it has, or that nothing is new"),
    Column("entries", Integer, nullable=False, server_default=text("0"), comment="in its last document"),
    Column("publish_rate_entries", Double, comment="it publishes so many entries"),
    Column("publish_rate_hours", Double, comment="in so many hours, older ones counted for less"),
    Column("poll_hints", JSONB, comment="when its document asks to be polled"),
    Column("last_body_at", _time, comment="the last time it answered with a body"),
    Column(
        "validators_unreliable",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its validators stood still while its document did not: they are not sent",
    ),
    Column("state", Text, nullable=False, server_default=text("'new'"), comment="how it stands"),
    Column("state_since", _time),
    Column("state_reason", Text),
    Column("moved_to", Text, comment="it answers there, by permanent redirects"),
    Column("moved_since", _time),
    Column("publish_gaps", JSONB, comment="how far apart the times lie at which it had something new"),
    Column("site_identity", JSONB, comment="whose feed it said it was"),
    Column("site_changed_reason", Text, comment="why what it says looks like another site's"),
    Column(
        "parser_version",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="the reader's number",
    ),
    Column("request_options", JSONB, comment="what an operator has it asked with; has secrets"),
    Column("user_agent_trial", JSONB, comment="how it takes our user agents, where not simply well"),
    Column(
        "parent_id",
        BigInteger,
        ForeignKey("feeds.id", ondelete="CASCADE"),
        comment="the index of sitemaps that names it, if one does",
    ),
    Column(
        "full_text",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its articles' pages are fetched too",
    ),
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
# One site under http and https is one feed: it would be asked twice for the same.
Index("uq_feeds_without_scheme", without_scheme(feeds.c.url), unique=True)
Index("ix_feeds_parent", feeds.c.parent_id, postgresql_where=feeds.c.parent_id.is_not(None))
Index("ix_feeds_leased", feeds.c.host, postgresql_where=feeds.c.lease_poll_id.is_not(None))

hosts: Final = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("next_slot_at", _time, nullable=False, comment="when the next poll is in step with the spacing"),
    Column("queue_end", _time, nullable=False, comment="the first turn that no feed waits for"),
    Column("paused_until", _time),
    Column("pause_reason", Text),
    Column("spacing", Interval, comment="an operator's; null: the setting"),
    Column("crawl_delay", Interval, comment="what its robots.txt asks for"),
    Column("page_queue_end", _time, comment="the first turn that no page waits for"),
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
    Column("missed", Integer, nullable=False, server_default=text("0"), comment="an estimate"),
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
    Column("poll_id", BigInteger, nullable=False, comment="the poll that last made it travel"),
    Column(
        "entry_fingerprint",
        LargeBinary,
        comment="of its link, title and date: all other, and its name was used again",
    ),
    PrimaryKeyConstraint("feed_id", "key"),
)
Index("ix_seen_article", seen.c.feed_id, seen.c.article_id)

websub_subscriptions: Final = Table(
    "websub_subscriptions",
    metadata,
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Text, nullable=False, unique=True, comment="names our callback; its hub alone knows it"),
    Column("secret", Text, nullable=False, comment="its hub signs with it"),
    Column("hubs", ARRAY(Text), nullable=False, comment="as the feed offers them"),
    Column("hub", Text, nullable=False, comment="of these the one that is asked"),
    Column("self_url", Text, nullable=False, comment="the topic as the feed offers it"),
    Column("topic", Text, nullable=False, comment="the topic as its hub wants it"),
    Column("state", Text, nullable=False),
    Column("next_try_at", _time, comment="when its hub is asked again; null: never"),
    Column("slot_at", _time, comment="its turn in its hub's queue, where it waits for one"),
    Column("requested_at", _time, comment="a request that was not verified yet"),
    Column("verified_at", _time, comment="since when it is active without a break"),
    Column("lease_until", _time),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="in a row"),
    Column("trust", Double, nullable=False, comment="0 to 1"),
    Column("push_count", BigInteger, nullable=False, server_default=text("0"), comment="good pushes"),
    Column("last_push_at", _time),
    Column("last_ping_at", _time, comment="the last push that only said that there is something"),
    Column(
        "missed_entries",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="entries it did not bring",
    ),
    Column(
        "invalid_pushes",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="pushes not signed as agreed",
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
    # A poll id: what is read from it is seen by this "poll", however often it is read.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
    Column("received_at", _time, nullable=False),
    Column("content_type", Text),
    Column("language", Text),
    Column("body", LargeBinary, nullable=False),
    Column("lease_until", _time, comment="a poller reads it until then"),
)
Index("ix_websub_pushes_feed", websub_pushes.c.feed_id, websub_pushes.c.id)

hub_misses: Final = Table(
    "hub_misses",
    metadata,
    Column("feed_id", BigInteger, ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
    Column("key", LargeBinary, nullable=False, comment="an entry that a poll found before its hub told it"),
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
        comment="of the feed's version whose text it is to replace",
    ),
    Column("feed_id", BigInteger, nullable=False),
    Column("entry_key", LargeBinary, nullable=False),
    Column("url", Text, nullable=False, comment="the next one to ask, where it redirects"),
    Column("host", Text, Computed(HOST_OF_URL, persisted=True), nullable=False),
    Column("hops", SmallInteger, nullable=False, server_default=text("0"), comment="redirects so far"),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("wanted_at", _time, nullable=False),
    # Doubles as the end of the lease, as in feeds.
    Column("due_at", _time, nullable=False),
    Column("leased_at", _time),
    Column("slot_at", _time, comment="its turn in its host's queue of pages, where it waits for one"),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("tried_at", _time),
    Column("status", SmallInteger),
    Column("failure", Text),
    Column("detail", Text),
    Column("revision", Integer, comment="that has its text"),
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
    Column("status", SmallInteger, comment="null: nobody answered"),
    Column("reachable", Boolean, nullable=False, comment="false: nothing may be fetched for now"),
    Column("rules", JSONB, nullable=False, comment="for us: [allowed, pattern] each"),
    Column("crawl_delay", Interval),
)

articles: Final = Table(
    "articles",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False, comment="the number of the current revision"),
    Column("latest", Integer, nullable=False, comment="the highest revision number"),
    Column("story_id", Uuid, nullable=False),
    Column("feed_id", BigInteger, nullable=False, comment="the feed that brought it first"),
    Column("url", Text),
    Column("source", Text, nullable=False),
    Column("language", Text),
    Column("published_at", _time),
    Column("first_seen_at", _time, nullable=False),
    Column(
        "revised_at", _time, nullable=False, comment="when the current revision came to be it, again or first"
    ),
    Column("revised_feed_id", BigInteger, nullable=False, comment="the feed that said so"),
    Column("revised_poll_id", BigInteger, nullable=False, comment="in this poll"),
    # What lists and pages are ordered by: never in the future, never null.
    Column("sort_at", _time, nullable=False),
    CheckConstraint("revision BETWEEN 1 AND latest", name="revision"),
)
Index("ix_articles_sort", articles.c.sort_at.desc(), articles.c.id.desc())
Index("ix_articles_source", articles.c.source, articles.c.sort_at.desc())
Index("ix_articles_story", articles.c.story_id)
Index("ix_articles_url", func.md5(articles.c.url))

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
    Column(
        "search",
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('simple'::regconfig, left(title, 2000)), 'A') || "
            f"to_tsvector('simple'::regconfig, left(text, {INDEXED_TEXT_CHARACTERS}))",
            persisted=True,
        ),
    ),
    PrimaryKeyConstraint("article_id", "number"),
    # A text an article had before is not a new revision of it: publishers go back and forth between headlines.
    UniqueConstraint("article_id", "content_hash"),
)
Index("ix_revisions_search", revisions.c.search, postgresql_using="gin", postgresql_where=revisions.c.current)

sightings: Final = Table(
    "sightings",
    metadata,
    Column("article_id", Uuid, nullable=False),
    Column("poll_id", BigInteger, nullable=False),
    Column("feed_id", BigInteger, nullable=False),
    Column("seen_at", _time, nullable=False),
    Column("effect", Text, nullable=False, comment="created, updated, reverted, unchanged or late"),
    Column("revision", Integer, nullable=False, comment="the current one after this record"),
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
    PrimaryKeyConstraint("topic", "article_id"),
)
Index("ix_matches_article", matches.c.article_id)

log_topics: Final = Table(
    "log_topics",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # The counter row: taken with UPDATE … RETURNING in the appending transaction, so offsets are gapless and
    # become visible in order. Offsets start at 1.
    Column("next_offset", BigInteger, nullable=False, server_default=text("1")),
    Column(
        "first_offset", BigInteger, nullable=False, server_default=text("1"), comment="older ones are pruned"
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
# For the ledger of an article: stream events only, they alone carry this header.
Index("ix_log_records_event", log_records.c.key, postgresql_where=text("headers ? 'kind'"))

log_groups: Final = Table(
    "log_groups",
    metadata,
    Column("topic_id", Integer, ForeignKey("log_topics.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False, comment="the next one to read"),
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
# A log topic that was made anew gives the same places again, to other records.
Index(
    "uq_quarantine_record",
    quarantine.c.topic,
    quarantine.c.partition,
    quarantine.c.offset,
    func.md5(quarantine.c.value),
    unique=True,
)
# What no log took has its place for what it says; its bytes tell which poll brought it, too. What was replayed and
# comes again is another matter.
Index(
    "uq_quarantine_unlogged",
    quarantine.c.topic,
    quarantine.c.offset,
    unique=True,
    postgresql_where=and_(quarantine.c.partition == -1, quarantine.c.replayed_at.is_(None)),
)

# pglz halves a text and costs a fifth of all that PostgreSQL does for an article; vectors it does not make smaller at
# all (docs/benchmarks.md). SQLAlchemy has no word for a column's storage.
UNCOMPRESSED: Final = (revisions.c.text, revisions.c.html, revisions.c.search, log_records.c.value)
for _column in UNCOMPRESSED:
    event.listen(
        _column.table,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f'ALTER TABLE {_column.table.name} ALTER COLUMN "{_column.name}" SET STORAGE EXTERNAL'
        ),
    )
