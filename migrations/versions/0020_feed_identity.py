"""Store the evidence that identifies entries, find entries by title and date, and store former ids of articles.

``ingest migrate`` fills ``article_aliases`` afterwards, because the rules of canonical URLs change with the code.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column(
            "identity",
            sa.Text(),
            comment="evidence that an operator chose to identify entries; null: chosen for each document",
        ),
    )
    op.add_column(
        "feeds",
        sa.Column(
            "entry_identity", JSONB(), comment="evidence that identified the entries of the last document"
        ),
    )
    op.create_index("ix_seen_title_date", "seen", ["feed_id", sa.text("substring(entry_fingerprint from 9)")])
    op.create_table(
        "article_aliases",
        sa.Column("alias_id", sa.Uuid(), comment="id that the article's URL would have today"),
        sa.Column(
            "article_id",
            sa.Uuid(),
            nullable=False,
            comment="the article, stored under a former canonical form of its URL",
        ),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name="fk_article_aliases_article_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alias_id", name="pk_article_aliases"),
    )
    op.create_index("ix_article_aliases_article", "article_aliases", ["article_id"])
    op.create_table(
        "canonical_rules",
        sa.Column("version", sa.Integer(), autoincrement=False),
        sa.PrimaryKeyConstraint("version", name="pk_canonical_rules"),
        comment="CANONICAL_VERSION of the aliases; one row",
    )
    op.execute("INSERT INTO canonical_rules VALUES (1)")


def downgrade() -> None:
    """Delete the rows that mark shared names: an older version would read them as entries."""
    op.drop_table("canonical_rules")
    op.drop_table("article_aliases")
    op.drop_index("ix_seen_title_date", "seen")
    op.execute("DELETE FROM seen WHERE article_id = '00000000-0000-0000-0000-000000000000'")
    op.drop_column("feeds", "entry_identity")
    op.drop_column("feeds", "identity")
