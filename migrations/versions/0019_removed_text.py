"""Keep the boilerplate that was removed from a text, and the version of the rules that made the text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Texts that are stored already have neither: which rules made them is not known."""
    op.add_column(
        "revisions",
        sa.Column("removed", JSONB, comment="boilerplate that was removed from the text; null: none"),
    )
    op.add_column(
        "revisions",
        sa.Column(
            "parser_version",
            sa.SmallInteger,
            comment="PARSER_VERSION that made text and content_hash; null: before 3",
        ),
    )


def downgrade() -> None:
    """Attributions lose their credits, which the code before does not read."""
    op.execute(
        "UPDATE revisions SET attribution = attribution - 'credits' WHERE attribution ? 'credits' "
        "AND attribution ->> 'publisher' IS NOT NULL"
    )
    op.execute("UPDATE revisions SET attribution = NULL WHERE attribution ? 'credits'")
    op.drop_column("revisions", "parser_version")
    op.drop_column("revisions", "removed")
