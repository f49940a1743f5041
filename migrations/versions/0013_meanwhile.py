"""Keep an operator's change of a feed that is made during a poll of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("set_meanwhile", "how it is asked changed during the poll under way"),
    ("accepted_meanwhile", "it was taken for what it is now during the poll under way"),
)


def upgrade() -> None:
    for name, comment in _COLUMNS:
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false(), comment=comment)
        op.add_column("feeds", column)


def downgrade() -> None:
    for name, _ in _COLUMNS:
        op.drop_column("feeds", name)
