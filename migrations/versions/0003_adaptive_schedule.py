"""Store the inputs of the schedule: publishing rate, poll hints, and new and missed entries of each poll."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column(
            "succeeded_at",
            sa.DateTime(timezone=True),
            comment="the last poll that told what it has, or that nothing is new",
        ),
    )
    op.add_column("feeds", _count("entries", comment="in its last document"))
    op.add_column("feeds", sa.Column("cadence_entries", sa.Double(), comment="it publishes so many entries"))
    op.add_column(
        "feeds",
        sa.Column("cadence_hours", sa.Double(), comment="in so many hours, older ones counted for less"),
    )
    op.add_column("feeds", sa.Column("asked", JSONB(), comment="when its document asks to be polled"))
    op.add_column(
        "feeds",
        sa.Column("body_at", sa.DateTime(timezone=True), comment="the last time it answered with a body"),
    )
    op.add_column(
        "feeds",
        sa.Column(
            "distrusted",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its validators stood still while its document did not: they are not sent",
        ),
    )
    # A 304 is trusted for some days after the last body. For older rows the last poll is the best estimate of its time.
    op.execute("UPDATE feeds SET body_at = polled_at")
    op.add_column("polls", _count("created"))
    op.add_column("polls", _count("missed", comment="an estimate"))


def downgrade() -> None:
    for name in ("missed", "created"):
        op.drop_column("polls", name)
    for name in (
        "distrusted",
        "body_at",
        "asked",
        "cadence_hours",
        "cadence_entries",
        "entries",
        "succeeded_at",
    ):
        op.drop_column("feeds", name)


def _count(name: str, *, comment: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"), comment=comment)
