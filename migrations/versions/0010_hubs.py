"""Store subscriptions with hubs, their pushes, and the entries that they missed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column(
            "feed_id", sa.BigInteger(), sa.ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column(
            "token",
            sa.Text(),
            nullable=False,
            unique=True,
            comment="names our callback; its hub alone knows it",
        ),
        sa.Column("secret", sa.Text(), nullable=False, comment="its hub signs with it"),
        sa.Column("hubs", postgresql.ARRAY(sa.Text()), nullable=False, comment="as the feed offers them"),
        sa.Column("hub", sa.Text(), nullable=False, comment="of these the one that is asked"),
        sa.Column("self_url", sa.Text(), nullable=False, comment="the topic as the feed offers it"),
        sa.Column("topic", sa.Text(), nullable=False, comment="the topic as its hub wants it"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("next_try_at", _TIME, comment="when its hub is asked again; null: never"),
        sa.Column("turn_at", _TIME, comment="its turn in its hub's queue, where it waits for one"),
        sa.Column("asked_at", _TIME, comment="a request that was not verified yet"),
        sa.Column("verified_at", _TIME, comment="since when it is active without a break"),
        sa.Column("lease_until", _TIME),
        sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0"), comment="in a row"),
        sa.Column("trust", sa.Double(), nullable=False, comment="0 to 1"),
        sa.Column(
            "pushed", sa.BigInteger(), nullable=False, server_default=sa.text("0"), comment="good pushes"
        ),
        sa.Column("pushed_at", _TIME),
        sa.Column("pinged_at", _TIME, comment="the last push that only said that there is something"),
        sa.Column(
            "missed",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="entries it did not bring",
        ),
        sa.Column(
            "dropped",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("0"),
            comment="pushes not signed as agreed",
        ),
        sa.Column("detail", sa.Text()),
        sa.CheckConstraint(
            "state IN ('wanted', 'pending', 'active', 'denied', 'lapsed', 'cancelled')", name="state"
        ),
    )
    op.create_index("ix_subscriptions_next_try_at", "subscriptions", ["next_try_at"])
    op.create_table(
        "pushes",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("content_type", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("lease_until", _TIME, comment="a poller reads it until then"),
    )
    op.create_index("ix_pushes_feed", "pushes", ["feed_id", "id"])
    op.create_table(
        "unpushed",
        sa.Column("feed_id", sa.BigInteger(), sa.ForeignKey("feeds.id", ondelete="CASCADE"), nullable=False),
        sa.Column(
            "key",
            sa.LargeBinary(),
            nullable=False,
            comment="an entry that a poll found before its hub told it",
        ),
        sa.Column("found_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("feed_id", "key"),
    )
    op.create_index("ix_unpushed_found_at", "unpushed", ["found_at"])


def downgrade() -> None:
    op.drop_table("unpushed")
    op.drop_table("pushes")
    op.drop_table("subscriptions")
    op.execute("DELETE FROM polls WHERE result = 'pushed'")
