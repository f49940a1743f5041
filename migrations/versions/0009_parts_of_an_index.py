"""Make the sitemaps of a sitemap index feeds of their own, with a reference to their index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column("parent_id", sa.BigInteger(), comment="the index of sitemaps that names it, if one does"),
    )
    op.create_foreign_key(
        op.f("fk_feeds_parent_id_feeds"), "feeds", "feeds", ["parent_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index(
        "ix_feeds_parent", "feeds", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL")
    )


def downgrade() -> None:
    # Without their index, which removes them, they would be polled for ever, and look like an operator's own feeds
    # after an upgrade.
    op.execute("DELETE FROM feeds WHERE parent_id IS NOT NULL")
    op.drop_index("ix_feeds_parent", "feeds")
    op.drop_constraint(op.f("fk_feeds_parent_id_feeds"), "feeds")
    op.drop_column("feeds", "parent_id")
