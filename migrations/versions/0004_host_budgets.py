"""Store the budgets of hosts, shared by all pollers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HOST_OF_URL = r"substring(url, '^https?://(?:[^/?#@]*@)?(\[[^]]*\]|[^:/?#]+)'::text)"


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column(
            "free_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the next poll is in step with the spacing",
        ),
        sa.Column(
            "queue_end",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the first turn that no feed waits for",
        ),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("spacing", sa.Interval(), comment="an operator's; null: the setting"),
    )
    op.add_column(
        "feeds", sa.Column("host", sa.Text(), sa.Computed(_HOST_OF_URL, persisted=True), nullable=False)
    )
    op.add_column(
        "feeds",
        sa.Column(
            "turn_at",
            sa.DateTime(timezone=True),
            comment="its turn in its host's queue, where it waits for one",
        ),
    )
    op.add_column(
        "feeds",
        sa.Column(
            "wait_until", sa.DateTime(timezone=True), comment="its server asked to be left alone until then"
        ),
    )
    op.create_index(
        "ix_feeds_leased", "feeds", ["host"], postgresql_where=sa.text("lease_poll_id IS NOT NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_feeds_leased", "feeds")
    op.drop_column("feeds", "wait_until")
    op.drop_column("feeds", "turn_at")
    op.drop_column("feeds", "host")
    op.drop_table("hosts")
