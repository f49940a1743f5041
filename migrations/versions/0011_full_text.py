"""Store the articles' pages to fetch, their results, and the rules of robots.txt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_HOST_OF_URL = r"substring(url, '^https?://(?:[^/?#@]*@)?(\[[^]]*\]|[^:/?#]+)'::text)"
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column(
            "full_text",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its articles' pages are fetched too",
        ),
    )
    op.add_column("hosts", sa.Column("crawl_delay", sa.Interval(), comment="what its robots.txt asks for"))
    op.add_column("hosts", sa.Column("pages_end", _TIME, comment="the first turn that no page waits for"))
    op.create_table(
        "pages",
        sa.Column(
            "id",
            sa.BigInteger(),
            primary_key=True,
            server_default=sa.text("nextval('poll_ids')"),
            autoincrement=False,
        ),
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="of the feed's version whose text it is to replace",
        ),
        sa.Column("feed_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_key", sa.LargeBinary(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False, comment="the next one to ask, where it redirects"),
        sa.Column("host", sa.Text(), sa.Computed(_HOST_OF_URL, persisted=True), nullable=False),
        sa.Column(
            "hops", sa.SmallInteger(), nullable=False, server_default=sa.text("0"), comment="redirects so far"
        ),
        sa.Column("state", sa.Text(), nullable=False, server_default=sa.text("'waiting'")),
        sa.Column("wanted_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("leased_at", _TIME),
        sa.Column("turn_at", _TIME, comment="its turn in its host's queue of pages, where it waits for one"),
        sa.Column("tries", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("tried_at", _TIME),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("failure", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("revision", sa.Integer(), comment="that has its text"),
        sa.UniqueConstraint("article_id", "digest", name="uq_pages_article_id_digest"),
        sa.CheckConstraint("state IN ('waiting', 'taken', 'given-up')", name="state"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_pages_due", "pages", ["due_at"], postgresql_where=waiting)
    op.create_index("ix_pages_leased", "pages", ["host"], postgresql_where=sa.text("leased_at IS NOT NULL"))
    op.create_index("ix_pages_tried", "pages", ["tried_at"])
    op.create_index("ix_pages_feed", "pages", ["feed_id"], postgresql_where=waiting)
    op.create_table(
        "robots",
        sa.Column("origin", sa.Text(), primary_key=True, comment="scheme, host and port"),
        sa.Column("fetched_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("status", sa.SmallInteger(), comment="null: nobody answered"),
        sa.Column("reachable", sa.Boolean(), nullable=False, comment="false: nothing may be fetched for now"),
        sa.Column("rules", JSONB(), nullable=False, comment="for us: [allowed, pattern] each"),
        sa.Column("crawl_delay", sa.Interval()),
    )


def downgrade() -> None:
    op.drop_table("robots")
    op.drop_table("pages")
    op.drop_column("hosts", "pages_end")
    op.drop_column("hosts", "crawl_delay")
    op.drop_column("feeds", "full_text")
