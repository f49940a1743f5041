"""Store states, permanent moves, publishing gaps, sites and parser versions of feeds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _added() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column(
            "state", sa.Text(), nullable=False, server_default=sa.text("'new'"), comment="how it stands"
        ),
        sa.Column("state_since", sa.DateTime(timezone=True)),
        sa.Column("state_reason", sa.Text()),
        sa.Column("moved_to", sa.Text(), comment="it answers there, by permanent redirects"),
        sa.Column("moved_since", sa.DateTime(timezone=True)),
        sa.Column("rhythm", JSONB(), comment="how far apart the times lie at which it had something new"),
        sa.Column("about", JSONB(), comment="whose feed it said it was"),
        sa.Column("drifted", sa.Text(), comment="why what it says looks like another site's"),
        sa.Column(
            "read_by",
            sa.SmallInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="the reader's number",
        ),
    )


def upgrade() -> None:
    for column in _added():
        op.add_column("feeds", column)
    # Derived from the stored columns; the next poll of each feed corrects it.
    op.execute(
        """UPDATE feeds SET state_since = coalesce(polled_at, added_at),
            read_by = CASE WHEN body_hash IS NULL THEN 0 ELSE 1 END,
            state = CASE WHEN NOT enabled THEN 'muted' WHEN polled_at IS NULL THEN 'new'
                WHEN failures >= 5 THEN 'backing-off' WHEN failures >= 2 THEN 'degraded' ELSE 'healthy' END"""
    )
    op.create_index("ix_feeds_state", "feeds", ["state", "id"])


def downgrade() -> None:
    op.drop_index("ix_feeds_state", "feeds")
    for column in reversed(_added()):
        op.drop_column("feeds", column.name)
