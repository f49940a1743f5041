"""Make the http and the https URL of one address one feed."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The feed that was polled stays, else the older one. Articles do not depend on feeds.
    op.execute(
        """DELETE FROM feeds USING feeds AS other
        WHERE substring(feeds.url, '^https?(.*)$') = substring(other.url, '^https?(.*)$') AND feeds.id <> other.id
            AND (feeds.polled_at IS NULL, feeds.id) > (other.polled_at IS NULL, other.id)"""
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_feeds_without_scheme ON feeds (regexp_replace(url, '^https?'::text, ''::text))"
    )


def downgrade() -> None:
    op.drop_index("uq_feeds_without_scheme", "feeds")
