"""Store request options of operators and user-agent trials of feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column("request", postgresql.JSONB(), comment="what an operator has it asked with; has secrets"),
    )
    op.add_column(
        "feeds",
        sa.Column("agent", postgresql.JSONB(), comment="how it takes our user agents, where not simply well"),
    )


def downgrade() -> None:
    op.drop_column("feeds", "agent")
    op.drop_column("feeds", "request")
