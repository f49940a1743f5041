"""Store search vectors in a table of their own, partitioned into segments of bounded size.

The vectors are computed in Python, so this migration makes none: ``articles.search_segment`` is null until
``ingest consume`` or ``ingest articles reindex`` has indexed an article. Until then ``q`` does not find it.

Lists get indexes that have their order. ``matches.sort_at`` copies ``articles.sort_at``, so that the newest articles of
a topic are read from one index.

The downgrade computes the former column again. PostgreSQL refuses it while a text exists that its own parser cannot
index: a word of more than 2 KB is cut, but a vector of more than 1 MB is an error.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NEWEST_FIRST = "sort_at DESC, id DESC"


def upgrade() -> None:
    op.execute("DROP INDEX ix_revisions_search")
    op.drop_column("revisions", "search")
    op.add_column(
        "articles",
        sa.Column(
            "search_segment",
            sa.Integer,
            comment="partition of article_search with its row; null: not indexed yet",
        ),
    )
    for column in ("source", "story_id"):
        index = f"ix_articles_{column.removesuffix('_id')}"
        op.execute(f"DROP INDEX {index}")
        op.execute(f"CREATE INDEX {index} ON articles ({column}, {_NEWEST_FIRST})")
    op.execute(
        f"CREATE INDEX ix_articles_language ON articles (lower(split_part(language, '-'::text, 1)), {_NEWEST_FIRST})"
    )
    op.execute(
        f"CREATE INDEX ix_articles_unindexed ON articles ({_NEWEST_FIRST}) WHERE search_segment IS NULL"
    )
    op.create_table(
        "search_segments",
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "sort_from", _TIME, nullable=False, comment="its articles have sort_at at this time or later"
        ),
        sa.Column("sort_until", _TIME, nullable=False, comment="and before this time"),
        sa.Column("index_version", sa.Integer, nullable=False, comment="INDEX_VERSION of its vectors"),
        sa.CheckConstraint("sort_from < sort_until", name="period"),
    )
    op.create_index("ix_search_segments_sort_from", "search_segments", ["sort_from"])
    op.create_table(
        "article_search",
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("article_id", sa.Uuid, sa.ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
        sa.Column("sort_at", _TIME, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("vector", TSVECTOR, nullable=False),
        sa.PrimaryKeyConstraint("article_id", "segment"),
        postgresql_partition_by="LIST (segment)",
    )
    op.execute("ALTER TABLE article_search ALTER COLUMN vector SET STORAGE EXTERNAL")
    op.create_index("ix_article_search_vector", "article_search", ["vector"], postgresql_using="gin")
    op.add_column("matches", sa.Column("sort_at", _TIME, comment="sort_at of the article"))
    op.execute("UPDATE matches SET sort_at = articles.sort_at FROM articles WHERE articles.id = article_id")
    op.alter_column("matches", "sort_at", nullable=False)
    op.execute("CREATE INDEX ix_matches_sort ON matches (topic, sort_at DESC, article_id DESC)")
    op.create_index("ix_seen_key", "seen", ["key"])


def downgrade() -> None:
    op.execute("DROP INDEX ix_seen_key")
    op.drop_column("matches", "sort_at")
    op.drop_table("article_search")
    op.drop_table("search_segments")
    for name in ("unindexed", "language", "source", "story"):
        op.execute(f"DROP INDEX ix_articles_{name}")
    op.execute("CREATE INDEX ix_articles_source ON articles (source, sort_at DESC)")
    op.execute("CREATE INDEX ix_articles_story ON articles (story_id)")
    op.drop_column("articles", "search_segment")
    op.add_column(
        "revisions",
        sa.Column(
            "search",
            TSVECTOR,
            sa.Computed(
                "setweight(to_tsvector('simple'::regconfig, left(title, 2000)), 'A') || "
                "to_tsvector('simple'::regconfig, left(text, 200000))",
                persisted=True,
            ),
        ),
    )
    op.execute("ALTER TABLE revisions ALTER COLUMN search SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX ix_revisions_search ON revisions USING gin (search) WHERE current")
