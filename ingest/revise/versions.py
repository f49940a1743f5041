"""Map the versions that feeds bring, by content hash, to the stored revisions of an article."""

from __future__ import annotations

from ingest.types import StoredArticle


def shows_page(stored: StoredArticle) -> bool:
    """Return whether the current revision has the text of the article's page."""
    return stored.revision in stored.pages.values()


def shown_revision(stored: StoredArticle, content_hash: bytes) -> int | None:
    """Return the revision that shows a feed's version: that with its page's text, else its own; None if unknown."""
    return stored.pages.get(content_hash, stored.revisions.get(content_hash))


def equivalent_version(stored: StoredArticle, content_hash: bytes, *, hash_without_authors: bytes) -> bytes:
    """Return the content hash of the stored version that a feed's version counts as: usually its own.

    A version counts as a stored one with the same title and text in two cases:

    - The page of a stored one was fetched. Otherwise an edited author would bring the feed's short text back.
    - The version names no authors. A feed without authors removes none.

    Among several candidates the current one wins, else the last.
    """
    candidates = [
        version
        for version in (hash_without_authors, *stored.versions_by_text.get(hash_without_authors, ()))
        if version in stored.revisions
    ]
    with_page = [version for version in candidates if version in stored.pages]
    names_nobody = content_hash == hash_without_authors
    if content_hash in stored.pages or not (with_page or (candidates and names_nobody)):
        return content_hash
    candidates = with_page or candidates
    current = (version for version in candidates if shown_revision(stored, version) == stored.revision)
    return next(current, candidates[-1])
