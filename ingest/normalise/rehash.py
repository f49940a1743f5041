"""Content hashes of stored articles by the present rules: a text that older rules made is the same revision as today's.

The present rules may clean a title, text or name that was stored before in another way. Its entry then comes again
with another content hash, although its publisher changed nothing. The store compares such an entry with the present
rules' hash of the stored texts (``StoredArticle.rehashed``), so that an upgrade makes no updates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ingest.identity import PARSER_VERSION, content_hash, with_authors
from ingest.normalise import markup
from ingest.normalise.fields import MAX_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS, TRUNCATION_MARK, truncate
from ingest.normalise.reposts import authors_of, clean_text
from ingest.types import Article, StoredText

_BASE: Final = "https://invalid.invalid/"
"""Stored HTML has absolute addresses only."""


def rehashed_versions(
    articles: Sequence[Article], *, revisions: Collection[bytes], older: Sequence[StoredText]
) -> Mapping[bytes, bytes]:
    """Return the stored content hashes of versions that records bring under another hash, by that hash.

    ``revisions`` are all stored hashes of the article, ``older`` its versions that older rules made, the current first.
    """
    versions: dict[bytes, bytes] = {}
    for version in older:
        hashed, authors = _present_hash(version)
        versions.setdefault(hashed, version.content_hash)
        # A feed without authors removes none: its version is the one that names them.
        versions.setdefault(with_authors(hashed, authors), version.content_hash)
    by_present_rules = dict(versions)
    for article in articles:
        if article.parser_version < PARSER_VERSION:
            hashed, _ = _present_hash(article)
            if hashed in by_present_rules or hashed in revisions:
                versions[article.content_hash] = by_present_rules.get(hashed, hashed)
    return versions


def _present_hash(version: Article | StoredText) -> tuple[bytes, tuple[str, ...]]:
    """The content hash and authors that the present rules give a version; the same for one that they made."""
    title = markup.single_line(version.title)
    original = markup.plain_text(markup.sanitise(version.html, base=_BASE)) if version.html else version.text
    story = clean_text(original, title=title, markup=version.html)
    text = truncate(story.text, MAX_TEXT_CHARACTERS)
    # A stored summary may be cut, and the whole one was a part of the text.
    summary = version.summary.removesuffix(TRUNCATION_MARK)
    if summary and summary not in original:
        summary = clean_text(summary, title=title, markup="").text
        text = text if summary in text else f"{summary}\n{text}"
    authors = authors_of(version.authors, story)
    return content_hash(truncate(title, MAX_TITLE_CHARACTERS), text, authors), authors
