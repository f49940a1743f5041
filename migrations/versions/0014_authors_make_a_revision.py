"""Include the authors in the digest of a revision, and store the poll that made an article's current revision current.

The poll tells later records from earlier ones. The digest in ``articles`` is no longer needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_REVISED = (("revised_feed_id", "the feed that said so"), ("revised_poll_id", "in this poll"))
_BATCH = 10_000
_NAMED = sa.text(
    """
    SELECT article_id, digest, authors FROM revisions
    WHERE cardinality(authors) > 0 AND article_id > :article AND article_id <= :last
    ORDER BY article_id, current DESC, number"""
)
_LAST = sa.text(
    """
    SELECT coalesce(
        (SELECT article_id FROM revisions WHERE article_id > :article ORDER BY article_id OFFSET :batch LIMIT 1),
        (SELECT max(article_id::text)::uuid FROM revisions WHERE article_id > :article))"""
)
_PAGES = sa.text(
    """
    UPDATE pages t SET digest = n.becomes
    FROM unnest(CAST(:articles AS uuid[]), CAST(:were AS bytea[]), CAST(:become AS bytea[])) AS n(article, was, becomes)
    WHERE t.article_id = n.article AND t.digest = n.was
        AND NOT EXISTS (SELECT FROM revisions r WHERE r.article_id = n.article AND r.digest = n.becomes)"""
)
_REVISIONS = sa.text(_PAGES.text.replace("UPDATE pages", "UPDATE revisions"))


def upgrade() -> None:
    """Rewrite every revision with authors and the full-text index: a few minutes for 100,000 revisions."""
    _toggle_all()
    op.drop_column("articles", "digest")
    for name, comment in _REVISED:
        op.add_column("articles", sa.Column(name, sa.BigInteger, comment=comment))
    op.execute(
        "UPDATE articles a SET revised_feed_id = r.feed_id, revised_poll_id = r.poll_id FROM revisions r "
        "WHERE r.article_id = a.id AND r.number = a.revision"
    )
    for name, _ in _REVISED:
        op.alter_column("articles", name, nullable=False)
    op.alter_column(
        "articles", "revised_at", comment="when the current revision came to be it, again or first"
    )


def downgrade() -> None:
    """Remove the authors from the digests.

    Of revisions that differ in their authors alone, one gets the digest of its text. The others keep a digest that no
    text has.
    """
    _toggle_all()
    for name, _ in _REVISED:
        op.drop_column("articles", name)
    op.alter_column("articles", "revised_at", comment=None)
    op.add_column("articles", sa.Column("digest", sa.LargeBinary(), comment="of the current revision"))
    op.execute(
        "UPDATE articles a SET digest = r.digest FROM revisions r "
        "WHERE r.article_id = a.id AND r.number = a.revision"
    )
    op.alter_column("articles", "digest", nullable=False)


def _toggle_all() -> None:
    """Add the authors to the digests, or remove them: one operation is the reverse of the other.

    All revisions of an article change together. Of two that would get the same digest, the current one gets it, else
    the first.
    """
    connection = op.get_bind()
    op.drop_index("ix_revisions_search", "revisions")  # else each of its rows would be rewritten twice
    article = "00000000-0000-0000-0000-000000000000"
    while last := connection.scalar(_LAST, {"article": article, "batch": _BATCH}):
        becomes: dict[tuple[str, bytes], bytes] = {}
        for row in connection.execute(_NAMED, {"article": article, "last": last}):
            becomes.setdefault((str(row.article_id), _toggle_authors(row.digest, row.authors)), row.digest)
        article = str(last)
        changes = {
            "articles": [article for article, _ in becomes],
            "were": list(becomes.values()),
            "become": [digest for _, digest in becomes],
        }
        for table in (_PAGES, _REVISIONS):
            connection.execute(table, changes)
    op.create_index(
        "ix_revisions_search",
        "revisions",
        ["search"],
        postgresql_using="gin",
        postgresql_where=sa.text("current"),
    )


def _toggle_authors(digest: bytes, authors: Sequence[str]) -> bytes:
    """Apply ``ingest.identity.with_authors`` as of November 2026."""
    names = sorted({" ".join(author.split()) for author in authors})
    mask = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return bytes(left ^ right for left, right in zip(digest, mask, strict=True))
