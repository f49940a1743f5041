"""Texts, their vectors and the log's values are stored as they come: pglz is the dearest part of writing them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("revisions", "text"),
    ("revisions", "html"),
    ("revisions", "search"),
    ("log_records", "value"),
)


def upgrade() -> None:
    """Holds for rows written from now on; the others are read as before."""
    for table, column in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table, column in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTENDED")
