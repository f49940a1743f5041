"""Add the tags of feeds: the folders of imported lists, and names that an operator sets.

A downgrade drops the tags.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column(
            "tags",
            ARRAY(sa.Text),
            nullable=False,
            server_default=sa.text("'{}'::text[]"),
            comment="names by which an operator groups feeds, sorted",
        ),
    )


def downgrade() -> None:
    op.drop_column("feeds", "tags")
