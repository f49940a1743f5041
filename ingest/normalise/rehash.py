"""Content hashes of stored articles by the present rules: a text that older rules made is the same revision as today's.

The present rules may clean a title, text or name that was stored before in another way. Its entry then comes again
with another content hash, although its publisher changed nothing. The store compares such an entry with the present
rules' hash of the stored texts, so that an upgrade makes no updates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from ingest.identity import PARSER_VERSION, content_hash, with_authors
from ingest.normalise import markup
from ingest.normalise.fields import MAX_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS, TRUNCATION_MARK, truncate
from ingest.normalise.reposts import authors_of, clean_text
from ingest.types import Article, StoredText

_BASE: Final = "https://invalid.invalid/"
"""Stored HTML has absolute addresses only."""


def hashes_by_other_rules(
    articles: Sequence[Article], *, older: Sequence[StoredText]
) -> Mapping[bytes, Sequence[bytes]]:
    """Return the content hashes that other rules gave the versions of these records, by the records' hashes.

    ``older`` are stored versions of the same article that older rules made, the current first. Versions of one set of
    rules are compared by their own hashes, so only those of different rules are compared here.
    """
    versions: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
    compared: list[Article | StoredText] = [*older]
    compared += [article for article in articles if article.parser_version < PARSER_VERSION]
    for version in compared:
        hashed, authors = _present_hash(version)
        # A feed without authors removes none: its version is the one that names them.
        for each in dict.fromkeys((hashed, with_authors(hashed, authors))):
            versions[each].append((version.content_hash, version.parser_version))
    return {
        article.content_hash: hashes
        for article in articles
        if (hashes := _hashes_of_other_rules(article, versions))
    }


def _hashes_of_other_rules(
    article: Article, versions: Mapping[bytes, Sequence[tuple[bytes, int]]]
) -> tuple[bytes, ...]:
    is_older = article.parser_version < PARSER_VERSION
    present = _present_hash(article)[0] if is_older else article.content_hash
    same = versions.get(present, ())
    hashes = [hashed for hashed, version in same if version != article.parser_version]
    # Without a stored version of the record's own rules, a stored version with this hash is of the present rules.
    if is_older and (present, article.parser_version) not in same:
        hashes.append(present)
    return tuple(dict.fromkeys(hashes))


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
