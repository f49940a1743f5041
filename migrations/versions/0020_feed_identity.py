"""Store the evidence that identifies a feed's entries, and find entries by title and date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0016"
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


def downgrade() -> None:
    """Delete the rows that mark shared names: an older version would read them as entries."""
    op.drop_index("ix_seen_title_date", "seen")
    op.execute("DELETE FROM seen WHERE article_id = '00000000-0000-0000-0000-000000000000'")
    op.drop_column("feeds", "entry_identity")
    op.drop_column("feeds", "identity")
