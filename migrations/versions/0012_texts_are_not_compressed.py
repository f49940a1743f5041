"""Store texts, their vectors and the log's values uncompressed: pglz is the most expensive part of writing them."""

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
    """Change the storage of rows that are written from now on. Existing rows are read as before."""
    for table, column in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table, column in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTENDED")
