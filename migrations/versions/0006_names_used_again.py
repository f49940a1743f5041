"""Detect reused names of entries in feeds and of records in quarantine, and accept late texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "seen",
        sa.Column(
            "marks",
            sa.LargeBinary(),
            comment="of its link, title and date: all other, and its name was used again",
        ),
    )
    op.create_index("ix_seen_article", "seen", ["feed_id", "article_id"])
    op.drop_constraint("uq_quarantine_topic_partition_offset", "quarantine")
    op.create_index(
        "uq_quarantine_record",
        "quarantine",
        ["topic", "partition", "offset", sa.text("md5(value)")],
        unique=True,
    )
    op.drop_constraint("ck_sightings_effect", "sightings")
    op.create_check_constraint(
        "effect", "sightings", "effect IN ('created', 'updated', 'reverted', 'unchanged', 'late')"
    )
    op.alter_column("sightings", "effect", comment="created, updated, reverted, unchanged or late")


def downgrade() -> None:
    op.alter_column("sightings", "effect", comment="created, updated, reverted or unchanged")
    op.execute("UPDATE sightings SET effect = 'unchanged' WHERE effect = 'late'")
    op.drop_constraint("ck_sightings_effect", "sightings")
    op.create_check_constraint(
        "effect", "sightings", "effect IN ('created', 'updated', 'reverted', 'unchanged')"
    )
    op.drop_index("uq_quarantine_record", "quarantine")
    op.execute(
        """DELETE FROM quarantine USING quarantine AS older WHERE quarantine.topic = older.topic
        AND quarantine.partition = older.partition AND quarantine."offset" = older."offset"
        AND quarantine.id > older.id"""
    )
    op.create_unique_constraint(
        op.f("uq_quarantine_topic_partition_offset"), "quarantine", ["topic", "partition", "offset"]
    )
    op.drop_index("ix_seen_article", "seen")
    op.drop_column("seen", "marks")
