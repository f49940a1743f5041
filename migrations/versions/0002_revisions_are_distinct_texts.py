"""Make revisions distinct texts: an article that returns to an earlier text makes that revision current again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("articles", sa.Column("latest", sa.Integer(), comment="the highest revision number"))
    op.execute("UPDATE articles SET latest = revision")
    op.alter_column("articles", "latest", nullable=False)
    op.drop_constraint("ck_articles_revision", "articles")
    op.create_check_constraint("revision", "articles", "revision BETWEEN 1 AND latest")
    op.create_unique_constraint(op.f("uq_revisions_article_id_digest"), "revisions", ["article_id", "digest"])
    op.drop_constraint("ck_sightings_effect", "sightings")
    op.create_check_constraint(
        "effect", "sightings", "effect IN ('created', 'updated', 'reverted', 'unchanged')"
    )
    op.alter_column("sightings", "effect", comment="created, updated, reverted or unchanged")


def downgrade() -> None:
    op.alter_column("sightings", "effect", comment="created, updated or unchanged")
    op.execute("UPDATE sightings SET effect = 'unchanged' WHERE effect = 'reverted'")
    op.drop_constraint("ck_sightings_effect", "sightings")
    op.create_check_constraint("effect", "sightings", "effect IN ('created', 'updated', 'unchanged')")
    op.drop_constraint("uq_revisions_article_id_digest", "revisions")
    op.drop_constraint("ck_articles_revision", "articles")
    op.create_check_constraint("revision", "articles", "revision >= 1")
    op.drop_column("articles", "latest")
