"""Rename columns and tables to the field's standard terms, and count operators' changes in ``config_version``.

No other value changes but the keys of JSON objects. Comments of columns stay new after a downgrade.
``config_version`` replaces two flags about the poll in progress, ``set_meanwhile`` and ``accepted_meanwhile``. Stop the
pollers before the upgrade: a poll in progress loses its flags.

The article log holds records whose ``digest`` fields are now ``content_hash``. On the embedded log this migration
rewrites them. On Kafka the consumers must have read every record before the upgrade (docs/operations.md).

Explanations of matches get new keys, in ``matches`` and in the events of the topics' streams. The stored events are
rewritten, so that a subscriber who reads from an older cursor gets one format. Cursors and order stay. Events that the
relay appended to Kafka before are immutable and keep their former keys.

Sitemaps that were muted with their index get the new wording of that reason, by which they are resumed with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = (("subscriptions", "websub_subscriptions"), ("pushes", "websub_pushes"), ("unpushed", "hub_misses"))
# Table names are the new ones.
_COLUMNS = (
    ("feeds", "turn_at", "slot_at"),
    ("feeds", "wait_until", "retry_after_until"),
    ("feeds", "cadence_entries", "publish_rate_entries"),
    ("feeds", "cadence_hours", "publish_rate_hours"),
    ("feeds", "asked", "poll_hints"),
    ("feeds", "body_at", "last_body_at"),
    ("feeds", "distrusted", "validators_unreliable"),
    ("feeds", "rhythm", "publish_gaps"),
    ("feeds", "about", "site_identity"),
    ("feeds", "drifted", "site_changed_reason"),
    ("feeds", "read_by", "parser_version"),
    ("feeds", "request", "request_options"),
    ("feeds", "agent", "user_agent_trial"),
    ("hosts", "free_at", "next_slot_at"),
    ("hosts", "pages_end", "page_queue_end"),
    ("seen", "digest", "content_hash"),
    ("seen", "marks", "entry_fingerprint"),
    ("websub_subscriptions", "turn_at", "slot_at"),
    ("websub_subscriptions", "asked_at", "requested_at"),
    ("websub_subscriptions", "pushed", "push_count"),
    ("websub_subscriptions", "pushed_at", "last_push_at"),
    ("websub_subscriptions", "pinged_at", "last_ping_at"),
    ("websub_subscriptions", "missed", "missed_entries"),
    ("websub_subscriptions", "dropped", "invalid_pushes"),
    ("hub_misses", "found_at", "missed_at"),
    ("pages", "turn_at", "slot_at"),
    ("pages", "digest", "content_hash"),
    ("revisions", "digest", "content_hash"),
    ("sightings", "place", "log_position"),
)
_FLAGS = (
    ("set_meanwhile", "how it is asked changed during the poll under way"),
    ("accepted_meanwhile", "it was taken for what it is now during the poll under way"),
)
_COMMENTS = (
    ("feeds", "lease_poll_id", "poll id of the poll in progress"),
    ("feeds", "slot_at", "slot in the queue of its host"),
    ("feeds", "retry_after_until", "end of the wait that the server requested"),
    ("feeds", "failures", "consecutive failures"),
    ("feeds", "succeeded_at", "last poll that showed the content or that nothing changed"),
    ("feeds", "entries", "entries in the last document"),
    ("feeds", "publish_rate_entries", "observed entries, older ones weighted less"),
    ("feeds", "publish_rate_hours", "hours of observation, older ones weighted less"),
    ("feeds", "poll_hints", "poll times that the document requests"),
    ("feeds", "last_body_at", "last response with a body"),
    (
        "feeds",
        "validators_unreliable",
        "the server sent unchanged validators with a changed body: they are not sent",
    ),
    ("feeds", "state", "FeedState"),
    ("feeds", "moved_to", "target of permanent redirects"),
    ("feeds", "publish_gaps", "statistics of gaps between new entries"),
    ("feeds", "site_identity", "site that the document declares"),
    ("feeds", "site_changed_reason", "evidence that the content is another site's"),
    ("feeds", "parser_version", "PARSER_VERSION of the last document"),
    ("feeds", "request_options", "request options of an operator; contain secrets"),
    ("feeds", "user_agent_trial", "result of offering our user agents, where one was refused"),
    ("feeds", "parent_id", "sitemap index that lists it"),
    ("feeds", "full_text", "pages of its articles are fetched"),
    ("hosts", "next_slot_at", "earliest time that keeps the spacing"),
    ("hosts", "queue_end", "first free slot for feeds"),
    ("hosts", "spacing", "spacing set by an operator; null: the setting"),
    ("hosts", "crawl_delay", "Crawl-delay of robots.txt"),
    ("hosts", "page_queue_end", "first free slot for pages"),
    ("polls", "missed", "estimated number"),
    ("seen", "poll_id", "poll that last sent it to the log"),
    ("seen", "entry_fingerprint", "fingerprint of link, title and date; detects reused guids"),
    ("websub_subscriptions", "token", "identifies our callback; only the hub has it"),
    ("websub_subscriptions", "secret", "key of the hub's signatures"),
    ("websub_subscriptions", "hubs", "hubs that the feed declares"),
    ("websub_subscriptions", "hub", "hub in use"),
    ("websub_subscriptions", "self_url", "topic URL that the feed declares"),
    ("websub_subscriptions", "topic", "topic URL that the hub accepts"),
    ("websub_subscriptions", "next_try_at", "next request to the hub; null: never"),
    ("websub_subscriptions", "slot_at", "slot in the queue of its hub's host"),
    ("websub_subscriptions", "requested_at", "time of a request that is not verified yet"),
    ("websub_subscriptions", "verified_at", "start of the current active period"),
    ("websub_subscriptions", "failures", "consecutive failures"),
    ("websub_subscriptions", "trust", "reliability of the hub, 0 to 1"),
    ("websub_subscriptions", "push_count", "valid pushes"),
    ("websub_subscriptions", "last_ping_at", "last push without entries"),
    ("websub_subscriptions", "missed_entries", "entries that the hub did not push"),
    ("websub_subscriptions", "invalid_pushes", "pushes without a valid signature"),
    ("websub_pushes", "lease_until", "lease of the poller that reads it"),
    ("hub_misses", "key", "entry that a poll brought before the hub pushed it"),
    ("pages", "content_hash", "content hash of the feed's version that the page replaces"),
    ("pages", "url", "URL to request next, after redirects"),
    ("pages", "hops", "redirects followed so far"),
    ("pages", "slot_at", "slot in the page queue of its host"),
    ("pages", "revision", "revision with the page's text"),
    ("robots", "status", "null: no response"),
    ("robots", "reachable", "false: nothing may be fetched at present"),
    ("robots", "rules", "rules that apply to us, each [allowed, pattern]"),
    ("articles", "feed_id", "feed that published it first"),
    ("articles", "revised_at", "time at which the current revision became current"),
    ("articles", "revised_feed_id", "feed whose record made it current"),
    ("articles", "revised_poll_id", "poll of that record"),
    ("sightings", "revision", "current revision after this record"),
    ("log_topics", "first_offset", "lowest offset that is not pruned"),
    ("log_groups", "next_offset", "next offset to read"),
)
_INDEXES = (
    ("ix_subscriptions_next_try_at", "ix_websub_subscriptions_next_try_at"),
    ("ix_pushes_feed", "ix_websub_pushes_feed"),
    ("ix_unpushed_found_at", "ix_hub_misses_missed_at"),
    ("uq_quarantine_unpolled", "uq_quarantine_unlogged"),
)
_CONSTRAINTS = (
    ("websub_subscriptions", "pk_subscriptions", "pk_websub_subscriptions"),
    ("websub_subscriptions", "uq_subscriptions_token", "uq_websub_subscriptions_token"),
    ("websub_subscriptions", "ck_subscriptions_state", "ck_websub_subscriptions_state"),
    ("websub_subscriptions", "fk_subscriptions_feed_id", "fk_websub_subscriptions_feed_id"),
    ("websub_pushes", "pk_pushes", "pk_websub_pushes"),
    ("websub_pushes", "fk_pushes_feed_id", "fk_websub_pushes_feed_id"),
    ("hub_misses", "pk_unpushed", "pk_hub_misses"),
    ("hub_misses", "fk_unpushed_feed_id", "fk_hub_misses_feed_id"),
    ("pages", "uq_pages_article_id_digest", "uq_pages_article_id_content_hash"),
    ("revisions", "uq_revisions_article_id_digest", "uq_revisions_article_id_content_hash"),
)
_KEYS = (
    ("feeds", "poll_hints", "every_seconds", "interval_seconds"),
    ("feeds", "publish_gaps", "fresh_at", "last_new_at"),
    ("feeds", "publish_gaps", "gap_seconds", "mean_seconds"),
    ("feeds", "publish_gaps", "gaps", "count"),
    ("feeds", "user_agent_trial", "use", "state"),
)
_MUTED_WITH_INDEX = ("its index, feed ", "its sitemap index, feed ")


def upgrade() -> None:
    for old, new in _TABLES:
        op.rename_table(old, new)
    for table, old, new in _COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    for old, new in _INDEXES:
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    for table, old, new in _CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    for table, column, old, new in _KEYS:
        _rename_key(table, column, old, new)
    for name, _ in _FLAGS:
        op.drop_column("feeds", name)
    op.add_column(
        "feeds",
        sa.Column(
            "config_version",
            sa.Integer,
            nullable=False,
            server_default=sa.text("0"),
            comment="number of changes by operators",
        ),
    )
    for table, column, comment in _COMMENTS:
        op.alter_column(table, column, comment=comment)
    _reword_state_reason(*_MUTED_WITH_INDEX)
    _rename_in_records("digest", "content_hash")
    _rename_alert_kind("drifted", "site-changed")
    _rename_in_explanations({"found": "matches", "where": "field", "at": "offset"})
    _rename_in_events({"found": "matches", "where": "field", "at": "offset"})


def downgrade() -> None:
    _rename_in_events({"matches": "found", "field": "where", "offset": "at"})
    _rename_in_explanations({"matches": "found", "field": "where", "offset": "at"})
    _rename_alert_kind("site-changed", "drifted")
    _rename_in_records("content_hash", "digest")
    _reword_state_reason(*reversed(_MUTED_WITH_INDEX))
    op.drop_column("feeds", "config_version")
    for name, comment in _FLAGS:
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false(), comment=comment)
        op.add_column("feeds", column)
    for table, json_column, old, new in _KEYS:
        _rename_key(table, json_column, new, old)
    for table, old, new in _CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {old}")
    for old, new in _INDEXES:
        op.execute(f"ALTER INDEX {new} RENAME TO {old}")
    for table, old, new in _COLUMNS:
        op.alter_column(table, new, new_column_name=old)
    for old, new in _TABLES:
        op.rename_table(new, old)


def _rename_key(table: str, column: str, old: str, new: str) -> None:
    op.execute(
        f"UPDATE {table} SET {column} = ({column} - '{old}') || jsonb_build_object('{new}', {column} -> '{old}') "  # noqa: S608
        f"WHERE {column} ? '{old}'"
    )


def _reword_state_reason(old: str, new: str) -> None:
    op.execute(
        f"UPDATE feeds SET state_reason = regexp_replace(state_reason, '^{old}', '{new}') "  # noqa: S608
        f"WHERE state_reason ~ '^{old}[0-9]+, was muted$'"
    )


def _rename_in_records(old: str, new: str) -> None:
    """Rename a field of the wire format in the embedded log and in quarantine.

    A quote inside a JSON string is escaped, so the pattern matches keys alone.
    """
    value = _replaced(f'"{old}":"', f'"{new}":"')
    articles = "SELECT id FROM log_topics WHERE name = 'news.articles'"
    op.execute(f"UPDATE log_records SET value = {value} WHERE topic_id = ({articles})")  # noqa: S608
    op.execute(f"UPDATE quarantine SET value = {value} WHERE topic = 'news.articles'")  # noqa: S608


def _rename_alert_kind(old: str, new: str) -> None:
    alerts = "SELECT id FROM log_topics WHERE name = 'news.alerts'"
    value = _replaced(f'"kind":"{old}"', f'"kind":"{new}"')
    headers = (
        f"""CASE WHEN headers ->> 'kind' = '{old}' THEN headers || '{{"kind": "{new}"}}' ELSE headers END"""
    )
    op.execute(
        f"UPDATE log_records SET value = {value}, headers = {headers} WHERE topic_id = ({alerts})"  # noqa: S608
    )


def _rename_in_explanations(names: dict[str, str]) -> None:
    (old_list, new_list), (old_field, new_field), (old_offset, new_offset) = names.items()
    op.execute(
        f"""
        UPDATE matches SET explanation = jsonb_build_object('rule', explanation -> 'rule', '{new_list}', (
            SELECT coalesce(jsonb_agg(each - '{old_field}' - '{old_offset}' || jsonb_build_object(
                '{new_field}', each -> '{old_field}', '{new_offset}', each -> '{old_offset}') ORDER BY number), '[]')
            FROM jsonb_array_elements(explanation -> '{old_list}') WITH ORDINALITY AS quotes(each, number)))
        WHERE explanation ? '{old_list}'"""  # noqa: S608
    )


def _rename_in_events(names: dict[str, str]) -> None:
    """Rename the keys of the explanations in stored events.

    A quote inside a JSON string is escaped, so the patterns match keys alone. ``at`` is also the time of the event,
    which is a string: only a number before ``quote`` is an offset.
    """
    (old_list, new_list), (old_field, new_field), (old_offset, new_offset) = names.items()
    op.execute(
        f"""
        UPDATE log_records SET value = decode(regexp_replace(replace(replace(encode(value, 'escape'),
                '"{old_list}":[', '"{new_list}":['), '{{"{old_field}":"', '{{"{new_field}":"'),
                '"{old_offset}":([0-9]+),"quote":"', '"{new_offset}":\\1,"quote":"', 'g'), 'escape')
        WHERE topic_id IN (SELECT id FROM log_topics WHERE name LIKE 'news.topic.%')"""  # noqa: S608
    )


def _replaced(old: str, new: str) -> str:
    """Return SQL for ``value`` with one byte string replaced; PostgreSQL's escape format takes bytes of any kind."""
    return f"decode(replace(encode(value, 'escape'), '{old}', '{new}'), 'escape')"
