"""Keep the declared and the detected language of articles.

Until now ``language`` was the declared one. It is copied, so that existing articles keep their language and show that
it was declared. Their texts are not read again. A downgrade restores the declared language.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_CONFIDENCE = "share of the text in the detected language"


def upgrade() -> None:
    op.add_column("articles", sa.Column("declared_language", sa.Text))
    op.add_column("articles", sa.Column("detected_language", sa.Text))
    op.add_column("articles", sa.Column("language_confidence", sa.Double, comment=_CONFIDENCE))
    op.alter_column("articles", "language", comment="decided from the declared and the detected one")
    op.execute("UPDATE articles SET declared_language = language WHERE language IS NOT NULL")


def downgrade() -> None:
    op.execute(
        "UPDATE articles SET language = declared_language WHERE language IS DISTINCT FROM declared_language"
    )
    op.alter_column("articles", "language", comment=None)
    for name in ("language_confidence", "detected_language", "declared_language"):
        op.drop_column("articles", name)
