"""Quarantine an item that a poll could not handle once, although every poll wraps it differently."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_INDEX = "uq_quarantine_unpolled"


def upgrade() -> None:
    waits = sa.text("partition = -1 AND replayed_at IS NULL")
    op.create_index(_INDEX, "quarantine", ["topic", "offset"], unique=True, postgresql_where=waits)


def downgrade() -> None:
    op.drop_index(_INDEX, "quarantine")
