"""Who wrote it is a part of what makes a revision, and so of its digest; an article needs none of its own, but the poll
that made its current revision so, by which later records are told from earlier ones."""

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
    """Writes every revision that names somebody anew, and the index of words: a few minutes for a hundred thousand."""
    _turn()
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
    """Of revisions that differ in their authors alone one gets the digest of its text; the others keep theirs, which is
    then the digest of nothing that a feed can say."""
    _turn()
    for name, _ in _REVISED:
        op.drop_column("articles", name)
    op.alter_column("articles", "revised_at", comment=None)
    op.add_column("articles", sa.Column("digest", sa.LargeBinary(), comment="of the current revision"))
    op.execute(
        "UPDATE articles a SET digest = r.digest FROM revisions r "
        "WHERE r.article_id = a.id AND r.number = a.revision"
    )
    op.alter_column("articles", "digest", nullable=False)


def _turn() -> None:
    """Authors into the digests, or out of them: the one is the reverse of the other.

    Of an article all revisions at once: of two that would get one digest the current one gets it, or the first.
    """
    connection = op.get_bind()
    op.drop_index("ix_revisions_search", "revisions")  # each of its rows would be made anew twice
    article = "00000000-0000-0000-0000-000000000000"
    while last := connection.scalar(_LAST, {"article": article, "batch": _BATCH}):
        becomes: dict[tuple[str, bytes], bytes] = {}
        for row in connection.execute(_NAMED, {"article": article, "last": last}):
            becomes.setdefault((str(row.article_id), _turned(row.digest, row.authors)), row.digest)
        article = str(last)
        changes = {
            "articles": [article for article, _ in becomes],
            "were": list(becomes.values()),
            "become": [turned for _, turned in becomes],
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


def _turned(digest: bytes, authors: Sequence[str]) -> bytes:
    """As ``ingest.identity.with_authors`` had it in November 2026."""
    names = sorted({" ".join(author.split()) for author in authors})
    mask = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return bytes(one ^ other for one, other in zip(digest, mask, strict=True))
